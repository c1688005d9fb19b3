"""The rows of migrations, checked: how many are good, which fail, and why. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.core.migration_plan import PlannedRow
from reconciler.core.migrations import Fault, Migration, Row


@dataclass(frozen=True, slots=True, kw_only=True)
class FailingRow:
    """A row that cannot be scheduled as it is, with all that is wrong with it."""

    row: Row
    faults: tuple[Fault, ...]

    @property
    def words(self) -> str:
        """All that is wrong with it in one text, as the column processing_error has it."""
        return "; ".join(fault_words(fault) for fault in self.faults)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedMigration:
    """A migration, checked. `warnings` counts the rows that fail a check which is a warning here, by reason."""

    migration: Migration
    failing: tuple[FailingRow, ...]
    warnings: Mapping[str, int] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """Count all rows."""
        return len(self.migration.rows)

    @property
    def good(self) -> int:
        """Count the rows that nothing is wrong with."""
        return self.rows - len(self.failing)

    @property
    def reasons(self) -> dict[str, int]:
        """Count failing rows by reason, the most frequent first; one that has several is counted with each."""
        counts = Counter(reason for one in self.failing for reason in {fault.reason for fault in one.faults})
        return dict(sorted(counts.items(), key=lambda count: (-count[1], count[0])))


def fault_words(fault: Fault) -> str:
    """Say what is wrong, where, and the way out."""
    where = f"{fault.column}: " if fault.column and not fault.summary.startswith(fault.column) else ""
    return f"{where}{fault.summary}" + (f" ({fault.hint})" if fault.hint else "")


def checked_offline(migration: Migration) -> CheckedMigration:
    """Say what is wrong with a migration's rows by themselves."""
    failing = tuple(FailingRow(row=row, faults=row.faults) for row in migration.rows if row.faults)
    return CheckedMigration(migration=migration, failing=failing)


def checked_planned(migrations: Sequence[Migration], planned: Iterable[PlannedRow]) -> tuple[CheckedMigration, ...]:
    """Say what is wrong with rows by themselves and in the account, as a plan found it."""
    failing: dict[str, list[FailingRow]] = {one.name: [] for one in migrations}
    warnings: dict[str, Counter[str]] = {one.name: Counter() for one in migrations}
    for one in planned:
        name = one.migration.name
        if name not in failing:
            continue
        # Of rows at rest a plan says nothing any more, but what cannot be read is wrong all the same.
        faults = tuple(dict.fromkeys((*one.row.faults, *one.faults)))
        if faults:
            failing[name].append(FailingRow(row=one.row, faults=faults))
        warnings[name].update({fault.reason for fault in one.warnings})
    return tuple(
        CheckedMigration(
            migration=one, failing=tuple(failing[one.name]), warnings=dict(sorted(warnings[one.name].items()))
        )
        for one in migrations
    )
