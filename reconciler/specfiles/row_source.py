"""Row sources: CSV and JSON lines as a stream of rows, each with the line where it starts and the fields by our names.

What is wrong with the file as a whole is reported and ends it; what is wrong with one row comes with that row.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from pathlib import Path, PurePath
from typing import TextIO

from reconciler.core.diagnostics import SourceRange
from reconciler.core.suggest import suggestion
from reconciler.core.types import describe
from reconciler.core.values import Value
from reconciler.specfiles import codes
from reconciler.specfiles.findings import Findings

DELIMITERS = (",", ";", "|", "\t")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
# What a spreadsheet's own files start with.
_ZIP = b"PK\x03\x04"
# What is no header may be anything, a customer's data as well: no more of it is shown than helps.
_SHOWN_NAMES, _SHOWN_LENGTH = 20, 40


class RowFormat(StrEnum):
    """How a file holds its rows."""

    CSV = "csv"
    JSONL = "jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class RowFile:
    """A file of rows. `shown` is its name in messages, `source` where it is named.

    `fields` are our names of what a row may hold, `required` those without which the file makes no sense; of a CSV it
    also needs one of `one_of`. `columns` maps them to the file's own names; without it they are called as we call them.
    """

    path: Path
    shown: str
    format: RowFormat
    source: SourceRange
    fields: tuple[str, ...]
    required: tuple[str, ...]
    one_of: tuple[str, ...] = ()
    columns: Mapping[str, str] | None = None
    column_places: Mapping[str, SourceRange] = field(default_factory=dict)
    delimiter: str = ","

    def name(self, field: str) -> str:
        """Name a field as the file does."""
        return (self.columns or {}).get(field, field)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceRow:
    """One row: the line where it starts, and its fields by our names, the empty ones left out.

    `wrong` says why it cannot be used, `hint` the way out.
    """

    line: int
    values: Mapping[str, Value] = field(default_factory=dict)
    wrong: str = ""
    hint: str = ""


class _Stop(Exception):
    """Nothing more can be read; the reason is reported."""


def read_rows(file: RowFile, findings: Findings) -> Iterator[SourceRow]:
    """Read a file row by row; report what is wrong with the file itself, and end there."""
    try:
        with _opened(file, findings) as stream:
            yield from _csv_rows(file, stream, findings) if file.format is RowFormat.CSV else _json_rows(file, stream)
    except _Stop:
        return
    except UnicodeDecodeError:
        _report_undecodable(file, findings)
    except (OSError, ValueError) as error:
        _report_unreadable(file, error, findings)


def read_lines(file: RowFile, findings: Findings) -> Iterator[tuple[int, list[str]]]:
    """Read the cells of a CSV file row by row, the header first, each with the line where it starts; report what is
    wrong with the file itself, and end there. Rows of empty cells are left out."""
    try:
        with _opened(file, findings) as stream:
            yield from _csv_lines(file, stream, findings)
    except _Stop:
        return
    except UnicodeDecodeError:
        _report_undecodable(file, findings)
    except (OSError, ValueError) as error:
        _report_unreadable(file, error, findings)


def path_fault(folder: Path, name: str) -> tuple[str, str] | None:
    """Say why a path cannot be that of a file of a project in a folder, and the way out."""
    if PurePath(name).is_absolute():
        hint = "paths are relative to the folder of billplan.yaml, so that every checkout has them"
        return f"{name!r} is an absolute path", hint
    if _leads_out(folder, name):
        # What a pull request names is read where its plan runs, and the first line of it may be shown.
        return (
            f"{name!r} leads out of the project's folder",
            "copy the file into the folder of billplan.yaml, or below it",
        )
    return None


def _leads_out(folder: Path, name: str) -> bool:
    """Say whether a path leads out of a folder, by itself or by a link."""
    try:
        return not (folder / name).resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError):
        # A loop of links, or what is no path at all: nothing can be read there, and the reader says so.
        return False


def _opened(file: RowFile, findings: Findings) -> TextIO:
    if not file.path.is_file():
        what = "is a folder" if file.path.is_dir() else "does not exist"
        hint = "paths are relative to the folder of billplan.yaml"
        findings.report(codes.UNREADABLE, f"the file {file.shown} {what}", file.source, hint)
        raise _Stop
    with file.path.open("rb") as raw:
        start = raw.read(len(_ZIP))
    place = SourceRange(file.shown, 1, 1)
    if start == _ZIP:
        hint = "export it as text, with the encoding UTF-8"
        findings.report(codes.NOT_TEXT, "the file is a workbook or another archive, not text", place, hint)
        raise _Stop
    if start[:2] in _UTF_16:
        findings.report(codes.NOT_TEXT, "the file is UTF-16, not UTF-8", place, "save it with the encoding UTF-8")
        raise _Stop
    # A quoted cell may hold line ends: they are for the CSV reader to understand.
    return file.path.open(encoding="utf-8-sig", newline="" if file.format is RowFormat.CSV else None)


def _report_unreadable(file: RowFile, error: OSError | ValueError, findings: Findings) -> None:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    findings.report(codes.UNREADABLE, f"the file {file.shown} cannot be read: {reason}", file.source)


def _report_undecodable(file: RowFile, findings: Findings) -> None:
    place = SourceRange(file.shown, _undecodable_line(file.path), 1)
    findings.report(codes.NOT_TEXT, "the file is not UTF-8", place, "save it with the encoding UTF-8")


def _undecodable_line(path: Path) -> int:
    with path.open("rb") as raw:
        for number, line in enumerate(raw, 1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                return number
    return 1


def _csv_rows(file: RowFile, stream: TextIO, findings: Findings) -> Iterator[SourceRow]:
    lines = _csv_lines(file, stream, findings)
    _, header = next(lines, (1, []))
    places = _columns_in(file, header, findings)
    for line, cells in lines:
        yield _csv_row(line, cells, len(header), places)


def _csv_lines(file: RowFile, stream: TextIO, findings: Findings) -> Iterator[tuple[int, list[str]]]:
    # Strict, so that a quote that is never closed ends the file with an error, and not in one enormous cell.
    reader = csv.reader(stream, delimiter=file.delimiter, strict=True)
    before, header = 0, True
    try:
        for cells in reader:
            line, before = before + 1, reader.line_num
            if cells and (header or any(cell.strip() for cell in cells)):
                yield line, [cell.strip() for cell in cells] if header else cells
                header = False
    except csv.Error as error:
        hint = "check the quotes around it: a quote inside quotes is written twice"
        # Where the row starts: a quote that is never closed is found at the end of the file only.
        place = SourceRange(file.shown, before + 1, 1)
        findings.report(codes.SYNTAX, f"not CSV: {error}", place, hint)
        raise _Stop from None


def _csv_row(line: int, cells: list[str], width: int, places: Sequence[tuple[str, int]]) -> SourceRow:
    if len(cells) != width:
        wrong = f"the row has {len(cells)} cells, and the header {width}"
        return SourceRow(line=line, wrong=wrong, hint="a cell with a comma in it needs quotes; an empty one its comma")
    return SourceRow(line=line, values={name: cells[at] for name, at in places if cells[at].strip()})


def _columns_in(file: RowFile, header: list[str], findings: Findings) -> list[tuple[str, int]]:
    """Find the fields' columns; report every one that is not there, or is there twice."""
    if not header:
        place = SourceRange(file.shown, 1, 1)
        findings.report(codes.WRONG_SHAPE, "the file is empty", place, "its first line names the columns")
        raise _Stop
    wanted = [f for f in file.fields if f in file.required or f in (file.columns or header)]
    trouble = False
    for name in wanted:
        column, count = file.name(name), header.count(file.name(name))
        if count != 1:
            trouble = True
            how = "no" if count == 0 else f"{count} times the"
            summary = f"{file.shown} has {how} column {column!r} (for {name}); its header: {_shown_header(header)}"
            at = file.column_places.get(name, file.source)
            findings.report(codes.UNKNOWN_COLUMN, summary, at, _way_out(file, name, header) if count == 0 else "")
    if file.one_of and not any(name in wanted for name in file.one_of):
        trouble = True
        summary = f"{file.shown} has no column for {' or '.join(file.one_of)}; its header: {_shown_header(header)}"
        findings.report(codes.UNKNOWN_COLUMN, summary, file.source, _way_out(file, file.one_of[0], header))
    if trouble:
        raise _Stop
    return [(name, header.index(file.name(name))) for name in wanted]


