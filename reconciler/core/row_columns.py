"""The columns that migration rows may have: the toolkit's by its own names, and billplan's few. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from reconciler.core.row_cells import Unreadable, shown
from reconciler.core.suggest import suggestion

METADATA = "metadata"
ITEMS, ADHOC, FEES = "items", "adhoc_items", "add_invoice_items"
# What a file has that came back with errors: read over, so that it can be used as it is.
IGNORED = "processing_error"
RESERVED = "billplan_"
_LONGEST_KEY = 40


class Cell(StrEnum):
    """What a column holds, as YAML tells it apart: there a text that looks like a number needs quotes."""

    TEXT = "text"
    WHOLE = "whole"
    AMOUNT = "amount"
    FLAG = "flag"
    MOMENT = "moment"


PLAIN: Mapping[str, Cell] = {
    "customer": Cell.TEXT,
    "start_date": Cell.MOMENT,
    "price": Cell.TEXT,
    "quantity": Cell.WHOLE,
    "automatic_tax": Cell.FLAG,
    "billing_cycle_anchor": Cell.MOMENT,
    "coupon": Cell.TEXT,
    "currency": Cell.TEXT,
    "trial_end": Cell.MOMENT,
    "proration_behavior": Cell.TEXT,
    "collection_method": Cell.TEXT,
    "default_tax_rate": Cell.TEXT,
    "backdate_start_date": Cell.MOMENT,
    "days_until_due": Cell.WHOLE,
    "cancel_at_period_end": Cell.FLAG,
    "source_amount": Cell.AMOUNT,
    "source_subscription": Cell.TEXT,
    "waive": Cell.TEXT,
    "adopt": Cell.TEXT,
}
PARTS: Mapping[str, Mapping[str, Cell]] = {
    ITEMS: {"price": Cell.TEXT, "quantity": Cell.WHOLE},
    ADHOC: {
        "amount": Cell.AMOUNT,
        "product": Cell.TEXT,
        "currency": Cell.TEXT,
        "interval": Cell.TEXT,
        "interval_count": Cell.WHOLE,
        "quantity": Cell.WHOLE,
    },
    FEES: {"amount": Cell.AMOUNT, "product": Cell.TEXT, "currency": Cell.TEXT},
}
_PART = re.compile(r"(items|adhoc_items|add_invoice_items)\.([0-9]{1,6})\.([a-z_]+)")
_META = re.compile(r"metadata[._](.+)", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column. `name` is what we call it, metadata always with a point, `shown` what the file does. `part` is what it
    is a field of: `metadata`, or the items, ad-hoc items or fees, which `number` counts; empty for a plain one."""

    name: str
    shown: str
    cell: Cell
    field: str
    part: str = ""
    number: int = 0


def find_column(name: str, shown_as: str = "") -> Column:
    """Find a column by a name of the toolkit's or ours; raise Unreadable for what is none."""
    called = shown_as or name
    cell = PLAIN.get(name)
    if cell is not None:
        return Column(name=name, shown=called, cell=cell, field=name)
    found = _PART.fullmatch(name)
    if found is not None and found[3] in PARTS[found[1]]:
        number = int(found[2])
        full = f"{found[1]}.{number}.{found[3]}"
        cell = PARTS[found[1]][found[3]]
        return Column(name=full, shown=called, cell=cell, field=found[3], part=found[1], number=number)
    meta = _META.fullmatch(name)
    if meta is not None:
        key = checked_metadata_key(meta[1])
        return Column(name=f"{METADATA}.{key}", shown=called, cell=Cell.TEXT, field=key, part=METADATA)
    raise Unreadable("unknown_column", f"there is no column {shown(name)}", _near(name))


def checked_metadata_key(key: str) -> str:
    """Give a metadata key back; raise Unreadable where Stripe would not take it, or it is one of our own."""
    if key.startswith(RESERVED):
        summary = f"metadata: keys that start with {RESERVED} are billplan's own"
        raise Unreadable("reserved_metadata", summary, "give it another name")
    if not key.strip() or len(key) > _LONGEST_KEY or "[" in key or "]" in key or not key.isprintable():
        summary = f"metadata: {shown(key)} is not a key that Stripe takes"
        raise Unreadable("bad_metadata_key", summary, "it has 1 to 40 characters, no square brackets among them")
    return key


def _near(name: str) -> str:
    if name == "source":
        return "did you mean metadata.source? Or write source: in the block"
    number = re.search("[0-9]+", name)
    parts = [f"{part}.{number.group() if number else 0}.{field}" for part, fields in PARTS.items() for field in fields]
    near = suggestion(name.strip().casefold(), [*PLAIN, *parts, IGNORED])
    return near or "name it metadata.NAME to keep it with the subscription, map it under columns:, or take it out"


def doubles_in(columns: Iterable[Column]) -> list[tuple[Column, Column]]:
    """List the columns that say what an earlier one says, each with that one."""
    first: dict[str, Column] = {}
    return [(column, first[column.name]) for column in columns if first.setdefault(column.name, column) is not column]
