"""Rows of migrations as cells by column, read by the core alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TypeAlias

from reconciler.core.address import Address
from reconciler.core.diagnostics import SourceRange
from reconciler.core.migration_rows import Reading, RowReader
from reconciler.core.migrations import Row, Terms
from reconciler.core.row_cells import Unit
from reconciler.core.row_columns import METADATA, find_column
from reconciler.core.row_defaults import Defaults
from reconciler.core.row_names import NAMED, IdMap, NameReader
from reconciler.core.row_rules import RowRules

Changes: TypeAlias = "Mapping[str, str | None]"

# 2027-01-01 and days after it.
START = 1798761600
DAY = 86400
PLACE = SourceRange("rows.csv", 2, 1)
BASIC: Mapping[str, str] = {
    "customer": "cus_1",
    "start_date": str(START),
    "price": "price_1",
    "proration_behavior": "none",
    "metadata.old_id": "sub_1",
}

ADHOC: Changes = {
    "price": None,
    "adhoc_items.0.amount": "21.50",
    "adhoc_items.0.product": "prod_1",
    "adhoc_items.0.currency": "usd",
    "adhoc_items.0.interval": "month",
}
FEE: Changes = {
    "add_invoice_items.0.amount": "20",
    "add_invoice_items.0.product": "prod_2",
    "add_invoice_items.0.currency": "usd",
}
LISTED: Changes = {"price": None, "items.0.price": "price_1", "items.0.quantity": "2", "items.7.price": "price_2"}


def reading(
    unit: Unit | None = Unit.MAJOR,
    rules: RowRules | None = None,
    maps: Mapping[str, IdMap] | None = None,
    declared: Collection[Address] | None = None,
    migration: str = "zuora",
) -> Reading:
    names = {kind: NameReader(kind, (maps or {}).get(kind), declared) for kind in NAMED}
    return Reading(migration=migration, key="old_id", unit=unit, names=names, rules=rules or RowRules())


def with_defaults(by: Reading, defaults: Mapping[str, str]) -> Reading:
    """Let a reading fill empty cells in."""
    columns = [find_column(name) for name in defaults]
    plain = tuple(column for column in columns if column.part != METADATA)
    made = Defaults(
        columns=plain,
        values={column.name: by.reader(column)(defaults[column.shown]) for column in plain},
        metadata={column.field: defaults[column.shown] for column in columns if column.part == METADATA},
    )
    return Reading(
        migration=by.migration, key=by.key, unit=by.unit, names=by.names, defaults=made, filters=by.filters,
        rules=by.rules,
    )  # fmt: skip


def read(changes: Mapping[str, str | None], by: Reading | None = None) -> Row:
    """Read the basic row with some cells changed, added or (None) without their columns."""
    cells = {name: text for name, text in {**BASIC, **changes}.items() if text is not None}
    columns = [(at, find_column(name)) for at, name in enumerate(cells)]
    return RowReader(by or reading(), columns).read(list(cells.values()), PLACE)


def terms(changes: Mapping[str, str | None], by: Reading | None = None) -> Terms:
    """Read a row that nothing is wrong with."""
    row = read(changes, by)
    assert row.faults == ()
    assert row.terms is not None
    return row.terms


def reasons(row: Row) -> list[tuple[str, str]]:
    """List what is wrong with a row: reason and column."""
    for fault in row.faults:
        assert fault.summary
        assert "example.com" not in fault.summary + fault.hint
    return [(fault.reason, fault.column) for fault in row.faults]
