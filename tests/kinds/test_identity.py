"""Which object is a resource: markers, natural keys, adoption and takeover."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.core.changes import Action
from tests.account import Account, specs_of
from tests.kinds.plans import PRICE, PRODUCT, addresses, by_hand, change, ids, steps


def test_an_object_with_the_same_id_is_refused_and_the_hint_adopts_it(account: Account) -> None:
    by_hand(account, "/v1/products", id="acme-pro", name="Pro")
    plan = account.plan({"product.pro": PRODUCT})
    said = change(plan, "product.pro")
    assert said.action is Action.REFUSED
    assert said.refused == "acme-pro has the id 'acme-pro' already and is not managed by billplan"
    assert said.hint == "to take it over, add to product.pro:  adopt: acme-pro"
    assert not plan.applicable
    account.converge({"product.pro": {**PRODUCT, "adopt": "acme-pro"}})


def test_an_archived_price_keeps_its_lookup_key_from_being_given_again(account: Account) -> None:
    by_hand(account, "/v1/products", id="acme-pro", name="Pro")
    price = by_hand(account, "/v1/prices", product="acme-pro", currency="usd", unit_amount=1, lookup_key="acme-pro")
    by_hand(account, f"/v1/prices/{price['id']}", active=False)
    said = change(account.plan({"price.pro": {**PRICE, "product": "acme-pro"}}), "price.pro")
    assert said.refused == f"{price['id']} has the lookup_key 'acme-pro' already and is not managed by billplan"


def test_adopting_changes_what_differs_and_shows_it(account: Account) -> None:
    by_hand(account, "/v1/products", id="prod_old", name="Old", description="Kept")
    specs = {"product.pro": {**PRODUCT, "adopt": "prod_old"}}
    plan = account.converge(specs)
    said = change(plan, "product.pro")
    assert said.action is Action.ADOPT
    assert said.remote_id == "prod_old"
    assert said.reason == "takes over prod_old"
    assert (said.before, said.after) == ({"name": "Old", "active": True}, {"name": "Pro", "active": True})
    (product,) = account.live("product")
    assert (product["name"], product["description"]) == ("Pro", "Kept")
    assert account.plan({"product.pro": PRODUCT}).empty


def test_adopting_what_cannot_change_in_place_is_refused(account: Account) -> None:
    by_hand(account, "/v1/products", id="acme-pro", name="Pro")
    price = by_hand(account, "/v1/prices", product="acme-pro", currency="usd", unit_amount=1)
    said = change(account.plan({"price.pro": {**PRICE, "product": "acme-pro", "adopt": price["id"]}}), "price.pro")
    assert said.refused == f"{price['id']} differs in unit_amount, recurring, which cannot change in place"
    assert said.hint == "declare the values that the object has, or take adopt: out"
    assert [d.name for d in said.diffs] == ["unit_amount", "recurring"]


def test_adopting_an_archived_object_makes_it_active(account: Account) -> None:
    by_hand(account, "/v1/products", id="prod_old", name="Pro", active=False)
    account.converge({"product.pro": {**PRODUCT, "adopt": "prod_old"}})
    assert account.live("product")[0]["active"] is True


def test_adopting_an_id_that_does_not_exist_is_refused(account: Account) -> None:
    said = change(account.plan({"product.pro": {**PRODUCT, "adopt": "prod_none"}}), "product.pro")
    assert said.refused == "adopt names prod_none, and this account has no such product"
    assert said.hint == "check the id, and that the key is of the right account and mode"


def test_adopting_another_object_than_the_present_one_is_refused(account: Account) -> None:
    account.converge({"product.pro": PRODUCT})
    by_hand(account, "/v1/products", id="prod_2", name="Pro")
    said = change(account.plan({"product.pro": {**PRODUCT, "adopt": "prod_2"}}), "product.pro")
    assert said.refused == "adopt names prod_2, but product.pro is acme-pro already"
    assert said.hint == "take adopt: out, or retire the present object first"


def test_adopting_what_another_address_is_asks_for_a_move(account: Account) -> None:
    account.converge({"product.pro": PRODUCT})
    said = change(account.plan({"product.plus": {**PRODUCT, "adopt": "acme-pro"}}), "product.plus")
    assert said.refused == "acme-pro is product.pro of this project"
    assert said.hint == "to rename it, add  moved: [{from: product.pro, to: product.plus}]"


def test_an_object_whose_marker_names_no_address_can_be_adopted(account: Account) -> None:
    broken = {"billplan_project": "acme", "billplan_address": "?"}
    by_hand(account, "/v1/products", id="acme-pro", name="Pro", metadata=broken)
    assert change(account.plan({"product.pro": PRODUCT}), "product.pro").hint.endswith("adopt: acme-pro")
    account.converge({"product.pro": {**PRODUCT, "adopt": "acme-pro"}})


@pytest.fixture
def neighbour(account: Account, tmp_path: Path) -> Iterator[Account]:
    """Another project in the same account."""
    (tmp_path / "other").mkdir()
    with Account(tmp_path / "other", world=account.world, project="zeta") as neighbour:
        yield neighbour


def test_another_projects_object_is_refused_without_takeover(account: Account, neighbour: Account) -> None:
    neighbour.converge({"product.pro": {**PRODUCT, "id": "shared", "description": "Theirs"}})
    specs = {"product.pro": {**PRODUCT, "id": "shared"}}
    for asked in (specs, {"product.pro": {**PRODUCT, "adopt": "shared"}}):
        said = change(account.plan(asked), "product.pro")
        assert said.refused == "shared belongs to the billplan project 'zeta'"
        assert said.hint == "if that is meant: billplan apply --takeover 'product.pro'"


def test_takeover_leaves_what_the_former_owner_declared_and_this_one_does_not(
    account: Account, neighbour: Account
) -> None:
    neighbour.converge({"product.pro": {**PRODUCT, "id": "shared", "description": "Theirs", "metadata": {"a": "1"}}})
    specs = {"product.pro": {"name": "Ours", "id": "shared"}}
    plan = account.plan(specs, takeover=frozenset({"product.pro"}))
    assert change(plan, "product.pro").action is Action.ADOPT
    assert [d.name for d in change(plan, "product.pro").diffs] == ["name"]
    assert not plan.drift
    assert account.apply(plan).complete
    assert account.plan(specs).empty
    (product,) = account.live("product")
    assert (product["name"], product["description"], product["metadata"]["a"]) == ("Ours", "Theirs", "1")
    assert change(neighbour.plan({"product.pro": {**PRODUCT, "id": "shared"}}), "product.pro").action is Action.REFUSED


def test_objects_of_other_projects_never_leave(account: Account, neighbour: Account) -> None:
    neighbour.converge({"product.pro": PRODUCT, "price.pro": PRICE})
    plan = account.plan({})
    assert plan.empty
    assert plan.owned == {}
    assert plan.unmanaged == {"product": 1, "price": 1}


def test_a_marker_and_a_natural_key_on_different_objects_are_refused(account: Account) -> None:
    account.converge({"product.pro": PRODUCT, "price.pro": PRICE})
    (own,) = ids(account, "price")
    other = by_hand(account, "/v1/prices", product="acme-pro", currency="usd", unit_amount=1, lookup_key="gold")["id"]
    said = change(account.plan({"product.pro": PRODUCT, "price.pro": {**PRICE, "lookup_key": "gold"}}), "price.pro")
    assert said.refused == f"its marker is on {own}, but lookup_key 'gold' belongs to {other}"
    assert said.hint == "give one of them another lookup_key"


def test_no_lookup_key_is_taken_from_an_archived_price_of_somebody_else(account: Account) -> None:
    account.converge({"product.pro": PRODUCT, "price.pro": PRICE})
    other = by_hand(account, "/v1/prices", product="acme-pro", currency="usd", unit_amount=1, lookup_key="gold")["id"]
    by_hand(account, f"/v1/prices/{other}", active=False)
    dear = {**PRICE, "lookup_key": "gold", "unit_amount": 3900}
    said = change(account.plan({"product.pro": PRODUCT, "price.pro": dear}), "price.pro")
    assert said.action is Action.REFUSED
    assert other in said.refused


def test_default_names_are_for_creations_and_change_nothing_afterwards(account: Account) -> None:
    account.converge({"product.pro": {**PRODUCT, "id": "mine"}, "price.pro": {**PRICE, "lookup_key": "mine"}})
    account.converge({"product.pro": PRODUCT, "price.pro": PRICE})
    assert ids(account, "product") == ["mine"]
    assert ids(account, "price", lookup_key="mine") == ids(account, "price")


def test_what_was_archived_by_leaving_comes_back_as_the_same_object(account: Account) -> None:
    specs = {"product.pro": PRODUCT, "price.pro": PRICE}
    account.converge(specs)
    account.converge({})
    assert ids(account, "product", active=True) == []
    plan = account.converge(specs)
    assert {c.action for c in plan.changes} == {Action.UPDATE}
    assert len(account.live("price")) == len(account.live("product")) == 1


def test_the_plan_does_not_depend_on_the_order_of_the_specs(account: Account) -> None:
    bodies = {"product.b": PRODUCT, "price.b": {**PRICE, "product": "product.b"}, "product.a": PRODUCT}
    turned = dict(reversed(bodies.items()))
    one, other = account.plan(specs_of(bodies)), account.plan(specs_of(turned))
    assert steps(one) == steps(other)
    assert addresses(one) == addresses(other) == ["price.b", "product.a", "product.b"]
