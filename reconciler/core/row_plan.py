"""The plan of one migration's rows, one by one: schedule, change, adopt, rename, roll back, refuse, or leave alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from reconciler.core.address import Address
from reconciler.core.batches import is_released
from reconciler.core.changes import Change
from reconciler.core.course import Course, Opening
from reconciler.core.deadline import deadline_of
from reconciler.core.migration_changes import (
    Told,
    canceled,
    changed,
    marked,
    paid_by_latest,
    refused,
    scheduled,
)
from reconciler.core.migration_facts import AccountFacts, Held
from reconciler.core.migration_notices import (
    AT_REST,
    BEGUN,
    BLOCK_CHANGED,
    DOUBLED,
    EDITED,
    KEPT,
    LOST,
    TWICE,
    MigrationNotices,
)
from reconciler.core.migration_steps import (
    Marked,
    MigrationSteps,
    block_mark,
    read_digest,
    row_mark,
    written_digest,
)
from reconciler.core.migrations import DEFAULT_PAYMENT_METHOD, Fault, Migration, Row
from reconciler.core.payer_faults import needs_latest
from reconciler.core.placed_rows import PlacedRow
from reconciler.core.row_adoption import adopted, adopts_other, coupon_at_risk
from reconciler.core.row_checks import RowChecks, Subject, Verdict, twice_fault
from reconciler.core.row_course import lay_course, lay_subscription
from reconciler.core.row_refusals import another_customer, begun_already, period_over
from reconciler.core.row_standing import RowStanding
from reconciler.core.source_plan import SourcePlanning, Word, cancel_target, source_ends
from reconciler.core.types import show_moment
from reconciler.core.values import Ref

_STANDINGS_WITH_OBJECT = frozenset({RowStanding.SCHEDULED, RowStanding.LIVE, RowStanding.ENDED, RowStanding.CANCELED})


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRow:
    """A row as a plan leaves it. `held` is what it is in the account: the subscription once there is one, else the
    schedule. `course` is None where nobody worked it out: rows at rest need none. `warnings` are faults that the block
    takes for warnings."""

    migration: Migration
    row: Row
    batch: str
    standing: RowStanding
    course: Course | None = None
    faults: tuple[Fault, ...] = ()
    warnings: tuple[Fault, ...] = ()
    held: Held | None = None


@dataclass(slots=True, kw_only=True)
class Ledger:
    """What the plan of all migrations comes to. Not a value: it is filled once, and then read."""

    steps: MigrationSteps
    changes: list[Change] = field(default_factory=list)
    unchanged: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What rows are planned with besides the account: `laid` are standings at rest whose courses are worked out all the
    same, `takeover` the addresses that may take over what is another project's, `shared` the subscriptions at their
    source, as (account, id), that several rows replace."""

    laid: frozenset[RowStanding] = frozenset()
    takeover: frozenset[str] = frozenset()
    shared: frozenset[tuple[str, str]] = frozenset()


