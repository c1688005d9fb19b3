"""The three-way diff: what the spec says, what was last applied, what is."""

from __future__ import annotations

from typing import Any

from reconciler.core.changes import Action
from reconciler.core.plan import Plan
from tests.account import Account
from tests.kinds.plans import PRICE, PRODUCT, by_hand, change, ids

PRO: dict[str, Any] = {"name": "Pro", "description": "For teams"}


def drift(plan: Plan) -> list[tuple[str, str, object, object, bool]]:
    return [(str(d.address), d.name, d.applied, d.live, d.known) for d in plan.drift]


def test_a_changed_spec_is_no_drift(account: Account) -> None:
    account.converge({"product.pro": PRO})
    plan = account.plan({"product.pro": {**PRO, "description": "For all"}})
    assert plan.drift == ()
    assert [(d.name, d.before, d.after) for d in change(plan, "product.pro").diffs] == [
        ("description", "For teams", "For all")
    ]


def test_an_edit_outside_is_drift_and_is_set_back(account: Account) -> None:
    account.converge({"product.pro": PRO})
    by_hand(account, "/v1/products/acme-pro", description="Oops")
    plan = account.plan({"product.pro": PRO})
    assert drift(plan) == [("product.pro", "description", "For teams", "Oops", True)]
    assert change(plan, "product.pro").reason == "1 field differs"
    account.converge({"product.pro": PRO})


def test_both_at_once_are_told_apart(account: Account) -> None:
    account.converge({"product.pro": PRO})
    by_hand(account, "/v1/products/acme-pro", description="Oops")
    plan = account.plan({"product.pro": {"name": "Plus", "description": "For teams"}})
    assert drift(plan) == [("product.pro", "description", "For teams", "Oops", True)]
    assert [d.name for d in change(plan, "product.pro").diffs] == ["name", "description"]
    assert change(plan, "product.pro").reason == "2 fields differ"


def test_a_field_changed_on_both_sides_shows_that_the_former_value_is_not_known(account: Account) -> None:
    account.converge({"product.pro": PRO})
    by_hand(account, "/v1/products/acme-pro", description="Oops")
    plan = account.plan({"product.pro": {**PRO, "description": "For all"}})
    assert drift(plan) == [("product.pro", "description", None, "Oops", False)]


def test_an_edit_that_the_spec_has_come_to_ask_for_changes_the_marker_alone(account: Account) -> None:
    account.converge({"product.pro": PRO})
    by_hand(account, "/v1/products/acme-pro", description="For all")
    specs = {"product.pro": {**PRO, "description": "For all"}}
    assert change(account.plan(specs), "product.pro").diffs == ()
    account.converge(specs)


def test_a_field_that_somebody_unset_is_drift(account: Account) -> None:
    account.converge({"product.pro": PRO})
    by_hand(account, "/v1/products/acme-pro", description="")
    assert drift(account.plan({"product.pro": PRO})) == [("product.pro", "description", "For teams", None, True)]


def test_an_ignored_field_is_used_at_the_creation_and_then_left_to_others(account: Account) -> None:
    specs = {"product.pro": {**PRO, "ignore": ["description"]}}
    account.converge(specs)
    assert account.live("product")[0]["description"] == "For teams"
    by_hand(account, "/v1/products/acme-pro", description="Theirs")
    assert account.plan(specs).empty


def test_an_owned_field_that_is_ignored_from_now_on_is_no_drift_and_stays(account: Account) -> None:
    account.converge({"product.pro": PRO})
    by_hand(account, "/v1/products/acme-pro", description="Theirs")
    specs = {"product.pro": {**PRO, "ignore": ["description"]}}
    plan = account.plan(specs)
    assert plan.drift == ()
    assert change(plan, "product.pro").diffs == ()
    account.converge(specs)
    account.converge({"product.pro": {"name": "Pro", "ignore": ["description"]}})
    assert account.live("product")[0]["description"] == "Theirs"


def test_a_field_that_is_no_longer_ignored_is_owned_again(account: Account) -> None:
    account.converge({"product.pro": {**PRO, "ignore": ["description"]}})
    by_hand(account, "/v1/products/acme-pro", description="Theirs")
    plan = account.plan({"product.pro": PRO})
    assert plan.drift == ()
    assert [d.name for d in change(plan, "product.pro").diffs] == ["description"]
    account.converge({"product.pro": PRO})


def test_one_metadata_key_can_be_ignored(account: Account) -> None:
    specs = {"product.pro": {**PRO, "metadata": {"a": "1", "b": "2"}, "ignore": ["metadata[b]"]}}
    account.converge(specs)
    by_hand(account, "/v1/products/acme-pro", metadata={"a": "x", "b": "y"})
    assert [d.name for d in change(account.plan(specs), "product.pro").diffs] == ["metadata[a]"]


def test_an_ignored_field_that_cannot_change_in_place_replaces_nothing(account: Account) -> None:
    specs = {"product.pro": PRODUCT, "price.pro": {**PRICE, "ignore": ["unit_amount"]}}
    account.converge(specs)
    assert account.plan({**specs, "price.pro": {**specs["price.pro"], "unit_amount": 1}}).empty


def test_without_the_hashes_the_diff_is_two_way(account: Account) -> None:
    account.converge({"product.pro": PRO})
    for written in ("", "9:somethingelse"):
        by_hand(account, "/v1/products/acme-pro", description="Oops", metadata={"billplan_digest": written})
        plan = account.plan({"product.pro": PRO})
        assert plan.drift == ()
        assert [d.name for d in change(plan, "product.pro").diffs] == ["description"]
        account.converge({"product.pro": PRO})


def test_a_default_price_that_somebody_changed_is_drift(account: Account) -> None:
    specs = {
        "product.pro": {"name": "Pro", "default_price": "price.pro"},
        "price.pro": PRICE,
        "price.year": {**PRICE, "recurring": {"interval": "year"}},
    }
    account.converge(specs)
    by_hand(account, "/v1/products/acme-pro", default_price=ids(account, "price", lookup_key="acme-year")[0])
    plan = account.plan(specs)
    assert [(d.name, str(d.applied), str(d.live)) for d in plan.drift] == [("default_price", "price.pro", "price.year")]
    account.converge(specs)


def test_a_change_shows_all_owned_attributes_on_both_sides(account: Account) -> None:
    account.converge({"product.pro": {**PRO, "metadata": {"a": "1", "gone": "x"}}})
    by_hand(account, "/v1/products/acme-pro", unit_label="not ours")
    said = change(account.plan({"product.pro": {"name": "Plus", "metadata": {"a": "1"}}}), "product.pro")
    assert said.action is Action.UPDATE
    assert said.before == {
        "name": "Pro",
        "description": "For teams",
        "active": True,
        "metadata[a]": "1",
        "metadata[gone]": "x",
    }
    assert said.after == {"name": "Plus", "active": True, "metadata[a]": "1"}
