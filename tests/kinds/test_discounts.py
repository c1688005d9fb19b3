"""Coupons, whose terms never change, and promotion codes, whose successors wait for the old code to be free."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.core.address import Address
from reconciler.core.changes import Action
from reconciler.core.desire import desire
from reconciler.core.resources import Spec
from reconciler.emulator.seed import load_seed
from reconciler.kinds.promotion_code import PROMOTION_CODE
from tests.account import NOWHERE, Account
from tests.kinds.plans import by_hand, change, ids, steps

COUPON: dict[str, Any] = {"percent_off": 20}
CODE: dict[str, Any] = {"code": "LAUNCH", "promotion": {"coupon": "coupon.launch"}}
BOTH: dict[str, Any] = {"coupon.launch": COUPON, "promotion_code.l": CODE}
DAY = 86_400


def with_code(**more: Any) -> dict[str, Any]:
    return {**BOTH, "promotion_code.l": {**CODE, **more}}


def test_changed_terms_of_a_coupon_are_refused(account: Account) -> None:
    account.converge({"coupon.launch": COUPON})
    plan = account.plan({"coupon.launch": {"percent_off": 30, "duration": "forever", "name": "Launch"}})
    said = change(plan, "coupon.launch")
    assert said.refused == "percent_off, duration of a coupon cannot change once it exists"
    assert said.hint == "declare a new coupon under another name, and take this one out when nothing uses it"
    assert [d.name for d in said.diffs if d.forces] == ["percent_off", "duration"]
    assert not plan.steps


def test_a_code_that_is_to_give_a_refused_coupon_waits(account: Account) -> None:
    account.converge({"coupon.launch": COUPON})
    plan = account.plan({"coupon.launch": {"percent_off": 30}, "promotion_code.l": CODE})
    assert change(plan, "promotion_code.l").refused == "it needs coupon.launch, which is refused"
    assert change(plan, "promotion_code.l").hint == "mend coupon.launch first"


def test_a_code_that_exists_is_not_refused_with_its_coupon(account: Account) -> None:
    account.converge(BOTH)
    plan = account.plan({"coupon.launch": {"percent_off": 30}, "promotion_code.l": {**CODE, "metadata": {"a": "1"}}})
    assert change(plan, "promotion_code.l").action is Action.UPDATE


def test_a_code_is_archived_before_its_successor_is_made(account: Account) -> None:
    account.converge(BOTH)
    (old,) = ids(account, "promotion_code")
    plan = account.converge(with_code(max_redemptions=10))
    assert steps(plan) == [f"promotion_code.l/archive {old}", "promotion_code.l/create"]
    assert plan.steps[1].needs == (f"promotion_code.l/archive {old}",)
    assert [(c["code"], c["active"]) for c in account.live("promotion_code")] == [("LAUNCH", False), ("LAUNCH", True)]


def test_a_code_that_stripe_made_up_is_kept_by_its_successor(account: Account) -> None:
    bodies = {"coupon.launch": COUPON, "promotion_code.l": {"promotion": {"coupon": "coupon.launch"}}}
    account.converge(bodies)
    account.converge({**bodies, "promotion_code.l": {**bodies["promotion_code.l"], "max_redemptions": 3}})
    one, other = account.live("promotion_code")
    assert one["code"] == other["code"]


def test_a_code_of_an_archived_promotion_code_may_be_used_again(account: Account) -> None:
    account.converge(BOTH)
    account.converge({"coupon.launch": COUPON})
    account.converge({"coupon.launch": COUPON, "promotion_code.again": CODE})
    assert len(ids(account, "promotion_code", active=True)) == 1


def test_a_code_that_somebody_else_uses_is_refused(account: Account) -> None:
    account.converge({"coupon.launch": COUPON})
    other = by_hand(
        account, "/v1/promotion_codes", code="LAUNCH", promotion={"type": "coupon", "coupon": "acme-launch"}
    )
    said = change(account.plan(BOTH), "promotion_code.l")
    assert said.refused == f"{other['id']} has the code 'LAUNCH' already and is not managed by billplan"
    assert said.hint == f"to take it over, add to promotion_code.l:  adopt: {other['id']}"


def test_another_code_that_somebody_else_uses_is_refused(account: Account) -> None:
    account.converge(BOTH)
    (own,) = ids(account, "promotion_code")
    other = by_hand(account, "/v1/promotion_codes", code="GOLD", promotion={"type": "coupon", "coupon": "acme-launch"})
    said = change(account.plan(with_code(code="GOLD")), "promotion_code.l")
    assert said.refused == f"its marker is on {own}, but code 'GOLD' belongs to {other['id']}"


def test_an_expired_code_is_left_as_it_is(account: Account) -> None:
    body = with_code(expires_at=account.clock.now() + DAY)
    account.converge(body)
    account.world.clock.advance(2 * DAY)
    plan = account.plan(body)
    assert plan.empty
    assert not plan.drift


def test_a_code_of_a_coupon_that_ran_out_is_left_as_it_is(account: Account) -> None:
    body = {**BOTH, "coupon.launch": {**COUPON, "redeem_by": account.clock.now() + DAY}}
    account.converge(body)
    account.world.clock.advance(2 * DAY)
    assert account.plan(body).empty


def test_an_expired_code_that_is_to_last_longer_is_replaced(account: Account) -> None:
    account.converge(with_code(expires_at=account.clock.now() + DAY))
    account.world.clock.advance(2 * DAY)
    plan = account.converge(with_code(expires_at=account.clock.now() + 30 * DAY))
    assert steps(plan) == ["promotion_code.l/create"]


def test_a_code_that_somebody_switched_off_is_switched_on_again_and_told_of(account: Account) -> None:
    account.converge(BOTH)
    (code,) = ids(account, "promotion_code")
    by_hand(account, f"/v1/promotion_codes/{code}", active=False)
    assert [(d.name, d.live) for d in account.plan(BOTH).drift] == [("active", False)]
    account.converge(BOTH)
    assert ids(account, "promotion_code", active=True) == [code]


RAW: dict[str, Any] = {
    "id": "promo_1",
    "active": False,
    "created": 0,
    "promotion": {"type": "coupon", "coupon": {"id": "c", "valid": True}},
    "times_redeemed": 0,
}


@pytest.mark.parametrize(
    ("shown", "spent"),
    [
        ({}, False),
        ({"active": True, "expires_at": 5}, False),
        ({"expires_at": 100}, True),
        ({"expires_at": 101}, False),
        ({"max_redemptions": 2, "times_redeemed": 2}, True),
        ({"max_redemptions": 2, "times_redeemed": 1}, False),
        ({"promotion": {"type": "coupon", "coupon": {"id": "c", "valid": False}}}, True),
        ({"promotion": {"type": "coupon", "coupon": "c"}}, False),
    ],
)
def test_a_code_is_spent_when_its_own_limits_or_its_coupon_end_it(shown: dict[str, Any], spent: bool) -> None:
    assert PROMOTION_CODE.observe({**RAW, **shown}, as_of=100).spent is spent


def test_a_coupon_reads_the_same_whether_it_is_expanded_or_not() -> None:
    plain = {**RAW, "promotion": {"type": "coupon", "coupon": "c"}}
    assert PROMOTION_CODE.observe(RAW, 0).attrs["promotion"] == PROMOTION_CODE.observe(plain, 0).attrs["promotion"]


def test_a_code_is_for_a_customer_or_for_a_customer_account() -> None:
    def said(**more: str) -> list[str]:
        body = {**CODE, **more}
        spec = Spec(address=Address("promotion_code", "l"), body=body, source=NOWHERE)
        return [d.summary for d in desire(spec, PROMOTION_CODE, "acme")[1]]

    assert said(customer_account="acct_1") == []
    assert said(customer="cus_1", customer_account="acct_1") == ["customer and customer_account exclude each other"]


def test_a_code_for_one_customer_leaves_the_others_alone(account: Account) -> None:
    load_seed(account.world, {"customers": [{"id": "cus_1"}]})
    account.converge(with_code(customer="cus_1"))
    assert account.live("promotion_code")[0]["customer"] == "cus_1"
