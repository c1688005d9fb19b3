"""`moved:`: a resource keeps its object under another address."""

from __future__ import annotations

from typing import Any

from reconciler.core.address import Address
from reconciler.core.changes import Action
from reconciler.core.diagnostics import SourceRange
from reconciler.core.fields import ChangeClass
from reconciler.core.locate import Moves
from reconciler.core.resources import Moved, Specs
from tests.account import Account, specs_of
from tests.kinds.plans import PRICE, PRODUCT, addresses, by_hand, change, ids, steps

PERCENT: dict[str, Any] = {"display_name": "VAT", "percentage": 19, "inclusive": False}


def moved(bodies: dict[str, Any], *moves: tuple[str, str]) -> Specs:
    return specs_of(bodies, moves)


def test_only_the_marker_changes(account: Account) -> None:
    account.converge({"product.pro": PRODUCT, "price.old": PRICE})
    specs = moved({"product.pro": PRODUCT, "price.new": PRICE}, ("price.old", "price.new"))
    plan = account.converge(specs)
    said = change(plan, "price.new")
    assert addresses(plan) == ["price.new"]
    assert (said.action, said.change_class) == (Action.UPDATE, ChangeClass.COSMETIC)
    assert said.reason == "renamed from price.old"
    assert said.diffs == ()
    assert [set(s.params) for s in plan.steps] == [{"metadata", "expand"}]
    assert len(ids(account, "price", active=True)) == 1
    assert account.live("price")[0]["lookup_key"] == "acme-old"


def test_the_entry_may_stay_and_may_go(account: Account) -> None:
    account.converge({"product.old": PRODUCT})
    account.converge(moved({"product.new": PRODUCT}, ("product.old", "product.new")))
    assert account.plan(moved({"product.new": PRODUCT}, ("product.old", "product.new"))).empty
    assert account.plan({"product.new": PRODUCT}).empty


def test_what_refers_to_it_is_not_taken_for_changed_by_somebody(account: Account) -> None:
    account.converge({"product.old": PRODUCT, "price.pro": {**PRICE, "product": "product.old"}})
    bodies = {"product.new": PRODUCT, "price.pro": {**PRICE, "product": "product.new"}}
    specs = moved(bodies, ("product.old", "product.new"))
    plan = account.plan(specs)
    assert not plan.drift
    assert change(plan, "price.pro").diffs == ()
    account.converge(specs)


def test_a_move_with_another_amount_replaces_the_price_once(account: Account) -> None:
    account.converge({"product.pro": PRODUCT, "price.old": PRICE})
    specs = moved({"product.pro": PRODUCT, "price.new": {**PRICE, "unit_amount": 3900}}, ("price.old", "price.new"))
    plan = account.converge(specs)
    said = change(plan, "price.new")
    assert said.action is Action.REPLACE
    assert said.reason.endswith("the old one is archived; renamed from price.old")
    assert [(p["unit_amount"], p["active"], p["lookup_key"]) for p in account.live("price")] == [
        (2900, False, None),
        (3900, True, "acme-old"),
    ]
    assert account.plan(moved({"product.pro": PRODUCT, "price.new": {**PRICE, "unit_amount": 3900}})).empty


def test_a_move_with_a_replacement_needs_no_natural_key(account: Account) -> None:
    account.converge({"tax_rate.old": PERCENT})
    account.converge(moved({"tax_rate.new": {**PERCENT, "percentage": 20}}, ("tax_rate.old", "tax_rate.new")))
    assert [(t["percentage"], t["active"]) for t in account.live("tax_rate")] == [("19", False), ("20", True)]


def test_a_price_that_was_replaced_before_moves_with_its_history(account: Account) -> None:
    account.converge({"product.pro": PRODUCT, "price.old": PRICE})
    account.converge({"product.pro": PRODUCT, "price.old": {**PRICE, "unit_amount": 3900}})
    specs = moved({"product.pro": PRODUCT, "price.new": {**PRICE, "unit_amount": 3900}}, ("price.old", "price.new"))
    account.converge(specs)
    assert len(account.live("price")) == 2


def test_two_live_objects_are_refused(account: Account) -> None:
    account.converge({"product.pro": PRODUCT, "price.old": PRICE, "price.new": PRICE})
    specs = moved({"product.pro": PRODUCT, "price.new": PRICE}, ("price.old", "price.new"))
    said = change(account.plan(specs), "price.new")
    assert said.refused == "both price.old and price.new have a live object"
    assert said.hint == "take the moved: entry out, or retire one of the two first"


def test_a_move_from_nowhere_is_a_creation(account: Account) -> None:
    plan = account.converge(moved({"product.new": PRODUCT}, ("product.old", "product.new")))
    assert steps(plan) == ["product.new/create"]


def test_an_archived_object_moves_and_becomes_active(account: Account) -> None:
    account.converge({"product.pro": PRODUCT, "price.old": PRICE})
    by_hand(account, f"/v1/prices/{ids(account, 'price')[0]}", active=False)
    account.converge(moved({"product.pro": PRODUCT, "price.new": PRICE}, ("price.old", "price.new")))
    assert len(ids(account, "price", active=True)) == 1


def test_a_source_moves_with_all_its_rows() -> None:
    here = SourceRange("specs/a.yaml", 1, 1)
    moves = Moves([Moved(before=Address("grant", "q1"), after=Address("grant", "q1_2026"), source=here)])
    assert moves.origin(Address("grant", "q1_2026", "row 7")) == Address("grant", "q1", "row 7")
    assert moves.origin(Address("grant", "q1_2026")) == Address("grant", "q1")
    assert moves.origin(Address("grant", "q2", "row 7")) is None
    assert moves.origin(Address("price", "q1_2026", "row 7")) is None


def test_one_row_may_move_by_itself_against_its_source() -> None:
    here = SourceRange("specs/a.yaml", 1, 1)
    moves = Moves(
        [
            Moved(before=Address("grant", "a"), after=Address("grant", "b"), source=here),
            Moved(before=Address("grant", "x", "1"), after=Address("grant", "b", "1"), source=here),
        ]
    )
    assert moves.origin(Address("grant", "b", "1")) == Address("grant", "x", "1")
    assert moves.origin(Address("grant", "b", "2")) == Address("grant", "a", "2")
