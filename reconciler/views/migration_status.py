"""How far migrations are, for people and programs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reconciler.core.address import Address
from reconciler.core.migration_plan import PlannedRow
from reconciler.core.migration_status import BatchStatus, MigrationStatus
from reconciler.core.migrations import row_address
from reconciler.core.row_standing import RowStanding
from reconciler.core.types import show_moment
from reconciler.views.mirror import moment, plain, write_target
from reconciler.views.moments import span, when
from reconciler.views.outline import counted
from reconciler.views.page import Page

WORDS: Mapping[RowStanding, str] = {
    RowStanding.NOT_RELEASED: "not released",
    RowStanding.WAITING: "waiting",
    RowStanding.DUE: "to be scheduled",
    RowStanding.SCHEDULED: "scheduled",
    RowStanding.LIVE: "live",
    RowStanding.ENDED: "ended",
    RowStanding.CANCELED: "canceled",
    RowStanding.FAILED: "failed",
}
_SHOWN = 3
# Characters: a longer key or batch stands out of its column.
_WIDEST = 24
Orphans = Mapping[str, Sequence[Address]]


def status_document(
    target: Mapping[str, Any], migrations: Sequence[MigrationStatus], orphans: Orphans, *, rows: bool
) -> str:
    """Write it as JSON; `target` goes before it, `rows` adds every row."""
    document = {
        **target,
        "migrations": [_migration(one, rows) for one in migrations],
        "orphans": {name: [str(address) for address in found] for name, found in orphans.items()},
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def _migration(one: MigrationStatus, rows: bool) -> dict[str, Any]:
    document: dict[str, Any] = {
        "name": one.migration.name,
        "state": "canceled" if one.migration.canceled else "scheduled",
        "count": len(one.rows),
        "counts": _counts(one.counts),
        "batches": [
            {
                "name": batch.name or None,
                "released": batch.released,
                "count": batch.count,
                "counts": _counts(batch.rows),
            }
            for batch in one.batches
        ],
        "first_start": moment(one.first_start),
        "last_start": moment(one.last_start),
        "cancel_until": moment(one.cancel_until),
        "too_late_to_cancel": one.too_late,
        "next_made_at_start": moment(one.waits_until),
        "overdue": one.overdue,
        "overdue_since": moment(one.overdue_since),
        "faults": dict(one.faults),
        "orphans": [str(address) for address in one.orphans],
    }
    return {**document, "rows": [_row(row) for row in one.rows]} if rows else document


def _counts(counts: Mapping[RowStanding, int]) -> dict[str, int]:
    return {standing.value: counts.get(standing, 0) for standing in RowStanding}


def _row(one: PlannedRow) -> dict[str, Any]:
    held, terms, course = one.held, one.row.terms, one.course
    first = None if course is None else course.first
    return {
        "address": str(row_address(one.migration.name, one.row.key)) if one.row.key else None,
        "file": one.row.source.path,
        "line": one.row.source.line,
        "batch": one.batch or None,
        "standing": one.standing.value,
        "id": None if held is None else held.id,
        "subscription": None if held is None else held.subscription or (held.id if held.schedule else None),
        "customer": None if terms is None else terms.customer,
        "start": moment(held.start if held is not None else None if terms is None else terms.start),
        "first_charge": None
        if first is None
        else {"at": moment(first.at), "amount": first.amount, "currency": first.currency},
        "reasons": [fault.reason for fault in one.faults],
    }


def render_status(migrations: Sequence[MigrationStatus], orphans: Orphans, now: int, page: Page, *, rows: bool) -> str:
    """Write it for a terminal, below what the page has already; moments are epoch seconds, UTC."""
    for one in migrations:
        _write_migration(page, one, now)
        if rows and one.rows:
            page.line(("rows", "bold"), indent=2)
            _write_rows(page, one.rows)
            page.gap()
    for name, found in orphans.items():
        page.line((plain(f"{name}: declared no more"), "bold"))
        _write_orphans(page, found)
        page.gap()
    return page.text()


def head(account: str, livemode: bool, as_of: int | None, now: int, layout: tuple[bool, int]) -> Page:
    """Begin a page that says whose it is; `layout` is whether there is colour, and how many columns."""
    page = Page(color=layout[0], width=layout[1])
    write_target(page, account, livemode)
    if as_of is not None:
        page.line(f"from the mirror as of {when(as_of, now)}")
        page.gap()
    return page


def _write_migration(page: Page, one: MigrationStatus, now: int) -> None:
    state = ", state: canceled" if one.migration.canceled else ""
    page.line((plain(f"{one.migration.name}: {counted(len(one.rows), 'row')}{state}"), "bold"))
    for batch in one.batches:
        if batch.count or batch.name:
            page.line(plain(_batch_words(batch)), indent=2)
    if len(one.batches) > 1:
        page.line(plain(f"all: {_count_words(one.counts)}"), indent=2)
    for sentence in _sentences(one, now):
        page.line(plain(sentence), indent=2)
    for reason, count in one.faults.items():
        page.line(plain(f"{count:,} x {reason}"), indent=4)
    _write_orphans(page, one.orphans)
    page.gap()


def _batch_words(batch: BatchStatus) -> str:
    name = f"{batch.name} ({'released' if batch.released else 'not released'})" if batch.name else "rows"
    return f"{name}: {_count_words(batch.rows)}"


def _count_words(counts: Mapping[RowStanding, int]) -> str:
    parts = [f"{counts[standing]:,} {WORDS[standing]}" for standing in RowStanding if counts.get(standing)]
    return ", ".join(parts) or "none"


def _sentences(one: MigrationStatus, now: int) -> Iterator[str]:
    first, last = one.first_start, one.last_start
    if first is not None and last is not None:
        until = f", the last at {show_moment(last)} ({_ahead(last, now)})" if last != first else ""
        yield f"go live: the first at {show_moment(first)} ({_ahead(first, now)}){until}"
    if one.cancel_until is not None:
        yield f"can be canceled until {show_moment(one.cancel_until)} (for {span(one.cancel_until - now)})" + (
            f", the last row until {show_moment(one.last_cancel)}"
            if one.last_cancel is not None and one.last_cancel != one.cancel_until
            else ""
        )
    if one.too_late:
        yield f"{counted(one.too_late, 'row')} too late to cancel: less than 5 minutes from the start" + (
            ", or an hour where its source ends then" if one.migration.end_source else ""
        )
    if one.waits_until is not None:
        yield f"waiting rows become subscriptions at their start, the first at {show_moment(one.waits_until)} " + (
            f"({_ahead(one.waits_until, now)}): run billplan apply then"
        )
    if one.overdue_since is not None:
        yield f"OVERDUE: {counted(one.overdue, 'row')} whose start has come, the first at " + (
            f"{show_moment(one.overdue_since)} ({span(now - one.overdue_since)} ago): run billplan apply"
        )


def _ahead(moment: int, now: int) -> str:
    return f"in {span(moment - now)}" if moment > now else f"{span(now - moment)} ago"


def _write_orphans(page: Page, found: Sequence[Address]) -> None:
    if not found:
        return
    named = ", ".join(str(address) for address in found[:_SHOWN]) + (", ..." if len(found) > _SHOWN else "")
    page.line(
        (plain(f"{counted(len(found), 'orphan')} that no row declares any more: {named}"), "bold yellow"), indent=2
    )
    page.line(
        plain(f"declare them again, or  removed: [{{address: '{found[0]}', action: cancel}}]  (release, forget)"),
        indent=4,
    )


def _write_rows(page: Page, rows: Sequence[PlannedRow]) -> None:
    cells = [(plain(one.row.key or "(no key)"), plain(one.batch), WORDS[one.standing]) for one in rows]
    widths = [min(max(map(len, column), default=0), _WIDEST) for column in zip(*cells, strict=True)]
    for one, row in zip(rows, cells, strict=True):
        left = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True) if width)
        page.line(f"{left}  {plain(_row_words(one))}".rstrip(), indent=4, hang=2)


def _row_words(one: PlannedRow) -> str:
    held = one.held
    begun = one.standing in (RowStanding.LIVE, RowStanding.ENDED)
    verb = "was to start" if one.standing is RowStanding.CANCELED else "started" if begun else "starts"
    there = "" if held is None else f"{held.id} ({held.status}), {verb} {show_moment(held.start)}"
    return "  ".join(part for part in (there, ", ".join(fault.reason for fault in one.faults)) if part)
