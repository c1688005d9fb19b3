"""How far migrations are: their rows by batch and standing, when they go live, and until when they can be canceled.

Pure. Moments are epoch seconds, UTC.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.core.address import Address
from reconciler.core.batches import is_released
from reconciler.core.deadline import HOUR, deadline_of
from reconciler.core.locate import Moves
from reconciler.core.migration_facts import AccountFacts, Held
from reconciler.core.migration_orphans import Orphans
from reconciler.core.migration_plan import PlannedRow
from reconciler.core.migrations import Migration, row_address
from reconciler.core.resources import Moved
from reconciler.core.row_standing import SCHEDULE, RowStanding


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchStatus:
    """The rows of a batch by standing. `name` is empty for rows that no batch takes."""

    name: str
    released: bool
    rows: Mapping[RowStanding, int]

    @property
    def count(self) -> int:
        """Count them all."""
        return sum(self.rows.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationStatus:
    """One migration. `first_start` and `last_start` are those of scheduled rows; until `cancel_until` all of them can
    be canceled that can be now, some until `last_cancel`, and for `too_late` of them it is over. `waits_until` is when
    the first row is due that becomes a subscription at its start; `overdue` of these have come and wait for an apply,
    the longest since `overdue_since`. `orphans` carry the marker of rows that are declared no more."""

    migration: Migration
    batches: tuple[BatchStatus, ...]
    rows: tuple[PlannedRow, ...]
    first_start: int | None = None
    last_start: int | None = None
    cancel_until: int | None = None
    last_cancel: int | None = None
    too_late: int = 0
    waits_until: int | None = None
    overdue: int = 0
    overdue_since: int | None = None
    faults: Mapping[str, int] = field(default_factory=dict)
    orphans: tuple[Address, ...] = ()

    @property
    def counts(self) -> dict[RowStanding, int]:
        """Count its rows by standing, those that there are."""
        sums = {standing: sum(b.rows.get(standing, 0) for b in self.batches) for standing in RowStanding}
        return {standing: count for standing, count in sums.items() if count}


def status_of(migration: Migration, planned: Iterable[PlannedRow], facts: AccountFacts) -> MigrationStatus:
    """Sum one migration up. `planned` may hold rows of others, which are passed over."""
    rows = tuple(one for one in planned if one.migration.name == migration.name)
    counts: dict[str, Counter[RowStanding]] = {batch.name: Counter() for batch in migration.batches}
    for one in rows:
        counts.setdefault(one.batch, Counter())[one.standing] += 1
    now = facts.now
    scheduled = [_held(one) for one in rows if one.standing is RowStanding.SCHEDULED]
    starts = sorted(held.start for held in scheduled)
    open_until = [until for held in scheduled if (until := _cancel_until(held)) > now]
    begins = [one.course.start for one in rows if one.standing is RowStanding.WAITING and one.course is not None]
    late = [one.course.start for one in rows if _overdue(one, now) and one.course is not None]
    reasons = Counter(reason for one in rows for reason in {fault.reason for fault in one.faults})
    return MigrationStatus(
        migration=migration,
        batches=tuple(
            BatchStatus(name=name, released=is_released(migration, name), rows=dict(found))
            for name, found in counts.items()
        ),
        rows=rows,
        first_start=min(starts, default=None),
        last_start=max(starts, default=None),
        cancel_until=min(open_until, default=None),
        last_cancel=max(open_until, default=None),
        too_late=len(starts) - len(open_until),
        waits_until=min(begins, default=None),
        overdue=len(late),
        overdue_since=min(late, default=None),
        faults=dict(sorted(reasons.items(), key=lambda count: (-count[1], count[0]))),
    )


def _held(one: PlannedRow) -> Held:
    if one.held is None:
        raise ValueError(f"{one.row.key!r} is {one.standing}, and nothing is there of it")
    return one.held


def _cancel_until(held: Held) -> int:
    """Until when a schedule can be canceled: earlier where a subscription at its source must be told to go on."""
    return held.start - HOUR if held.source else deadline_of(held.start)


def _overdue(one: PlannedRow, now: int) -> bool:
    """Say whether a row is due whose start has come: a schedule cannot be, it becomes a subscription."""
    return one.standing is RowStanding.DUE and one.course is not None and one.course.start <= now


def orphans_of(
    planned: Iterable[PlannedRow], moved: Sequence[Moved], facts: AccountFacts
) -> dict[str, tuple[Address, ...]]:
    """List the schedules that no row declares any more, by migration, those first that have not started."""
    moves = Moves(tuple(moved))
    declared = {row_address(one.migration.name, one.row.key) for one in planned}
    # What was renamed is found under the name that it had.
    former = {origin for address in declared if (origin := moves.origin(address)) is not None}
    found: dict[str, list[tuple[bool, Address]]] = {}
    for address, held in Orphans(facts, frozenset(declared | former)).left.items():
        schedules = [one for one in held if one.object == SCHEDULE]
        if schedules:
            found.setdefault(address.name, []).append((not any(one.waiting for one in schedules), address))
    return {name: tuple(address for _, address in sorted(pairs)) for name, pairs in sorted(found.items())}
