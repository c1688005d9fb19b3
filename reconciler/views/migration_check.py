"""Checked migrations for people and programs: every failing row with its reasons, counts by reason, good and bad."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from reconciler.core.checked_rows import CheckedMigration, FailingRow
from reconciler.core.diagnostics import Diagnostic
from reconciler.core.migrations import row_address
from reconciler.views.diagnostics import render_diagnostics
from reconciler.views.mirror import plain
from reconciler.views.outline import counted
from reconciler.views.redact import redact_text


def check_document(migrations: Sequence[CheckedMigration], notes: Sequence[Diagnostic], written: Sequence[str]) -> str:
    """Write a check as JSON; `written` are the files of failing rows."""
    document = {
        "good": not any(one.failing for one in migrations),
        "migrations": [_migration(one) for one in migrations],
        "notes": [redact_text(note.summary) for note in notes],
        "written": list(written),
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def _migration(one: CheckedMigration) -> dict[str, Any]:
    return {
        "name": one.migration.name,
        "rows": one.rows,
        "good": one.good,
        "bad": len(one.failing),
        "reasons": one.reasons,
        "warnings": dict(one.warnings),
        "failing": [_row(one, row) for row in one.failing],
    }


def _row(one: CheckedMigration, failing: FailingRow) -> dict[str, Any]:
    row = failing.row
    return {
        "address": str(row_address(one.migration.name, row.key)) if row.key else None,
        "key": row.key or None,
        "file": row.source.path,
        "line": row.source.line,
        "faults": [
            {
                "reason": fault.reason,
                "column": fault.column or None,
                "summary": redact_text(fault.summary),
                "hint": redact_text(fault.hint) or None,
            }
            for fault in failing.faults
        ],
    }


def check_lines(migrations: Sequence[CheckedMigration], notes: Sequence[Diagnostic], *, offline: bool) -> Iterator[str]:
    """Write a check line by line: a file of rows may have very many that fail. A reason is one line, however long, as
    compilers write them, with the way out below."""
    for one in migrations:
        for failing in one.failing:
            yield from _failing_lines(failing)
    if any(one.failing for one in migrations):
        yield ""
    for one in migrations:
        yield from _sums(one)
    if notes:
        yield render_diagnostics(notes, color=False).rstrip("\n")
    if offline:
        yield "Checked offline: whether the account has what rows name, only a check against it tells."


def _failing_lines(failing: FailingRow) -> Iterator[str]:
    row = failing.row
    key = f" {row.key}" if row.key else ""
    for fault in failing.faults:
        where = f"{fault.column}: " if fault.column and not fault.summary.startswith(fault.column) else ""
        yield plain(f"{row.source.path}:{row.source.line}:{key} {where}{fault.summary} [{fault.reason}]")
        if fault.hint:
            yield plain(f"  hint: {fault.hint}")


def _sums(one: CheckedMigration) -> Iterator[str]:
    bad = len(one.failing)
    told = f"{one.good:,} good, {bad:,} bad" if bad else "all good" if one.rows else "none to move"
    yield plain(f"{one.migration.name}: {counted(one.rows, 'row')}, {told}")
    for reason, count in one.reasons.items():
        yield f"  {count:>7,}  {plain(reason)}"
    for reason, count in one.warnings.items():
        yield f"  {count:>7,}  {plain(reason)} (a warning here)"
