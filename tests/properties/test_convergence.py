"""Whatever is declared, edited, cut short and gone on with: the account comes to the specs, nothing is done twice."""

from __future__ import annotations

import copy
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from reconciler.core.guards import Guards
from reconciler.core.plan import Plan
from reconciler.emulator.faults import Fault, FaultKind
from reconciler.emulator.world import World
from tests.account import Account, new_world
from tests.crash.likeness import assert_single_markers, effects, likeness, made_and_deleted
from tests.crash.mortal import Death, Killed, Moment, make_mortal
from tests.crash.real_time import lease_in_real_time
from tests.properties.catalogues import Bodies, edit, make_catalogue

GUARDS = Guards(allow=("irreversible:*",), max_retire_percent=None)
ROUNDS = 4
# Stale reads are no fault of a Stripe that lists what it has committed; the crash matrix has them one by one.
KINDS = [k for k in FaultKind if k not in (FaultKind.SLOW, FaultKind.STALE_READ)]


class Machine:
    """An account on machines that come and go, with their stores or without."""

    def __init__(self, folder: Path, random: Random) -> None:
        self.world = new_world()
        self._folder = folder
        self._random = random
        self._count = 0
        self.store = self._new_store()

    def _new_store(self) -> Path:
        self._count += 1
        store = self._folder / str(self._count)
        store.mkdir()
        return store

    def round(self, bodies: Bodies) -> None:
        """Bring the account to these specs, with trouble on the way; see that it is as without."""
        before = copy.deepcopy(self.world)
        plan: Plan | None = None
        for trouble in [self._random.random() < 0.8 for _ in range(3)] + [False, False]:
            plan = self._apply(bodies, plan, trouble=trouble)
        self._assert_arrived(bodies, before)

    def _apply(self, bodies: Bodies, plan: Plan | None, *, trouble: bool) -> Plan:
        if self._random.random() < 0.3:
            self.store = self._new_store()
        with Account(self.store, world=self.world) as account:
            lease_in_real_time(account)
            if plan is None or not trouble or self._random.random() < 0.3:
                plan = account.plan(bodies, GUARDS)
                assert plan.applicable, (plan.refusals, [c.refused for c in plan.changes])
            if trouble:
                self._strike(account, len(plan.steps))
            concurrency = self._random.choice([1, 1, 4])
            with suppress(Killed):
                account.apply(plan, concurrency=concurrency)
        self.world.faults.registered.clear()
        return plan

    def _strike(self, account: Account, steps: int) -> None:
        nth = self._random.randint(1, max(1, steps))
        if self._random.random() < 0.5:
            make_mortal(account, Death(nth, self._random.choice(list(Moment))))
        else:
            times = self._random.choice([1, 1, 3, 9])
            self.world.add_fault(Fault(self._random.choice(KINDS), method="POST", nth=nth, times=times))

    def _assert_arrived(self, bodies: Bodies, before: World) -> None:
        with (
            Account(self._new_store(), world=copy.deepcopy(before)) as peace,
            Account(self.store, world=self.world) as account,
        ):
            first = peace.plan(bodies, GUARDS)
            assert peace.apply(first).complete
            assert account.plan(bodies, GUARDS).empty
            assert likeness(self.world) == likeness(peace.world)
            done, told = effects(self.world, before), effects(peace.world, before)
            assert made_and_deleted(done) == made_and_deleted(told)
            assert_single_markers(self.world)


@pytest.mark.parametrize("seed", range(24))
def test_trouble_changes_nothing_of_where_an_account_arrives(seed: int, tmp_path: Path) -> None:
    random = Random(seed)
    machine = Machine(tmp_path, random)
    bodies = make_catalogue(random)
    for _ in range(ROUNDS):
        machine.round(bodies)
        bodies = edit(bodies, random)
