"""What carries the marker of a row that no spec declares: told, and let go where `removed:` or a roll back says so.

Pure, linear in what the account has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from reconciler.core.address import Address
from reconciler.core.changes import Change
from reconciler.core.diagnostics import Diagnostic, Severity
from reconciler.core.migration_changes import canceled, let_go
from reconciler.core.migration_facts import AccountFacts, Held
from reconciler.core.migration_notices import ORPHANS, REMOVED, UNDECLARED
from reconciler.core.migration_steps import MigrationSteps
from reconciler.core.migrations import KIND, Fault, Migration
from reconciler.core.resources import Removed
from reconciler.core.row_doubles import in_yaml
from reconciler.core.row_standing import SCHEDULE
from reconciler.core.source_plan import cancel_target

_SHOWN = 3
_UNDO = "declare the row again under another key"


class Orphans:
    """The rows that the account has and no spec declares, as far as they bill. `declared` are the addresses of all
    rows, those included that rows had before they were moved."""

    def __init__(self, facts: AccountFacts, declared: frozenset[Address]) -> None:
        self._facts = facts
        self._declared = declared
        self.owned = 0
        self.left: dict[Address, list[Held]] = {}
        for address, held in facts.holdings.by_address.items():
            billing = [one for one in held if one.billing]
            if billing and address.kind == KIND:
                self.owned += 1
                if address not in declared:
                    self.left[address] = billing

    def by_customer(self) -> Mapping[str, Sequence[tuple[Address, Held]]]:
        """List them by their customer, with those that bill no more: what was rolled back must not come again under
        another name."""
        found: dict[str, list[tuple[Address, Held]]] = {}
        for address, held in self._facts.holdings.by_address.items():
            for one in () if address in self._declared or address.kind != KIND else held:
                found.setdefault(one.customer, []).append((address, one))
        return found

    def plan(
        self, removed: Iterable[Removed], migrations: Sequence[Migration], steps: MigrationSteps
    ) -> tuple[list[Change], list[Diagnostic]]:
        """Plan what `removed:` says of them, and what a migration that is rolled back leaves; tell of the others."""
        changes: list[Change] = []
        diagnostics: list[Diagnostic] = []
        rest = dict(self.left)
        for entry in removed:
            if entry.address.kind != KIND:
                continue
            named = [a for a in _named(entry.address, rest)]
            if not named and self._is_declared(entry.address):
                diagnostics.append(_declared_still(entry))
            for address in named:
                for one in rest.pop(address):
                    self._leave(entry, address, one, steps, (changes, diagnostics))
        for migration in migrations:
            if migration.canceled:
                changes += self._roll_back(migration, rest, steps)
        diagnostics += self._told(rest)
        return changes, diagnostics

    def _is_declared(self, address: Address) -> bool:
        if address.key is not None:
            return address in self._declared
        return any(one.name == address.name for one in self._declared)

    def _leave(
        self,
        entry: Removed,
        address: Address,
        one: Held,
        steps: MigrationSteps,
        said: tuple[list[Change], list[Diagnostic]],
    ) -> None:
        changes, diagnostics = said
        schedule = one.object == SCHEDULE
        match entry.action:
            case "cancel" if one.waiting:
                leaving = cancel_target(address, one, self._facts, steps, _UNDO)
                if leaving.fault is not None:
                    diagnostics.append(_hindered(entry, address, leaving.fault))
                elif leaving.late:
                    diagnostics.extend(_too_late(entry, address, one))
                else:
                    gone = canceled(address, one, "removed: says cancel", entry.source)
                    changes.append(replace(gone, notes=(leaving.note,)) if leaving.note else gone)
            case "release" if schedule and not one.waiting:
                steps.release(address, one)
                changes.append(let_go(address, one, "release", entry.source))
            case "forget":
                steps.forget(address, one)
                changes.append(let_go(address, one, "forget", entry.source))
            case _:
                diagnostics.extend(_too_late(entry, address, one))

    def _roll_back(self, migration: Migration, rest: dict[Address, list[Held]], steps: MigrationSteps) -> list[Change]:
        found: list[Change] = []
        for address in [a for a in rest if a.name == migration.name]:
            stays = []
            for one in rest[address]:
                if one.waiting and cancel_target(address, one, self._facts, steps, _UNDO).planned:
                    reason = "state: canceled; no row declares it any more"
                    found.append(canceled(address, one, reason, migration.source))
                else:
                    stays.append(one)
            # What cannot be canceled is told with the other orphans: it starts.
            rest[address] = stays
        return found

    def _told(self, rest: Mapping[Address, Sequence[Held]]) -> Iterator[Diagnostic]:
        """Tell of schedules that nobody declares, by migration; of subscriptions that go on by themselves only where
        other rows are declared still: a migration that is over may leave the specs."""
        by_name: dict[str, list[tuple[Address, Held]]] = {}
        for address, held in rest.items():
            for one in held:
                if one.object == SCHEDULE:
                    by_name.setdefault(address.name, []).append((address, one))
        begun = Counter(a.name for a, held in rest.items() if held and all(one.object != SCHEDULE for one in held))
        for name in sorted({address.name for address in self._declared} & begun.keys()):
            yield _going_on(name, begun[name])
        for name, found in sorted(by_name.items()):
            yield _orphaned(name, sorted(found, key=lambda pair: (not pair[1].waiting, pair[0])))


def _named(address: Address, rest: Mapping[Address, Sequence[Held]]) -> list[Address]:
    """List the orphans that an entry names: one row, or all of a migration."""
    if address.key is not None:
        return [address] if address in rest else []
    return [one for one in rest if one.name == address.name]


def _going_on(name: str, count: int) -> Diagnostic:
    rows = "1 row that has started is" if count == 1 else f"{count:,} rows that have started are"
    return Diagnostic(
        code=UNDECLARED,
        summary=f"subscription_migration.{name}: {rows} declared no more: nothing is done about "
        f"{'it' if count == 1 else 'them'}",
        severity=Severity.WARNING,
        hint="declare them again, so that they are verified; removed: with  action: forget  lets them go",
    )


def _orphaned(name: str, found: Sequence[tuple[Address, Held]]) -> Diagnostic:
    waiting = sum(one.waiting for _, one in found)
    begun = len(found) - waiting
    parts = [f"{waiting:,} will start all the same"] if waiting else []
    parts += [f"{begun:,} with phases to come have started"] if begun else []
    first = ", ".join(f"{address} ({one.id})" for address, one in found[:_SHOWN])
    more = ", ..." if len(found) > _SHOWN else ""
    count = f"{len(found):,} schedule{'' if len(found) == 1 else 's'}"
    return Diagnostic(
        code=ORPHANS,
        summary=f"{count} of subscription_migration.{name} that no row declares any more: {' and '.join(parts)} "
        f"({first}{more})",
        severity=Severity.WARNING,
        hint=f"declare the rows again, or  removed: [{{address: {in_yaml(found[0][0])}, "
        f"action: {'cancel' if waiting else 'release'}}}]",
    )


def _declared_still(entry: Removed) -> Diagnostic:
    return Diagnostic(
        code=REMOVED,
        summary=f"removed: {entry.address} is left as it is: it is still declared",
        severity=Severity.WARNING,
        address=entry.address,
        source=entry.source,
        hint="take the entry out, or the row",
    )


def _hindered(entry: Removed, address: Address, fault: Fault) -> Diagnostic:
    return Diagnostic(
        code=REMOVED,
        summary=f"removed: {address} cannot {entry.action}: {fault.summary}",
        severity=Severity.WARNING,
        address=address,
        source=entry.source,
        hint=fault.hint,
    )


def _too_late(entry: Removed, address: Address, one: Held) -> Iterator[Diagnostic]:
    """Say why an entry does nothing about something; of the subscription of a schedule that is told once."""
    if one.object != SCHEDULE and (one.schedule is not None or entry.action == "release"):
        return
    if entry.action == "release":
        why = f"{one.id} has not started, and releasing it would lose the subscription"
        hint = "action: cancel, if it is not to start; action: forget, if it is"
    else:
        why = f"{one.id} has started, or is about to"
        hint = "action: forget takes the marker off; a subscription is canceled in the Dashboard or by the API"
    yield Diagnostic(
        code=REMOVED,
        summary=f"removed: {address} cannot {entry.action}: {why}",
        severity=Severity.WARNING,
        address=address,
        source=entry.source,
        hint=hint,
    )
