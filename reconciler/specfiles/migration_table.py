"""The rows of a migration's CSV file: its header, held against the columns that there are, and each row, checked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from reconciler.core.diagnostics import SourceRange
from reconciler.core.migration_rows import Reading, RowReader, cell_count_fault
from reconciler.core.migrations import Row
from reconciler.core.row_cells import Unreadable, shown
from reconciler.core.row_columns import ADHOC, IGNORED, ITEMS, METADATA, Column, doubles_in, find_column
from reconciler.core.suggest import suggestion
from reconciler.specfiles import codes
from reconciler.specfiles.migration_settings import Settings
from reconciler.specfiles.row_source import DELIMITERS, RowFile, RowFormat, path_fault, read_lines

UNKNOWN_UNIT = "unknown_unit"
_REQUIRED = ("customer", "start_date")
_MOST_NAMES = 20
# What stands in a row, and never names a column: an id or an address of a customer or a price, a date.
_IS_VALUE = re.compile(r"(?:cus_|price[_.])\w+$|\d{9,13}$|\d{4}-\d\d-\d\d")


def table_file(settings: Settings, folder: Path) -> RowFile | None:
    """Find the file that a block names; None where it names none, or one that it must not, which is reported."""
    name = settings.said.get("csv")
    if name is None:
        return None
    wrong = path_fault(folder, name)
    if wrong is not None:
        settings.report(("csv",), f"csv: {wrong[0]}", wrong[1])
        return None
    return RowFile(
        path=folder / name,
        shown=name,
        format=RowFormat.CSV,
        source=settings.place(("csv",)),
        fields=(),
        required=(),
        delimiter=settings.said.get("delimiter", ","),
    )


class Table:
    """A CSV file whose header has been read: `columns` are those that can be, each with its place in a row. Where the
    header is not as it must be, that is reported, and there are no rows."""

    def __init__(self, file: RowFile, settings: Settings) -> None:
        self._file = file
        self._settings = settings
        self._lines = read_lines(file, settings.findings)
        before = len(settings.findings)
        line, self._header = next(self._lines, (1, []))
        self._top = SourceRange(file.shown, line, 1)
        if not self._header and len(settings.findings) == before:
            self._report("the file is empty", "its first line names the columns")
        self.columns: tuple[tuple[int, Column], ...] = tuple(self._columns()) if self._header else ()
        self._sound = len(settings.findings) == before

    @property
    def names(self) -> set[str]:
        """What its columns are called here."""
        return {column.name for _, column in self.columns}

    def rows(self, reading: Reading) -> Iterator[Row]:
        """Read the rows."""
        known = self.names | set(reading.defaults.values)
        if not self._sound or not self._complete(known, reading.key):
            return
        reader, width, path = RowReader(reading, self.columns), len(self._header), self._file.shown
        for line, cells in self._lines:
            source = SourceRange(path, line, 1)
            if len(cells) == width:
                yield reader.read(cells, source)
            else:
                yield Row(key="", source=source, terms=None, faults=(cell_count_fault(len(cells), width),))

    def _columns(self) -> Iterator[tuple[int, Column]]:
        """Find what each column of the header is; `columns:` goes before what it is called."""
        mapped = self._mapped()
        columns = [(at, column) for at, column in mapped if column is not None]
        called = set(self._settings.said.get("columns", {}).values())
        wrong: list[Unreadable] = []
        for at, name in enumerate(self._header):
            if name == IGNORED or name in called or not name:
                continue
            try:
                columns.append((at, find_column(name)))
            except Unreadable as error:
                wrong.append(error)
        if wrong and (self._separated_otherwise() or self._without_header([column for _, column in columns])):
            return iter(())
        nameless = [at for at, name in enumerate(self._header, 1) if not name]
        if nameless:
            which = f"column {nameless[0]} has" if len(nameless) == 1 else f"columns {_listed(nameless)} have"
            self._report(f"{which} no name", "give it one in line 1, or take it out; a sheet often exports empty ones")
        for unknown in wrong:
            self._report(unknown.summary, unknown.hint)
        for column, first in doubles_in(column for _, column in columns):
            summary = f"{shown(column.shown)} and {shown(first.shown)} are the same column, {column.name}"
            self._report(summary, "keep one of the two")
        return iter(sorted(columns, key=lambda one: one[0]))

    def _mapped(self) -> Iterator[tuple[int, Column | None]]:
        for name, called in self._settings.said.get("columns", {}).items():
            path = ("columns", name)
            column = self._settings.column(name, path, called)
            count = self._header.count(called)
            if count != 1:
                how = "no" if count == 0 else f"{count} times the"
                hint = suggestion(called, self._header) or f"its header: {self._shown_header()}"
                summary = f"columns: {self._file.shown} has {how} column {shown(called)} (for {shown(name)})"
                self._settings.report(path, summary, hint, codes.UNKNOWN_COLUMN)
            else:
                yield self._header.index(called), column

    def _separated_otherwise(self) -> bool:
        others = [d for d in DELIMITERS if d != self._file.delimiter and d in self._header[0]]
        if len(self._header) > 1 or not others:
            return False
        written = others[0].replace("\t", "\\t")
        hint = f'its cells are separated otherwise, it seems: write  delimiter: "{written}"  in the block'
        self._report("the header is one column", hint)
        return True

    def _without_header(self, columns: Sequence[Column]) -> bool:
        """Report a first line that names no column at all, but is a row."""
        if columns or not any(_IS_VALUE.match(name) for name in self._header):
            return False
        self._report("its first line is a row, and names no columns", "billplan migrations template writes the headers")
        return True

    def _complete(self, known: set[str], key: str) -> bool:
        """Report the columns without which every row would be wrong; say whether there are none."""
        missing = [name for name in _REQUIRED if name not in known]
        if not any(_is_price(name) for name in known):
            missing.append("price")
        if f"{METADATA}.{key}" not in self.names:
            missing.append(f"{METADATA}.{key}")
        for name in missing:
            what = "price, items.N.price or adhoc_items.N.amount" if name == "price" else name
            role = " (the key)" if name.startswith(METADATA) else ""
            near = suggestion(name, self._spare()) or f"its header: {self._shown_header()}"
            self._report(f"{self._file.shown} has no column {what}{role}", near)
        return not missing

    def _spare(self) -> list[str]:
        """List the columns that may be meant by another name: of the toolkit's own, none is."""
        return [self._header[at] for at, column in self.columns if column.name.startswith(METADATA)]

    def _shown_header(self) -> str:
        names = [shown(name)[1:-1] for name in self._header[:_MOST_NAMES]]
        more = f" and {len(self._header) - _MOST_NAMES} more" if len(self._header) > _MOST_NAMES else ""
        return ", ".join(names) + more

    def _report(self, summary: str, hint: str) -> None:
        self._settings.findings.report(codes.UNKNOWN_COLUMN, summary, self._top, hint)


def _listed(numbers: Sequence[int]) -> str:
    more = f" and {len(numbers) - _MOST_NAMES} more" if len(numbers) > _MOST_NAMES else ""
    return ", ".join(map(str, numbers[:_MOST_NAMES])) + more


def _is_price(name: str) -> bool:
    part, _, rest = name.partition(".")
    return name == "price" or (part == ITEMS and rest.endswith("price")) or (part == ADHOC and rest.endswith("amount"))


def unit_missing(rows: Sequence[Row]) -> tuple[Row, str] | None:
    """Find the first row with an amount whose unit nothing says, and the column of it."""
    for row in rows:
        for fault in row.faults:
            if fault.reason == UNKNOWN_UNIT:
                return row, fault.column
    return None
