"""Rows of migrations from one form into the other: a file of the toolkit's columns, or bodies as YAML writes them.

Nothing is read into ids or dates that cannot be written back: what a cell says wrongly, it says wrongly in both forms.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from reconciler.core.diagnostics import SourceRange
from reconciler.core.migration_rows import cell_count_fault, key_fault
from reconciler.core.migrations import Fault
from reconciler.core.row_cells import Unreadable, read_flag, read_past, shown
from reconciler.core.row_columns import ADHOC, FEES, IGNORED, ITEMS, METADATA, Cell, Column, doubles_in, find_column
from reconciler.core.suggest import suggestion
from reconciler.core.types import describe
from reconciler.core.values import Value
from reconciler.errors import BillplanError, SpecError
from reconciler.specfiles import codes
from reconciler.specfiles.findings import Findings
from reconciler.specfiles.migration_schema import PLURAL, ROWS
from reconciler.specfiles.row_source import DELIMITERS, RowFile, RowFormat, read_lines
from reconciler.specfiles.yaml_cells import row_cells
from reconciler.specfiles.yaml_text import Document, load_yaml

_EXPRESSION = re.compile(r"\{\{|\{%|\{#")
_CONSTANT = re.compile(r'\{\{ ("(?:[^"\\]|\\.)*") \}\}')


@dataclass(frozen=True, slots=True, kw_only=True)
class InlineRows:
    """Rows by their keys, as YAML writes them. `amounts`: some of them say amounts, whose unit the block must say."""

    key: str
    bodies: Mapping[str, Mapping[str, Value]]
    amounts: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TableRows:
    """Rows by their keys, as a file writes them: the text of each filled cell by its column. `unit` is what the block
    says that amounts are in, empty where it says nothing."""

    key: str
    rows: Mapping[str, Mapping[str, str]]
    unit: str = ""


def csv_file(path: Path, names: Sequence[str] = ("customer",)) -> RowFile:
    """Describe a CSV file, with the delimiter that its header has; `names` are columns that it should have."""
    try:
        with path.open(encoding="utf-8-sig") as stream:
            header = stream.readline().rstrip("\r\n").replace('"', "")
    except (OSError, ValueError):
        # What is wrong with the file is told where it is read.
        header = ""
    found = [one for one in DELIMITERS if any(name in header.split(one) for name in names)]
    return RowFile(
        path=path,
        shown=str(path),
        format=RowFormat.CSV,
        source=SourceRange(str(path), 1, 1),
        fields=(),
        required=(),
        delimiter=found[0] if found else ",",
    )


def rows_of_csv(path: Path, key: str) -> InlineRows:
    """Read a toolkit CSV into bodies; `key` is the metadata that identifies rows, empty if it is the only one there is.
    Raises SpecError with everything that cannot be taken over."""
    findings = Findings()
    file = csv_file(path)
    lines = read_lines(file, findings)
    line, header = next(lines, (1, []))
    top = SourceRange(file.shown, line, 1)
    if not header and not findings:
        findings.report(codes.WRONG_SHAPE, "the file is empty", top, "its first line names the columns")
    columns = _columns(header, top, findings)
    key = _key_column(key, [column for _, column in columns], top, findings)
    if findings:
        raise SpecError(findings)
    bodies: dict[str, Mapping[str, Value]] = {}
    places: dict[str, int] = {}
    for number, cells in lines:
        found, fault = _keyed(cells, len(header), columns, key)
        fault = fault or key_fault(path.stem, found)
        if fault is None and found in places:
            summary = f"the key {shown(found)} stands in line {places[found]} as well"
            fault = Fault(reason="duplicate_key", column="", summary=summary, hint="a key is one subscription")
        if fault is not None:
            findings.report("BP1701", fault.summary, SourceRange(file.shown, number, 1), fault.hint)
            continue
        places[found] = number
        bodies[found] = _body(cells, columns, key)
    if findings:
        raise SpecError(findings)
    amounts = any(column.cell is Cell.AMOUNT for _, column in columns)
    return InlineRows(key=key, bodies=bodies, amounts=amounts)


def _columns(header: Sequence[str], top: SourceRange, findings: Findings) -> list[tuple[int, Column]]:
    columns = []
    for at, name in enumerate(header):
        if name == IGNORED:
            continue
        try:
            columns.append((at, find_column(name)))
        except Unreadable as wrong:
            findings.report(codes.UNKNOWN_COLUMN, wrong.summary, top, wrong.hint)
    for column, first in doubles_in(column for _, column in columns):
        summary = f"{shown(column.shown)} and {shown(first.shown)} are the same column, {column.name}"
        findings.report(codes.UNKNOWN_COLUMN, summary, top, "keep one of the two")
    return columns


def _key_column(key: str, columns: Sequence[Column], top: SourceRange, findings: Findings) -> str:
    """Find which metadata identifies a row; what is not said and not clear is reported."""
    there = [column.field for column in columns if column.part == METADATA]
    name = key.removeprefix(f"{METADATA}.").removeprefix(f"{METADATA}_")
    if name:
        if name not in there:
            hint = suggestion(name, there) or "name the column with the id at the source"
            findings.report(codes.UNKNOWN_COLUMN, f"there is no column {METADATA}.{name}", top, hint)
        return name
    if len(there) != 1:
        listed = ", ".join(f"{METADATA}.{one}" for one in there) or "none"
        hint = "say which with --key metadata.NAME"
        findings.report(codes.UNKNOWN_COLUMN, f"which metadata identifies a row? There is: {listed}", top, hint)
        return ""
    return there[0]


def _keyed(
    cells: Sequence[str], width: int, columns: Sequence[tuple[int, Column]], key: str
) -> tuple[str, Fault | None]:
    if len(cells) != width:
        return "", cell_count_fault(len(cells), width)
    return next(cells[at] for at, column in columns if column.part == METADATA and column.field == key), None


def _body(cells: Sequence[str], columns: Sequence[tuple[int, Column]], key: str) -> dict[str, Value]:
    """Write a row's filled cells as YAML does: items and fees as lists, metadata as a mapping."""
    plain: dict[str, Value] = {}
    metadata: dict[str, str] = {}
    parts: dict[str, dict[int, dict[str, Value]]] = {ITEMS: {}, ADHOC: {}, FEES: {}}
    for at, column in columns:
        text = cells[at]
        if not text.strip():
            continue
        if column.part == METADATA:
            if column.field != key:
                metadata[column.field] = text
        elif column.part:
            parts[column.part].setdefault(column.number, {})[column.field] = _value(text.strip(), column.cell)
        else:
            plain[column.name] = _value(text.strip(), column.cell)
    items = [entry for part in (ITEMS, ADHOC) for _, entry in sorted(parts[part].items())]
    fees = [entry for _, entry in sorted(parts[FEES].items())]
    body: dict[str, Value] = {name: plain.pop(name) for name in ("customer", "start_date") if name in plain}
    body |= {"items": items} if items else {}
    body |= plain
    body |= {FEES: fees} if fees else {}
    return body | ({METADATA: metadata} if metadata else {})


