"""Rows of migrations, read and checked one by one and together: all that can be known without asking anybody. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from reconciler.core.diagnostics import SourceRange
from reconciler.core.external_id import is_plain
from reconciler.core.migrations import Fault, Fee, Item, Row, Terms, row_address
from reconciler.core.row_cells import (
    Unit,
    Unreadable,
    in_minor_units,
    read_adopted,
    read_collection,
    read_currency,
    read_days,
    read_flag,
    read_interval,
    read_interval_count,
    read_major,
    read_minor,
    read_moment,
    read_past,
    read_proration,
    read_quantity,
    read_source_subscription,
    read_waived,
    shown,
)
from reconciler.core.row_columns import ITEMS, METADATA, Cell, Column
from reconciler.core.row_defaults import Defaults
from reconciler.core.row_items import currencies_in, fees_in, items_in, layout_of
from reconciler.core.row_names import NAMED, NameReader
from reconciler.core.row_rules import RowRules, broken_rules, metadata_faults
from reconciler.core.values import Value

Reader: TypeAlias = "Callable[[str], Value]"

LONGEST_KEY = 200
# What Stripe takes as a value of metadata, where the marker has the row's address.
_LONGEST_ADDRESS = 500
_SHOWN_LINES = 5
_ITEM = f"{ITEMS}."

_READERS: Mapping[str, Reader] = {
    "start_date": read_moment,
    "billing_cycle_anchor": read_moment,
    "trial_end": read_moment,
    "backdate_start_date": read_past,
    "quantity": read_quantity,
    "days_until_due": read_days,
    "interval": read_interval,
    "interval_count": read_interval_count,
    "automatic_tax": read_flag,
    "cancel_at_period_end": read_flag,
    "currency": read_currency,
    "proration_behavior": read_proration,
    "collection_method": read_collection,
    "waive": read_waived,
    "adopt": read_adopted,
    "source_subscription": read_source_subscription,
}
_KINDS: Mapping[str, str] = {name: name for name in NAMED} | {"default_tax_rate": "tax_rate"}
_NO_DEFAULTS = Defaults()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How the rows of one block are read: who reads names, by kind, what amounts are written in (None where nothing
    says so), what stands for empty cells, and the values that each batch's filter takes, by column."""

    migration: str
    key: str = ""
    unit: Unit | None = None
    names: Mapping[str, NameReader] = field(default_factory=dict)
    defaults: Defaults = _NO_DEFAULTS
    filters: Mapping[str, Mapping[str, frozenset[Value]]] = field(default_factory=dict)
    rules: RowRules = field(default_factory=RowRules)

    def reader(self, column: Column) -> Reader:
        """Find what reads a column's cells."""
        if column.part == METADATA:
            return str
        kind = _KINDS.get(column.field)
        if kind is not None:
            return self.names.get(kind) or NameReader(kind)
        if column.cell is Cell.AMOUNT:
            return read_major if self.unit is Unit.MAJOR else read_minor if self.unit is Unit.MINOR else _unknown_unit
        return _READERS[column.field]


def _unknown_unit(text: str) -> Value:
    raise Unreadable(
        "unknown_unit", f"{shown(text)} may be of either unit", "amount_unit: major or minor, in the block"
    )


