"""The CSV files of Stripe's Billing migration toolkit: its columns in their order, its templates, and text of files.

Pure. https://docs.stripe.com/billing/subscriptions/import-subscriptions-toolkit
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from reconciler.core.row_columns import ADHOC, FEES, IGNORED, ITEMS, METADATA, Column, find_column

_KEY = "metadata.third_party_sub_id"
_COMMON = (
    _KEY, "automatic_tax", "billing_cycle_anchor", "coupon", "trial_end", "proration_behavior", "collection_method",
    "default_tax_rate", "backdate_start_date", "days_until_due", "cancel_at_period_end", "add_invoice_items.0.amount",
    "add_invoice_items.0.product", "add_invoice_items.0.currency",
)  # fmt: skip
# The columns of the three templates, by the names of their files.
TEMPLATES: Mapping[str, tuple[str, ...]] = {
    "basic.csv": ("customer", "start_date", "price", "quantity", *_COMMON),
    "multi-price.csv": (
        "customer", "start_date", "items.0.price", "items.0.quantity", "items.1.price", "items.1.quantity", *_COMMON,
    ),
    "ad-hoc.csv": (
        "customer", "start_date", "adhoc_items.0.amount", "adhoc_items.0.product", "adhoc_items.0.interval",
        "adhoc_items.0.currency", "adhoc_items.0.quantity", *_COMMON,
    ),
}  # fmt: skip

_ORDER = (
    "customer", "start_date", "price", "quantity", ITEMS, ADHOC, METADATA, "automatic_tax", "billing_cycle_anchor",
    "coupon", "currency", "trial_end", "proration_behavior", "collection_method", "default_tax_rate",
    "backdate_start_date", "days_until_due", "cancel_at_period_end", FEES, "source_amount", "source_subscription",
    "waive", "adopt",
)  # fmt: skip
_FIELDS = ("price", "amount", "product", "interval", "interval_count", "currency", "quantity")
_PLACES = {name: place for place, name in enumerate(_ORDER)}


def in_toolkit_order(names: Iterable[str]) -> list[str]:
    """Put columns, each once, into the toolkit's order, with billplan's own last; raise Unreadable for what is none."""
    columns = [find_column(name) for name in dict.fromkeys(names)]
    return [column.name for column in sorted(columns, key=_place)]


def _place(column: Column) -> tuple[int, int, int]:
    part = column.part or column.field
    field = _FIELDS.index(column.field) if column.part in (ITEMS, ADHOC, FEES) else 0
    # Metadata keeps the order that it has.
    return _PLACES[part], column.number, field


def csv_text(lines: Iterable[Sequence[str]], delimiter: str = ",") -> Iterator[str]:
    """Write lines of cells as CSV, each with its end; the cells are read back as exactly these texts."""
    for cells in lines:
        # A line of one empty cell would be no line at all.
        alone = len(cells) == 1 and not cells[0]
        yield '""\n' if alone else delimiter.join(_cell(cell, delimiter) for cell in cells) + "\n"


def _cell(text: str, delimiter: str) -> str:
    if delimiter in text or '"' in text or "\n" in text or "\r" in text:
        doubled = text.replace('"', '""')
        return f'"{doubled}"'
    return text


def failed_lines(lines: Iterable[tuple[int, Sequence[str]]], reasons: Mapping[int, str]) -> Iterator[Sequence[str]]:
    """Pick the failing lines of a file: header first, `reasons` by the number of the line where a row starts. Each goes
    on as it came, with its reason in the column `processing_error`, which is added where there is none."""
    place = None
    for count, (number, cells) in enumerate(lines):
        if not count:
            place = cells.index(IGNORED) if IGNORED in cells else None
            yield cells if place is not None else [*cells, IGNORED]
        elif number in reasons:
            if place is None or place >= len(cells):
                # A row with too few cells, or too many, stays as wrong as it is: nobody can tell which one is missing.
                yield [*cells, reasons[number]]
            else:
                yield [*cells[:place], reasons[number], *cells[place + 1 :]]
