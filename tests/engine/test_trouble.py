"""Refusals, lost locks, interrupts and our own faults in the middle: what is sent after them, and what is written."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from reconciler.core.guards import Guards
from reconciler.core.holder import Holder
from reconciler.core.journal import Event, fold
from reconciler.core.plan import Plan
from reconciler.core.results import Outcome
from reconciler.emulator.faults import Phase
from reconciler.emulator.key import Key
from reconciler.emulator.message import Request
from reconciler.engine.sight import FRESH_SECONDS
from reconciler.errors import LockHeld, LockLost, RemoteRejected, RemoteUnavailable
from reconciler.ports.billing import BillingApi
from reconciler.ports.lock import HeldLock
from tests.account import KEY, Account, Bodies
from tests.crash.matrix import assert_second_apply_sends_nothing, writes
from tests.crash.real_time import lease_in_real_time
from tests.relay import Relay

MANY: dict[str, dict[str, Any]] = {
    **{f"product.p{n}": {"name": f"P{n}"} for n in range(12)},
    **{f"price.p{n}": {"product": f"product.p{n}", "currency": "usd", "unit_amount": 100 + n} for n in range(12)},
}
RATES: dict[str, dict[str, Any]] = {
    f"tax_rate.r{n}": {"display_name": f"R{n}", "percentage": n + 1, "inclusive": False} for n in range(6)
}
Strike = Callable[[str, str], None]


class StruckApi(Relay):
    """A billing API that calls a function before each request; what that raises comes instead of an answer."""

    def __init__(self, inner: BillingApi, before: Strike, after: Strike = lambda method, path: None) -> None:
        super().__init__(inner)
        self._before, self._after = before, after

    @contextmanager
    def around(self, method: str, path: str) -> Iterator[None]:
        self._before(method, path)
        yield
        self._after(method, path)


class FragileLocks:
    """Locks that can be lost: `lost` is asked before each send."""

    def __init__(self) -> None:
        self.lost = threading.Event()

    @contextmanager
    def acquire(self, scope: str, who: str, *, wait_seconds: int = 0) -> Iterator[HeldLock]:
        yield self

    def check(self) -> None:
        if self.lost.is_set():
            raise LockLost("the lock was lost")

    def holder(self, scope: str) -> Holder | None:
        return None

    def release(self, scope: str) -> Holder | None:
        return None


def sent(account: Account, plan: Plan) -> set[str]:
    return {r.step_id for r in account.ledger.records(plan.digest) if r.event is Event.SENT}


def assert_finished_by_running_it_again(account: Account, plan: Plan) -> None:
    assert account.apply(plan).complete
    progress = fold(account.ledger.records(plan.digest))
    assert not progress.in_doubt
    assert set(progress.done) == {s.id for s in plan.steps}
    assert_second_apply_sends_nothing(account, plan)


def outcome_of_last(account: Account) -> str | None:
    last = account.ledger.last_finished("acct_000001", False, "acme")
    return None if last is None else last.outcome


@pytest.mark.parametrize("concurrency", [1, 8])
def test_lost_lock_stops_all_sends(account: Account, concurrency: int) -> None:
    # More than the threads can have in hand at the moment of the loss.
    plan = account.plan(MANY)
    locks = FragileLocks()
    account.locks, held = locks, account.locks
    count: list[int] = []

    def lose(phase: Phase, request: Request, index: int) -> None:
        if phase == "committed" and request.method == "POST" and not locks.lost.is_set():
            locks.lost.set()
            count.append(writes(account.world))

    account.world.hooks.append(lose)
    with pytest.raises(LockLost) as lost:
        account.apply(plan, concurrency=concurrency)
    assert lost.value.exit_code == 5
    # What had passed the check before the loss was on its way; nothing follows it.
    assert writes(account.world) <= count[0] + concurrency - 1
    assert writes(account.world) < len(plan.steps)
    assert outcome_of_last(account) == "stopped"
    assert not fold(account.ledger.records(plan.digest)).in_doubt
    account.world.hooks.clear()
    account.locks = held
    assert_finished_by_running_it_again(account, plan)
    assert len(account.live("product")) + len(account.live("price")) == len(MANY)


def test_interrupt_leaves_a_state_that_the_same_command_finishes(account: Account) -> None:
    plan = account.plan(MANY)
    seen: list[str] = []

    def interrupt(result: Any) -> None:
        seen.append(result.step.id)
        if len(seen) == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        account.apply(plan, on_result=interrupt, concurrency=3)
    assert 5 <= writes(account.world) <= 5 + 3 * 2
    progress = fold(account.ledger.records(plan.digest))
    assert not progress.in_doubt
    # What was journalled to be sent, and then waited for its turn, was not sent, and the journal says so.
    assert {r.detail for r in progress.failed.values()} <= {"not sent: the apply was stopped"}
    assert set(progress.done) == sent(account, plan) - set(progress.failed)
    assert outcome_of_last(account) == "stopped"
    assert_finished_by_running_it_again(account, plan)


def test_step_that_was_looking_when_the_interrupt_came_sends_nothing(account: Account) -> None:
    bodies: Bodies = {"product.a": {"name": "A"}, "product.b": {"name": "B"}}
    account.converge(bodies)
    plan = account.plan({a: {"name": f"{b['name']} renamed"} for a, b in bodies.items()})
    lease_in_real_time(account)
    good, looking, go_on = account.api, threading.Event(), threading.Event()

    def before(method: str, path: str) -> None:
        # What is listed is old by now, so each step reads its object again before it sends.
        if path == "/v1/products":
            account.world.clock.advance(FRESH_SECONDS + 1)
        elif path == "/v1/products/acme-b" and method == "get":
            looking.set()
            go_on.wait(10)
        elif path == "/v1/products/acme-a" and method == "post":
            looking.wait(10)

    def interrupt(result: Any) -> None:
        threading.Timer(0.3, go_on.set).start()
        raise KeyboardInterrupt

    account.api = StruckApi(good, before)
    with pytest.raises(KeyboardInterrupt):
        account.apply(plan, on_result=interrupt, concurrency=2)
    assert go_on.is_set()
    assert [p["name"] for p in account.live("product")] == ["A renamed", "B"]
    assert sent(account, plan) == {"product.a/update"}
    account.api = good
    assert_finished_by_running_it_again(account, plan)


def test_fault_of_our_own_surfaces_after_what_was_on_its_way_is_journalled(account: Account) -> None:
    plan = account.plan(RATES)
    flying, free = threading.Barrier(2), threading.Event()
    broken = account.api

    def before(method: str, path: str) -> None:
        if method == "get" or free.is_set():
            return
        first = flying.wait() == 0
        free.set()
        if first:
            raise ZeroDivisionError("a bug")

    account.api = StruckApi(broken, before)
    with pytest.raises(ZeroDivisionError):
        account.apply(plan, concurrency=2)
    account.api = broken
    progress = fold(account.ledger.records(plan.digest))
    # The one that broke had said that it sends, and nothing more is known of it; the other one is done.
    assert len(progress.in_doubt) == 1
    assert len(progress.done) == writes(account.world) >= 1
    assert_finished_by_running_it_again(account, plan)
    assert len(account.live("tax_rate")) == len(RATES)


def test_progress_is_closed_whatever_happens(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr("tests.account.Silent.start", lambda self, what, total: told.append("start"))
    monkeypatch.setattr("tests.account.Silent.finish", lambda self: told.append("finish"))
    plan = account.plan(RATES)
    good = account.api
    for method in ("get", "post"):
        told.clear()

        def break_it(asked: str, path: str, method: str = method) -> None:
            if asked == method and path != "/v1/account":
                raise ZeroDivisionError

        account.api = StruckApi(good, break_it)
        with pytest.raises(ZeroDivisionError):
            account.apply(plan)
        assert told.count("start") == told.count("finish") > 0


def test_missing_permission_fails_its_steps_and_the_rest_goes_on(account: Account) -> None:
    account_read = "rak_accounts_kyc_basic_read"
    permissions = frozenset({account_read, "rak_product_write", "rak_plan_read", "rak_tax_rate_write"})
    plan = account.plan({**RATES, "product.a": {"name": "A"}, "price.a": {**MANY["price.p0"], "product": "product.a"}})
    account.world.keys[KEY] = Key(permissions=permissions)
    done = {r.step.id: r for r in account.apply(plan).results}
    assert done["price.a/create"].outcome is Outcome.FAILED
    assert "rak_plan_write" in done["price.a/create"].detail
    assert {r.outcome for i, r in done.items() if i != "price.a/create"} == {Outcome.DONE}
    assert set(fold(account.ledger.records(plan.digest)).failed) == {"price.a/create"}
    account.world.keys[KEY] = Key()
    assert_finished_by_running_it_again(account, plan)


def test_key_revoked_in_the_middle_is_not_tried_on_every_step(account: Account) -> None:
    plan = account.plan(MANY)

    def revoke(phase: Phase, request: Request, index: int) -> None:
        if phase == "answered" and writes(account.world) == 4:
            account.world.keys[KEY] = Key(revoked=True)

    account.world.hooks.append(revoke)
    applied = account.apply(plan)
    assert applied.count(Outcome.DONE) == 4
    # One step is always handed out ahead of the one that runs.
    assert applied.count(Outcome.FAILED) == writes(account.world) - 4 <= 2
    assert applied.count(Outcome.DONE, Outcome.FAILED, Outcome.SKIPPED) == len(plan.steps)
    untried = [r.detail for r in applied.results if r.detail.startswith("not tried: ")]
    assert untried
    assert "Expired API Key" in untried[0]
    account.world.hooks.clear()
    account.world.keys[KEY] = Key()
    assert_finished_by_running_it_again(account, plan)


@pytest.mark.parametrize("code", [None, "account_invalid"])
def test_not_found_that_is_not_about_the_object_takes_nothing_for_deleted(account: Account, code: str | None) -> None:
    bodies: Bodies = {"product.pro": {"name": "Pro"}, "coupon.bye": {"percent_off": 5, "duration": "once"}}
    account.converge(bodies)
    plan = account.plan({"product.pro": {"name": "Pro"}}, Guards(allow=("irreversible:*",)))
    good = account.api

    def nowhere(method: str, path: str) -> None:
        if "acme-bye" in path:
            raise RemoteRejected("Unrecognized request URL", status=404, code=code)

    account.api = StruckApi(good, nowhere)
    done = account.apply(plan)
    assert [r.outcome for r in done.results] == [Outcome.FAILED]
    assert len(account.live("coupon")) == 1
    account.api = good
    assert_finished_by_running_it_again(account, plan)
    assert account.live("coupon") == []


def test_look_that_fails_after_a_lost_answer_leaves_the_step_in_doubt(account: Account) -> None:
    plan = account.plan({"tax_rate.r0": RATES["tax_rate.r0"]})
    good, lost = account.api, threading.Event()

    def after(method: str, path: str) -> None:
        if method == "post":
            lost.set()
            raise RemoteUnavailable("bad gateway", status=502)

    def before(method: str, path: str) -> None:
        if method == "get" and lost.is_set():
            raise RemoteUnavailable("bad gateway", status=502)

    account.api = StruckApi(good, before, after)
    assert [r.outcome for r in account.apply(plan).results] == [Outcome.IN_DOUBT]
    assert set(fold(account.ledger.records(plan.digest)).in_doubt) == {"tax_rate.r0/create"}
    # A second run that cannot even look settles nothing.
    with pytest.raises(RemoteUnavailable):
        account.apply(plan)
    assert set(fold(account.ledger.records(plan.digest)).in_doubt) == {"tax_rate.r0/create"}
    account.api = good
    assert_finished_by_running_it_again(account, plan)
    assert len(account.live("tax_rate")) == 1


@pytest.mark.parametrize("status", [500, 502, 503])
def test_failure_that_is_not_recorded_is_in_doubt_and_its_late_commit_is_found(account: Account, status: int) -> None:
    """A gateway gives up on a request that goes on running, and commits after our look."""
    plan = account.plan({"tax_rate.r0": RATES["tax_rate.r0"]})
    good, step = account.api, plan.steps[0]

    def give_up(method: str, path: str) -> None:
        if method == "post":
            raise RemoteUnavailable("bad gateway", status=status)

    account.api = StruckApi(good, give_up)
    assert [r.outcome for r in account.apply(plan).results] == [Outcome.IN_DOUBT]
    record = fold(account.ledger.records(plan.digest)).in_doubt[step.id]
    good.request("post", step.path, step.params, idempotency_key=record.idempotency_key)
    account.api = good
    assert_finished_by_running_it_again(account, plan)
    assert len(account.live("tax_rate")) == 1


def test_other_commit_that_is_still_running_is_waited_for(account: Account) -> None:
    """Stripe may refuse a key for its other parameters while the request that has it has not committed yet."""
    plan = account.plan({"tax_rate.r0": RATES["tax_rate.r0"]})
    good, clock, step = account.api, account.world.clock, plan.steps[0]
    began = clock.monotonic()
    made: list[str] = []

    def refuse(method: str, path: str) -> None:
        if method == "post":
            raise RemoteRejected("other parameters", status=400, kind="idempotency_error")
        if path == step.path and clock.monotonic() > began + 12 and not made:
            made.append(path)
            good.request("post", step.path, {**step.params, "percentage": "9"}, idempotency_key="the-winner")

    account.api = StruckApi(good, refuse)
    result = account.apply(plan).results[0]
    assert result.outcome is Outcome.STALE
    assert "percentage is '9', expected '1'" in result.detail
    assert len(account.live("tax_rate")) == 1


@pytest.mark.parametrize("concurrency", [2, 16])
def test_many_threads_send_everything_once_and_in_the_order_of_needs(account: Account, concurrency: int) -> None:
    plan = account.plan({**MANY, **RATES})
    assert account.apply(plan, concurrency=concurrency).complete
    records = account.ledger.records(plan.digest)
    begun: dict[str, int] = {}
    ended: dict[str, int] = {}
    for position, record in enumerate(records):
        (begun if record.event is Event.SENT else ended)[record.step_id] = position
    assert len([r for r in records if r.event is Event.SENT]) == len(plan.steps) == writes(account.world)
    for step in plan.steps:
        assert all(ended[need] < begun[step.id] for need in step.needs)
    assert account.plan({**MANY, **RATES}).empty


def test_lock_held_by_another_says_who_and_since_when(account: Account) -> None:
    plan = account.plan(RATES)
    with account.locks.acquire("acct_000001/test/acme", "alice@ci pid 7"):
        with pytest.raises(LockHeld) as held:
            account.apply(plan)
        assert writes(account.world) == 0
    assert held.value.exit_code == 5
    words = f"{held.value.message} {held.value.hint}"
    assert "alice@ci pid 7" in words
    assert "2026" in words
    assert account.apply(plan).complete
