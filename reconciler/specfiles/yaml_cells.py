"""Rows of migrations as YAML writes them, turned into the columns and cells that a file would have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import TypeAlias

from reconciler.core.migrations import Fault
from reconciler.core.row_cells import Unreadable, shown
from reconciler.core.row_columns import ADHOC, FEES, ITEMS, METADATA, PARTS, PLAIN, Cell, Column, find_column
from reconciler.core.suggest import suggestion
from reconciler.core.types import describe
from reconciler.core.values import Value

Filled: TypeAlias = "tuple[Column, str]"

_FIELDS = (*PLAIN, ITEMS, FEES, METADATA)
_EXPECTED: Mapping[Cell, str] = {
    Cell.TEXT: "a text",
    Cell.WHOLE: "a whole number",
    Cell.AMOUNT: "an amount",
    Cell.FLAG: "true or false",
    Cell.MOMENT: "a date",
}


def cell_text(value: Value, cell: Cell) -> str:
    """Write a value as a cell has it; raise Unreadable for one that YAML takes for something else."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        if cell is Cell.FLAG:
            return "true" if value else "false"
    elif isinstance(value, int):
        if cell in (Cell.WHOLE, Cell.AMOUNT, Cell.MOMENT):
            return str(value)
    elif isinstance(value, Decimal) and cell in (Cell.WHOLE, Cell.AMOUNT):
        return format(value, "f")
    hint = "write it in quotes" if cell is Cell.TEXT and isinstance(value, bool | int | Decimal) else ""
    raise Unreadable("wrong_type", f"expected {_EXPECTED[cell]}, found {describe(value)}", hint)


def row_cells(body: Mapping[str, Value], faults: list[Fault]) -> list[Filled]:
    """Give the cells of a row by its fields; what is wrong with them is added to `faults`."""
    cells: list[Filled] = []
    for name, value in body.items():
        if value is None:
            continue
        if name == METADATA:
            for key, text in _mapping(name, value, faults).items():
                if text is not None:
                    cells += _cell(f"{METADATA}.{key}", text, faults)
        elif name in (ITEMS, FEES):
            cells += entry_cells(name, value, faults)
        elif name in PLAIN:
            cells += _cell(name, value, faults)
        else:
            hint = suggestion(name, _FIELDS) or f"there are: {', '.join(_FIELDS)}"
            if name.startswith((f"{METADATA}.", f"{METADATA}_")):
                hint = f"write it as {METADATA}: {{{name[len(METADATA) + 1 :]}: ...}}"
            faults.append(Fault(reason="unknown_column", column="", summary=f"unknown field {shown(name)}", hint=hint))
    return cells


def entry_cells(field: str, value: Value, faults: list[Fault]) -> list[Filled]:
    """Give the cells of a list of items or of fees; what is wrong with them is added to `faults`."""
    if not isinstance(value, list):
        _misshapen(field, f"expected a list, found {describe(value)}", faults)
        return []
    return [cell for number, entry in enumerate(value) for cell in _entry(field, number, entry, faults)]


def _entry(field: str, number: int, entry: Value, faults: list[Fault]) -> Iterator[Filled]:
    called = f"{field}.{number}"
    values = {name: one for name, one in _mapping(called, entry, faults).items() if one is not None}
    part = ADHOC if field == ITEMS and not values.keys() <= PARTS[ITEMS].keys() else field
    if part == ADHOC and "price" in values:
        other = next(name for name in values if name not in PARTS[ITEMS])
        _misshapen(called, f"{shown(other)} does not go with a price", faults)
        return
    for name, one in values.items():
        if name in PARTS[part]:
            yield from _cell(f"{part}.{number}.{name}", one, faults, f"{called}.{name}")
        else:
            known = {**PARTS[part], **(PARTS[ITEMS] if field == ITEMS else {})}
            hint = suggestion(name, known) or f"there are: {', '.join(known)}"
            summary = f"unknown field {shown(name)}"
            faults.append(Fault(reason="unknown_column", column=called, summary=summary, hint=hint))


def _cell(name: str, value: Value, faults: list[Fault], called: str = "") -> Iterator[Filled]:
    try:
        column = find_column(name, called)
    except Unreadable as wrong:
        faults.append(Fault(reason=wrong.reason, column=called or name, summary=wrong.summary, hint=wrong.hint))
        return
    try:
        yield column, cell_text(value, column.cell)
    except Unreadable as wrong:
        faults.append(Fault(reason=wrong.reason, column=column.name, summary=wrong.summary, hint=wrong.hint))
        # The cell stands, so that nobody calls it missing.
        yield column, ""


def _mapping(called: str, value: Value, faults: list[Fault]) -> Mapping[str, Value]:
    if isinstance(value, dict):
        return value
    _misshapen(called, f"expected a mapping, found {describe(value)}", faults)
    return {}


def _misshapen(column: str, summary: str, faults: list[Fault]) -> None:
    faults.append(Fault(reason="wrong_type", column=column, summary=summary))
