"""A plan applied again after what it did was undone brings nothing back; what is planned anew is created, once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.guards import Guards
from reconciler.core.results import Outcome
from reconciler.errors import StalePlan
from tests.account import Account, specs_of
from tests.crash.matrix import writes

ALLOW = Guards(allow=("irreversible:*",))
WEEK = 7 * 86400
BODIES: dict[str, dict[str, Any]] = {
    "product.pro": {"name": "Pro"},
    "product.kit": {"name": "Kit"},
    "price.m": {"product": "product.pro", "currency": "usd", "unit_amount": 2900},
    "coupon.launch": {"percent_off": 20, "duration": "once"},
    "promotion_code.l": {"code": "LAUNCH", "promotion": {"coupon": "coupon.launch"}},
    "tax_rate.vat": {"display_name": "VAT", "percentage": 19, "inclusive": False},
}


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    (tmp_path / "old").mkdir()
    with Account(tmp_path / "old") as account:
        yield account


def by_hand(account: Account, method: str, path: str, params: Mapping[str, Any]) -> None:
    account.api.request(method, path, params, idempotency_key=f"hand-{len(account.world.log)}")


def id_of(account: Account, table: str) -> str:
    return str(account.live(table)[-1]["id"])


def undo_by_hand(account: Account) -> None:
    """Archive or delete everything in the Dashboard."""
    by_hand(account, "post", f"/v1/prices/{id_of(account, 'price')}", {"active": False})
    by_hand(account, "post", f"/v1/promotion_codes/{id_of(account, 'promotion_code')}", {"active": False})
    by_hand(account, "post", f"/v1/tax_rates/{id_of(account, 'tax_rate')}", {"active": False})
    by_hand(account, "post", "/v1/products/acme-pro", {"active": False})
    by_hand(account, "delete", "/v1/products/acme-kit", {})
    by_hand(account, "delete", "/v1/coupons/acme-launch", {})


def fresh_store(account: Account, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    account.change_store(tmp_path / "empty")


def everything(account: Account) -> dict[str, list[dict[str, Any]]]:
    return {name: account.live(name) for name in account.world.tables if name != "event"}


@pytest.mark.parametrize("store", ["old", "empty"])
def test_applied_again_within_the_day_resurrects_nothing(account: Account, store: str, tmp_path: Path) -> None:
    plan = account.plan(BODIES)
    assert account.apply(plan).complete
    undo_by_hand(account)
    before = everything(account)
    if store == "empty":
        fresh_store(account, tmp_path)
    again = account.apply(plan)
    assert everything(account) == before
    assert {r.outcome for r in again.results} <= {Outcome.STALE, Outcome.SKIPPED}
    words = {r.step.id: r.detail for r in again.results}
    assert "was created by this plan, and deleted since" in words["coupon.launch/create"]
    assert "alive is False, expected True" in words["tax_rate.vat/create"]


def test_applied_again_after_days_resurrects_nothing_that_the_store_remembers(account: Account) -> None:
    plan = account.plan(BODIES, expires_in=WEEK)
    assert account.apply(plan).complete
    undo_by_hand(account)
    before = everything(account)
    account.world.clock.advance(2 * 86400)
    again = account.apply(plan)
    assert everything(account) == before
    assert {r.outcome for r in again.results} <= {Outcome.STALE, Outcome.SKIPPED}


def test_applied_again_after_days_with_an_empty_store_resurrects_nothing_that_is_archived(
    account: Account, tmp_path: Path
) -> None:
    plan = account.plan({a: b for a, b in BODIES.items() if a != "product.kit"}, expires_in=WEEK)
    assert account.apply(plan).complete
    by_hand(account, "post", f"/v1/prices/{id_of(account, 'price')}", {"active": False})
    by_hand(account, "post", f"/v1/tax_rates/{id_of(account, 'tax_rate')}", {"active": False})
    before = everything(account)
    account.world.clock.advance(2 * 86400)
    fresh_store(account, tmp_path)
    sent = writes(account.world)
    again = account.apply(plan)
    assert not again.complete
    assert everything(account) == before
    assert writes(account.world) == sent


def test_plan_that_another_plan_took_back_is_refused_or_resurrects_nothing(account: Account, tmp_path: Path) -> None:
    plan = account.plan(BODIES)
    assert account.apply(plan).complete
    fewer = {a: b for a, b in BODIES.items() if a in ("product.pro", "product.kit")}
    assert account.apply(account.plan(fewer, ALLOW)).complete
    before = everything(account)
    with pytest.raises(StalePlan) as refused:
        account.apply(plan)
    assert refused.value.exit_code == 3
    fresh_store(account, tmp_path)
    assert not account.apply(plan).complete
    assert everything(account) == before


@pytest.mark.parametrize("store", ["old", "empty"])
def test_update_that_was_set_back_is_not_made_again_by_the_same_plan(
    account: Account, store: str, tmp_path: Path
) -> None:
    account.converge(BODIES)
    plan = account.plan({**BODIES, "product.pro": {"name": "Professional"}})
    assert account.apply(plan).complete
    by_hand(account, "post", "/v1/products/acme-pro", {"name": "Pro"})
    if store == "empty":
        fresh_store(account, tmp_path)
    again = account.apply(plan)
    assert [r.outcome for r in again.results] == [Outcome.STALE]
    assert "changed back since" in again.results[0].detail
    product = next(p for p in account.live("product") if p["id"] == "acme-pro")
    assert product["name"] == "Pro"


def test_a_to_b_to_a_to_b_is_made_by_each_new_plan(account: Account) -> None:
    for name in ("Pro", "Professional", "Pro", "Professional"):
        account.converge({"product.pro": {"name": name}})
        assert account.live("product")[0]["name"] == name


@pytest.mark.parametrize(
    ("address", "path", "table"),
    [
        ("coupon.launch", "/v1/coupons/acme-launch", "coupon"),
        ("product.kit", "/v1/products/acme-kit", "product"),
    ],
)
def test_deleted_by_hand_and_planned_anew_within_the_day_is_created_once(
    account: Account, address: str, path: str, table: str
) -> None:
    bodies = {address: BODIES[address]}
    account.converge(bodies)
    for turn in range(1, 4):
        account.world.clock.advance(60)
        by_hand(account, "delete", path, {})
        plan = account.plan(bodies)
        assert account.apply(plan).complete
        assert len(account.live(table)) == 1
        again = account.apply(plan)
        assert [r.outcome for r in again.results] == [Outcome.ALREADY]
        made = [e for e in account.live("event") if e["type"] == f"{table}.created"]
        assert len(made) == turn + 1


def test_forgotten_and_declared_anew_within_the_day_is_created_once(account: Account) -> None:
    bodies = {"tax_rate.vat": BODIES["tax_rate.vat"]}
    account.converge(bodies)
    account.converge(specs_of({}, removed={"tax_rate.vat": "forget"}))
    plan = account.converge(bodies)
    rates = account.live("tax_rate")
    assert [r["metadata"].get("billplan_address") for r in rates] == [None, "tax_rate.vat"]
    assert [r.outcome for r in account.apply(plan).results] == [Outcome.ALREADY]


def test_released_by_hand_after_the_apply_is_not_created_again(account: Account) -> None:
    plan = account.plan({"tax_rate.vat": BODIES["tax_rate.vat"]})
    assert account.apply(plan).complete
    metadata = {"billplan_project": "", "billplan_address": "", "billplan_digest": ""}
    by_hand(account, "post", f"/v1/tax_rates/{id_of(account, 'tax_rate')}", {"metadata": metadata})
    again = account.apply(plan)
    assert [r.outcome for r in again.results] == [Outcome.STALE]
    assert "released from this address" in again.results[0].detail
    assert len(account.live("tax_rate")) == 1