def _way_out(file: RowFile, name: str, header: list[str]) -> str:
    others = [d for d in DELIMITERS if d != file.delimiter and any(d in cell for cell in header)]
    if len(header) == 1 and others:
        return f"its cells are separated otherwise, it seems: delimiter: {json.dumps(others[0])}"
    near = suggestion(file.name(name), header) or suggestion(file.name(name).casefold(), [h.casefold() for h in header])
    return near or f"name the column under columns:, as in  columns: {{{name}: THE COLUMN}}"


def _shown_header(header: list[str]) -> str:
    shown = ["(an e-mail address)" if "@" in name else name[:_SHOWN_LENGTH] for name in header[:_SHOWN_NAMES]]
    more = f" and {len(header) - _SHOWN_NAMES} more" if len(header) > _SHOWN_NAMES else ""
    return ", ".join(shown) + more


def _json_rows(file: RowFile, stream: TextIO) -> Iterator[SourceRow]:
    decode = json.JSONDecoder(object_pairs_hook=_once, parse_float=Decimal, parse_constant=_no_constant).decode
    known = {name: file.name(name) for name in file.fields if file.columns is None or name in file.columns}
    for line, text in enumerate(stream, 1):
        if not text.strip():
            continue
        try:
            row = decode(text)
        except _Twice as error:
            yield SourceRow(line=line, wrong=f"the field {error.name!r} stands twice in it", hint="keep one of the two")
        except (ValueError, RecursionError):
            yield SourceRow(line=line, wrong="the line is not JSON", hint="each line is one JSON object")
        else:
            yield _json_row(file, line, row, known)


