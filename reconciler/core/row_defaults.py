"""What stands for the empty cells of a migration's rows. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.core.row_columns import ADHOC, FEES, Column
from reconciler.core.row_items import Entry, Layout
from reconciler.core.values import Value

_PRICE, _QUANTITY, _DAYS = "price", "quantity", "days_until_due"


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """Values by column, and metadata by key. A cell goes before the default of its column.

    What is a part of something is only filled in where that stands: a quantity beside a price, the fields of an item or
    a fee that the row or the defaults name, the days until an invoice is due where invoices are sent.
    """

    columns: tuple[Column, ...] = ()
    values: Mapping[str, Value] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)

    def fill(self, values: dict[str, Value], layout: Layout) -> None:
        """Fill a row's empty cells in."""
        if not self.values:
            return
        parted = False
        for column in self.columns:
            name = column.name
            if column.part or name in (_PRICE, _QUANTITY, _DAYS):
                parted = True
            elif name not in values:
                values[name] = self.values[name]
        if parted:
            self._fill_parts(values, layout)

    def _fill_parts(self, values: dict[str, Value], layout: Layout) -> None:
        if _DAYS in self.values and values.get("collection_method") == "send_invoice":
            values.setdefault(_DAYS, self.values[_DAYS])
        basic = _PRICE in values or _QUANTITY in values
        listed = any(entry.present(values) for entry in (*layout.items, *layout.adhoc))
        for entry in layout.entries:
            if entry.present(values) or (self._begins(entry) and not (basic and entry.part != FEES)):
                for name in entry.columns.values():
                    if name in self.values:
                        values.setdefault(name, self.values[name])
        if not listed:
            if _PRICE in self.values and not any(e.present(values) for e in (*layout.items, *layout.adhoc)):
                values.setdefault(_PRICE, self.values[_PRICE])
            if _QUANTITY in self.values and _PRICE in values:
                values.setdefault(_QUANTITY, self.values[_QUANTITY])

    def _begins(self, entry: Entry) -> bool:
        """Say whether the defaults alone make an entry: by its price, or by its amount."""
        return entry.columns["amount" if entry.part in (ADHOC, FEES) else _PRICE] in self.values
