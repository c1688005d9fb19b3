"""What a plan has to say of a migration without doing anything about it: counted, with the first few rows. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.core.diagnostics import Diagnostic, Severity
from reconciler.core.migrations import Fault, Migration, Row

_SHOWN = 3

CHECK, BLOCK_CHANGED, AT_REST, BEGUN, TOO_LATE, KEPT, ORPHANS, REMOVED = (
    "BP1711",
    "BP1712",
    "BP1713",
    "BP1714",
    "BP1715",
    "BP1716",
    "BP1717",
    "BP1718",
)
DOUBLED, LOST, TWICE, EDITED, UNDECLARED = "BP1719", "BP1720", "BP1721", "BP1722", "BP1723"


# What is said of counted rows, by code: what they are, and the way out.
_WORDS = {
    BLOCK_CHANGED: (
        "started, and stays as it is: what the block says of later phases has changed since",
        "change the subscriptions in the Dashboard, or restore the block",
    ),
    AT_REST: (
        "rolled back before its start, by itself or with its batch, and not scheduled",
        "if it is to be, raise  attempt:  of the block above {attempt}; else take the row out",
    ),
    BEGUN: (
        "started already, and not rolled back by state: canceled",
        "cancel the subscription itself where that is meant",
    ),
    TOO_LATE: (
        "starts within 5 minutes: too late to cancel",
        "cancel the subscription itself once it has started",
    ),
    DOUBLED: (
        "started, and goes on at its source as well: the customer pays twice",
        "end the subscription at its source by hand, now",
    ),
    TWICE: (
        "scheduled, and its customer has the same product by something else, too: both will bill",
        "end one of the two before the start, or let the row waive existing_subscription",
    ),
    EDITED: (
        "scheduled, and its phases are not those of its row: another hand changed them, or a price was replaced",
        "look at the schedule in the Dashboard; any change of the row sends its phases anew",
    ),
    LOST: (
        "rolled back, and has ended at its source for it: nobody bills it",
        "raise  attempt:  of the block above {attempt} with a later start, without end_source",
    ),
    KEPT: (
        "keeps the marker of its former address: before the first charge an update would take its coupon off",
        "leave the moved: entry until it has been charged",
    ),
}


class MigrationNotices:
    """Collects what one migration has to say of its rows. Not a value: it is filled once, and then read."""

    def __init__(self, migration: Migration) -> None:
        self._migration = migration
        self._warned: dict[str, tuple[Fault, list[Row]]] = {}
        self._counted: dict[str, list[Row]] = {}

    def warn(self, row: Row, warnings: Sequence[Fault]) -> None:
        """Count what a row's checks found that is no error in this migration."""
        for fault in warnings:
            self._warned.setdefault(fault.reason, (fault, []))[1].append(row)

    def count(self, code: str, row: Row) -> None:
        """Count a row of which one of the codes above is to be said."""
        self._counted.setdefault(code, []).append(row)

    def diagnostics(self) -> Iterator[Diagnostic]:
        """Say each thing once, with its count."""
        for reason, (fault, rows) in sorted(self._warned.items()):
            words = f"{reason} (a warning here): {fault.summary}" + (", and others alike" if len(rows) > 1 else "")
            yield self._warning(CHECK, rows, words, fault.hint)
        for code, rows in sorted(self._counted.items()):
            what, hint = _WORDS[code]
            yield self._warning(code, rows, what, hint.format(attempt=self._migration.attempt))

    def _warning(self, code: str, rows: Sequence[Row], what: str, hint: str) -> Diagnostic:
        lines = ", ".join(str(row.source.line) for row in rows[:_SHOWN])
        count = f"{len(rows):,} row{'' if len(rows) == 1 else 's'}"
        place = "line" if len(rows) == 1 else "lines"
        more = ", ..." if len(rows) > _SHOWN else ""
        return Diagnostic(
            code=code,
            summary=f"subscription_migration.{self._migration.name}: {count} ({place} {lines}{more}): {what}",
            severity=Severity.WARNING,
            source=rows[0].source,
            hint=hint,
        )
