"""The settings of a migration: what its block says besides its rows, checked, with their places."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from decimal import Decimal

from reconciler.core.diagnostics import SourceRange
from reconciler.core.fields import Path
from reconciler.core.migration_rows import Reading
from reconciler.core.migrations import Batch, Duration, Fault, Item, SourceAccount, Then
from reconciler.core.row_cells import Unit, Unreadable, read_moment, shown
from reconciler.core.row_columns import IGNORED, ITEMS, METADATA, Column, checked_metadata_key, find_column
from reconciler.core.row_defaults import Defaults
from reconciler.core.row_items import items_in, layout_of
from reconciler.core.row_rules import disagreements, metadata_faults
from reconciler.core.suggest import suggestion
from reconciler.core.values import Value
from reconciler.specfiles import codes
from reconciler.specfiles.durations import minutes
from reconciler.specfiles.findings import Findings
from reconciler.specfiles.lifecycle import FIELDS as LIFECYCLE
from reconciler.specfiles.migration_schema import ROWS, settings_schema
from reconciler.specfiles.places import Places
from reconciler.specfiles.schema_check import check_schema, may_be_secret
from reconciler.specfiles.yaml_cells import cell_text, entry_cells

_NO_LIFECYCLE = "rows have a column adopt; a migration is rolled back by state: canceled, and nothing else retires it"
# What is each row's own.
_NO_DEFAULT = ("adopt", "source_subscription", IGNORED)
_HOUR = 60


class Settings:
    """A block's settings: `said` without rows and without what is null, and where each of it stands."""

    def __init__(self, name: str, body: Mapping[str, Value], places: Places, findings: Findings) -> None:
        self.name = name
        self.said: dict[str, Value] = {n: _without_nulls(v) for n, v in body.items() if v is not None and n != ROWS}
        self.places = places
        self.findings = findings

    def report(self, path: Path, summary: str, hint: str = "", code: str = codes.BAD_SOURCE) -> None:
        """Report what is wrong with the setting of a path."""
        self.findings.report(code, summary, self.place(path), hint)

    def place(self, path: Path) -> SourceRange:
        """Find where a setting's value starts, or the nearest thing that holds it."""
        return self.places.value_at(path) if path in self.places else self.places.nearest(path)

    def sound(self) -> bool:
        """Check shapes and words by the schema, so that everything else may trust them; say whether they hold."""
        before = len(self.findings)
        for name in LIFECYCLE:
            if self.said.pop(name, None) is not None:
                self.report((name,), f"{name}: has no place on migrations", _NO_LIFECYCLE, codes.LIFECYCLE)
        check_schema(self.said, self.places, settings_schema(), self.findings)
        return len(self.findings) == before

    def check(self, has_rows: bool) -> None:
        """Report what does not go together."""
        said = self.said
        if "csv" not in said and not has_rows:
            self.report((), f"{self.name}: it has neither a csv nor {ROWS}", "csv: migrations/rows.csv")
        if "csv" in said and "key" not in said:
            hint = "key: metadata.NAME, the column that identifies a row for ever"
            self.report(("csv",), "key is required beside csv", hint, codes.MISSING_SETTING)
        for name in ("columns", "delimiter"):
            if name in said and "csv" not in said:
                self.report((name,), f"{name}: goes with csv", "take it out")
        if "lasts" in said and "then" not in said:
            self.report(
                ("lasts",), "lasts: goes with then", "without further phases the terms last until they are ended"
            )
        if "lead_time" in said and minutes(said["lead_time"]) < _HOUR:
            self.report(("lead_time",), f"lead_time: {said['lead_time']} is below the minimum of 1h")
        if "end_source" in said and "write" not in said.get("source_account", {}):
            hint = "source_account: {read: env:OLD_READ_KEY, write: env:OLD_WRITE_KEY}"
            self.report(("end_source",), "end_source: needs the write key of the source account", hint)
        if "end_source" in said and said.get("mid_cycle") == "subscription":
            summary = (
                "end_source: a source must be set to end before the start, and mid_cycle: subscription waits for it"
            )
            self.report(("end_source",), summary, "take one of the two away")
        for name, where in said.get("source_account", {}).items():
            if name != "api_base" and may_be_secret(where.removeprefix("env:")):
                hint = "write env:NAME or file:PATH; a key that was committed must be rolled"
                path = ("source_account", name)
                self.report(path, f"{name} says where the key is, it is not the key itself", hint, codes.LITERAL_SECRET)

    @property
    def key(self) -> str:
        """The metadata name that identifies rows; empty where there is none, or none that can be."""
        text = str(self.said.get("key", ""))
        if not text:
            return ""
        try:
            return checked_metadata_key(text[len(METADATA) + 1 :])
        except Unreadable as wrong:
            self.report(("key",), f"key: {wrong.summary}", wrong.hint)
            return ""

    @property
    def unit(self) -> Unit | None:
        return Unit(self.said["amount_unit"]) if "amount_unit" in self.said else None

    @property
    def released(self) -> tuple[str, ...]:
        """The batches that may be scheduled; what is no batch is reported."""
        said = self.said.get("released", ())
        names = [said] if isinstance(said, str) else list(said)
        known = [batch["name"] for batch in self.said.get("batches", ())]
        for name in names:
            if name not in known:
                there = f"there are: {', '.join(known)}" if known else "declare batches:, or take released: out"
                near = suggestion(name, known) if isinstance(name, str) else ""
                self.report(("released",), f"released: there is no batch {shown(str(name))}", near or there)
        return tuple(dict.fromkeys(str(name) for name in names))

    @property
    def source_account(self) -> SourceAccount | None:
        said = self.said.get("source_account")
        if said is None:
            return None
        return SourceAccount(read=said["read"], write=said.get("write"), api_base=said.get("api_base"))

    def column(self, name: str, path: Path, called: str = "") -> Column | None:
        """Find the column that a setting names; None where there is none, which is reported."""
        try:
            return find_column(name, called)
        except Unreadable as wrong:
            self.report(path, f"{path[0]}: {wrong.summary}", wrong.hint, codes.UNKNOWN_COLUMN)
            return None

    def told(self, faults: Iterable[Fault], path: Path) -> None:
        """Report faults of what stands in the block itself."""
        for fault in faults:
            where = f"{fault.column}: " if fault.column else ""
            self.report(path, f"{path[0]}: {where}{fault.summary}", fault.hint)


