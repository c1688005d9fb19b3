"""Moves between two accounts, killed at each step and moment, and gone on with in each way: the old subscription ends
when the new one begins, and both accounts say so. Nobody pays twice, and nobody is left out."""

from __future__ import annotations

import copy
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.address import parse_address
from reconciler.core.journal import fold
from reconciler.core.migrations import Item, Row
from reconciler.core.plan import Plan
from reconciler.core.resources import Specs
from reconciler.core.values import Ref
from reconciler.emulator.faults import Fault, FaultKind
from reconciler.emulator.world import World
from tests.crash.matrix import Resume, try_cells
from tests.crash.mortal import Death, Killed, Moment, make_mortal
from tests.crash.scenario import complete
from tests.engine.two_accounts import DAY, GUARDS, KEY, TwoAccounts, migrating, moving, pair

PRO = Ref(parse_address("price.pro"))
STAY, BACK, MORE, NEW = ("stay",), ("back", "off"), ("more",), ("full", "paid")

# By row: the statuses of its schedules, when its source ends, and for whom.
Standing = dict[str, tuple[tuple[str, ...], int | None, str]]


@dataclass(frozen=True)
class Move:
    """Both accounts as they were before, the store of that time, and the plan for all the rest."""

    world: World
    old: World
    store: Path
    rows: dict[str, Row]
    specs: Specs
    plan: Plan

    @contextmanager
    def opened(self, folder: Path, worlds: tuple[World, World] | None = None, *, empty: bool = False) -> Iterator[Any]:
        """Open copies of both accounts, on one clock, with a copy of the store or with an empty one."""
        folder.mkdir() if empty else shutil.copytree(self.store, folder)
        world, old = copy.deepcopy(worlds or (self.world, self.old))
        try:
            with TwoAccounts(folder, world=world, old=old) as account:
                account.specs = self.specs
                yield account
        finally:
            shutil.rmtree(folder)

    def standing(self, account: TwoAccounts) -> Standing:
        """What has become of each row in both accounts."""
        held = account.by_key()
        found: Standing = {}
        for key, row in self.rows.items():
            source = account.old.subscription(str(row.source_subscription))
            whose = source["metadata"].get("billplan_moved_to", "")
            found[key] = (tuple(sorted(held.get(key, ()))), source["cancel_at"], whose)
        return found


@pytest.fixture(scope="module")
def move(session_folder: Path) -> Move:
    folder = session_folder / "moving"
    folder.mkdir()
    with TwoAccounts(folder) as account:
        rows = {key: pair(account, key, PRO) for key in (*STAY, *BACK, *MORE, *NEW)}
        paid = rows["paid"].terms
        assert paid is not None
        rows["paid"] = replace(rows["paid"], terms=replace(paid, anchor=paid.start + 9 * DAY))

        def declared(canceled: bool, changed: dict[str, Row]) -> Specs:
            given_up = moving([rows[key] for key in BACK], name="given-up", canceled=canceled)
            return migrating(moving([changed.get(key, rows[key]) for key in changed or (*STAY, *MORE)]), given_up)

        account.migrate(declared(False, {}))
        more = rows["more"].terms
        assert more is not None
        changed = {key: rows[key] for key in (*STAY, *MORE, *NEW)}
        changed["more"] = replace(rows["more"], terms=replace(more, items=(Item(price=PRO, quantity=3),)))
        specs = declared(True, changed)
        # Longer than Stripe keeps an idempotency key.
        plan = account.plan(specs, GUARDS, expires_in=7 * DAY)
        assert plan.applicable, [(str(c.address), c.refused) for c in plan.changes if c.refused]
        return Move(world=account.world, old=account.old.world, store=folder, rows=rows, specs=specs, plan=plan)


def made(account: TwoAccounts) -> Counter[str]:
    """Count the schedules that were ever made, by the key of their row."""
    events = [event for event in account.world.tables["event"] if event["type"] == "subscription_schedule.created"]
    return Counter(event["data"]["object"]["metadata"].get(KEY, "") for event in events)


def start(move: Move, key: str) -> int:
    terms = move.rows[key].terms
    assert terms is not None
    return terms.start


def wanted(move: Move) -> Standing:
    """What the rows say: who has moved ends at the source, who was rolled back goes on there."""
    found: Standing = {
        key: (("not_started",), start(move, key), f'subscription_migration.old["{key}"]')
        for key in (*STAY, *MORE, *NEW)
    }
    return found | {key: (("canceled",), None, "") for key in BACK}


@pytest.fixture(scope="module")
def sent(move: Move, session_folder: Path) -> tuple[str, ...]:
    """The steps of an undisturbed apply, in the order in which they are sent."""
    with move.opened(session_folder / "moving_told") as account:
        assert complete(account.apply(move.plan))
        assert move.standing(account) == wanted(move)
        records = account.ledger.records(move.plan.digest)
        assert account.plan(move.specs, GUARDS).empty
        return tuple(r.step_id for r in records if r.event.value == "sent")


