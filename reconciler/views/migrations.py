"""Migrations in money, for people: rows by batch, revenue a month, first charges by day, cards, sources and faults.

Every view writes the same tables; a table that has nothing to tell is not there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from reconciler.core.changes import Action, Change
from reconciler.core.migration_money import (
    AgainstSource,
    ChargeDay,
    Difference,
    Lot,
    MigrationMoney,
    Total,
    totalled,
)
from reconciler.core.migrations import KIND
from reconciler.core.money import show_amount
from reconciler.core.types import show_moment
from reconciler.views.moments import span
from reconciler.views.outline import counted
from reconciler.views.page import Page

_DAYS, _MONTHS, _BATCHES = 31, 24, 40
_LONGEST = 32
_HEADINGS = {
    Lot.SCHEDULE: "to schedule",
    Lot.CHANGE: "to change",
    Lot.CANCEL: "to cancel",
    Lot.ADOPT: "to adopt",
    Lot.LEFT_OUT: "left out",
    Lot.NOT_RELEASED: "not released",
    Lot.WAITING: "waiting",
    Lot.SCHEDULED: "scheduled",
    Lot.LIVE: "live",
    Lot.ENDED: "ended",
    Lot.CANCELED: "canceled",
    Lot.FAILED: "failed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A heading, sentences that lead to the table, rows of cells under their `head`, and sentences below. Columns in
    `right` are aligned to that side; a dash is a cell that is empty."""

    title: str
    lead: tuple[str, ...] = ()
    head: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    right: frozenset[int] = frozenset()
    notes: tuple[str, ...] = ()
    loud: bool = False


def row_words(change: Change) -> str:
    """Say in one line what a row that is scheduled becomes; empty for every other change, which is shown whole."""
    if change.address.kind != KIND or change.action is not Action.CREATE or not change.notes:
        return ""
    reason = f" ({change.reason})" if change.reason else ""
    return f"{change.after.get('customer', '')}: {' '.join(change.notes)}{reason}".removeprefix(": ")


def heading(money: MigrationMoney) -> str:
    """Name a migration."""
    return f"Migration {_cut(money.migration)}: {counted(money.rows, 'row')}"


def tables(money: MigrationMoney, now: int) -> list[Table]:
    """Lay one migration out; `now` is when the plan was made, in epoch seconds."""
    found = [_batches(money), _revenue(money), _charges(money, now), _cards(money), _against(money), _faults(money)]
    return [table for table in found if table is not None]


def write_migration(page: Page, money: MigrationMoney, now: int, plain: Callable[[str], str]) -> None:
    """Write one migration on a page; `plain` makes texts of others harmless."""
    page.gap()
    page.line((plain(heading(money)), "bold"))
    for table in tables(money, now):
        page.line((plain(table.title), "bold yellow" if table.loud else "bold"), indent=2)
        for sentence in table.lead:
            page.line(plain(sentence), indent=4)
        _write_rows(page, table, plain)
        for note in table.notes:
            page.line(plain(note), indent=4)


def _write_rows(page: Page, table: Table, plain: Callable[[str], str]) -> None:
    rows = [[plain(cell) for cell in row] for row in table.rows]
    if not rows:
        return
    widths = [max(map(len, column)) for column in zip(table.head, *rows, strict=True)]
    if sum(widths) + 2 * (len(widths) - 1) > page.room(4):
        # Columns that do not fit side by side would wrap into a heap of figures.
        for first, *cells in rows:
            named = zip(table.head[1:], cells, strict=True)
            parts = [f"{head} {cell}".strip() for head, cell in named if cell not in ("", "-")]
            page.line(f"{first}: {', '.join(parts)}", indent=4, hang=4)
        return
    page.line((_line(table.head, widths, table.right), "dim"), indent=4, hang=0)
    for row in rows:
        page.line(_line(row, widths, table.right), indent=4, hang=0)