def _json_row(file: RowFile, line: int, row: Value, known: Mapping[str, str]) -> SourceRow:
    """Read a line; `known` are the file's names of fields by ours, of which two may be one."""
    if not isinstance(row, dict):
        # Not shown: whatever it is, it may be a customer's data.
        what = describe(row).split(" ")
        wrong = f"the line is {' '.join(what[:2])}, not a JSON object"
        return SourceRow(line=line, wrong=wrong, hint="each line is one JSON object")
    if file.columns is None:
        for name in row:
            if name not in known.values():
                hint = suggestion(name, known.values()) or "name the fields that you want under columns:"
                return SourceRow(line=line, values=_named(row, known), wrong=f"unknown field {_cut(name)!r}", hint=hint)
    return SourceRow(line=line, values=_named(row, known))


def _cut(name: str) -> str:
    return "(an e-mail address)" if "@" in name else name[:_SHOWN_LENGTH]


def _named(row: Mapping[str, Value], known: Mapping[str, str]) -> dict[str, Value]:
    found = {ours: row.get(theirs) for ours, theirs in known.items()}
    return {name: value for name, value in found.items() if value is not None and value != ""}


class _Twice(ValueError):
    """A field that stands twice in an object."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = _cut(name)


def _once(pairs: list[tuple[str, Value]]) -> dict[str, Value]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise _Twice(next(name for name in names if names.count(name) > 1))
    return found


def _no_constant(text: str) -> Value:
    raise ValueError(f"{text} is not JSON")