class RowReader:
    """Reads rows whose cells stand in known columns; `columns` are these, each with its place in a row."""

    def __init__(self, reading: Reading, columns: Sequence[tuple[int, Column]]) -> None:
        defaults = reading.defaults
        self._reading = reading
        self._plan = tuple((at, c.name, reading.reader(c)) for at, c in columns if c.part != METADATA)
        self._metadata = tuple((at, c.field) for at, c in columns if c.part == METADATA)
        self._shown = {c.name: c.shown for _, c in columns}
        self._layout = layout_of((*(c for _, c in columns), *defaults.columns))
        self._chosen: dict[tuple[str, ...], frozenset[str]] = {(): frozenset()}

    def read(
        self, cells: Sequence[str], source: SourceRange, key: str | None = None, faults: Iterable[Fault] = ()
    ) -> Row:
        """Read a row; `key` is what identifies it where no column does. `faults` were found by whoever brings it."""
        found = list(faults)
        # What was there and could not be taken is not missing besides; an item of a list stands for the whole list.
        values: dict[str, Value] = dict.fromkeys(ITEMS if f.column.startswith(_ITEM) else f.column for f in found)
        for at, name, read in self._plan:
            text = cells[at]
            if text and (text := text.strip()):
                try:
                    values[name] = read(text)
                except Unreadable as wrong:
                    values[name] = None
                    found.append(Fault(reason=wrong.reason, column=name, summary=wrong.summary, hint=wrong.hint))
        metadata = dict(self._reading.defaults.metadata)
        for at, name in self._metadata:
            text = cells[at]
            if text and not text.isspace():
                metadata[name] = text
        self._reading.defaults.fill(values, self._layout)
        return self._row(values, self._named(metadata, key, found), source, found)

    def _named(self, metadata: dict[str, str], key: str | None, faults: list[Fault]) -> tuple[str, dict[str, str]]:
        """Find the row's key, and put it into its metadata; an empty one cannot be used, and `faults` say why."""
        name = self._reading.key
        column = f"{METADATA}.{name}" if name else ""
        if key is None:
            key = metadata.get(name, "")
        elif name and metadata.setdefault(name, key) != key:
            summary = f"{shown(metadata[name])} is not the row's key, {shown(key)}"
            hint = "a row written here has its name for a key: take the metadata out, or rename the row"
            faults.append(Fault(reason="two_keys", column=column, summary=summary, hint=hint))
        fault = key_fault(self._reading.migration, key)
        if fault is not None:
            faults.append(replace(fault, column=column))
            return "", metadata
        return key, metadata

    def _row(
        self, values: dict[str, Value], named: tuple[str, dict[str, str]], source: SourceRange, faults: list[Fault]
    ) -> Row:
        key, metadata = named
        reading = self._reading
        unit = reading.unit or Unit.MINOR
        items = items_in(values, self._layout, unit, faults)
        fees = fees_in(values, self._layout, unit, faults) if self._layout.fees else ()
        faults.extend(broken_rules(values, reading.rules, self._layout))
        if metadata:
            faults.extend(metadata_faults(metadata))
        money = (fees, self._source_amount(values, unit, faults))
        return Row(
            key=key,
            source=source,
            terms=None if faults else _terms(values, metadata, items, money),
            faults=self._as_called(faults),
            waives=values.get("waive") or frozenset(),
            adopt=values.get("adopt"),
            filters=self._batches(values, metadata) if reading.filters else self._chosen[()],
            source_subscription=values.get("source_subscription"),
        )

    def _source_amount(self, values: Mapping[str, Value], unit: Unit, faults: list[Fault]) -> int | None:
        amount = values.get("source_amount")
        if amount is None:
            return None
        currencies = currencies_in(values, self._layout.entries)
        if unit is Unit.MAJOR and len(currencies) != 1:
            if not currencies and "currency" not in values:
                summary = "the row does not say in which currency"
                hint = "give the file, or defaults:, the column currency; or write amounts in the smallest unit"
                reason = "source_amount_without_currency"
                faults.append(Fault(reason=reason, column="source_amount", summary=summary, hint=hint))
            return None
        try:
            return in_minor_units(amount, next(iter(currencies), ""), unit)
        except Unreadable as wrong:
            faults.append(Fault(reason=wrong.reason, column="source_amount", summary=wrong.summary, hint=wrong.hint))
            return None

    def _as_called(self, faults: Sequence[Fault]) -> tuple[Fault, ...]:
        """Call columns as the file does."""
        called = self._shown
        return tuple(
            f if called.get(f.column, f.column) == f.column else replace(f, column=called[f.column]) for f in faults
        )

    def _batches(self, values: Mapping[str, Value], metadata: Mapping[str, str]) -> frozenset[str]:
        prefix = f"{METADATA}."
        names = tuple(
            name
            for name, wanted in self._reading.filters.items()
            if all(
                (metadata.get(c.removeprefix(prefix)) if c.startswith(prefix) else values.get(c)) in allowed
                for c, allowed in wanted.items()
            )
        )
        return self._chosen.setdefault(names, frozenset(names))


