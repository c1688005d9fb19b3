"""Two applies of the same addresses at once, from two empty stores: one object each, and the loser is told."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.plan import Plan
from reconciler.core.results import Outcome
from reconciler.emulator.faults import Phase
from reconciler.emulator.message import Request
from reconciler.emulator.world import World
from reconciler.engine.apply import Applied
from tests.account import Account, new_world
from tests.crash.likeness import assert_single_markers, likeness
from tests.crash.matrix import assert_second_apply_sends_nothing
from tests.crash.real_time import lease_in_real_time

MONTH = {"interval": "month"}
ONE: dict[str, dict[str, Any]] = {
    "product.pro": {"name": "Pro", "default_price": "price.m"},
    "price.m": {"product": "product.pro", "currency": "usd", "unit_amount": 2900, "recurring": MONTH},
    "coupon.launch": {"percent_off": 20, "duration": "once", "name": "One"},
    "promotion_code.l": {"code": "LAUNCH", "promotion": {"coupon": "coupon.launch"}, "max_redemptions": 4},
    "tax_rate.vat": {"display_name": "VAT", "percentage": 19, "inclusive": False},
    "meter.calls": {"display_name": "Calls", "event_name": "calls", "default_aggregation": {"formula": "sum"}},
}
OTHER: dict[str, dict[str, Any]] = {
    **ONE,
    "product.pro": {"name": "Professional", "default_price": "price.m"},
    "price.m": {**ONE["price.m"], "unit_amount": 3900},
    "coupon.launch": {"percent_off": 20, "duration": "once", "name": "Other"},
    "promotion_code.l": {**ONE["promotion_code.l"], "max_redemptions": 5},
    "tax_rate.vat": {**ONE["tax_rate.vat"], "percentage": 20},
    "meter.calls": {**ONE["meter.calls"], "display_name": "API calls"},
}


@contextmanager
def runners(folder: Path) -> Iterator[tuple[Account, Account]]:
    """Give two machines with a store each, before one account."""
    world = new_world()
    for name in ("one", "other"):
        (folder / name).mkdir()
    with Account(folder / "one", world=world) as one, Account(folder / "other", world=world) as other:
        lease_in_real_time(one)
        lease_in_real_time(other)
        yield one, other


def outcomes(applied: Applied) -> dict[str, Outcome]:
    return {r.step.id: r.outcome for r in applied.results}


def assert_one_object_each(world: World) -> None:
    made = Counter(e["type"] for e in world.tables["event"] if e["type"].endswith(".created"))
    assert made == {
        "product.created": 1,
        "price.created": 1,
        "coupon.created": 1,
        "promotion_code.created": 1,
        "tax_rate.created": 1,
        "billing.meter.created": 1,
    }
    assert_single_markers(world)


def assert_loser_is_told(won: Applied, lost: Applied) -> None:
    """See that each create is done by one, and that the other is told whose values the object has instead."""
    for step, outcome in outcomes(won).items():
        if step.endswith("/create"):
            other = outcomes(lost)[step]
            pair = {outcome, other}
            assert pair <= {Outcome.DONE, Outcome.STALE, Outcome.SKIPPED, Outcome.ALREADY}, (step, pair)
            assert len(pair & {Outcome.DONE, Outcome.ALREADY}) == 1, (step, pair)
            assert {Outcome.STALE, Outcome.SKIPPED} & pair, (step, pair)
    told = [r for r in (*won.results, *lost.results) if r.outcome is Outcome.STALE]
    assert told
    assert all("expected" in r.detail for r in told)


def assert_a_new_plan_takes_it_from_there(account: Account) -> None:
    # A meter has no marker, so one that differs is taken over by adopt: alone.
    meter = account.live("billing.meter")[-1]["id"]
    account.converge({**ONE, "meter.calls": {**ONE["meter.calls"], "adopt": meter}})
    assert_single_markers(account.world)


def overtaken(one: Account, plan: Plan, other: Account, other_plan: Plan, at: tuple[int, Phase]) -> list[Applied]:
    """Apply a plan; let the other apply run from start to end at one moment of one of its writes."""
    seen = 0
    results: list[Applied] = []

    def overtake(phase: Phase, request: Request, index: int) -> None:
        nonlocal seen
        if results or request.method == "GET" or phase != at[1]:
            return
        seen += 1
        if seen == at[0]:
            one.world.hooks.clear()
            results.append(other.apply(other_plan))

    one.world.hooks.append(overtake)
    return [one.apply(plan), *results]


@pytest.mark.parametrize("phase", ["received", "committed"])
def test_two_commits_at_once_make_one_object_each_and_tell_the_loser(phase: Phase, tmp_path: Path) -> None:
    count = len(ONE) + 1
    for nth in range(1, count + 1):
        folder = tmp_path / f"{nth}"
        folder.mkdir()
        with runners(folder) as (one, other):
            plans = one.plan(ONE), other.plan(OTHER)
            both = overtaken(one, plans[0], other, plans[1], (nth, phase))
            if len(both) == 1:
                continue
            assert_one_object_each(one.world)
            assert_loser_is_told(*both)
            assert_a_new_plan_takes_it_from_there(one)


@pytest.mark.parametrize("phase", ["received", "committed"])
def test_one_commit_applied_twice_at_once_is_as_applied_once(phase: Phase, tmp_path: Path) -> None:
    (tmp_path / "alone").mkdir()
    with runners(tmp_path / "alone") as (one, _):
        one.converge(ONE)
        told = likeness(one.world)
    for nth in range(1, len(ONE) + 2):
        folder = tmp_path / f"{nth}"
        folder.mkdir()
        with runners(folder) as (one, other):
            plans = one.plan(ONE), other.plan(ONE)
            both = overtaken(one, plans[0], other, plans[1], (nth, phase))
            assert len(both) == 2
            assert all(applied.complete for applied in both)
            assert_one_object_each(one.world)
            assert likeness(one.world) == told
            assert_second_apply_sends_nothing(one, plans[0])


@pytest.mark.parametrize("turn", range(4))
def test_two_commits_in_two_threads(turn: int, tmp_path: Path) -> None:
    with runners(tmp_path) as (one, other):
        plans = one.plan(ONE), other.plan(OTHER)
        start = threading.Barrier(2)
        found: dict[int, Applied] = {}

        def run(number: int, account: Account) -> None:
            start.wait()
            found[number] = account.apply(plans[number], concurrency=1 + 4 * (turn % 2))

        threads = [threading.Thread(target=run, args=pair) for pair in enumerate((one, other))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert_loser_is_told(found[0], found[1])
        assert_single_markers(one.world)


def test_second_apply_is_told_who_holds_the_lock_and_the_account_is_as_after_one(tmp_path: Path) -> None:
    with runners(tmp_path) as (one, _):
        plan = one.plan(ONE)
        told: list[BaseException] = []

        def second(phase: Phase, request: Request, index: int) -> None:
            if request.method != "GET" and not told:
                try:
                    one.apply(plan, who="bob@laptop")
                except Exception as error:
                    told.append(error)

        one.world.hooks.append(second)
        assert one.apply(plan, who="alice@ci pid 7").complete
        assert "alice@ci pid 7" in str(told[0])
        assert getattr(told[0], "exit_code", 0) == 5
        assert_one_object_each(one.world)
        one.world.hooks.clear()
        assert_second_apply_sends_nothing(one, plan)