class RowPlanning:
    """Plans the rows of one migration, each once."""

    def __init__(
        self, migration: Migration, facts: AccountFacts, checks: RowChecks, ledger: Ledger, wishes: Wishes
    ) -> None:
        self._migration = migration
        self._facts = facts
        self._checks = checks
        self._ledger = ledger
        self._wishes = wishes
        self._block = block_mark(migration)
        self._marked: tuple[Row, str] | None = None
        self._sources = SourcePlanning(migration, facts, ledger.steps, wishes.shared)
        self.notices = MigrationNotices(migration)

    def plan(self, one: PlacedRow) -> PlannedRow:
        """Decide about a row, and put down what is to be done."""
        if self._migration.canceled:
            return self._rolled_back(one)
        if one.place.twice:
            return self._refused(one, (*one.row.faults, twice_fault(one.place.twice)))
        if one.fresh:
            return self._fresh(one)
        match one.place.standing:
            case RowStanding.SCHEDULED:
                return self._scheduled(one)
            case RowStanding.CANCELED:
                self.notices.count(AT_REST, one.row)
                return self._left(one)
        return self._begun(one)

    def _fresh(self, one: PlacedRow) -> PlannedRow:
        row = one.row
        if row.adopt is not None and row.terms is not None:
            takeover = str(one.address) in self._wishes.takeover
            found = adopted(row, one.address, self._facts, takeover=takeover)
            if isinstance(found, Fault):
                return self._refused(one, (*row.faults, found))
            return self._change(one, found, "it is taken over") if found.waiting else self._take(one, found)
        course, faults = self._lay(one)
        if course is not None and self._migration.mid_cycle_by_subscription and course.opening is Opening.ANCHORED:
            return self._mid_cycle(one)
        faults = (*faults, *self._sources.faults(one))
        verdict = self._judged(one, Subject(row=row, address=one.address, place=one.place), faults)
        if verdict.faults or course is None:
            return self._refused(one, verdict.faults)
        if not is_released(self._migration, one.batch):
            return self._planned(one, RowStanding.NOT_RELEASED, course, verdict)
        self._pay(one.row)
        marks = self._marks(one, self._migration.attempt)
        self._ledger.steps.schedule(self._migration, row, course, one.place.marked, marks)
        change = scheduled(row, one.address, course, self._told(one))
        self._put(change, self._sources.end(one, course.start, (f"{one.address}/create",)))
        return self._planned(one, RowStanding.DUE, course, verdict)

    def _judged(self, one: PlacedRow, subject: Subject, more: Sequence[Fault]) -> Verdict:
        """Check a row, count its warnings, and put to its faults what is wrong with its course."""
        verdict = self._checks.verdict(subject)
        self.notices.warn(one.row, verdict.warnings)
        return replace(verdict, faults=(*verdict.faults, *more)) if more else verdict

    def _mid_cycle(self, one: PlacedRow) -> PlannedRow:
        """Make the subscription of a row in the middle of a period, once its start has come."""
        row, now = one.row, self._facts.now
        marks = self._marks(one, self._migration.attempt)
        params, course = lay_subscription(self._migration, row, self._facts, marks)
        # From the anchor on, a period would have begun that nobody is charged for.
        deadline = deadline_of(course.anchor or course.start)
        faults = (period_over(course.anchor or course.start),) if deadline <= now else ()
        subject = Subject(row=row, address=one.address, place=one.place, at_start=True)
        verdict = self._judged(one, subject, faults)
        if verdict.faults:
            return self._refused(one, verdict.faults)
        if not is_released(self._migration, one.batch):
            return self._planned(one, RowStanding.NOT_RELEASED, course, verdict)
        if course.start > now:
            return self._planned(one, RowStanding.WAITING, course, verdict)
        self._pay(row)
        self._ledger.steps.subscribe(self._migration, row, params, one.place.marked, deadline)
        self._ledger.changes.append(scheduled(row, one.address, course, self._told(one)))
        return self._planned(one, RowStanding.DUE, course, verdict)

    def _told(self, one: PlacedRow) -> Told:
        attempt = self._migration.attempt
        reason = "not in Stripe yet" if one.place.schedule is None else f"attempt {attempt}: it was rolled back before"
        return Told(reason=reason, batch=one.batch)

    def _lay(self, one: PlacedRow) -> tuple[Course | None, tuple[Fault, ...]]:
        """Work out a row's course, where it can be read and all that it names is there."""
        row = one.row
        if row.terms is None or row.faults or not self._checks.catalogue.all_there(row.terms):
            return None, ()
        return lay_course(self._migration, row, self._facts, self._ledger.steps.marks(one.address))

    def _scheduled(self, one: PlacedRow) -> PlannedRow:
        row, held = one.row, one.place.schedule
        if held is None:
            raise ValueError(f"{one.address} is scheduled, and has no schedule")
        other = adopts_other(row, one.place)
        if row.terms is None or row.faults or other is not None:
            return self._refused(one, (*row.faults, *((other,) if other is not None else ())))
        if held.customer != row.terms.customer:
            return self._refused(one, (another_customer(held, row.terms.customer, one.address),))
        source = self._sources.judge(one, held)
        if source.fault is not None:
            return self._refused(one, (source.fault,))
        if source.word is Word.CANCEL:
            undo = f"let its source go on, and raise attempt: of the block to {held.attempt + 1}"
            self._ledger.steps.cancel(one.address, held, undo)
            self._put(canceled(one.address, held, source.reason, row.source))
            return self._at_rest(one)
        reasons = self._differences(one, held)
        if reasons:
            return self._change(one, held, ", ".join(reasons))
        if source.word is Word.END:
            self._put(source_ends(one, held, source.reason, self._sources.end(one, held.start, ())))
            return self._at_rest(one)
        if self._checks.is_double(row, one.address, one.place):
            self.notices.count(TWICE, row)
        self._ledger.unchanged += 1
        return self._at_rest(one)

    def _put(self, change: Change, note: str = "") -> None:
        """Put down a change, with what is to be said of the source after its own words."""
        noted = replace(change, notes=("; ".join((*change.notes, note)),)) if note else change
        self._ledger.changes.append(noted)

    def _left(self, one: PlacedRow) -> PlannedRow:
        """Leave a row alone that was rolled back; its source goes on."""
        self._ledger.changes.extend(self._sources.left(one))
        if self._sources.is_lost(one):
            self.notices.count(LOST, one.row)
        return self._at_rest(one)

    def _differences(self, one: PlacedRow, held: Held) -> list[str]:
        """Say in words why a schedule that has not started is not as it should be."""
        said = read_digest(held.digest)
        reasons = [] if said is not None else ["nobody knows what was scheduled"]
        if said is not None and said[0] != self._row_mark(one.row):
            reasons.append("its row has changed")
        if said is not None and said[1] != self._block:
            reasons.append("its block has changed")
        if not reasons and one.row.terms is not None and held.start != one.row.terms.start:
            reasons.append(f"it was moved to {show_moment(held.start)} by another hand")
        if self._migration.follow_prices and self._follows(one.row, held):
            reasons.append("a price that it names was replaced")
        if held.address is not None and held.address != one.address:
            reasons.append(f"renamed from {held.address}")
        return reasons

    def _follows(self, row: Row, held: Held) -> bool:
        """Say whether a price that a row or its block names by address is another one than what is scheduled."""
        terms = row.terms
        items = (*(() if terms is None else terms.items), *(i for then in self._migration.then for i in then.items))
        named = {item.price for item in items if isinstance(item.price, Ref)}
        facts = [price for one in named if (price := self._facts.prices.get(one)) is not None]
        return any(price.id is None or price.id not in held.prices for price in facts)

    def _change(self, one: PlacedRow, held: Held, reason: str) -> PlannedRow:
        """Change a schedule that has not started, the row's own or one that it takes over."""
        row = one.row
        course, faults = self._lay(one)
        subject = Subject(row=row, address=one.address, place=one.place, held=held)
        faults = (*faults, *self._sources.faults(one)) if one.fresh else faults
        verdict = self._judged(one, subject, faults)
        if verdict.faults or course is None:
            return self._refused(one, verdict.faults)
        if one.fresh and not is_released(self._migration, one.batch):
            return self._planned(one, RowStanding.NOT_RELEASED, course, verdict)
        self._pay(row)
        own = held.address is not None
        marks = self._marks(one, held.attempt if own else self._migration.attempt)
        self._ledger.steps.change(self._migration, row, course, held, marks)
        money = not (own and reason.startswith("renamed from "))
        told = Told(reason=reason, batch=one.batch, money=money, names=self._names(row))
        change = changed(row, one.address, course, held, told, str(marks["billplan_digest"]))
        self._put(change, self._sources.end(one, course.start, (f"{one.address}/update",)))
        return self._planned(one, RowStanding.SCHEDULED, course, verdict, held)

    def _take(self, one: PlacedRow, held: Held) -> PlannedRow:
        """Write the marker on what has begun: from then on the row is at rest."""
        faults = self._checks.key_taken(Subject(row=one.row, address=one.address, place=one.place, held=held))
        if faults or one.row.faults:
            return self._refused(one, (*one.row.faults, *faults))
        marks = self._marks(one, self._migration.attempt)
        self._ledger.steps.mark(one.address, held, marks)
        self._ledger.changes.append(marked(one.row, one.address, held, f"it is {held.id}, and taken over as it is"))
        return self._planned(one, RowStanding.LIVE, None, Verdict(), held)

    def _begun(self, one: PlacedRow) -> PlannedRow:
        """Leave what has started alone, and refuse what would change it."""
        said, other = read_digest(one.place.digest), adopts_other(one.row, one.place)
        if said is not None and said[0] != self._row_mark(one.row):
            return self._refused(one, (*one.row.faults, begun_already(one, self._lay(one)[0], self._names(one.row))))
        if other is not None:
            return self._refused(one, (other,))
        if said is not None and said[1] != self._block:
            self.notices.count(BLOCK_CHANGED, one.row)
        if self._sources.is_doubled(one):
            self.notices.count(DOUBLED, one.row)
        renamed = one.origin is not None and self._rename(one, one.origin)
        self._ledger.unchanged += not renamed
        return self._at_rest(one)

    def _rename(self, one: PlacedRow, origin: Address) -> bool:
        """Write the row's new address on what has started under a former one; what has ended takes no marks."""
        found = [held for held in self._facts.holdings.by_address.get(origin, ()) if held.billing]
        terms, now = one.row.terms, self._facts.now
        if not found:
            return False
        if terms is not None and any(coupon_at_risk(held, terms, now) is not None for held in found):
            self.notices.count(KEPT, one.row)
            return False
        for held in found:
            self._ledger.steps.mark(one.address, held, self._ledger.steps.marks(one.address))
        self._ledger.changes.append(marked(one.row, one.address, found[0], f"renamed from {origin}"))
        return True

    def _rolled_back(self, one: PlacedRow) -> PlannedRow:
        holdings = self._facts.holdings
        addresses = (one.address,) if one.origin is None else (one.address, one.origin)
        waiting = [h for a in addresses for h in holdings.by_address.get(a, ()) if h.waiting]
        for held in waiting:
            undo = f"state: scheduled and attempt: {held.attempt + 1} on the block schedule it anew"
            leaving = cancel_target(one.address, held, self._facts, self._ledger.steps, undo, one.origin)
            if leaving.fault is not None:
                return self._refused(one, (leaving.fault,))
            if leaving.late:
                self.notices.count(leaving.late, one.row)
            else:
                self._put(canceled(one.address, held, "state: canceled", one.row.source), leaving.note)
        if one.place.started:
            self.notices.count(BEGUN, one.row)
        return self._at_rest(one) if waiting else self._left(one)

    def _at_rest(self, one: PlacedRow) -> PlannedRow:
        """A row that nothing is done about; its course is worked out where that is wished."""
        standing = one.place.standing or RowStanding.NOT_RELEASED
        course = self._lay(one)[0] if standing in self._wishes.laid else None
        schedule = one.place.schedule
        # A row that was changed itself, and is not sent any more, has other phases by that alone.
        if course is not None and schedule is not None and course.differs_from(schedule.shape):
            said = (self._row_mark(one.row), self._block)
            if read_digest(schedule.digest) == said:
                self.notices.count(EDITED, one.row)
        return self._planned(one, standing, course, Verdict(), one.place.held)

    def _refused(self, one: PlacedRow, faults: Sequence[Fault]) -> PlannedRow:
        held, standing = one.place.held, one.place.standing
        self._ledger.changes.append(refused(one.row, one.address, faults, held))
        there = standing if standing in _STANDINGS_WITH_OBJECT and not one.fresh else RowStanding.FAILED
        return self._planned(one, there or RowStanding.FAILED, None, Verdict(faults=tuple(faults)), held)

    def _planned(
        self,
        one: PlacedRow,
        standing: RowStanding,
        course: Course | None,
        verdict: Verdict,
        held: Held | None = None,
    ) -> PlannedRow:
        return PlannedRow(
            migration=self._migration,
            row=one.row,
            batch=one.batch,
            standing=standing,
            course=course,
            faults=verdict.faults,
            warnings=verdict.warnings,
            held=held,
        )

    def _marks(self, one: PlacedRow, attempt: int) -> Mapping[str, str]:
        wanted = Marked(batch=one.batch, attempt=attempt, source=self._sources.mark(one))
        said = written_digest(self._row_mark(one.row), self._block)
        return self._ledger.steps.row_marks(self._migration, one.row, one.address, said, wanted)

    def _row_mark(self, row: Row) -> str:
        """The digest of what a row says: asked for twice of a row that is changed."""
        if self._marked is None or self._marked[0] is not row:
            self._marked = (row, row_mark(row))
        return self._marked[1]

    def _names(self, row: Row) -> dict[str, str]:
        """What a row calls the prices and the coupon that it names by their addresses, by id."""
        terms, facts = row.terms, self._facts
        if terms is None:
            return {}
        priced = {p.id: str(i.price) for i in terms.items if i.price and (p := facts.prices.get(i.price)) is not None}
        coupon = facts.coupons.get(terms.coupon) if terms.coupon is not None else None
        found = {**priced, **({coupon.id: str(terms.coupon)} if coupon is not None else {})}
        return {id: name for id, name in found.items() if id is not None}

    def _pay(self, row: Row) -> None:
        """Plan that a customer's newest payment method becomes the default, once for all of its rows."""
        terms = row.terms
        payer = None if terms is None else self._facts.payers.get(terms.customer)
        if terms is None or payer is None or payer.latest is None or DEFAULT_PAYMENT_METHOD in row.waives:
            return
        if needs_latest(self._migration, terms, payer) and self._ledger.steps.pay_by_latest(payer.id, payer.latest):
            self._ledger.changes.append(paid_by_latest(payer.id, payer.latest))
