"""Rows against the account: all that keeps one from being scheduled, changed or adopted, with the way out. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from reconciler.core.address import Address
from reconciler.core.catalogue_faults import CatalogueFaults
from reconciler.core.deadline import MARGIN
from reconciler.core.migration_facts import AccountFacts, Held
from reconciler.core.migrations import EXISTING_SUBSCRIPTION, Check, Fault, Migration, Row, Terms
from reconciler.core.payer_faults import payer_faults
from reconciler.core.row_doubles import Doubles, in_yaml, moved_line
from reconciler.core.row_standing import SCHEDULE, Place
from reconciler.core.types import show_moment

# A start must be so far ahead whatever a block says: https://docs.stripe.com/billing/subscriptions/import-subscriptions
SHORTEST_LEAD = 3600
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What checks say of a row: what stops it, and what its block takes for a warning only."""

    faults: tuple[Fault, ...] = ()
    warnings: tuple[Fault, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A row that is checked. `at_start`: it is made when its start has come, and not before. `held` is the schedule
    that it changes, None where it is to have a new one."""

    row: Row
    address: Address
    place: Place
    held: Held | None = None
    at_start: bool = False


class RowChecks:
    """Checks the rows of one migration. `orphans` are what no row declares any more, by customer."""

    def __init__(
        self,
        migration: Migration,
        facts: AccountFacts,
        creates: Mapping[Address, str],
        doubles: Doubles,
        orphans: Mapping[str, Sequence[tuple[Address, Held]]],
    ) -> None:
        self._migration = migration
        self._facts = facts
        self._doubles = doubles
        self._orphans = orphans
        self.catalogue = CatalogueFaults(migration, facts, creates)

    def verdict(self, subject: Subject) -> Verdict:
        """Check a row: what is wrong with it by itself comes first."""
        row, terms = subject.row, subject.row.terms
        if terms is None:
            return Verdict(faults=row.faults)
        faults = [*row.faults, *self.catalogue.of_row(terms), *self.catalogue.of_block, *self._start(subject, terms)]
        faults += self.key_taken(subject)
        if subject.held is None:
            faults += self._fresh(subject, terms)
        warnings: list[Fault] = []
        told = [*payer_faults(self._migration, terms, self._facts)]
        told += ((fault.reason, fault) for fault in self._twice(subject))
        for check, fault in told:
            self._weigh(check, fault, row, (faults, warnings))
        return Verdict(faults=tuple(faults), warnings=tuple(warnings))

    def _weigh(self, check: str, fault: Fault, row: Row, lists: tuple[list[Fault], list[Fault]]) -> None:
        faults, warnings = lists
        weight = Check.ERROR if not check else Check.OFF if check in row.waives else self._migration.check(check)
        match weight:
            case Check.ERROR:
                faults.append(fault)
            case Check.WARNING:
                warnings.append(fault)
            case Check.OFF:
                pass

    def _start(self, subject: Subject, terms: Terms) -> Iterator[Fault]:
        now, held = self._facts.now, subject.held
        if terms.backdate is not None and terms.backdate >= now:
            summary = f"{show_moment(terms.backdate)} is no moment in the past"
            hint = "it is when the subscription began at its source; leave it out if that is still to come"
            yield Fault(reason="backdate_ahead", column="backdate_start_date", summary=summary, hint=hint)
        if subject.at_start:
            return
        if held is not None and held.start <= now + MARGIN:
            summary = f"its schedule {held.id} starts {_distance(held.start - now)}: too late to change it"
            hint = "restore the row, and change the subscription itself once it has started"
            yield Fault(reason="starting", column="start_date", summary=summary, hint=hint)
        elif held is None or terms.start != held.start:
            yield from self._lead(terms.start, now)

    def _lead(self, start: int, now: int) -> Iterator[Fault]:
        lead = max(self._migration.lead_time, SHORTEST_LEAD)
        if start <= now:
            summary = f"{show_moment(start)} has passed, {_distance(start - now)}: it would start and charge at once"
            hint = f"give it a start from {show_moment(now + lead)} on"
            yield Fault(reason="start_passed", column="start_date", summary=summary, hint=hint)
        elif start < now + lead:
            summary = f"{show_moment(start)} is {_distance(start - now)} from now ({show_moment(now)})"
            summary += f", and the migration's lead_time asks for {_length(lead)}"
            hint = f"give it a start from {show_moment(now + lead)} on"
            yield Fault(reason="start_too_soon", column="start_date", summary=summary, hint=hint)

    def _fresh(self, subject: Subject, terms: Terms) -> Iterator[Fault]:
        """Go through what tells that a row without a schedule must not get one."""
        row, address = subject.row, subject.address
        told = {one.id for one in subject.place.strangers}
        for orphan, held in self._orphans.get(terms.customer, ()):
            if held.id not in told and (held.waiting or orphan.key == row.key):
                yield _orphaned(orphan, held, address)
        alike = self._doubles.same_key(self._migration, row, address)
        if alike is not None:
            yield alike
        full = self._doubles.too_many(row)
        if full is not None:
            yield full

    def key_taken(self, subject: Subject) -> list[Fault]:
        """List what has the row's key already, and is not the row; nor what the row takes over."""
        held, strangers = subject.held, subject.place.strangers
        own = () if held is None else (held.id, held.schedule, held.subscription)
        return [self._taken(one, subject.row, subject.address) for one in strangers if one.id not in own]

    def is_double(self, row: Row, address: Address, place: Place) -> bool:
        """Say whether the customer of a row that is scheduled has got the same product by something else since."""
        if EXISTING_SUBSCRIPTION in row.waives or self._migration.check(EXISTING_SUBSCRIPTION) is Check.OFF:
            return False
        known = {*place.marked, *(one.id for one in (place.schedule, place.subscription) if one is not None)}
        return self._doubles.has_other(row, address, self._migration, known)

    def _twice(self, subject: Subject) -> Iterable[Fault]:
        place = subject.place
        known = {*place.marked, *(one.id for one in (place.schedule, place.subscription) if one is not None)}
        known |= {one.id for one in place.strangers}
        if subject.held is not None:
            known |= {subject.held.id}
        return self._doubles.faults(self._migration, subject.row, subject.address, known)

    def _taken(self, held: Held, row: Row, address: Address) -> Fault:
        what = "schedule" if held.object == SCHEDULE else "subscription"
        whose, hint = "", f"if it is this row, set adopt to {held.id}; else give the row another key"
        if held.address is not None:
            whose = f", which is {held.address} of this project"
            hint = f"if the row was renamed, {moved_line(held.address, address)}; else give it another key"
        elif held.project is not None:
            whose = f", which is of the billplan project {held.project!r}"
            hint = "take the row out here, or have the other project forget it and set adopt"
        if not held.billing:
            hint = "what it was has ended: take the row out, or give it another key if it is to begin anew"
        name = self._migration.key
        summary = f"{name} {row.key!r} is on the {what} {held.id} ({held.status}) already{whose}"
        return Fault(reason="key_taken", column=f"metadata.{name}", summary=summary, hint=hint)


def _orphaned(orphan: Address, held: Held, address: Address) -> Fault:
    summary = f"{held.customer} has {orphan} ({held.id}, {held.status}), which no row declares any more"
    if not held.billing:
        hint = f"if the row was renamed, {moved_line(orphan, address)}; if it is to begin anew, give it another key"
        return Fault(reason="orphan", column="customer", summary=summary, hint=hint)
    leaves = f"removed: [{{address: {in_yaml(orphan)}, action: {'cancel' if held.waiting else 'forget'}}}]"
    hint = f"if the row was renamed, {moved_line(orphan, address)}; else first  {leaves}"
    return Fault(reason="orphan", column="customer", summary=summary, hint=hint)


def twice_fault(ids: Sequence[str]) -> Fault:
    """Say that several things that bill carry one row's marker."""
    summary = f"{' and '.join(ids)} all carry its marker, and all of them bill"
    hint = "cancel those that should not be, or take billplan_address off their metadata in the Dashboard"
    return Fault(reason="billed_twice", column="", summary=summary, hint=hint)


def _distance(seconds: int) -> str:
    """Say how far away a moment is: in 3 h 20 min, 2 days ago."""
    return f"in {_length(seconds)}" if seconds >= 0 else f"{_length(-seconds)} ago"


def _length(seconds: int) -> str:
    if seconds >= 2 * _DAY:
        return f"{seconds // _DAY} days"
    hours, minutes = seconds // _HOUR, seconds % _HOUR // _MINUTE
    return f"{hours} h {minutes} min" if hours and minutes else f"{hours} h" if hours else f"{minutes} min"
