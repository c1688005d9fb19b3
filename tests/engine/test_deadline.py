"""Steps that must not be sent too late: what their deadline stops, and what it leaves to be looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.deadline import MARGIN, deadline_of
from reconciler.core.holder import Holder
from reconciler.core.journal import Event, fold
from reconciler.core.plan import Plan
from reconciler.core.results import Outcome, Result
from reconciler.emulator.faults import Fault, FaultKind, Faults
from reconciler.engine.apply import Applied
from reconciler.ports.billing import BillingApi
from reconciler.ports.lock import HeldLock
from tests.account import Account, WorldClock
from tests.crash.matrix import writes
from tests.relay import Relay

RATE: dict[str, Any] = {"display_name": "VAT", "percentage": 19, "inclusive": False}
# 2027-01-01T00:00:00Z
START = 1_798_761_600
MADE = "tax_rate.vat"
PlanOf = Callable[[Account], Plan]


class SlowApi(Relay):
    """A billing API through which seconds pass: before each write."""

    def __init__(self, inner: BillingApi, account: Account, before: int) -> None:
        super().__init__(inner)
        self._account, self._before = account, before

    @contextmanager
    def around(self, method: str, path: str) -> Iterator[None]:
        if method != "get":
            self._account.world.clock.advance(self._before)
        yield


class SlowLocks:
    """A lock that is waited for."""

    def __init__(self, account: Account, seconds: int) -> None:
        self._account, self._seconds = account, seconds

    @contextmanager
    def acquire(self, scope: str, who: str, *, wait_seconds: int = 0) -> Iterator[HeldLock]:
        self._account.world.clock.advance(self._seconds)
        yield self

    def check(self) -> None:
        """Never lost."""

    def holder(self, scope: str) -> Holder | None:
        return None

    def release(self, scope: str) -> Holder | None:
        return None


class Sleeper(WorldClock):
    """A machine whose monotonic clock stands still while it sleeps."""

    def monotonic(self) -> float:
        return 0.0


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    with Account(tmp_path) as account:
        yield account


def until(plan: Plan, deadline: int) -> Plan:
    return replace(plan, steps=tuple(replace(step, deadline=deadline) for step in plan.steps))


def making(account: Account) -> Plan:
    return account.plan({MADE: RATE}, expires_in=7 * 86400)


def changing(account: Account) -> Plan:
    account.converge({MADE: RATE})
    return account.plan({MADE: {**RATE, "description": "new"}}, expires_in=7 * 86400)


def within(account: Account, plan: Plan, seconds: int) -> Plan:
    """Give the steps of a plan so many seconds from the beginning of its apply on."""
    return until(plan, account.world.now() + 10 + seconds)


def forget_faults(account: Account) -> None:
    account.world.faults = Faults()


def only(applied: Applied) -> Result:
    (result,) = applied.results
    return result


@pytest.mark.parametrize(("seconds", "outcome"), [(0, Outcome.STALE), (1, Outcome.DONE)])
def test_a_step_is_sent_a_second_before_its_deadline_and_not_at_it(
    account: Account, seconds: int, outcome: Outcome
) -> None:
    assert only(account.apply(within(account, making(account), seconds))).outcome is outcome
    assert len(account.live("tax_rate")) == seconds


def test_what_came_too_late_says_why_and_is_journalled_as_not_sent(account: Account) -> None:
    account.world.clock.advance(START - account.world.now() - MARGIN)
    plan = until(making(account), deadline_of(START))
    result = only(account.apply(plan))
    assert result.outcome is Outcome.STALE
    assert result.detail == (
        "not sent: its start 2027-01-01 00:00 UTC is less than 5 minutes ahead or has passed: it would start and charge"
        " at once; give the row a later start_date"
    )
    (record,) = account.ledger.records(plan.digest)
    assert (record.event, record.detail) == (Event.FAILED, result.detail)
    assert not account.live("tax_rate")


def test_what_needs_a_step_that_came_too_late_is_skipped(account: Account) -> None:
    bodies: dict[str, dict[str, Any]] = {
        "product.p": {"name": "P"},
        "price.p": {"product": "product.p", "currency": "usd", "unit_amount": 1},
    }
    plan = account.plan(bodies)
    first, *rest = plan.steps
    late = replace(plan, steps=(replace(first, deadline=account.world.now()), *rest))
    assert [r.outcome for r in account.apply(late).results] == [Outcome.STALE, Outcome.SKIPPED]


def test_what_is_done_already_needs_no_time(account: Account) -> None:
    plan = within(account, making(account), 1000)
    assert account.apply(plan).complete
    account.world.clock.advance(2000)
    before = writes(account.world)
    assert only(account.apply(plan)).outcome is Outcome.ALREADY
    assert writes(account.world) == before


def test_a_change_that_came_too_late_is_not_sent(account: Account) -> None:
    plan = within(account, changing(account), 0)
    before = writes(account.world)
    result = only(account.apply(plan))
    assert result.outcome is Outcome.STALE
    assert "too late to change it" in result.detail
    assert writes(account.world) == before


def test_time_that_passes_between_tries_counts(account: Account) -> None:
    plan = within(account, making(account), 2)
    account.world.add_fault(Fault(FaultKind.RATE_LIMIT, method="POST", times=0))
    result = only(account.apply(plan))
    assert result.outcome is Outcome.IN_DOUBT
    assert "run the same apply again" in result.detail
    assert 0 < writes(account.world) < 8
    forget_faults(account)
    assert only(account.apply(plan)).outcome is Outcome.STALE
    assert not account.live("tax_rate")


@pytest.mark.parametrize("plan_of", [making, changing])
def test_an_earlier_try_that_took_effect_is_found_by_looking(account: Account, plan_of: PlanOf) -> None:
    plan = plan_of(account)
    account.world.add_fault(Fault(FaultKind.DROP_AFTER, method="POST", times=0))
    plan = within(account, plan, 1)
    assert only(account.apply(plan)).outcome is Outcome.ALREADY
    assert len(account.live("tax_rate")) == 1
    assert not fold(account.ledger.records(plan.digest)).in_doubt


@pytest.mark.parametrize("plan_of", [making, changing])
def test_an_earlier_try_of_which_nothing_is_found_is_in_doubt_until_it_is_looked_for_again(
    account: Account, plan_of: PlanOf
) -> None:
    plan = plan_of(account)
    account.world.add_fault(Fault(FaultKind.DROP_BEFORE, method="POST", times=0))
    plan = within(account, plan, 1)
    first = only(account.apply(plan))
    assert first.outcome is Outcome.IN_DOUBT, first.detail
    forget_faults(account)
    before = writes(account.world)
    assert only(account.apply(plan)).outcome is Outcome.STALE
    assert writes(account.world) == before
    assert not fold(account.ledger.records(plan.digest)).in_doubt


def test_what_was_made_and_could_not_be_looked_for_is_found_though_it_is_late(account: Account) -> None:
    plan = within(account, making(account), 60)
    account.world.add_fault(Fault(FaultKind.DROP_AFTER, method="POST", times=0))
    # The listing is read; nothing is after it.
    account.world.add_fault(Fault(FaultKind.DROP_BEFORE, method="GET", path="/v1/tax_rates*", nth=2, times=0))
    assert only(account.apply(plan)).outcome is Outcome.IN_DOUBT
    forget_faults(account)
    account.world.clock.advance(1000)
    before = writes(account.world)
    assert only(account.apply(plan)).outcome is Outcome.ALREADY
    assert writes(account.world) == before


def test_the_wait_for_the_lock_counts(account: Account) -> None:
    plan = within(account, making(account), 300)
    account.locks = SlowLocks(account, 600)
    assert only(account.apply(plan)).outcome is Outcome.STALE
    assert not account.live("tax_rate")


def test_a_machine_that_slept_knows_what_time_it_is(account: Account) -> None:
    plan = within(account, making(account), 300)
    account.clock = Sleeper(account.world)
    # The lease would be lost, too; a lock of a server's may not be.
    account.locks = SlowLocks(account, 0)
    account.around = lambda api: SlowApi(api, account, before=600)
    assert only(account.apply(plan)).outcome is Outcome.STALE
    assert not account.live("tax_rate")


def test_the_deadline_is_bound_by_the_digest(account: Account) -> None:
    plan = account.plan({MADE: RATE})
    assert len({plan.digest, until(plan, START).digest, until(plan, START + 1).digest}) == 3
