"""A roll back at once: what of a migration is canceled before it starts, what that saves customers, what is too late.

Pure. Moments are epoch seconds, UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reconciler.core.address import Address
from reconciler.core.changes import Action, Change
from reconciler.core.checked_rows import fault_words
from reconciler.core.course import Course
from reconciler.core.migration_facts import Held
from reconciler.core.migration_money import Total, totalled
from reconciler.core.migration_plan import PlannedRow
from reconciler.core.migration_sums import monthly
from reconciler.core.migrations import KIND, row_address
from reconciler.core.row_standing import RowStanding
from reconciler.core.types import show_moment

_STARTED = (RowStanding.LIVE, RowStanding.ENDED)
# What is canceled, and sources that go on: they were to end for what was canceled before.
_DONE = (Action.RETIRE, Action.UPDATE)


@dataclass(frozen=True, slots=True, kw_only=True)
class RollBackScope:
    """What is rolled back: a migration, or of it a batch, or the rows of some keys; both narrow it down."""

    migration: str
    batch: str | None = None
    keys: frozenset[str] = frozenset()

    @property
    def whole(self) -> bool:
        """Say whether all of the migration is meant, with what its rows left behind."""
        return self.batch is None and not self.keys

    def takes(self, one: PlannedRow) -> bool:
        """Say whether a row is meant."""
        if one.migration.name != self.migration or (self.batch is not None and one.batch != self.batch):
            return False
        return not self.keys or one.row.key in self.keys


@dataclass(frozen=True, slots=True, kw_only=True)
class Spared:
    """A row that cannot be canceled, and why."""

    address: Address
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RollBackView:
    """What a roll back comes to. `freed` sources are to end for what is canceled already, and go on. `charges` are the
    first charges that will not be made, by currency, `moved` what the rows come to a month; `uncounted` rows have a
    course that nobody knows. `started` rows are left alone, since they have a subscription, and `late` ones start too
    soon to be canceled."""

    canceled: int
    freed: int = 0
    charges: tuple[Total, ...] = ()
    moved: tuple[Total, ...] = ()
    uncounted: int = 0
    started: tuple[Spared, ...] = ()
    late: tuple[Spared, ...] = ()


def cancels(changes: Iterable[Change], scope: RollBackScope, rows: Iterable[PlannedRow]) -> tuple[Change, ...]:
    """Pick what is canceled of a plan that rolls a whole migration back."""
    meant = {row_address(scope.migration, one.row.key) for one in rows}
    return tuple(
        change
        for change in changes
        if change.action in _DONE
        and change.address.kind == KIND
        and change.address.name == scope.migration
        and (scope.whole or change.address in meant or change.address.key in scope.keys)
    )


def rolled_back(rows: Iterable[PlannedRow], changes: Sequence[Change]) -> RollBackView:
    """Say what canceling comes to. `rows` are those that are meant, as planned for the roll back."""
    leaving = {change.address for change in changes if change.action is Action.RETIRE}
    canceled, freed = len(leaving), sum(change.action is Action.UPDATE for change in changes)
    charges: list[Total] = []
    moved: list[Total] = []
    started: list[Spared] = []
    late: list[Spared] = []
    laid = 0
    for one in rows:
        address, held = row_address(one.migration.name, one.row.key), one.held
        if address in leaving:
            if one.course is not None:
                laid += 1
                _count(one.course, charges, moved)
        elif held is not None and one.standing in _STARTED:
            started.append(Spared(address=address, reason=_begun(held)))
        elif held is not None and one.standing is RowStanding.SCHEDULED:
            late.append(Spared(address=address, reason=_late(one, held)))
    return RollBackView(
        canceled=canceled,
        freed=freed,
        charges=totalled(charges),
        moved=totalled(moved),
        uncounted=canceled - laid,
        started=tuple(started),
        late=tuple(late),
    )


def _late(one: PlannedRow, held: Held) -> str:
    if one.faults:
        return "; ".join(fault_words(fault) for fault in one.faults)
    return f"{held.id} starts at {show_moment(held.start)}, less than 5 minutes from now"


def _begun(held: Held) -> str:
    return f"it has started: {held.id} is {held.status}"


def _count(course: Course, charges: list[Total], moved: list[Total]) -> None:
    if course.first is not None:
        charges.append(_one(course.first.currency, course.first.amount))
    amount = course.period_amount
    a_month = None if amount is None else monthly(amount, course.interval, course.interval_count)
    moved.append(_one(course.currency, a_month))


def _one(currency: str, amount: int | None) -> Total:
    return Total(currency=currency, amount=amount or 0, rows=1, unknown=int(amount is None))