def test_the_plan_has_a_step_of_every_sort_in_both_accounts(sent: tuple[str, ...]) -> None:
    verbs = Counter(step.rpartition("]/")[2].partition(" ")[0] for step in sent)
    assert verbs == {"create": 2, "end_source": 2, "update": 1, "cancel": 2, "keep_source": 2}


def assert_never_both_and_never_neither(move: Move, account: TwoAccounts) -> None:
    """Whatever was cut short: who is to end at the source has a schedule here, or is about to go on."""
    for key, (schedules, ends, _) in move.standing(account).items():
        if ends is not None and "not_started" not in schedules:
            # The roll back came to its middle: the schedule is canceled, and an hour is left at least.
            assert key in BACK
            assert ends - account.world.now() > 3600


def goes_on(move: Move, worlds: tuple[World, World], resume: Resume, folder: Path) -> None:
    with move.opened(folder, worlds, empty=resume is Resume.EMPTY_STORE) as account:
        assert_never_both_and_never_neither(move, account)
        plan = account.plan(move.specs, GUARDS) if resume is Resume.ANEW else move.plan
        assert complete(account.apply(plan))
        assert move.standing(account) == wanted(move)
        assert set(made(account).values()) == {1}
        progress = fold(account.ledger.records(plan.digest))
        assert not progress.in_doubt
        assert not progress.failed
        assert account.plan(move.specs, GUARDS).empty
        assert_bills_once(move, account)


def assert_bills_once(move: Move, account: TwoAccounts) -> None:
    """Let the starts pass: each row goes on in one of the two accounts."""
    account.world.clock.advance(max(start(move, key) for key in move.rows) + DAY - account.world.now())
    account.api.request("get", "/v1/subscriptions", {"limit": 1})
    here = Counter(
        one["metadata"].get(KEY) for one in account.live("subscription") if one["status"] in ("active", "trialing")
    )
    for key, row in move.rows.items():
        there = account.old.subscription(str(row.source_subscription))["status"] == "active"
        assert here[key] + there == 1, (key, here[key], there)
        assert there == (key in BACK)


def cells(move: Move, sent: tuple[str, ...], moment: Moment, folder: Path) -> Iterator[tuple[str, Any]]:
    for nth, step in enumerate(sent, start=1):
        with move.opened(folder / "wreck") as account:
            death = Death(nth, moment)
            make_mortal(account, death)
            try:
                account.apply(move.plan)
            except Killed:
                assert death.dead
            worlds = account.world, account.old.world
            wreck = replace(move, store=folder / "wreck")
            for resume in Resume:
                yield (
                    f"{step}, {moment}, {resume}",
                    lambda resume=resume, wreck=wreck, worlds=worlds: goes_on(wreck, worlds, resume, folder / "go"),
                )


@pytest.mark.parametrize("moment", Moment)
def test_every_row_bills_in_one_account_whatever_happens(
    move: Move, sent: tuple[str, ...], moment: Moment, folder: Path
) -> None:
    assert try_cells(cells(move, sent, moment, folder)) == len(sent) * len(Resume)


@pytest.mark.parametrize("kind", [FaultKind.ERROR_BEFORE, FaultKind.ERROR_AFTER, FaultKind.DROP_AFTER])
@pytest.mark.parametrize("which", ["old", "new"])
def test_trouble_in_either_account_is_got_over(
    move: Move, sent: tuple[str, ...], kind: FaultKind, which: str, folder: Path
) -> None:
    for nth in range(1, 6):
        with move.opened(folder / str(nth)) as account:
            world = account.world if which == "new" else account.old.world
            world.add_fault(Fault(kind, method="POST", nth=nth))
            account.apply(move.plan)
            assert_never_both_and_never_neither(move, account)
            account.world.clock.advance(60)
            assert complete(account.apply(move.plan))
            assert move.standing(account) == wanted(move)
            assert_bills_once(move, account)


def test_keys_that_stripe_has_forgotten_do_no_harm(move: Move, sent: tuple[str, ...], folder: Path) -> None:
    for nth in range(1, len(sent) + 1):
        with move.opened(folder / "go") as account:
            death = Death(nth, Moment.COMMITTED)
            make_mortal(account, death)
            with pytest.raises(Killed):
                account.apply(move.plan)
            worlds = account.world, account.old.world
        with move.opened(folder / "go", worlds, empty=True) as account:
            account.world.clock.advance(25 * 3600)
            assert complete(account.apply(move.plan))
            assert move.standing(account) == wanted(move)
            assert set(made(account).values()) == {1}