def _line(cells: Sequence[str], widths: Sequence[int], right: frozenset[int]) -> str:
    aligned = [
        cell.rjust(width) if number in right else cell.ljust(width)
        for number, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(aligned).rstrip()


def _batches(money: MigrationMoney) -> Table:
    lots, batches = list(money.lots), money.batches[:_BATCHES]
    named = any(batch.name for batch in money.batches)
    rows = [
        (
            *((_cut(batch.name) or "(none)", "yes" if batch.released else "no") if named else ("all",)),
            f"{batch.count:,}",
            *(f"{batch.rows.get(lot, 0):,}" if batch.rows.get(lot) else "-" for lot in lots),
        )
        for batch in batches
    ]
    head = (*(("batch", "released") if named else ("",)), "rows", *(_HEADINGS[lot] for lot in lots))
    hidden = len(money.batches) - len(batches)
    return Table(
        title="Rows by batch" if named else "Rows",
        head=head,
        rows=tuple(rows),
        right=frozenset(range(2 if named else 1, len(head))),
        notes=(f"... and {counted(hidden, 'more batch', 'more batches')}",) if hidden else (),
    )


def _revenue(money: MigrationMoney) -> Table | None:
    whole = f"all but {money.not_laid:,}" if money.not_laid else "all good rows" if money.failed else "all rows"
    moved = [("this plan", *_total(one)) for one in money.moved]
    in_all = [] if money.in_all == money.moved else [(whole, *_total(one)) for one in money.in_all]
    if not moved and not in_all:
        return None
    verb = "is" if money.not_laid == 1 else "are"
    apart = f"{counted(money.not_laid, 'row')} scheduled or live before {verb} not in it."
    return Table(
        title="Revenue a month (MRR)",
        head=("of", "amount", "rows", ""),
        rows=(*moved, *in_all),
        right=frozenset({1, 2}),
        notes=(apart,) if money.not_laid else (),
    )


def _charges(money: MigrationMoney, now: int) -> Table | None:
    if money.first_start is None or money.last_start is None:
        return None
    notes = []
    if money.uncharged:
        notes.append(f"{counted(money.uncharged, 'row')} will never be charged anything.")
    notes.append(_span(money.first_start, money.last_start, now))
    totals = " and ".join(_amount(one) for one in money.first_charges)
    return Table(
        title=f"First charges of this plan: {totals}" if totals else "First charges of this plan: none",
        head=("day (UTC)", "rows", "amount", ""),
        rows=tuple(_charge_rows(money.charges)),
        right=frozenset({1, 2}),
        notes=tuple(notes),
    )


def _span(first: int, last: int, now: int) -> str:
    when = f"at {show_moment(first)}" if first == last else f"from {show_moment(first)} to {show_moment(last)}"
    ahead = f", {'' if first == last else 'the first '}in {span(first - now)}" if first > now else ""
    return f"They start {when}{ahead}. A row can be canceled until 5 minutes before (with end_source an hour)."


def _charge_rows(charges: Sequence[ChargeDay]) -> Iterable[tuple[str, ...]]:
    """List the first days in full and what comes later by month, each currency of a day or month on its own."""
    shown = set(sorted({charge.day for charge in charges})[:_DAYS])
    for charge in charges:
        if charge.day in shown:
            yield charge.day, *_charge(charge.total, charge.plus_tax)
    rest = [charge for charge in charges if charge.day not in shown]
    months = [(month, list(found)) for month, found in groupby(rest, key=lambda charge: charge.day[:7])]
    begun = max(shown, default="")[:7]
    for month, found in months[:_MONTHS]:
        yield from _summed(f"{month}, the rest" if month == begun else month, found)
    yield from _summed("later", [charge for _, found in months[_MONTHS:] for charge in found])


def _summed(name: str, charges: Sequence[ChargeDay]) -> Iterable[tuple[str, ...]]:
    for total in totalled(charge.total for charge in charges):
        plus_tax = sum(charge.plus_tax for charge in charges if charge.total.currency == total.currency)
        yield name, *_charge(total, plus_tax)


def _charge(total: Total, plus_tax: int) -> tuple[str, ...]:
    rows, amount, unknown = f"{total.rows:,}", _amount(total), _unknown(total)
    taxed = "plus tax" if plus_tax == total.rows else f"plus tax on {plus_tax:,} of them"
    return rows, amount, "; ".join(text for text in (unknown, taxed if plus_tax else "") if text)


def _total(total: Total) -> tuple[str, ...]:
    return _amount(total), f"{total.rows:,}", _unknown(total)


def _amount(total: Total) -> str:
    """Write an amount; where nothing of it is known, that is no zero."""
    if total.unknown == total.rows:
        return f"? {total.currency.upper()}"
    return show_amount(total.amount, total.currency)


def _unknown(total: Total) -> str:
    return f"and {total.unknown:,} of them by usage" if total.unknown else ""


def _cards(money: MigrationMoney) -> Table | None:
    cards = money.cards
    if not cards.count:
        return None
    parts = [
        (cards.failed, "among the failed ones"),
        (cards.set_latest, "given the newest attached one as the default before being scheduled"),
        (cards.without, "without one, and so with first charges that cannot be taken"),
    ]
    return Table(
        title=f"Default payment method missing: {counted(cards.count, 'row')}",
        notes=tuple(f"{count:,} {what}" for count, what in parts if count),
        loud=bool(cards.failed or cards.without),
    )


def _against(money: MigrationMoney) -> Table | None:
    if not money.compared:
        return None
    lead = [_difference(one) for one in money.compared]
    if money.not_compared:
        lead.append(f"{counted(money.not_compared, 'row')} cannot be compared.")
    return Table(
        title="Each period, against the source",
        lead=tuple(lead),
        head=("largest differences", "source", "here", "difference"),
        rows=tuple(_largest(one) for one in money.biggest),
        right=frozenset({1, 2, 3}),
        loud=any(one.more for one in money.compared),
    )


def _difference(one: AgainstSource) -> str:
    sums = f"{show_amount(one.source, one.currency)} -> {show_amount(one.here, one.currency)}"
    changed = f" ({_signed(one.here - one.source, one.currency)})" if one.here != one.source else ""
    return f"{counted(one.more, 'row')} at more, {one.less:,} at less, {one.same:,} at the same: {sums}{changed}"


def _largest(one: Difference) -> tuple[str, ...]:
    source, here = show_amount(one.source, one.currency), show_amount(one.here, one.currency)
    return one.address.key or str(one.address), source, here, _signed(one.here - one.source, one.currency)


def _signed(amount: int, currency: str) -> str:
    return f"{'+' if amount > 0 else ''}{show_amount(amount, currency)}"


def _faults(money: MigrationMoney) -> Table | None:
    if not money.failed:
        return None
    return Table(
        title=f"{counted(money.failed, 'row')} FAILED",
        head=("rows", "reason"),
        rows=tuple((f"{count:,}", reason) for reason, count in money.faults.items()),
        right=frozenset({0}),
        loud=True,
    )


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
