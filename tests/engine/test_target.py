"""Whom a plan may be applied to, and when: refused before anything is sent."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.guards import Guards
from reconciler.core.plan import Plan
from reconciler.engine.target import Pins, check_target
from reconciler.errors import BillplanError, PlanRefused, StalePlan, WrongTarget
from tests.account import Account, WorldClock, specs_of
from tests.crash.matrix import assert_second_apply_sends_nothing, writes

BODIES: dict[str, dict[str, Any]] = {"product.pro": {"name": "Pro"}}


def assert_nothing_sent(account: Account, plan: Plan, kind: type[BillplanError], code: int, **options: Any) -> str:
    sent = writes(account.world)
    with pytest.raises(kind) as refused:
        account.apply(plan, **options)
    assert refused.value.exit_code == code
    assert writes(account.world) == sent
    assert account.ledger.last_finished("acct_000001", False, "acme") is None
    return f"{refused.value.message}; {refused.value.hint}"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"account": "acct_other"}, "account acct_other, this is acct_000001"),
        ({"livemode": True}, "mode live, this is test"),
        ({"project": "other"}, "project other, this is acme"),
        ({"api_version": "2020-01-01"}, "API version 2020-01-01"),
        ({"format_version": "0.9"}, "plan format 0.9"),
    ],
)
def test_plan_for_somebody_else_is_refused(account: Account, changed: dict[str, Any], words: str) -> None:
    plan = account.plan(BODIES)
    plan = replace(plan, header=replace(plan.header, **changed))
    assert words in assert_nothing_sent(account, plan, WrongTarget, 3)


def test_key_of_another_account_than_the_pinned_one_is_refused(account: Account) -> None:
    plan = account.plan(BODIES)
    pins = Pins(project="acme", livemode=False, account="acct_pinned")
    words = assert_nothing_sent(account, plan, WrongTarget, 3, pins=pins)
    assert "acct_000001, billplan.yaml pins acct_pinned" in words


def test_key_of_another_mode_is_refused_before_any_request(account: Account) -> None:
    plan = account.plan(BODIES)
    asked = len(account.world.log)
    words = assert_nothing_sent(account, plan, WrongTarget, 3, pins=Pins(project="acme", livemode=True))
    assert "test mode key" in words
    assert len(account.world.log) == asked


def test_clock_that_is_off_is_an_error(account: Account) -> None:
    class Fast(WorldClock):
        def now(self) -> int:
            return super().now() + 61

    with pytest.raises(BillplanError, match="61 seconds off"):
        check_target(account.api, account.pins, Fast(account.world))


def test_expired_plan_is_refused(account: Account) -> None:
    plan = account.plan(BODIES, expires_in=600)
    account.world.clock.advance(600)
    assert "expired" in assert_nothing_sent(account, plan, StalePlan, 3)


def test_plan_of_other_specs_than_the_checkout_is_refused(account: Account) -> None:
    plan = account.plan(BODIES)
    assert "other specs" in assert_nothing_sent(account, plan, StalePlan, 3, spec_digest="another")
    assert account.apply(plan, spec_digest=plan.header.spec_digest).complete


def test_plan_older_than_the_last_apply_is_refused_and_the_same_plan_may_be_run_again(account: Account) -> None:
    older, newer = account.plan(BODIES), account.plan({"product.pro": {"name": "Professional"}})
    assert account.apply(newer).complete
    sent = writes(account.world)
    with pytest.raises(StalePlan, match="another plan was applied") as stale:
        account.apply(older)
    assert stale.value.exit_code == 3
    assert writes(account.world) == sent
    assert_second_apply_sends_nothing(account, newer)


def test_plan_made_after_an_apply_is_not_stale_where_this_machine_is_ahead_of_stripe(account: Account) -> None:
    class Ahead(WorldClock):
        def now(self) -> int:
            return super().now() + 55

    account.clock = Ahead(account.world)
    assert account.apply(account.plan(BODIES)).complete
    assert account.apply(account.plan({"product.pro": {"name": "Professional"}})).complete


def test_refused_plan_is_not_applied(account: Account) -> None:
    account.converge({**BODIES, "coupon.bye": {"percent_off": 5, "duration": "once"}})
    plan = account.plan(BODIES)
    sent = writes(account.world)
    with pytest.raises(PlanRefused, match=r"--allow 'irreversible:coupon\.bye'") as refused:
        account.apply(plan)
    assert refused.value.exit_code == 4
    with pytest.raises(PlanRefused):
        # What a guard refuses is not left out; it is refused.
        account.apply(plan, skip_refused=True)
    assert writes(account.world) == sent
    assert account.apply(account.plan(BODIES, Guards(allow=("irreversible:coupon.*",)))).complete


def test_refused_change_is_left_out_where_that_is_asked_for(account: Account) -> None:
    account.converge({"coupon.launch": {"percent_off": 20, "duration": "once"}})
    plan = account.plan({"coupon.launch": {"percent_off": 30, "duration": "once"}, **BODIES})
    with pytest.raises(PlanRefused, match=r"coupon\.launch: percent_off"):
        account.apply(plan)
    assert account.apply(plan, skip_refused=True).complete
    assert [p["name"] for p in account.live("product")] == ["Pro"]
    assert str(account.live("coupon")[0]["percent_off"]) == "20"


def test_default_price_that_is_refused_leaves_the_rest_of_the_plan_in_order(account: Account) -> None:
    taken = {"product": "prod_hand", "currency": "usd", "unit_amount": 1, "lookup_key": "acme-m"}
    account.api.request("post", "/v1/products", {"id": "prod_hand", "name": "Hand"}, idempotency_key="hand-1")
    account.api.request("post", "/v1/prices", taken, idempotency_key="hand-2")
    price = {"product": "product.pro", "currency": "usd", "unit_amount": 2900}
    plan = account.plan({"product.pro": {"name": "Pro", "default_price": "price.m"}, "price.m": price})
    applied = account.apply(plan, skip_refused=True)
    assert {r.step.id: r.good for r in applied.results}["product.pro/create"]
    assert next(p for p in account.live("product") if p["id"] == "acme-pro")["default_price"] is None


def test_empty_specs_make_an_empty_plan(account: Account) -> None:
    plan = account.plan(specs_of({}))
    assert account.apply(plan).results == ()
