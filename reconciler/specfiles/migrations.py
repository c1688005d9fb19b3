"""Declared subscription migrations: the blocks of spec files, with the rows of the files that they name."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from reconciler.core.address import Address
from reconciler.core.diagnostics import SourceRange
from reconciler.core.external_id import is_plain
from reconciler.core.migration_rows import Reading, RowReader, doubles_told
from reconciler.core.migrations import KIND, Backdated, Check, Fault, Migration, Missing, Row, WantedMigrations
from reconciler.core.row_columns import METADATA
from reconciler.core.row_names import NAMED, IdMap, NameReader
from reconciler.core.row_rules import RowRules
from reconciler.core.suggest import suggestion
from reconciler.core.types import describe
from reconciler.core.values import Value
from reconciler.specfiles import codes
from reconciler.specfiles.durations import minutes
from reconciler.specfiles.findings import Findings
from reconciler.specfiles.migration_maps import Declared, read_maps
from reconciler.specfiles.migration_schema import PLURAL, ROWS
from reconciler.specfiles.migration_settings import Settings, batches_in, defaults_in, duration, phases_in
from reconciler.specfiles.migration_table import UNKNOWN_UNIT, Table, table_file, unit_missing
from reconciler.specfiles.places import Places
from reconciler.specfiles.yaml_cells import row_cells

_LONGEST_NAME = 200
_LEAD_TIME = "24h"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Block:
    """A block as it stands in a file."""

    name: str
    body: Mapping[str, Value]
    places: Places


class MigrationDeclarations:
    """Collects the migrations of all files of a project in a folder; their rows are read once all files are known."""

    def __init__(self, findings: Findings, folder: Path) -> None:
        self._findings = findings
        self._folder = folder
        self._blocks: dict[str, _Block] = {}

    def add(self, plural: str, block: Value, places: Places) -> None:
        """Take in one block of a file."""
        if block is None:
            return
        if not isinstance(block, dict):
            summary = f"{plural}: expected a mapping from names to bodies, found {describe(block)}"
            self._findings.report(codes.WRONG_SHAPE, summary, places.value_at(()), f"{plural}: {{name: {{...}}}}")
            return
        for name, body in block.items():
            self._add(name, body, places.below((name,)))

    def _add(self, name: str, body: Value, places: Places) -> None:
        source = places[()]
        if not name.strip() or len(name) > _LONGEST_NAME or not is_plain(name):
            summary = f"a name has 1 to {_LONGEST_NAME} characters, no control characters among them"
            self._findings.report(codes.BAD_NAME, summary, source)
        elif not isinstance(body, dict):
            summary = f"{PLURAL}: {name}: expected a mapping of fields, found {describe(body)}"
            hint = f"{name}: {{csv: migrations/rows.csv, key: metadata.old_id}}"
            self._findings.report(codes.WRONG_SHAPE, summary, places.value_at(()), hint)
        elif name in self._blocks:
            summary = f"{Address(KIND, name)} is declared twice, first at {self._blocks[name].places[()]}"
            self._findings.report(codes.DECLARED_TWICE, summary, source, "keep one of them, or rename one")
        else:
            self._blocks[name] = _Block(name=name, body=body, places=places)

    def declared(self) -> Iterator[tuple[Address, SourceRange]]:
        """Go through the addresses of the blocks, each with its place."""
        for block in self._blocks.values():
            yield Address(KIND, block.name), block.places[()]

    def gathered(self, declared: Collection[Address]) -> WantedMigrations:
        """Read everything, into an order that does not depend on files. `declared` are the addresses of the specs; they
        are not known where a file could not be read."""
        known = None if self._findings else declared
        read = [_BlockReader(self._blocks[name], self._folder, known, self._findings) for name in sorted(self._blocks)]
        return WantedMigrations(migrations=tuple(m for one in read if (m := one.migration()) is not None))


class _BlockReader:
    """Reads one block with its files."""

    def __init__(self, block: _Block, folder: Path, declared: Declared, findings: Findings) -> None:
        self._block = block
        self._folder = folder
        self._declared = declared
        self._findings = findings
        self._settings = Settings(block.name, block.body, block.places, findings)

    def migration(self) -> Migration | None:
        """Read the block; None where its shape is wrong, which is reported."""
        settings, own = self._settings, self._own()
        if not settings.sound():
            return None
        settings.check(own is not None)
        said = _as_said(settings)
        # What stands in the block itself names what is here, and no ids of the source.
        plain = Reading(migration=said.name, key=said.key, unit=settings.unit, names=self._names({}))
        then = phases_in(settings, plain)
        ends = [phase.end for phase in then if phase.end is not None]
        rules = RowRules(
            followed=bool(then),
            first_end=ends[0] if ends else None,
            backdated=said.backdated,
            ends_source=said.end_source,
        )
        reading = replace(plain, names=self._names(self._maps()), rules=rules)
        reading = replace(reading, defaults=defaults_in(settings, reading))
        batches, filters = batches_in(settings, reading)
        rows = self._rows(replace(reading, filters=filters), own or {})
        return replace(said, batches=batches, then=then, rows=rows)

    def _own(self) -> Mapping[str, Value] | None:
        """Give the rows that stand in the block; None where it has none."""
        own = self._block.body.get(ROWS)
        if own is None or isinstance(own, dict):
            return own
        summary = f"{ROWS}: expected a mapping from keys to rows, found {describe(own)}"
        self._settings.report((ROWS,), summary, f"{ROWS}: {{sub_1: {{customer: cus_...}}}}", codes.WRONG_SHAPE)
        return {}

    def _names(self, maps: Mapping[str, IdMap]) -> dict[str, NameReader]:
        return {kind: NameReader(kind, maps.get(kind), self._declared) for kind in NAMED}

    def _maps(self) -> dict[str, IdMap]:
        maps = self._settings.said.get("maps")
        if maps is None:
            return {}
        return read_maps(maps, self._block.places.below(("maps",)), self._folder, self._declared, self._findings)

    def _rows(self, reading: Reading, own: Mapping[str, Value]) -> tuple[Row, ...]:
        """Read all rows, those of the file first, and hold them against each other."""
        rows: list[Row] = []
        file = table_file(self._settings, self._folder)
        if file is not None and reading.key:
            table = Table(file, self._settings)
            self._check_filters(reading, table, bool(own))
            rows += table.rows(reading)
        rows += self._own_rows(reading, own)
        first = unit_missing(rows)
        if first is not None:
            row, column = first
            summary = f"amount_unit is required: {row.source.path}:{row.source.line} has an amount in {column}"
            hint = "amount_unit: major where 21.50 is written, minor where it is 2150"
            self._settings.report((), summary, hint, codes.MISSING_SETTING)
            rows = [replace(r, faults=tuple(f for f in r.faults if f.reason != UNKNOWN_UNIT)) for r in rows]
        return doubles_told(rows, f"{METADATA}.{reading.key}" if reading.key else "")

    def _check_filters(self, reading: Reading, table: Table, mixed: bool) -> None:
        """Report the columns of filters that the file does not have."""
        known = table.names | set(reading.defaults.values) | {f"{METADATA}.{key}" for key in reading.defaults.metadata}
        for name, wanted in reading.filters.items():
            for column in wanted:
                if known and column not in known and not mixed:
                    n = [batch["name"] for batch in self._settings.said["batches"]].index(name)
                    hint = suggestion(column, known) or "a filter is on a column of the file"
                    summary = f"batches: {name}: the file has no column {column}"
                    self._settings.report(("batches", n, "where"), summary, hint, codes.UNKNOWN_COLUMN)

    def _own_rows(self, reading: Reading, own: Mapping[str, Value]) -> Iterator[Row]:
        readers: dict[tuple[str, ...], RowReader] = {}
        for key, body in own.items():
            source = self._block.places[(ROWS, key)]
            faults: list[Fault] = []
            if not isinstance(body, dict):
                summary = f"expected a mapping of fields, found {describe(body)}"
                fault = Fault(reason="wrong_type", column="", summary=summary)
                yield Row(key=key, source=source, terms=None, faults=(fault,))
                continue
            cells = row_cells(body, faults)
            names = tuple(column.name for column, _ in cells)
            reader = readers.get(names)
            if reader is None:
                reader = readers[names] = RowReader(reading, [(at, column) for at, (column, _) in enumerate(cells)])
            yield reader.read([text for _, text in cells], source, key, faults)


def _as_said(settings: Settings) -> Migration:
    """Read what stands in a block by itself: without phases, batches and rows."""
    said = settings.said
    return Migration(
        name=settings.name,
        source=settings.places[()],
        origin=said.get("source", ""),
        key=settings.key,
        csv=said.get("csv", ""),
        delimiter=said.get("delimiter", ","),
        lead_time=minutes(said.get("lead_time", _LEAD_TIME)) * 60,
        checks={name: Check(value) for name, value in said.get("checks", {}).items()},
        missing_method=Missing(said.get("default_payment_method", Missing.REQUIRE)),
        released=settings.released,
        lasts=duration(said.get("lasts")),
        canceled=said.get("state") == "canceled",
        attempt=said.get("attempt", 1),
        follow_prices=said.get("follow_prices", False),
        mid_cycle_by_subscription=said.get("mid_cycle") == "subscription",
        backdated=Backdated(said["backdated_prorations"]) if "backdated_prorations" in said else None,
        source_account=settings.source_account,
        end_source="end_source" in said,
        mapped=frozenset(said.get("maps", ())),
        unit=said.get("amount_unit", ""),
    )
