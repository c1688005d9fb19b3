"""Bindings killed at each step, at each moment of it, and gone on with in each way: bound once, and made once."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from reconciler.core.bindings import BoundBy
from reconciler.core.plan import Plan
from reconciler.core.resources import Specs
from reconciler.emulator.faults import Fault, FaultKind
from reconciler.emulator.world import World
from reconciler.ports.bindings import Lesson
from reconciler.store.binding_tables import BINDINGS
from tests.crash.matrix import Resume
from tests.crash.mortal import Death, Killed, Moment, make_mortal
from tests.engine.binding_account import KEY, BindingAccount, row, wanted

SENT = 5


class Scenario:
    """A world whose bindings are to be made, repaired and found again, and the plan of that."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.store = folder
        account = BindingAccount(folder)
        first, edited, by_email = account.customer(), account.customer(), account.customer("jane@example.com")
        before = wanted([row("edited", customer=edited)])
        assert account.carry_out(account.plan(before), before).complete
        account.by_hand("post", f"/v1/customers/{edited}", metadata={KEY: "somebody"})
        self.specs: Specs = wanted(
            [
                row("by_id", customer=first),
                row("edited", customer=edited),
                row("by_email", email="JANE@example.com"),
                row("made", email="kim@example.com", create={"name": "Kim"}),
                row("made_too", email="lee@example.com", create={}),
            ]
        )
        self.plan: Plan = account.plan(self.specs, expires_in=7 * 86400)
        self.world = account.world
        self.held = {first: "by_id", edited: "edited", by_email: "by_email"}
        account.close()

    @contextmanager
    def opened(self, folder: Path, world: World | None = None, store: Path | None = None) -> Iterator[BindingAccount]:
        """Open a copy of a world, with a copy of a store or with an empty one."""
        if store is None:
            folder.mkdir()
        else:
            shutil.copytree(store, folder)
        account = BindingAccount(folder, world=copy.deepcopy(world or self.world))
        try:
            yield account
        finally:
            account.close()

    def check(self, account: BindingAccount) -> None:
        """See that everybody is bound, in metadata and store, and nobody was made twice."""
        customers = account.live("customer")
        held: dict[str, Any] = {one["id"]: one["metadata"].get(KEY) for one in customers}
        assert {id: held.pop(id) for id in self.held} == self.held
        assert sorted(held.values()) == ["made", "made_too"]
        assert {one["email"] for one in customers if one["id"] in held} == {"kim@example.com", "lee@example.com"}
        bound = {one.customer: one.external_id for one in account.bindings.all().values()}
        assert bound == {**self.held, **held}
        with account.database.read() as connection:
            assert BoundBy.RESERVED not in connection.execute(select(BINDINGS.c.bound_by)).scalars().all()
        after = account.plan(self.specs)
        assert after.empty
        assert not after.drift
        assert not after.diagnostics


@pytest.fixture(scope="module")
def bindings(session_folder: Path) -> Scenario:
    return Scenario(session_folder / "bindings")


def test_an_undisturbed_apply_binds_everybody(bindings: Scenario, folder: Path) -> None:
    with bindings.opened(folder / "told", store=bindings.store) as account:
        before = len(account.world.log)
        assert account.carry_out(bindings.plan, bindings.specs).complete
        assert len(account.writes(before)) == SENT
        bindings.check(account)


@pytest.mark.parametrize("moment", Moment)
@pytest.mark.parametrize("resume", Resume)
def test_an_apply_that_was_cut_short_is_finished(
    bindings: Scenario, moment: Moment, resume: Resume, folder: Path
) -> None:
    for nth in range(1, SENT + 1):
        death, wreck = Death(nth, moment), folder / f"wreck{nth}"
        with bindings.opened(wreck, store=bindings.store) as account:
            make_mortal(account, death)
            try:
                account.carry_out(bindings.plan, bindings.specs)
            except Killed:
                assert death.dead
            world = account.world
        store = None if resume is Resume.EMPTY_STORE else wreck
        with bindings.opened(folder / f"go{nth}", world, store) as account:
            plan = account.plan(bindings.specs) if resume is Resume.ANEW else bindings.plan
            applied = account.carry_out(plan, bindings.specs)
            assert applied.complete, [(nth, r.step.id, r.detail) for r in applied.results if not r.good]
            if resume is Resume.ANEW:
                # What was bound before its answer came is unchanged by now, and no step tells the store.
                learn(account)
            bindings.check(account)


def learn(account: BindingAccount) -> None:
    """Let the store learn what the metadata has, as a sync does."""
    found = [(one["metadata"][KEY], one["id"]) for one in account.live("customer")]
    account.bindings.learn(Lesson(as_of=account.clock.now(), found=found), account.clock.now())


@pytest.mark.parametrize("kind", [FaultKind.ERROR_BEFORE, FaultKind.ERROR_AFTER, FaultKind.DROP_AFTER])
def test_trouble_of_one_request_is_got_over(bindings: Scenario, kind: FaultKind, folder: Path) -> None:
    for nth in range(1, SENT + 1):
        with bindings.opened(folder / str(nth), store=bindings.store) as account:
            account.world.add_fault(Fault(kind, method="POST", nth=nth))
            account.carry_out(bindings.plan, bindings.specs)
            account.world.clock.advance(60)
            assert account.carry_out(bindings.plan, bindings.specs).complete
            bindings.check(account)


def test_a_plan_is_finished_after_stripe_has_forgotten_the_keys(bindings: Scenario, folder: Path) -> None:
    with bindings.opened(folder / "late", store=bindings.store) as account:
        make_mortal(account, Death(SENT - 1, Moment.COMMITTED))
        with pytest.raises(Killed):
            account.carry_out(bindings.plan, bindings.specs)
        world = account.world
    with bindings.opened(folder / "later", world) as account:
        account.world.clock.advance(25 * 3600)
        assert account.carry_out(bindings.plan, bindings.specs).complete
        bindings.check(account)