def _without_nulls(value: Value) -> Value:
    """Leave out what is null in mappings, as if it were not there; lists keep their places."""
    if isinstance(value, dict):
        return {name: _without_nulls(one) for name, one in value.items() if one is not None}
    return [_without_nulls(one) for one in value] if isinstance(value, list) else value


def duration(said: Mapping[str, Value] | None) -> Duration | None:
    """Read a length of time."""
    if said is None:
        return None
    return Duration(interval=said["interval"], interval_count=said.get("interval_count", 1))


def defaults_in(settings: Settings, reading: Reading) -> Defaults:
    """Read the values of empty cells; one that cannot be read stands as None, and is reported."""
    columns: list[Column] = []
    values: dict[str, Value] = {}
    metadata: dict[str, str] = {}
    for name, value in settings.said.get("defaults", {}).items():
        path = ("defaults", name)
        column = settings.column(name, path)
        if column is None:
            continue
        if column.name in (*_NO_DEFAULT, f"{METADATA}.{reading.key}"):
            settings.report(path, f"defaults: {name} is each row's own", "take it out")
        elif column.name in values or (column.part == METADATA and column.field in metadata):
            settings.report(path, f"defaults: {name} stands there twice", "keep one of the two")
        else:
            read = _read(settings, reading, column, value, path)
            if column.part == METADATA:
                metadata[column.field] = "" if read is None else str(read)
            else:
                columns.append(column)
                values[column.name] = read
    settings.told(metadata_faults(metadata), ("defaults",))
    listed = [column.name for column in columns if column.part and column.field in ("price", "amount")]
    if "price" in values and any(not name.startswith("add_") for name in listed):
        hint = "rows have price, or items.N and adhoc_items.N: give defaults for one of the two"
        settings.report(("defaults",), f"defaults: price stands beside {listed[0]}", hint)
    return Defaults(columns=tuple(columns), values=values, metadata=metadata)


def _read(settings: Settings, reading: Reading, column: Column, value: Value, path: Path) -> Value:
    try:
        return reading.reader(column)(cell_text(value, column.cell).strip())
    except Unreadable as wrong:
        settings.report(path, f"{path[0]}: {column.name}: {wrong.summary}", wrong.hint)
        return None


def batches_in(
    settings: Settings, reading: Reading
) -> tuple[tuple[Batch, ...], dict[str, dict[str, frozenset[Value]]]]:
    """Read the batches, and what the filter of each takes, by column."""
    batches: dict[str, Batch] = {}
    filters: dict[str, dict[str, frozenset[Value]]] = {}
    for n, said in enumerate(settings.said.get("batches", ())):
        path = ("batches", n)
        name = said["name"]
        measures = [one for one in ("rows", "percent", "where") if one in said]
        if name in batches:
            settings.report(path, f"batches: {shown(name)} stands there twice", "rename one of the two")
            continue
        if name != name.strip() or not name.isprintable():
            settings.report(path, f"batches: {shown(name)} is not a name", "it has no blanks around it")
        if len(measures) > 1:
            summary = f"batches: {name} has {' and '.join(measures)}"
            settings.report(path, summary, "a batch is a number of rows, a percentage, or a filter")
        where = None
        if "where" in said:
            where = {column: _texts(value) for column, value in said["where"].items()}
            filters[name] = dict(_filter(settings, reading, said["where"], path))
        percent = None if "percent" not in said else Decimal(said["percent"])
        batches[name] = Batch(name=name, rows=said.get("rows"), percent=percent, where=where)
    _check_rest(settings, tuple(batches.values()))
    return tuple(batches.values()), filters


