"""Migrations killed at each step and moment, and gone on with in each way: no subscription twice, none lost."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.journal import fold
from reconciler.core.migrations import WantedMigrations
from reconciler.core.plan import Plan
from reconciler.core.resources import Specs
from reconciler.core.results import Outcome
from reconciler.emulator.faults import Fault, FaultKind
from reconciler.emulator.world import World
from reconciler.engine.apply import Applied
from reconciler.errors import StalePlan
from reconciler.ports.billing import BillingApi
from tests.account import Account
from tests.crash.matrix import Resume, Wreck, assert_second_apply_sends_nothing, cells_of, try_cells, wrecked
from tests.crash.migrating import made, make_migrating, standing
from tests.crash.mortal import Death, Moment
from tests.crash.real_time import lease_in_real_time
from tests.crash.scenario import Scenario, complete
from tests.engine.migration_account import DAY, GUARDS, START
from tests.relay import Relay

Told = tuple[tuple[str, ...], dict[str, Any], Counter[tuple[str, str]]]
SCHEDULED = "subscription_schedule.created"


@pytest.fixture(scope="module")
def migrating(session_folder: Path) -> Scenario:
    return make_migrating(session_folder / "migrating")


@pytest.fixture(scope="module")
def told(migrating: Scenario, session_folder: Path) -> Told:
    with migrating.opened(session_folder / "migrating_told") as account:
        assert complete(account.apply(migrating.plan))
        records = account.ledger.records(migrating.plan.digest)
        sent = tuple(r.step_id for r in records if r.event.value == "sent")
        assert migrating.replan(account).empty
        return sent, standing(account.world), made(account.world)


def statuses(world: World) -> dict[str, list[str]]:
    """The statuses of the schedules of each row."""
    return {key: [one["status"] for one in held] for key, held in standing(world)["schedules"].items()}


def test_the_scenario_comes_to_what_the_rows_say(told: Told) -> None:
    sent, found, ever = told
    assert len(sent) == 17
    assert set(ever.values()) == {1}
    held = {key: [one["status"] for one in all_of] for key, all_of in found["schedules"].items()}
    assert held.pop("back") == held.pop("off") == ["canceled"]
    assert set(map(tuple, held.values())) == {("not_started",)}
    assert list(found["subscriptions"]) == ["runs"]
    assert all(found["pays"].values())
    assert found["schedules"]["more"][0]["phases"][0]["items"][0]["quantity"] == 3


def test_the_scenario_holds_every_sort_of_step(migrating: Scenario) -> None:
    done = {f"{step.kind} {step.id.rpartition('/')[2].partition(' ')[0]}" for step in migrating.plan.steps}
    assert done == {
        "product create",
        "price create",
        "payer update",
        "migrated_subscription create",
        *(f"subscription_migration {verb}" for verb in ("create", "update", "cancel")),
    }


def goes_on(scenario: Scenario, told: Told, wreck: Wreck, resume: Resume, folder: Path) -> None:
    with wreck.opened(folder, empty=resume is Resume.EMPTY_STORE) as account:
        plan = scenario.replan(account) if resume is Resume.ANEW else scenario.plan
        assert complete(account.apply(plan))
        assert standing(account.world) == told[1]
        assert made(account.world) == told[2]
        progress = fold(account.ledger.records(plan.digest))
        assert not progress.in_doubt
        assert not progress.failed
        assert scenario.replan(account).empty
        if resume is Resume.EMPTY_STORE:
            assert_second_apply_sends_nothing(account, plan)


@pytest.mark.parametrize("moment", Moment)
def test_every_row_arrives_once_whatever_happens(migrating: Scenario, told: Told, moment: Moment, folder: Path) -> None:
    go_on = partial(goes_on, migrating, told)
    assert try_cells(cells_of(migrating, told[0], moment, folder, go_on)) == len(told[0]) * len(Resume)


@pytest.mark.parametrize("kind", [FaultKind.ERROR_BEFORE, FaultKind.ERROR_AFTER, FaultKind.DROP_AFTER])
def test_trouble_of_one_request_is_got_over(migrating: Scenario, told: Told, kind: FaultKind, folder: Path) -> None:
    for nth in range(1, len(told[0]) + 1):
        with migrating.opened(folder / str(nth)) as account:
            account.world.add_fault(Fault(kind, method="POST", nth=nth))
            account.apply(migrating.plan)
            account.world.clock.advance(60)
            assert complete(account.apply(migrating.plan))
            assert (standing(account.world), made(account.world)) == told[1:]


def test_a_plan_is_finished_after_stripe_has_forgotten_the_keys(migrating: Scenario, told: Told, folder: Path) -> None:
    death = Death(9, Moment.COMMITTED)
    with wrecked(migrating, death, folder / "wreck") as wreck, wreck.opened(folder / "go", empty=True) as account:
        account.world.clock.advance(25 * 3600)
        assert complete(account.apply(migrating.plan))
        assert made(account.world) == told[2]


def test_what_was_not_scheduled_in_time_is_not_sent_and_what_was_is_found(
    migrating: Scenario, told: Told, folder: Path
) -> None:
    death = Death(9, Moment.COMMITTED)
    plan = replace(migrating.plan, header=replace(migrating.plan.header, expires_at=START + 9 * DAY))
    with wrecked(migrating, death, folder / "wreck") as wreck, wreck.opened(folder / "go", empty=True) as account:
        done, left = told[0][:9], told[0][9:]
        scheduled = set(statuses(account.world))
        account.world.clock.advance(START - account.world.now())
        ended = {r.step.id: r for r in account.apply(plan).results}
        # What was scheduled in time has started, and stands beside its subscription; no other has come since.
        assert {ended[step].outcome for step in done} == {Outcome.ALREADY}
        late = [ended[step] for step in left if "subscription_migration" in step]
        assert len(late) > 5
        assert {r.outcome for r in late} == {Outcome.STALE}
        words = {r.detail.partition("; ")[2] for r in late if r.step.id.endswith("/create")}
        assert words == {"give the row a later start_date", "give the row its next start_date and billing_cycle_anchor"}
        found = statuses(account.world)
        assert set(found) == scheduled
        assert set(map(tuple, found.values())) <= {("active",), ("not_started",), ("canceled",)}
        assert set(made(account.world).values()) == {1}
        assert fold(account.ledger.records(plan.digest)).in_doubt == {}


class InterruptedApi(Relay):
    """A billing API at whose nth write somebody presses Ctrl-C."""

    def __init__(self, inner: BillingApi, nth: int) -> None:
        super().__init__(inner)
        self._left = nth

    @contextmanager
    def around(self, method: str, path: str) -> Iterator[None]:
        if method != "get":
            self._left -= 1
            if not self._left:
                raise KeyboardInterrupt
        yield


def rolled_back(specs: Specs) -> Specs:
    """The same rows, all of them given up."""
    given_up = tuple(replace(one, canceled=True) for one in specs.migrations.migrations)
    wanted = WantedMigrations(migrations=given_up)
    return replace(specs, migrations=wanted, digest=f"{specs.digest[:-1]}x")


@pytest.mark.parametrize("nth", [5, 9, 17])
def test_what_was_cut_short_and_rolled_back_does_not_rise_again(migrating: Scenario, nth: int, folder: Path) -> None:
    with migrating.opened(folder / "first") as account:
        account.around = lambda api: InterruptedApi(api, nth)
        with pytest.raises(KeyboardInterrupt):
            account.apply(migrating.plan)
        account.around = lambda api: api
        scheduled = set(statuses(account.world))
        back = rolled_back(migrating.specs)
        plan = account.plan(back, GUARDS)
        assert complete(account.apply(plan))
        assert account.plan(back, GUARDS).empty
        assert set(map(tuple, statuses(account.world).values())) == {("canceled",)}
        with pytest.raises(StalePlan):
            account.apply(migrating.plan)
        # Another runner, which knows nothing of all that.
        (folder / "empty").mkdir()
        account.change_store(folder / "empty")
        account.apply(migrating.plan)
        found = statuses(account.world)
        assert {tuple(found[key]) for key in scheduled} == {("canceled",)}
        assert set(made(account.world).values()) == {1}


@contextmanager
def runners(scenario: Scenario, folder: Path) -> Iterator[tuple[Account, Account]]:
    """Give two machines with a store each, before one account."""
    with scenario.opened(folder / "one") as one:
        (folder / "other").mkdir()
        with Account(folder / "other", world=one.world) as other:
            lease_in_real_time(one)
            lease_in_real_time(other)
            yield one, other


@pytest.mark.parametrize("concurrency", [1, 4])
def test_two_runners_at_once_make_one_schedule_a_row(
    migrating: Scenario, told: Told, concurrency: int, folder: Path
) -> None:
    with runners(migrating, folder) as (one, other):
        applied: list[Applied] = []
        start = threading.Barrier(2)

        def run(account: Account, plan: Plan) -> None:
            start.wait()
            applied.append(account.apply(plan, concurrency=concurrency))

        threads = [threading.Thread(target=run, args=(account, migrating.plan)) for account in (one, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(applied) == 2
        assert made(one.world) == told[2]
        assert complete(one.apply(migrating.plan))
        assert (standing(one.world), made(one.world)) == told[1:]
