"""Stripe's own troubles at each step: recorded failures, storms of 429, cut answers, stale reads, forgotten keys."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from reconciler.core.journal import fold
from reconciler.core.results import Outcome
from reconciler.emulator.faults import Fault, FaultKind
from tests.crash.likeness import assert_single_markers, effects, likeness
from tests.crash.matrix import (
    Resume,
    Undisturbed,
    Wreck,
    assert_converges,
    assert_second_apply_sends_nothing,
    try_cells,
    wrecked,
)
from tests.crash.mortal import Death, Moment
from tests.crash.scenario import Scenario, complete

Cells = Iterator[tuple[str, Callable[[], None]]]

A_DAY_AND_MORE = 25 * 3600


FAULTS = {
    "a failure recorded before the commit": (FaultKind.ERROR_BEFORE, 1),
    "a failure recorded after the commit": (FaultKind.ERROR_AFTER, 1),
    "an answer cut short": (FaultKind.TRUNCATE, 1),
    "a request lost on its way": (FaultKind.DROP_BEFORE, 1),
    "an answer lost on its way": (FaultKind.DROP_AFTER, 1),
    "a storm of 429": (FaultKind.RATE_LIMIT, 6),
    "an object locked by another request": (FaultKind.LOCK_TIMEOUT, 3),
}


@pytest.mark.parametrize("name", FAULTS)
def test_trouble_of_one_request_is_got_over(scenario: Scenario, told: Undisturbed, name: str, folder: Path) -> None:
    kind, times = FAULTS[name]
    methods = {s.id: s.method.upper() for s in scenario.plan.steps}

    def one(fault: Fault, at: Path) -> None:
        with scenario.opened(at) as account:
            account.world.add_fault(fault)
            first = account.apply(scenario.plan)
            assert fault.seen >= fault.nth
            if not first.complete:
                # A delete has no key to be sent again under: it is looked after, and left to the next apply.
                assert (name, fault.method) == ("a request lost on its way", "DELETE")
                left = {r.outcome for r in first.results if not r.good}
                assert left <= {Outcome.IN_DOUBT, Outcome.SKIPPED}
                assert set(fold(account.ledger.records(scenario.plan.digest)).in_doubt) == {
                    "coupon.bye/delete acme-bye"
                }
                assert complete(account.apply(scenario.plan))
            assert likeness(account.world) == told.likeness
            assert effects(account.world, scenario.world) == told.effects
            assert_single_markers(account.world)
            assert scenario.replan(account).empty

    def cells() -> Cells:
        sent = [methods[step] for step in told.sent]
        for position, step in enumerate(told.sent):
            fault = Fault(kind, method=sent[position], nth=sent[: position + 1].count(sent[position]), times=times)
            yield f"{step}, {name}", partial(one, fault, folder / str(position))

    try_cells(cells())


def test_plan_is_finished_after_stripe_has_forgotten_the_keys(
    scenario: Scenario, told: Undisturbed, folder: Path
) -> None:
    def cells() -> Cells:
        for nth, step in enumerate(told.sent, start=1):
            with wrecked(scenario, Death(nth, Moment.COMMITTED), folder / "wreck") as wreck:
                wreck.world.clock.advance(A_DAY_AND_MORE)
                yield step, partial(assert_converges, scenario, wreck, Resume.EMPTY_STORE, told, folder / "go")

    try_cells(cells())


def test_listing_that_shows_the_past_does_nothing_twice(scenario: Scenario, told: Undisturbed, folder: Path) -> None:
    def one(wreck: Wreck) -> None:
        with wreck.opened(folder / "go", empty=True) as account:
            account.world.faults.registered.append(_past(scenario))
            assert complete(account.apply(scenario.plan))
            assert likeness(account.world) == told.likeness
            assert effects(account.world, scenario.world) == told.effects
            assert_second_apply_sends_nothing(account, scenario.plan)

    def cells() -> Cells:
        for nth, step in enumerate(told.sent, start=1):
            with wrecked(scenario, Death(nth, Moment.COMMITTED), folder / "wreck") as wreck:
                yield step, partial(one, wreck)

    try_cells(cells())


def _past(scenario: Scenario) -> Fault:
    """Show the world before the apply to the target check and the listing: a page of each kind, two of prices."""
    fault = Fault(FaultKind.STALE_READ, times=2 + len({s.kind for s in scenario.plan.steps}))
    fault.snapshot = copy.deepcopy(scenario.world.tables)
    return fault


def test_replayed_answer_about_an_object_archived_since_makes_nothing_in_its_place(
    scenario: Scenario, folder: Path
) -> None:
    with scenario.opened(folder / "store") as account:
        assert complete(account.apply(scenario.plan))
        made = next(t for t in account.live("tax_rate") if t["metadata"].get("billplan_address") == "tax_rate.new")
        account.api.request("post", f"/v1/tax_rates/{made['id']}", {"active": False}, idempotency_key="by-hand")
        count = len(account.live("tax_rate"))
        account.world.faults.registered.append(_past(scenario))
        applied = {r.step.id: r for r in account.apply(scenario.plan).results}
        assert applied["tax_rate.new/create"].outcome is Outcome.STALE
        assert "alive is False, expected True" in applied["tax_rate.new/create"].detail
        assert len(account.live("tax_rate")) == count