def _terms(
    values: Mapping[str, Value],
    metadata: Mapping[str, str],
    items: tuple[Item, ...],
    money: tuple[tuple[Fee, ...], int | None],
) -> Terms:
    """Put together what a row says that nothing is wrong with."""
    return Terms(
        customer=values["customer"],
        start=values["start_date"],
        items=items,
        fees=money[0],
        metadata=metadata,
        anchor=values.get("billing_cycle_anchor"),
        trial_end=values.get("trial_end"),
        backdate=values.get("backdate_start_date"),
        prorated=values.get("proration_behavior", True),
        collection_method=values.get("collection_method", "charge_automatically"),
        days_until_due=values.get("days_until_due"),
        automatic_tax=values.get("automatic_tax", False),
        default_tax_rate=values.get("default_tax_rate"),
        coupon=values.get("coupon"),
        currency=values.get("currency"),
        cancel_at_period_end=values.get("cancel_at_period_end", False),
        source_amount=money[1],
    )


def key_fault(migration: str, key: str) -> Fault | None:
    """Say why a text cannot identify a row."""
    if not key.strip():
        hint = "fill it in with the id at the source: the row is known by it for ever"
        return Fault(reason="missing_key", column="", summary="the row has no key", hint=hint)
    if len(key) > LONGEST_KEY:
        summary = f"the key has {len(key)} characters, at most {LONGEST_KEY} are allowed"
        return Fault(reason="long_key", column="", summary=summary, hint="identify the row by a shorter id")
    if not is_plain(key):
        summary = "the key must not hold control characters"
        return Fault(reason="bad_key", column="", summary=summary, hint="give the row a proper one")
    if key != key.strip():
        return Fault(
            reason="bad_key", column="", summary=f"the key {shown(key)} has blanks around it", hint="take them out"
        )
    if len(migration) + len(key) > 200 and len(str(row_address(migration, key))) > _LONGEST_ADDRESS:
        summary = f"the row's address is longer than the {_LONGEST_ADDRESS} characters that Stripe's metadata takes"
        hint = "shorten the migration's name or the key; quotes and backslashes count twice"
        return Fault(reason="long_key", column="", summary=summary, hint=hint)
    return None


def doubles_told(rows: Sequence[Row], column: str) -> tuple[Row, ...]:
    """Put a fault on every row whose key another one of its migration has; `column` is where keys stand."""
    places: dict[str, list[Row]] = {}
    for row in rows:
        if row.key:
            places.setdefault(row.key, []).append(row)
    if all(len(same) == 1 for same in places.values()):
        return tuple(rows)
    alike = [places.get(row.key, ()) for row in rows]
    return tuple(
        replace(row, faults=(*row.faults, _double(row, same, column))) if len(same) > 1 else row
        for row, same in zip(rows, alike, strict=True)
    )


def _double(row: Row, same: Sequence[Row], column: str) -> Fault:
    # As many as are shown, and the row itself: a file whose rows all have one key is not to take for ever.
    others = [_spot(one.source, row.source) for one in same[: _SHOWN_LINES + 1] if one is not row][:_SHOWN_LINES]
    left = len(same) - 1 - len(others)
    more = f" and {left} more" if left else ""
    summary = f"the key {shown(row.key)} stands in {', '.join(others)}{more} as well"
    hint = "keep the row that is meant: a key is one subscription"
    return Fault(reason="duplicate_key", column=column, summary=summary, hint=hint)


def _spot(source: SourceRange, beside: SourceRange) -> str:
    return f"line {source.line}" if source.path == beside.path else f"{source.path}:{source.line}"


def cell_count_fault(found: int, expected: int) -> Fault:
    """Say that a row has more or fewer cells than its header."""
    summary = f"the row has {found} cells, and the header {expected}"
    hint = "a cell with a comma in it needs quotes; an empty one its comma"
    return Fault(reason="cell_count", column="", summary=summary, hint=hint)
