"""The maps of a migration: what ids of the source are here, read from a CSV file or from the block itself."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from reconciler.core.address import Address
from reconciler.core.diagnostics import SourceRange
from reconciler.core.migrations import Named
from reconciler.core.row_cells import Unreadable, shown
from reconciler.core.row_names import IdMap, check_declared, id_map, parse_name
from reconciler.core.suggest import suggestion
from reconciler.core.types import describe
from reconciler.core.values import Value
from reconciler.specfiles import codes
from reconciler.specfiles.findings import Findings
from reconciler.specfiles.places import Places
from reconciler.specfiles.row_source import DELIMITERS, RowFile, RowFormat, path_fault, read_lines

_FILE = ("csv", "from", "to")
# More lines of one file are wrong in the same way, in all likelihood.
_MOST_TOLD = 20
_PREFIXES = {"customer": ("cus_",), "price": ("price_", "plan_"), "tax_rate": ("txr_",)}


@dataclass(frozen=True, slots=True)
class _Pair:
    """An old id, its new one, and where they stand."""

    old: str
    new: str
    source: SourceRange


Declared: TypeAlias = "Collection[Address] | None"


def read_maps(
    maps: Mapping[str, Value], places: Places, folder: Path, declared: Declared, findings: Findings
) -> dict[str, IdMap]:
    """Read the maps of a block by kind of id; `places` are those of `maps`, `declared` the addresses that may stand for
    new ids, None where they are not known. What is wrong with the maps is reported."""
    found = {}
    for kind, value in maps.items():
        if isinstance(value, dict) and "csv" not in value:
            below = places.below((kind,))
            pairs = [
                _Pair(old.strip(), str(new).strip(), below[(old,)]) for old, new in value.items() if new is not None
            ]
            found[kind] = id_map(f"the map of {kind}s", _known(kind, pairs, declared, findings))
        else:
            form = value if isinstance(value, dict) else {"csv": value}
            file = _file(kind, form, places, folder, findings)
            if file is not None:
                pairs_read = _pairs(kind, file, form, findings)
                found[kind] = id_map(file.shown, _known(kind, pairs_read, declared, findings))
    return found


def _file(kind: str, form: Mapping[str, Value], places: Places, folder: Path, findings: Findings) -> RowFile | None:
    at = places.value_at((kind,))
    before = len(findings)
    for name, value in form.items():
        if name not in _FILE:
            hint = suggestion(name, _FILE) or "a file is {csv: FILE, from: COLUMN, to: COLUMN}"
            findings.report(codes.WRONG_SHAPE, f"maps: {kind}: unknown key {shown(name)}", at, hint)
        elif not isinstance(value, str) or not value.strip():
            findings.report(codes.WRONG_SHAPE, f"maps: {kind}: {name}: expected a text, found {describe(value)}", at)
    if ("from" in form) != ("to" in form):
        hint = "name both columns, or none for the first two"
        findings.report(codes.WRONG_SHAPE, f"maps: {kind}: from and to go together", at, hint)
    if len(findings) == before:
        wrong = path_fault(folder, form["csv"])
        if wrong is None:
            shown_as = str(form["csv"])
            return RowFile(
                path=folder / shown_as, shown=shown_as, format=RowFormat.CSV, source=at, fields=(), required=()
            )
        findings.report(codes.BAD_SOURCE, f"maps: {kind}: {wrong[0]}", at, wrong[1])
    return None


def _pairs(kind: str, file: RowFile, form: Mapping[str, Value], findings: Findings) -> Iterator[_Pair]:
    lines = read_lines(file, findings)
    before = len(findings)
    line, header = next(lines, (1, []))
    top = SourceRange(file.shown, line, 1)
    columns = (form["from"], form["to"]) if "from" in form else tuple(header[:2])
    if len(columns) < 2:
        if len(findings) == before:
            hint = "its first line names them, and each other one is an old id and a new one"
            if any(one in name for name in header for one in DELIMITERS):
                hint = "its cells are to be separated by commas: save it so"
            findings.report(codes.WRONG_SHAPE, f"{file.shown} has fewer than two columns", top, hint)
        return
    missing = [name for name in columns if header.count(name) != 1]
    for name in missing:
        how = "no" if name not in header else "more than one"
        hint = suggestion(name, header)
        findings.report(codes.UNKNOWN_COLUMN, f"{file.shown} has {how} column {shown(name)}", top, hint)
    if missing:
        return
    old, new = header.index(columns[0]), header.index(columns[1])
    if "from" not in form and _is_new_id(kind, header[new]):
        hint = "write  old_id,new_id  above it: the first line of a map is no pair"
        findings.report(codes.WRONG_SHAPE, f"{file.shown}: its first line names no columns, but is a pair", top, hint)
        return
    for line, cells in lines:
        place = SourceRange(file.shown, line, 1)
        if len(cells) != len(header):
            summary = f"the row has {len(cells)} cells, and the header {len(header)}"
            findings.report(codes.WRONG_SHAPE, summary, place, "a cell with a comma in it needs quotes")
        elif not cells[old].strip():
            findings.report(codes.WRONG_SHAPE, "the row has no old id", place, "fill it in, or take the row out")
        else:
            yield _Pair(cells[old].strip(), cells[new].strip(), place)


def _is_new_id(kind: str, text: str) -> bool:
    """Say whether a text can only be an id or an address of a kind; a coupon's id may be any word."""
    return text.startswith((f"{kind}.", *_PREFIXES.get(kind, ())))


def _known(kind: str, pairs: Iterable[_Pair], declared: Declared, findings: Findings) -> dict[str, Named | None]:
    """Read the new ids of pairs; None where there is none."""
    ids: dict[str, Named | None] = {}
    places: dict[str, SourceRange] = {}
    told = 0
    for pair in pairs:
        try:
            new = parse_name(kind, pair.new) if pair.new else None
            if new is not None:
                check_declared(new, declared)
            if pair.old in ids and ids[pair.old] != new:
                summary = f"{shown(pair.old)} has another new id in line {places[pair.old].line}"
                raise Unreadable("twice", summary, "keep the one that is meant")
        except Unreadable as wrong:
            told += 1
            if told <= _MOST_TOLD:
                findings.report(codes.BAD_SOURCE, f"maps: {kind}: {wrong.summary}", pair.source, wrong.hint)
            continue
        ids[pair.old] = new
        places[pair.old] = pair.source
    if told > _MOST_TOLD:
        summary = f"maps: {kind}: {told - _MOST_TOLD} more lines are wrong"
        findings.report(codes.BAD_SOURCE, summary, next(iter(places.values()), None), "mend these first")
    return ids