def _value(text: str, cell: Cell) -> Value:
    """Write a cell's text as YAML does; what cannot be read stays the text that it is."""
    match cell:
        case Cell.WHOLE | Cell.AMOUNT if text.isascii() and text.isdigit() and text == str(int(text[:40])):
            return int(text)
        case Cell.FLAG if text.lower() in ("true", "false"):
            return text.lower() == "true"
        case Cell.MOMENT if text.isascii() and text.isdigit():
            try:
                return datetime.fromtimestamp(read_past(text), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            except Unreadable:
                return text
    return text


def rows_of_yaml(path: Path, name: str, key: str) -> TableRows:
    """Read the rows that stand in a block of a spec file into cells. `name` is the block's, `key` the metadata that
    identifies rows; each may be empty where there is one choice. Raises SpecError with everything that is wrong."""
    document = load_yaml(path, str(path))
    findings = Findings(document.diagnostics)
    _render(document, findings)
    if findings:
        raise SpecError(findings)
    chosen, body = _block(document, name)
    said = str(body.get("key") or "")
    key = (key or said).removeprefix(f"{METADATA}.").removeprefix(f"{METADATA}_")
    if not key:
        hint = "say which metadata is to hold it: --key metadata.NAME"
        raise BillplanError(f"{chosen} has no key:, and a file needs a column of keys", hint=hint)
    column = f"{METADATA}.{key}"
    rows: dict[str, dict[str, str]] = {}
    for row_key, row in body[ROWS].items():
        at = _place(document, name=chosen, key=row_key)
        faults: list[Fault] = []
        if not isinstance(row, dict):
            findings.report("BP1701", f"{row_key}: expected a mapping of fields, found {describe(row)}", at)
            continue
        cells = {one.name: _text(text, one.cell) for one, text in row_cells(row, faults)}
        if cells.setdefault(column, row_key) != row_key:
            faults.append(Fault(reason="two_keys", column=column, summary=f"is not the row's key, {shown(row_key)}"))
        for fault in faults:
            findings.report("BP1701", f"{row_key}: {fault.column} {fault.summary}".replace("  ", " "), at, fault.hint)
        rows[row_key] = cells
    if findings:
        raise SpecError(findings)
    return TableRows(key=key, rows=rows, unit=str(body.get("amount_unit") or ""))


def _render(document: Document, findings: Findings) -> None:
    """Take the quotes off texts that were kept from being rendered; others need variables that nobody knows here."""
    for holder, key, mark in document.braced:
        text = str(holder[key])  # type: ignore[index]
        if not _EXPRESSION.search(text):
            continue
        constant = _CONSTANT.fullmatch(text)
        if constant is not None:
            holder[key] = json.loads(constant[1])  # type: ignore[index]
        else:
            hint = "write the value itself: convert reads one file, and knows no variables"
            findings.report(codes.UNDEFINED, f"{shown(text)} is an expression", document.places.at(mark), hint)


def _block(document: Document, name: str) -> tuple[str, Mapping[str, Value]]:
    """Find the block whose rows are meant, in a spec file or by itself."""
    value = document.value
    blocks = value.get(PLURAL, value) if isinstance(value, dict) else {}
    if isinstance(blocks, dict) and isinstance(blocks.get(ROWS), dict):
        blocks = {name or "the block": blocks}
    found = {
        one: body
        for one, body in (blocks.items() if isinstance(blocks, dict) else ())
        if isinstance(body, dict) and isinstance(body.get(ROWS), dict)
    }
    if name and name not in found:
        hint = suggestion(name, found) or f"there are: {', '.join(found) or 'none'}"
        raise BillplanError(f"no migration {name!r} has {ROWS}:", hint=hint)
    if len(found) != 1 and not name:
        what = f"several migrations have {ROWS}:" if found else f"no migration has {ROWS}:"
        hint = f"say which with --name: {', '.join(found)}" if found else f"{PLURAL}: {{NAME: {{{ROWS}: {{...}}}}}}"
        raise BillplanError(what, hint=hint)
    return next((one, found[one]) for one in ([name] if name else found))


def _place(document: Document, *, name: str, key: str) -> SourceRange:
    return document.places.nearest((PLURAL, name, ROWS, key))


def _text(text: str, cell: Cell) -> str:
    """Write what YAML says as the toolkit's files do: epoch seconds, TRUE and FALSE."""
    try:
        match cell:
            case Cell.MOMENT:
                return str(read_past(text))
            case Cell.FLAG:
                return "TRUE" if read_flag(text) else "FALSE"
    except Unreadable:
        pass
    return text


def lines_of(path: Path, names: Sequence[str]) -> tuple[str, Iterator[tuple[int, list[str]]], Findings]:
    """Open a CSV file of another sort: its name in messages, its lines, the header first, and where faults go."""
    findings, file = Findings(), csv_file(path, names)
    return file.shown, read_lines(file, findings), findings
