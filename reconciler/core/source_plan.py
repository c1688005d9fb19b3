"""What becomes of the subscriptions that rows replace at their source: they end when these start, and not before.

The order is always the same: a schedule is made here, then its source is set to end; a schedule is canceled here, then
its source goes on. Whatever is cut short in between is gone on with by the next plan: it knows by the marker that the
source carries for whom it was set to end. Pure, linear in rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from reconciler.core.address import Address, parse_address
from reconciler.core.changes import Action, Change, FieldDiff
from reconciler.core.deadline import HOUR, deadline_of
from reconciler.core.diagnostics import SourceRange
from reconciler.core.fields import ChangeClass
from reconciler.core.migration_facts import AccountFacts, Held
from reconciler.core.migration_notices import TOO_LATE
from reconciler.core.migration_steps import MigrationSteps
from reconciler.core.migrations import KIND, Fault, Migration
from reconciler.core.placed_rows import PlacedRow
from reconciler.core.row_standing import RowStanding
from reconciler.core.source_facts import SourceFacts, SourceSubscription
from reconciler.core.source_faults import (
    double_fault,
    ended_early,
    late_fault,
    other_source,
    too_late_fault,
    unfit,
    unseen_fault,
)
from reconciler.core.source_steps import end_source, keep_source
from reconciler.core.types import show_moment

# What a change is called that only lets a source go on.
KEEP_SOURCE = "keep_source"


class Word(StrEnum):
    """What is to be done about a row whose schedule waits: nothing, its source is set to end, its schedule is canceled
    since its source ends otherwise, or a person must look."""

    NOTHING = "nothing"
    END = "end"
    CANCEL = "cancel"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A word, and why; `fault` is what a person must look at."""

    word: Word
    reason: str = ""
    fault: Fault | None = None


_NOTHING = Judgement(word=Word.NOTHING)


def shared_sources(
    placed: Iterable[tuple[Migration, Sequence[PlacedRow]]], facts: AccountFacts
) -> frozenset[tuple[str, str]]:
    """List the subscriptions, as (account, id), that several rows replace which are not rolled back."""
    counts = Counter(
        (facts.sources[migration.name].account, one.row.source_subscription)
        for migration, rows in placed
        if migration.end_source and migration.name in facts.sources and not migration.canceled
        for one in rows
        if one.row.source_subscription is not None and (one.fresh or one.place.standing is not RowStanding.CANCELED)
    )
    return frozenset((account, str(id)) for (account, id), count in counts.items() if count > 1)