def _check_rest(settings: Settings, batches: tuple[Batch, ...]) -> None:
    for n, batch in enumerate(batches[:-1]):
        if batch.rows is None and batch.percent is None and batch.where is None:
            summary = f"batches: {batch.name} takes all that is left, and {batches[n + 1].name} comes after it"
            settings.report(("batches", n), summary, "put it last, or give it rows, percent or where")
    total = sum((batch.percent for batch in batches if batch.percent is not None), Decimal(0))
    if total > 100:
        settings.report(("batches",), f"batches: the percentages come to {total}", "they are shares of all rows")


def _texts(value: Value) -> tuple[str, ...]:
    return tuple(_text(one) for one in (value if isinstance(value, list) else [value]))


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def _filter(
    settings: Settings, reading: Reading, where: Mapping[str, Value], path: Path
) -> Iterator[tuple[str, frozenset[Value]]]:
    for name, value in where.items():
        at = (*path, "where", name)
        column = settings.column(name, at)
        if column is None:
            continue
        values = value if isinstance(value, list) else [value]
        if not values or any(one is None or _text(one).strip() == "" for one in values):
            settings.report(at, f"batches: where: {name}: expected a value, found nothing", "take the column out")
        read = [_read(settings, reading, column, one, at) for one in values if one is not None]
        yield column.name, frozenset(one for one in read if one is not None)


def phases_in(settings: Settings, reading: Reading) -> tuple[Then, ...]:
    """Read the further phases."""
    phases = []
    last = 0
    for n, said in enumerate(settings.said.get("then", ())):
        path = ("then", n)
        end = None
        if ("duration" in said) == ("end_date" in said):
            settings.report(path, "then: a phase has a duration or an end_date", "duration: {interval: month}")
        elif "end_date" in said:
            end = _end(settings, said["end_date"], (*path, "end_date"))
            if end is not None and end <= last:
                settings.report(
                    (*path, "end_date"), "then: it is not after the end_date before", "phases follow in time"
                )
            last = end or last
        if "coupon" in said and said.get("drop_coupon"):
            settings.report(path, "then: a phase that has a coupon drops none", "take one of the two away")
        coupon_column = find_column("coupon")
        metadata = {key: str(value) for key, value in said.get("metadata", {}).items()}
        _check_metadata(settings, metadata, path)
        phases.append(
            Then(
                duration=duration(said.get("duration")),
                end=end,
                items=_items(settings, reading, said["items"], (*path, "items")) if "items" in said else (),
                coupon=_read(settings, reading, coupon_column, said["coupon"], path) if "coupon" in said else None,
                drop_coupon=bool(said.get("drop_coupon", False)),
                prorated=said.get("proration_behavior") == "create_prorations",
                metadata=metadata,
                source=settings.place(path),
            )
        )
    return tuple(phases)


def _check_metadata(settings: Settings, metadata: Mapping[str, str], path: Path) -> None:
    settings.told(metadata_faults(metadata), path)
    for key in metadata:
        try:
            checked_metadata_key(key)
        except Unreadable as wrong:
            settings.report(path, f"then: {wrong.summary}", wrong.hint)


def _end(settings: Settings, value: Value, path: Path) -> int | None:
    try:
        return read_moment(str(value).strip())
    except Unreadable as wrong:
        settings.report(path, f"then: end_date: {wrong.summary}", wrong.hint)
        return None


def _items(settings: Settings, reading: Reading, said: list[Value], path: Path) -> tuple[Item, ...]:
    faults: list[Fault] = []
    cells = entry_cells(ITEMS, said, faults)
    values: dict[str, Value] = dict.fromkeys((ITEMS, *(fault.column for fault in faults)) if faults else ())
    for column, text in cells:
        if column.name in values:
            continue
        try:
            values[column.name] = reading.reader(column)(text.strip())
        except Unreadable as wrong:
            values[column.name] = None
            faults.append(Fault(reason=wrong.reason, column=column.name, summary=wrong.summary, hint=wrong.hint))
    layout = layout_of(column for column, _ in cells)
    items = items_in(values, layout, reading.unit or Unit.MINOR, faults)
    faults.extend(disagreements(values, layout))
    called = {column.name: column.shown for column, _ in cells}
    settings.told((replace(fault, column=called.get(fault.column, fault.column)) for fault in faults), path)
    return items
