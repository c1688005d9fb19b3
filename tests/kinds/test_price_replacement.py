"""A changed amount: one ordered group, that converges from wherever it was cut off."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.core.changes import Action
from reconciler.core.fields import ChangeClass
from reconciler.core.plan import Absent, Plan
from reconciler.core.values import Ref
from tests.account import Account, specs_of
from tests.kinds.plans import PRICE, PRODUCT, addresses, by_hand, change, ids, steps

DEAR: dict[str, Any] = {**PRICE, "unit_amount": 3900}
OFFERED: dict[str, Any] = {"name": "Pro", "default_price": "price.pro"}


def test_the_new_price_comes_first_and_the_old_one_goes_last(account: Account) -> None:
    account.converge({"product.pro": OFFERED, "price.pro": PRICE})
    (old,) = ids(account, "price")
    plan = account.plan({"product.pro": OFFERED, "price.pro": DEAR})
    create, update, archive = plan.steps
    assert create.id == "price.pro/create"
    assert create.params["transfer_lookup_key"] is True
    assert create.params["lookup_key"] == "acme-pro"
    assert create.params["metadata"]["billplan_replaces"] == old
    assert isinstance(create.precondition, Absent)
    assert create.precondition.incarnations == (old,)
    assert update.id == "product.pro/update"
    assert isinstance(update.params["default_price"], Ref)
    assert update.needs == ("price.pro/create",)
    assert archive.id == f"price.pro/archive {old}"
    assert set(archive.needs) == {"price.pro/create", "product.pro/update"}


def test_the_plan_says_why_and_shows_all_that_is_owned(account: Account) -> None:
    account.converge({"product.pro": PRODUCT, "price.pro": {**PRICE, "nickname": "Monthly"}})
    plan = account.plan({"product.pro": PRODUCT, "price.pro": {**DEAR, "nickname": "Monthly"}})
    said = change(plan, "price.pro")
    assert said.action is Action.REPLACE
    assert said.change_class is ChangeClass.MONEY
    assert said.reason == "unit_amount cannot change in place: a new price takes its place, the old one is archived"
    assert [(d.name, d.before, d.after, d.forces) for d in said.diffs] == [("unit_amount", "2900", "3900", True)]
    assert set(said.before) == set(said.after)
    assert {n for n in said.after if said.before[n] != said.after[n]} == {"unit_amount"}
    assert said.notes == ("no live subscription uses the old price",)


def test_a_default_price_follows_its_replacement_and_is_no_drift(account: Account) -> None:
    account.converge({"product.pro": OFFERED, "price.pro": PRICE})
    assert not account.plan({"product.pro": OFFERED, "price.pro": DEAR}).drift
    account.converge({"product.pro": OFFERED, "price.pro": DEAR})
    (new,) = ids(account, "price", active=True)
    assert account.live("product")[0]["default_price"] == new
    assert len(ids(account, "price")) == 2


def test_a_default_price_that_nobody_declared_is_carried_along(account: Account) -> None:
    account.converge({"product.pro": PRODUCT, "price.pro": PRICE})
    (old,) = ids(account, "price")
    by_hand(account, "/v1/products/acme-pro", default_price=old)
    plan = account.converge({"product.pro": PRODUCT, "price.pro": DEAR})
    assert "price.pro/repoint acme-pro" in steps(plan)
    assert account.live("product")[0]["default_price"] == ids(account, "price", active=True)[0]


def test_a_default_price_of_nobody_else_is_let_go_when_the_price_leaves(account: Account) -> None:
    account.converge({"product.pro": OFFERED, "price.pro": PRICE})
    account.converge({"product.pro": PRODUCT})
    assert account.live("product")[0]["default_price"] is None
    assert ids(account, "price", active=True) == []


def test_a_default_price_set_by_hand_is_let_go_when_the_price_leaves(account: Account) -> None:
    account.converge({"product.pro": PRODUCT, "price.pro": PRICE})
    by_hand(account, "/v1/products/acme-pro", default_price=ids(account, "price")[0])
    plan = account.converge({"product.pro": PRODUCT})
    assert steps(plan)[0] == "price.pro/repoint acme-pro"
    assert account.live("product")[0]["default_price"] is None


def test_the_lookup_key_goes_over_to_the_new_price(account: Account) -> None:
    account.converge({"product.pro": PRODUCT, "price.pro": {**PRICE, "lookup_key": "pro"}})
    account.converge({"product.pro": PRODUCT, "price.pro": {**DEAR, "lookup_key": "pro"}})
    assert [(p["unit_amount"], p["lookup_key"]) for p in account.live("price")] == [(2900, None), (3900, "pro")]


def test_a_key_that_is_no_longer_declared_is_carried_over_all_the_same(account: Account) -> None:
    account.converge({"product.pro": PRODUCT, "price.pro": {**PRICE, "lookup_key": "pro"}})
    account.converge({"product.pro": PRODUCT, "price.pro": DEAR})
    assert ids(account, "price", lookup_key="pro") == ids(account, "price", active=True)


def test_an_amount_goes_there_and_back_by_a_third_price(account: Account) -> None:
    for body in (PRICE, DEAR, PRICE):
        account.converge({"product.pro": OFFERED, "price.pro": body})
    assert [(p["unit_amount"], p["active"]) for p in account.live("price")] == [
        (2900, False),
        (3900, False),
        (2900, True),
    ]


def test_a_price_that_was_archived_by_hand_is_replaced_without_archiving_it_again(account: Account) -> None:
    account.converge({"product.pro": PRODUCT, "price.pro": PRICE})
    (old,) = ids(account, "price")
    by_hand(account, f"/v1/prices/{old}", active=False)
    plan = account.converge({"product.pro": PRODUCT, "price.pro": DEAR})
    assert steps(plan) == ["price.pro/create"]
    assert change(plan, "price.pro").reason.endswith("the old one is archived already")


def test_a_price_that_was_archived_by_hand_becomes_active_again(account: Account) -> None:
    specs = {"product.pro": PRODUCT, "price.pro": PRICE}
    account.converge(specs)
    (old,) = ids(account, "price")
    by_hand(account, f"/v1/prices/{old}", active=False)
    plan = account.converge(specs)
    assert change(plan, "price.pro").reason == f"{old} is inactive: it becomes active again"
    assert change(plan, "price.pro").change_class is ChangeClass.MONEY
    assert ids(account, "price", active=True) == [old]


def test_a_replaced_price_that_somebody_activates_is_archived_again(account: Account) -> None:
    account.converge({"product.pro": PRODUCT, "price.pro": PRICE})
    account.converge({"product.pro": PRODUCT, "price.pro": DEAR})
    old, new = ids(account, "price")
    by_hand(account, f"/v1/prices/{old}", active=True)
    plan = account.converge({"product.pro": PRODUCT, "price.pro": DEAR})
    said = change(plan, "price.pro")
    assert said.reason == f"{new} has taken the place of {old}, which is still active: it is archived"
    assert said.action is Action.UPDATE
    assert said.change_class is ChangeClass.MONEY


def test_tax_behavior_is_final_so_another_one_is_another_price(account: Account) -> None:
    account.converge({"product.pro": PRODUCT, "price.pro": {**PRICE, "tax_behavior": "exclusive"}})
    plan = account.converge({"product.pro": PRODUCT, "price.pro": {**PRICE, "tax_behavior": "inclusive"}})
    assert change(plan, "price.pro").action is Action.REPLACE


def test_tax_behavior_of_a_further_currency_is_final_too(account: Account) -> None:
    def body(behavior: str) -> dict[str, Any]:
        return {**PRICE, "currency_options": {"eur": {"unit_amount": 2700, "tax_behavior": behavior}}}

    account.converge({"product.pro": PRODUCT, "price.pro": body("exclusive")})
    plan = account.converge({"product.pro": PRODUCT, "price.pro": body("inclusive")})
    assert change(plan, "price.pro").action is Action.REPLACE


def test_a_tax_behavior_that_becomes_final_is_irreversible(account: Account) -> None:
    account.converge({"product.pro": PRODUCT, "price.pro": PRICE})
    plan = account.plan({"product.pro": PRODUCT, "price.pro": {**PRICE, "tax_behavior": "exclusive"}})
    assert change(plan, "price.pro").change_class is ChangeClass.IRREVERSIBLE
    assert plan.refusals == (
        "price.pro cannot be undone (tax_behavior cannot change any more once it is exclusive); if it is meant: "
        "--allow 'irreversible:price.pro', or the same under guards.allow in billplan.yaml",
    )


def cut(plan: Plan, after: int) -> Plan:
    """The plan as if the process had died after so many steps."""
    kept = plan.steps[:after]
    known = {s.id for s in kept}
    assert all(set(s.needs) <= known for s in kept)
    return Plan(header=plan.header, changes=plan.changes, steps=kept, unchanged=plan.unchanged, owned=plan.owned)


@pytest.mark.parametrize("done", [1, 2])
def test_a_replacement_that_was_cut_off_is_finished_by_a_new_plan(account: Account, done: int) -> None:
    account.converge({"product.pro": OFFERED, "price.pro": PRICE})
    wanted = specs_of({"product.pro": OFFERED, "price.pro": DEAR})
    assert account.apply(cut(account.plan(wanted), done)).complete
    assert len(ids(account, "price", active=True)) == 2
    plan = account.converge(wanted)
    assert Action.CREATE not in {c.action for c in plan.changes}
    assert len(ids(account, "price")) == 2
    assert ids(account, "price", active=True) == [account.live("product")[0]["default_price"]]


def test_a_second_change_while_the_first_is_unfinished_archives_both_old_prices(account: Account) -> None:
    account.converge({"product.pro": OFFERED, "price.pro": PRICE})
    assert account.apply(cut(account.plan({"product.pro": OFFERED, "price.pro": DEAR}), 1)).complete
    plan = account.converge({"product.pro": OFFERED, "price.pro": {**PRICE, "unit_amount": 4900}})
    assert addresses(plan) == ["price.pro", "product.pro"]
    assert [p["unit_amount"] for p in account.live("price") if p["active"]] == [4900]


def test_two_prices_with_one_marker_are_refused_with_both_ids(account: Account) -> None:
    specs = {"product.pro": PRODUCT, "price.pro": PRICE}
    account.converge(specs)
    (one,) = account.live("price")
    by_hand(account, "/v1/prices", product="acme-pro", currency="usd", unit_amount=1, metadata=dict(one["metadata"]))
    first, second = sorted(ids(account, "price"))
    said = change(account.plan(specs), "price.pro")
    assert said.action is Action.REFUSED
    assert said.refused == f"{first} and {second} both carry its marker, and neither replaces the other"
    assert said.hint == ("archive the one that should not be, or delete its billplan_ metadata keys in the Dashboard")
    by_hand(account, f"/v1/prices/{ids(account, 'price', unit_amount=1)[0]}", active=False)
    assert account.plan(specs).empty
