"""Declared customer bindings: the blocks of spec files and the row sources that they name, as light rows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

from reconciler.core.binding_rows import checked_row, settled, without_doubles
from reconciler.core.bindings import MetadataSource, WantedBinding, WantedBindings, metadata_key
from reconciler.core.diagnostics import SourceRange
from reconciler.core.fields import Path as FieldPath
from reconciler.core.fields import Problems
from reconciler.core.suggest import suggestion
from reconciler.core.types import describe
from reconciler.core.values import Value
from reconciler.kinds.customer_binding import NEW_CUSTOMER, PLURAL, SOURCES
from reconciler.specfiles import codes
from reconciler.specfiles.findings import Findings
from reconciler.specfiles.lifecycle import FIELDS as LIFECYCLE
from reconciler.specfiles.places import Places
from reconciler.specfiles.row_source import DELIMITERS, RowFile, RowFormat, path_fault, read_rows

PLURALS = (PLURAL, SOURCES)
ROW_FIELDS = ("external_id", "email", "customer")
_BODY = ("customer", "email", "create")
_FILE_KEYS = ("columns", "create", "delimiter", "unmatched")
_FORMS = (*(form.value for form in RowFormat), "from_metadata")
# What becomes of a row whose e-mail no customer has.
SKIP = "skip"
UNMATCHED = ("refuse", SKIP)
_METADATA_KEY = re.compile(r"[^\[\]]{1,40}")
_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,200}")
_NO_LIFECYCLE = "a binding holds for good, and its customer stays as it is: nothing is adopted, protected or ignored"

# Why a binding stands in no list of what leaves.
NEVER_LEAVES: Mapping[str, str] = {
    "removed": "a binding is never taken back: it holds as long as its customer",
    "moved": "an external id cannot change once it is set",
}

Create: TypeAlias = "Mapping[str, Value] | None"


class BindingDeclarations:
    """Collects the bindings of all files of a project in a folder; files of rows are read as they are named."""

    def __init__(self, findings: Findings, folder: Path, project: str) -> None:
        self._findings = findings
        self._folder = folder
        self._own_key = metadata_key(project)
        self._rows: list[WantedBinding] = []
        self._named: list[WantedBinding] = []
        self._sources: dict[str, SourceRange] = {}
        self._from_metadata: list[MetadataSource] = []

    def add(self, plural: str, block: Value, places: Places) -> None:
        """Take in one block of a file."""
        if block is None:
            return
        if not isinstance(block, dict):
            summary = f"{plural}: expected a mapping from names to bodies, found {describe(block)}"
            self._report(codes.WRONG_SHAPE, summary, places.value_at(()), f"{plural}: {{name: {{...}}}}")
            return
        for name, body in block.items():
            below = places.below((name,))
            if not isinstance(body, dict):
                summary = f"{plural}: {name}: expected a mapping of fields, found {describe(body)}"
                hint = f"{name}: {{customer: cus_...}}" if plural == PLURAL else f"{name}: {{csv: data/users.csv}}"
                self._report(codes.WRONG_SHAPE, summary, below.value_at(()), hint)
            elif plural == PLURAL:
                self._add_binding(name, body, below)
            else:
                self._add_source(name, body, below)

    def gathered(self) -> WantedBindings:
        """Put everything into an order that does not depend on files; an id that stands twice becomes one bad row.

        But a binding of a spec that names its customer by id goes before a row that says no more than an e-mail.
        """
        rows = without_doubles(settled(self._named, self._rows))
        sources = sorted(self._from_metadata, key=lambda one: one.name)
        return WantedBindings(rows=rows, from_metadata=tuple(sources))

    def _add_binding(self, name: str, body: Mapping[str, Value], places: Places) -> None:
        if not self._known_fields(body, _BODY, places):
            return
        texts: dict[str, str] = {}
        for field in ("customer", "email"):
            value = body.get(field)
            if isinstance(value, str):
                texts[field] = value
            elif value is not None:
                summary = f"{field}: expected a text, found {describe(value)}"
                self._report(codes.WRONG_SHAPE, summary, places.value_at((field,)))
                return
        create = self._create(body, places)
        if create is not None and "customer" in texts:
            summary = "create: goes with an e-mail, and this binding names a customer"
            self._report(codes.WRONG_SHAPE, summary, places[("create",)], "take one of the two away")
            return
        row = checked_row({"external_id": name, **texts}, places[()], create)
        (self._named if row.customer is not None else self._rows).append(row)

    def _known_fields(self, body: Mapping[str, Value], known: tuple[str, ...], places: Places) -> bool:
        unknown = [name for name in body if name not in known]
        for name in unknown:
            at = places[(name,)]
            if name in LIFECYCLE:
                self._report(codes.LIFECYCLE, f"{name}: has no place on bindings", at, _NO_LIFECYCLE)
            else:
                hint = suggestion(name, known) or f"there are: {', '.join(known)}"
                self._report("BP1201", f"unknown field {name}", at, hint)
        return not unknown

    def _create(self, body: Mapping[str, Value], places: Places) -> Create:
        """Read the fields of the customers to make, as requests spell them; None where none is to be made."""
        if "create" not in body:
            return None
        if body["create"] is None:
            summary, hint = (
                "create: expected a mapping of fields, found nothing (null)",
                "create: {} for an e-mail alone",
            )
            self._report(codes.WRONG_SHAPE, summary, places.nearest(("create",)), hint)
            return None
        problems = Problems()
        path: FieldPath = ("create",)
        parsed = NEW_CUSTOMER.parse(body["create"], path, problems)
        for problem in problems:
            self._report(problem.code, problem.summary, places.nearest(problem.path), problem.hint)
        return None if problems else NEW_CUSTOMER.encode(parsed)

    def _add_source(self, name: str, body: Mapping[str, Value], places: Places) -> None:
        source = places[()]
        forms = [form for form in _FORMS if body.get(form) is not None]
        if not _NAME.fullmatch(name):
            summary = "a name has 1 to 200 characters, no control characters among them"
            self._report(codes.BAD_NAME, summary, source)
        elif name in self._sources:
            summary = f"the source {name} is declared twice, first at {self._sources[name]}"
            self._report(codes.DECLARED_TWICE, summary, source, "keep one of them, or rename one")
        elif len(forms) != 1:
            found = f"found {' and '.join(forms)}" if forms else "found none"
            summary = f"{SOURCES}: {name}: expected one of {', '.join(_FORMS)}, {found}"
            self._report(codes.BAD_SOURCE, summary, source, f"{name}: {{csv: data/users.csv}}")
        else:
            self._sources[name] = source
            known = (*forms, *(() if forms == ["from_metadata"] else _FILE_KEYS))
            if self._known_fields(body, known, places):
                self._read_source(name, forms[0], body, places)

    def _read_source(self, name: str, form: str, body: Mapping[str, Value], places: Places) -> None:
        value, at = body[form], places.value_at((form,))
        if not isinstance(value, str) or not value.strip():
            self._report(codes.WRONG_SHAPE, f"{form}: expected a text, found {describe(value)}", at)
        elif form == "from_metadata":
            self._add_metadata(name, value, at)
        else:
            before = len(self._findings)
            skipped_by = name if self._skips(body, places) else ""
            sound = len(self._findings) == before
            file = self._file(RowFormat(form), value, body, places)
            create = self._create(body, places)
            if file is not None and sound:
                self._rows.extend(self._rows_of(file, create, skipped_by))

    def _skips(self, body: Mapping[str, Value], places: Places) -> bool:
        """Say whether rows whose e-mail no customer has are left out; what is wrong with that is reported."""
        value = body.get("unmatched")
        if value is None:
            return False
        at = places.value_at(("unmatched",))
        if value not in UNMATCHED:
            hint = suggestion(value, UNMATCHED) if isinstance(value, str) else ""
            summary = f"unmatched: expected one of {', '.join(UNMATCHED)}, found {describe(value)}"
            self._report(codes.BAD_SOURCE, summary, at, hint)
        skips = bool(value == SKIP)
        if skips and body.get("create") is not None:
            summary = "unmatched: skip leaves out the rows that create: makes customers for"
            self._report(codes.BAD_SOURCE, summary, at, "take one of the two away")
        return skips

    def _add_metadata(self, name: str, key: str, at: SourceRange) -> None:
        if key == self._own_key:
            hint = "bindings that are there hold without being declared; billplan bindings export writes them down"
            self._report(codes.BAD_SOURCE, f"from_metadata: {key} is where billplan itself keeps them", at, hint)
        elif not _METADATA_KEY.fullmatch(key):
            summary = "from_metadata: a metadata key has 1 to 40 characters, no square brackets among them"
            self._report(codes.BAD_SOURCE, summary, at)
        else:
            self._from_metadata.append(MetadataSource(name=name, key=key, source=at))

    def _file(self, form: RowFormat, name: str, body: Mapping[str, Value], places: Places) -> RowFile | None:
        at, before = places.value_at((form.value,)), len(self._findings)
        columns = self._columns(body, places)
        delimiter = body.get("delimiter", ",")
        wrong = path_fault(self._folder, name)
        if wrong is not None:
            self._report(codes.BAD_SOURCE, f"{form}: {wrong[0]}", at, wrong[1])
        if delimiter not in DELIMITERS or (form is not RowFormat.CSV and "delimiter" in body):
            shown = ", ".join(repr(one) for one in DELIMITERS)
            summary = f"delimiter: of a csv: file it is one of {shown}; found {describe(delimiter)}"
            self._report(codes.BAD_SOURCE, summary, places.value_at(("delimiter",)))
        if len(self._findings) > before:
            return None
        return RowFile(
            path=self._folder / name,
            shown=name,
            format=form,
            source=at,
            fields=ROW_FIELDS,
            required=("external_id",) if form is RowFormat.CSV else (),
            one_of=("email", "customer") if body.get("unmatched") == SKIP else (),
            columns=columns,
            column_places={field: places.value_at(("columns", field)) for field in columns or ()},
            delimiter=delimiter,
        )

    def _columns(self, body: Mapping[str, Value], places: Places) -> dict[str, str] | None:
        """Read the mapping from our names to the file's; what is wrong with it is reported."""
        columns = body.get("columns")
        if columns is None:
            return None
        at = places.value_at(("columns",))
        if not isinstance(columns, dict):
            summary = f"columns: expected a mapping from fields to columns, found {describe(columns)}"
            self._report(codes.WRONG_SHAPE, summary, at, "columns: {external_id: id, email: email}")
            return None
        sound = self._known_fields(columns, ROW_FIELDS, places.below(("columns",)))
        for field, column in columns.items():
            if not isinstance(column, str) or not column:
                summary = f"columns: {field}: expected the name of a column, found {describe(column)}"
                self._report(codes.WRONG_SHAPE, summary, places.value_at(("columns", field)))
                sound = False
        if sound and not ("external_id" in columns and columns.keys() & {"email", "customer"}):
            summary = "columns: a row needs an external_id, and an email or a customer"
            self._report(codes.BAD_SOURCE, summary, at, "columns: {external_id: id, email: email}")
        return columns

    def _rows_of(self, file: RowFile, create: Create, skipped_by: str) -> Iterator[WantedBinding]:
        for row in read_rows(file, self._findings):
            place = SourceRange(file.shown, row.line, 1)
            yield checked_row(row.values, place, create, row.wrong, row.hint, skipped_by)

    def _report(self, code: str, summary: str, source: SourceRange, hint: str = "") -> None:
        self._findings.report(code, summary, source, hint)
