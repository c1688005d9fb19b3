"""What a migration row subscribes to and is charged besides, put together from its cells. Pure.

A cell that could not be read stands in `values` as None: what is wrong with it has been said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache

from reconciler.core.migrations import AdHoc, Fault, Fee, Item, Named
from reconciler.core.row_cells import LONGEST, Unit, Unreadable, in_minor_units, shown
from reconciler.core.row_columns import ADHOC, FEES, ITEMS, PARTS, Column
from reconciler.core.values import Value

MAX_ITEMS = MAX_FEES = 20
_NEEDED: Mapping[str, tuple[str, ...]] = {
    ADHOC: ("amount", "product", "currency", "interval"),
    FEES: ("amount", "product", "currency"),
}
_PRICE, _QUANTITY = "price", "quantity"
_REPEATED = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One item, ad-hoc item or fee of a file: the names of its columns by field, whether the file has them or not."""

    part: str
    number: int
    columns: Mapping[str, str]

    @property
    def shown(self) -> str:
        return f"{self.part}.{self.number}"

    def present(self, values: Mapping[str, Value]) -> bool:
        """Say whether a row has any cell of it."""
        return any(name in values for name in self.columns.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The items, ad-hoc items and fees that a file has columns for, by their numbers."""

    items: tuple[Entry, ...] = ()
    adhoc: tuple[Entry, ...] = ()
    fees: tuple[Entry, ...] = ()

    @property
    def entries(self) -> tuple[Entry, ...]:
        return (*self.items, *self.adhoc, *self.fees)


def layout_of(columns: Iterable[Column]) -> Layout:
    """Gather the entries that columns belong to."""
    numbers: dict[str, set[int]] = {part: set() for part in PARTS}
    for column in columns:
        if column.part in numbers:
            numbers[column.part].add(column.number)
    found = {part: tuple(_entry(part, n) for n in sorted(numbers[part])) for part in PARTS}
    return Layout(items=found[ITEMS], adhoc=found[ADHOC], fees=found[FEES])


def _entry(part: str, number: int) -> Entry:
    return Entry(part=part, number=number, columns={field: f"{part}.{number}.{field}" for field in PARTS[part]})


def items_in(values: Mapping[str, Value], layout: Layout, unit: Unit, faults: list[Fault]) -> tuple[Item, ...]:
    """Put together what a row subscribes to; what is wrong with it is added to `faults`."""
    listed = [one for one in layout.items if one.present(values)] if layout.items else []
    adhoc = [one for one in layout.adhoc if one.present(values)] if layout.adhoc else []
    if _PRICE in values:
        if listed or adhoc:
            other = (listed or adhoc)[0].shown
            hint = "a row has price, or items.N, adhoc_items.N or both of these: take one of the two away"
            faults.append(Fault(reason="mixed_items", column=_PRICE, summary=f"stands beside {other}", hint=hint))
            return ()
        return (_item(values[_PRICE], values.get(_QUANTITY)),)
    if _QUANTITY in values:
        summary, hint = "stands without a price", "give the row a price, or take the quantity out"
        faults.append(Fault(reason="quantity_without_price", column=_QUANTITY, summary=summary, hint=hint))
    elif not listed and not adhoc and ITEMS not in values:
        summary, hint = "the row has no price", "give it price, items.N.price or adhoc_items.N.amount"
        faults.append(Fault(reason="missing_price", column=_PRICE, summary=summary, hint=hint))
    items = [*_listed(values, listed, faults), *_adhoc(values, adhoc, unit, faults)]
    if len(items) > MAX_ITEMS:
        summary = f"the row has {len(items)} items, and a subscription at most {MAX_ITEMS}"
        faults.append(Fault(reason="too_many_items", column="", summary=summary, hint="split it into two rows"))
    return tuple(items)


def _listed(values: Mapping[str, Value], entries: Iterable[Entry], faults: list[Fault]) -> list[Item]:
    items: list[Item] = []
    seen: dict[Named, str] = {}
    for entry in entries:
        column = entry.columns[_PRICE]
        if column not in values:
            summary = f"{entry.shown} has a quantity and no price"
            hint = "give it a price, or take the quantity out"
            faults.append(Fault(reason="item_without_price", column=column, summary=summary, hint=hint))
            continue
        price = values[column]
        if price is None:
            continue
        if price in seen:
            summary = f"{shown(str(price))} stands in {seen[price]} as well"
            hint = "a price stands once in a row: add the quantities up"
            faults.append(Fault(reason="same_price_twice", column=column, summary=summary, hint=hint))
        seen.setdefault(price, entry.shown)
        items.append(_item(price, values.get(entry.columns[_QUANTITY])))
    return items


def _adhoc(values: Mapping[str, Value], entries: Iterable[Entry], unit: Unit, faults: list[Fault]) -> list[Item]:
    items: list[Item] = []
    for entry in entries:
        found = _complete(values, entry, "incomplete_adhoc_item", faults)
        if found is None:
            continue
        interval, count = found["interval"], found["interval_count"] or 1
        if interval is not None and count > LONGEST[interval]:
            summary = f"{count} {interval}s are longer than Stripe's three years"
            column, hint = entry.columns["interval_count"], f"at most {LONGEST[interval]}"
            faults.append(Fault(reason="bad_interval_count", column=column, summary=summary, hint=hint))
        amount = _minor(found["amount"], found["currency"], entry.columns["amount"], unit, faults)
        if amount is not None and found["product"] is not None and interval is not None:
            items.append(_priced(found["product"], amount, found["currency"], (interval, count), found["quantity"]))
    return items


def fees_in(values: Mapping[str, Value], layout: Layout, unit: Unit, faults: list[Fault]) -> tuple[Fee, ...]:
    """Put together what the first invoice has besides; what is wrong with it is added to `faults`."""
    entries = [one for one in layout.fees if one.present(values)]
    if len(entries) > MAX_FEES:
        summary = f"the row has {len(entries)} fees, and an invoice at most {MAX_FEES}"
        faults.append(Fault(reason="too_many_fees", column="", summary=summary, hint="add some of them up"))
    fees = []
    for entry in entries:
        found = _complete(values, entry, "incomplete_fee", faults)
        if found is not None:
            amount = _minor(found["amount"], found["currency"], entry.columns["amount"], unit, faults)
            if amount is not None and found["product"] is not None:
                fees.append(_fee(found["product"], amount, found["currency"]))
    return tuple(fees)


def _complete(
    values: Mapping[str, Value], entry: Entry, reason: str, faults: list[Fault]
) -> Mapping[str, Value] | None:
    """Give an entry's values by field, None where not all are there that it needs."""
    absent = [field for field in _NEEDED[entry.part] if entry.columns[field] not in values]
    if absent:
        summary = f"{entry.shown} has no {' and no '.join(absent)}"
        hint = "fill the cell in, or take the others of it out"
        faults.append(Fault(reason=reason, column=entry.columns[absent[0]], summary=summary, hint=hint))
        return None
    return {field: values.get(name) for field, name in entry.columns.items()}


def _minor(amount: Decimal | None, currency: str | None, column: str, unit: Unit, faults: list[Fault]) -> int | None:
    if amount is None or currency is None:
        return None
    try:
        return in_minor_units(amount, currency, unit)
    except Unreadable as wrong:
        faults.append(Fault(reason=wrong.reason, column=column, summary=wrong.summary, hint=wrong.hint))
        return None


# Rows by the thousand subscribe to the same: one value is enough for all of them.
@lru_cache(maxsize=_REPEATED)
def _item(price: Named | None, quantity: int | None) -> Item:
    return Item(price=price, quantity=quantity)


@lru_cache(maxsize=_REPEATED)
def _priced(product: Named, amount: int, currency: str, period: tuple[str, int], quantity: int | None) -> Item:
    adhoc = AdHoc(product=product, amount=amount, currency=currency, interval=period[0], interval_count=period[1])
    return Item(adhoc=adhoc, quantity=quantity)


@lru_cache(maxsize=_REPEATED)
def _fee(product: Named, amount: int, currency: str) -> Fee:
    return Fee(product=product, amount=amount, currency=currency)


def currencies_in(values: Mapping[str, Value], entries: Sequence[Entry]) -> dict[str, str]:
    """Give the currencies that a row's cells say, each with the first column that says it."""
    columns = ["currency", *(entry.columns["currency"] for entry in entries if "currency" in entry.columns)]
    found: dict[str, str] = {}
    for column in columns:
        currency = values.get(column)
        if currency is not None:
            found.setdefault(currency, column)
    return found
