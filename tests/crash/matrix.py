"""The crash matrix: every step, every moment of its request, every way to go on; and what must hold in the end."""

from __future__ import annotations

import copy
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any

from reconciler.core.journal import fold
from reconciler.core.plan import Plan
from reconciler.core.results import Outcome
from reconciler.emulator.world import World
from reconciler.errors import BillplanError
from tests.account import Account
from tests.crash.likeness import Effect, assert_single_markers, effects, likeness, made_and_deleted
from tests.crash.mortal import Death, Killed, Moment, make_mortal
from tests.crash.scenario import Scenario, complete


class Resume(StrEnum):
    """How an apply that ended early is gone on with."""

    OLD_STORE = "same plan, old store"
    EMPTY_STORE = "same plan, empty store"
    ANEW = "planned anew"


@dataclass(frozen=True)
class Undisturbed:
    """What the scenario comes to where nothing goes wrong: the yardstick of every cell."""

    sent: tuple[str, ...]
    likeness: dict[str, Any]
    effects: Counter[Effect]


@dataclass(frozen=True)
class Wreck:
    """A world and a store as somebody's end left them."""

    world: World
    store: Path

    @contextmanager
    def opened(self, folder: Path, *, empty: bool) -> Iterator[Account]:
        """Open a copy of the world, with a copy of the store or with an empty one."""
        if empty:
            folder.mkdir()
        else:
            shutil.copytree(self.store, folder)
        try:
            with Account(folder, world=copy.deepcopy(self.world)) as account:
                yield account
        finally:
            shutil.rmtree(folder)


# Goes on from a wreck, in a folder of its own, and sees that all is well in the end.
GoOn = Callable[[Wreck, Resume, Path], None]


def undisturbed(scenario: Scenario, folder: Path) -> Undisturbed:
    """Apply the scenario's plan in peace; list the steps as they were sent."""
    with scenario.opened(folder) as account:
        assert complete(account.apply(scenario.plan))
        records = account.ledger.records(scenario.plan.digest)
        sent = tuple(r.step_id for r in records if r.event.value == "sent")
        assert sorted(sent) == sorted(s.id for s in scenario.plan.steps)
        assert scenario.replan(account).empty
        assert_single_markers(account.world)
        return Undisturbed(sent, likeness(account.world), effects(account.world, scenario.world))


@contextmanager
def wrecked(scenario: Scenario, death: Death, folder: Path) -> Iterator[Wreck]:
    """Apply the scenario's plan until something befalls it."""
    with scenario.opened(folder) as account:
        make_mortal(account, death)
        try:
            account.apply(scenario.plan)
        except Killed:
            assert death.dead
        else:
            assert not death.dead
    yield Wreck(account.world, folder)
    shutil.rmtree(folder)


def assert_converges(scenario: Scenario, wreck: Wreck, resume: Resume, told: Undisturbed, folder: Path) -> None:
    """Go on, and see that all is as after an undisturbed apply: the same account, each effect once, a true journal."""
    with wreck.opened(folder, empty=resume is Resume.EMPTY_STORE) as account:
        plan = scenario.replan(account) if resume is Resume.ANEW else scenario.plan
        assert complete(account.apply(plan))
        assert likeness(account.world) == told.likeness
        done = effects(account.world, scenario.world)
        assert made_and_deleted(done) == made_and_deleted(told.effects)
        if resume is not Resume.ANEW:
            assert done == told.effects
        assert_single_markers(account.world)
        progress = fold(account.ledger.records(plan.digest))
        assert not progress.in_doubt
        assert not progress.failed
        assert set(progress.done) == {s.id for s in plan.steps}
        assert scenario.replan(account).empty
        if resume is Resume.EMPTY_STORE:
            assert_second_apply_sends_nothing(account, plan)


def assert_second_apply_sends_nothing(account: Account, plan: Plan) -> None:
    """Apply a plan that is done once more."""
    before = writes(account.world)
    applied = account.apply(plan)
    assert {r.outcome for r in applied.results} == {Outcome.ALREADY}
    assert writes(account.world) == before


def writes(world: World) -> int:
    """Count the requests that a world was sent to change something."""
    return sum(line["method"] != "GET" for line in world.log)


def try_cells(cells: Iterator[tuple[str, Callable[[], None]]]) -> int:
    """Run cells; fail with the names and words of all that do not hold. Return how many there were."""
    count, failed = 0, []
    for name, cell in cells:
        count += 1
        try:
            cell()
        except (AssertionError, BillplanError) as error:
            failed.append(f"{name}: {str(error)[:600]}")
    assert not failed, f"{len(failed)} of {count} cells:\n" + "\n".join(failed[:20])
    return count


def cells_of(
    scenario: Scenario, sent: Sequence[str], moment: Moment, folder: Path, go_on: GoOn
) -> Iterator[tuple[str, Callable[[], None]]]:
    """Enumerate the cells of one moment, step by step as they are sent, three ways to go on with each."""
    for nth, step in enumerate(sent, start=1):
        with wrecked(scenario, Death(nth, moment), folder / "wreck") as wreck:
            for resume in Resume:
                yield f"{step}, {moment}, {resume}", partial(go_on, wreck, resume, folder / "go")