class SourcePlanning:
    """Plans the sources of one migration's rows. `shared` are those that several rows replace."""

    def __init__(
        self,
        migration: Migration,
        facts: AccountFacts,
        steps: MigrationSteps,
        shared: frozenset[tuple[str, str]],
    ) -> None:
        found = facts.sources.get(migration.name)
        self._wanted = migration.end_source
        self._sources = found if found is not None and found.listed and migration.end_source else None
        self._facts = facts
        self._steps = steps
        self._shared = shared

    def mark(self, one: PlacedRow) -> str:
        """What the schedule of a row carries of its source; empty where that does not end by it."""
        if self._sources is None or one.row.source_subscription is None:
            return ""
        return f"{self._sources.account}/{one.row.source_subscription}"

    def faults(self, one: PlacedRow) -> tuple[Fault, ...]:
        """List what keeps a row from being scheduled that is not in the account yet."""
        row = one.row
        if not self._wanted or row.terms is None:
            return ()
        if self._sources is None:
            return (unseen_fault(),)
        found = self._source(one)
        faults = [*unfit(row, found, self._sources, _addresses(one))]
        if (self._sources.account, row.source_subscription) in self._shared:
            faults.append(double_fault(str(row.source_subscription)))
        return tuple(faults)

    def end(self, one: PlacedRow, start: int, needs: Sequence[str]) -> str:
        """Plan that the source ends at the start; return what is to be said of it, empty where it ends so already."""
        source = self._source(one)
        if self._sources is None or source is None:
            return ""
        if _is_set(source, one, self._sources, start) and source.moved_to == str(one.address):
            return ""
        self._steps.steps.append(end_source(one.address, source, self._sources, start, needs))
        return f"{source.id} in {self._sources.account} ends then, at {show_moment(start)}"

    def judge(self, one: PlacedRow, held: Held) -> Judgement:
        """Say what is to be done about a row whose schedule waits."""
        row, sources = one.row, self._sources
        if row.terms is None:
            return _NOTHING
        if sources is None:
            blind = (self._wanted or held.source) and row.terms.start != held.start
            return Judgement(word=Word.REFUSE, fault=unseen_fault(held.source)) if blind else _NOTHING
        if held.source and held.source != self.mark(one):
            return Judgement(word=Word.REFUSE, fault=other_source(row, held, sources))
        source, start = self._source(one), row.terms.start
        if source is not None and _is_set(source, one, sources, held.start) and not source.ended:
            if start == held.start:
                renamed = source.moved_to != str(one.address)
                return Judgement(word=Word.END, reason="renamed at its source, too") if renamed else _NOTHING
            # What it says of itself is held against the new start.
            source = replace(source, cancel_at=None)
        return self._judged(one, held, source, sources)

    def _judged(self, one: PlacedRow, held: Held, source: SourceSubscription | None, sources: SourceFacts) -> Judgement:
        row, start = one.row, held.start if one.row.terms is None else one.row.terms.start
        faults = list(unfit(row, source, sources, _addresses(one), going=False))
        if source is None or any(fault.reason in ("unknown_source_subscription", "source_moved") for fault in faults):
            return Judgement(word=Word.REFUSE, fault=faults[0])
        late = deadline_of(min(held.start, start)) <= self._facts.now
        why = ended_early(source, held.start, sources, _addresses(one))
        if not why and faults and start != held.start:
            # The row asks for another start than that at which its source can end.
            return Judgement(word=Word.REFUSE, fault=faults[0])
        why = why or (f"{source.id}: {faults[0].summary}" if faults else "")
        if late:
            return Judgement(word=Word.REFUSE, fault=late_fault(source, sources))
        if why:
            return Judgement(word=Word.CANCEL, reason=f"its source ends otherwise: {why}")
        return Judgement(word=Word.END, reason=f"its source {source.id} goes on")

    def left(self, one: PlacedRow) -> tuple[Change, ...]:
        """Plan that the source of a row goes on that was rolled back, where it is to end all the same."""
        schedule, sources = one.place.schedule, self._sources
        if sources is None or schedule is None:
            return ()
        source = _moved(_addresses(one), sources)
        return tuple(
            _kept(one.address, source, sources, (schedule.start, self._facts.now), self._steps, one.row.source)
        )

    def is_doubled(self, one: PlacedRow) -> bool:
        """Say whether a row has begun, and its source goes on."""
        source = self._source(one)
        if source is None or source.ended:
            return False
        return source.cancel_at is None or source.cancel_at > self._facts.now

    def is_lost(self, one: PlacedRow) -> bool:
        """Say whether a row was rolled back, and its source has ended for it."""
        source = self._source(one)
        return source is not None and self._sources is not None and source.ended and self._is_ours(source, one)

    def _is_ours(self, source: SourceSubscription, one: PlacedRow) -> bool:
        return self._sources is not None and source.is_moved(_addresses(one), self._sources.mover)

    def _source(self, one: PlacedRow) -> SourceSubscription | None:
        id = one.row.source_subscription
        return None if self._sources is None or id is None else self._sources.subscriptions.get(id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaving:
    """What has become of the wish to cancel a schedule: it is planned, and `note` says what becomes of its source; or
    it is too `late`, as the notice of this code says; or a person must look at a fault."""

    note: str = ""
    late: str = ""
    fault: Fault | None = None

    @property
    def planned(self) -> bool:
        """Say whether it is canceled."""
        return not self.late and self.fault is None


def cancel_target(
    address: Address, held: Held, facts: AccountFacts, steps: MigrationSteps, undo: str, former: Address | None = None
) -> Leaving:
    """Plan to cancel a schedule, and that its source goes on after that. `former` is an address that it had before."""
    sources = facts.sources.get(address.name)
    if held.source and (sources is None or not sources.listed):
        return Leaving(fault=unseen_fault(held.source))
    source = None if sources is None else _moved([a for a in (address, former) if a is not None], sources)
    bound = source is not None and not source.ended and source.cancel_at == held.start
    if deadline_of(held.start) <= facts.now:
        return Leaving(late=TOO_LATE)
    if bound and held.start - HOUR <= facts.now:
        return Leaving(fault=too_late_fault(held.start))
    steps.cancel(address, held, undo, early=bound)
    if not bound or source is None or sources is None:
        return Leaving()
    steps.steps.append(keep_source(address, source, sources, (f"{address}/cancel {held.id}",)))
    return Leaving(note=f"{source.id} in {sources.account} goes on")


def left_behind(
    facts: AccountFacts, declared: frozenset[Address], steps: MigrationSteps, places: Mapping[str, SourceRange]
) -> Iterator[Change]:
    """Plan that the sources of rows go on that nobody declares any more, and that have no schedule here which waits.
    `places` are those of the migrations, by name."""
    for name, sources in facts.sources.items():
        for text, source in sources.moved.items():
            address = _row(text)
            if address is None or address.name != name or address in declared:
                continue
            held = facts.holdings.by_address.get(address, ())
            ours = [one for one in held if one.start == source.cancel_at]
            if ours and not any(one.billing for one in held):
                yield from _kept(address, source, sources, (ours[0].start, facts.now), steps, places[name])


def _kept(
    address: Address,
    source: SourceSubscription | None,
    sources: SourceFacts,
    moments: tuple[int, int],
    steps: MigrationSteps,
    place: SourceRange,
) -> Iterator[Change]:
    """Let a source go on that is to end at the start of what was canceled; `moments` are that start, and now."""
    start, now = moments
    if source is None or source.ended or source.cancel_at != start or start <= now:
        return
    steps.steps.append(keep_source(address, source, sources, ()))
    yield Change(
        address=address,
        action=Action.UPDATE,
        change_class=ChangeClass.MONEY,
        reason="it was rolled back, and its source would end all the same",
        remote_id=source.id,
        diffs=(FieldDiff(name="source_cancel_at", before=show_moment(start), after=None),),
        notes=(f"{source.id} in {sources.account} goes on",),
        verb=KEEP_SOURCE,
        source=place,
    )


def source_ends(one: PlacedRow, held: Held, reason: str, note: str) -> Change:
    """Say that the source of a row is set to end whose schedule waits as it is."""
    return Change(
        address=one.address,
        action=Action.UPDATE,
        change_class=ChangeClass.MONEY,
        reason=reason,
        remote_id=held.id,
        diffs=(FieldDiff(name="source_cancel_at", before=None, after=show_moment(held.start)),),
        notes=(note,) if note else (),
        source=one.row.source,
    )


def _row(text: str) -> Address | None:
    """Read the address of a row; None for what is none."""
    try:
        address = parse_address(text)
    except ValueError:
        return None
    return address if address.kind == KIND and address.key is not None else None


def _moved(addresses: Iterable[Address], sources: SourceFacts) -> SourceSubscription | None:
    """Find what was set to end for a row."""
    return next((one for a in addresses if (one := sources.moved.get(str(a))) is not None), None)


def _is_set(source: SourceSubscription, one: PlacedRow, sources: SourceFacts, start: int) -> bool:
    """Say whether a source is set to end at a start, for this row."""
    return source.is_moved(_addresses(one), sources.mover) and source.cancel_at == start


def _addresses(one: PlacedRow) -> tuple[Address, ...]:
    return (one.address,) if one.origin is None else (one.address, one.origin)
