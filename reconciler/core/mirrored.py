"""What the mirror keeps of a type of Stripe object: how it is listed, which columns it has, what its events tell.

Like a kind, a mirrored type is data: one generic engine lists, stores and catches up all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from functools import cache

from reconciler.core.email_address import email_key
from reconciler.core.unread import Excerpt, Part, Unread
from reconciler.core.values import Value, decimal_text

# Stands for the type of an event where no event tells: a moment in the object has come.
DUE = "due"


class ColumnType(StrEnum):
    """What a column holds. Amounts are WHOLE minor units, moments WHOLE epoch seconds (UTC); DECIMAL is a text.

    EMAIL is an address in the form in which two spellings of it are equal.
    """

    TEXT = "text"
    WHOLE = "whole"
    FLAG = "flag"
    DECIMAL = "decimal"
    EMAIL = "email"


_TEXT, _WHOLE, _DECIMAL = ColumnType.TEXT, ColumnType.WHOLE, ColumnType.DECIMAL


@dataclass(frozen=True, slots=True)
class Column:
    """A column, and where in the raw object its value stands; a nested object stands for its id.

    Without a path it is the parent through which the object was listed.
    """

    name: str
    path: tuple[str, ...]
    type: ColumnType = ColumnType.TEXT
    indexed: bool = False

    def typed(self, value: Value) -> Value:
        """Make a column's value of what stands at its path; None where that is not of this type."""
        # A first sync does this a few million times: a test for dict takes a tenth of one for Mapping.
        if isinstance(value, dict):
            value = value.get("id")
        if value is None or (type := self.type) is _TEXT:
            # PostgreSQL has no NUL in a text; the raw object tells it as an escape.
            return value.replace("\0", "\ufffd") if isinstance(value, str) else None
        if type is ColumnType.EMAIL:
            return email_key(value).replace("\0", "\ufffd") if isinstance(value, str) else None
        if type is _DECIMAL:
            return decimal_text(Decimal(value)) if isinstance(value, int | str | Decimal) else None
        return value if isinstance(value, int if type is _WHOLE else bool) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """A list inside an object whose rows get a table of their own: the items of a subscription.

    `path` and `params` list what an answer with `has_more` left out; `{id}` is the object's id.
    """

    table: str
    name: str
    owner: str
    columns: tuple[Column, ...]
    path: str
    params: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """Where a type can only be listed object by object: the parents are the distinct values of a table's column.

    `{id}` in the type's path is the parent's id; `param` is the parameter that takes it otherwise.
    """

    type: str
    column: str
    param: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Touch:
    """An event about one object that says that another one, of `type`, may not be what it was.

    `path` leads to that one's id; with `via`, to the id of a row of type `via[0]`, whose column `via[1]` has it. With
    `column` it is every row that has the named id there. `when`: only events of these types, or DUE. `unknown`: only
    where the mirror has no such row yet. `given`: only where the row of type `given[0]` with that id has something in
    its column `given[1]`.
    """

    type: str
    path: tuple[str, ...] = ("id",)
    via: tuple[str, str] | None = None
    column: str = ""
    when: tuple[str, ...] = ()
    unknown: bool = False
    given: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirrored:
    """One type of object.

    `object`: Stripe's name of it, as in `raw["object"]`. `listings`: the parameters of each list that has a part of
    the objects. `expand`: what a list page must be asked to show; an event's payload then never tells all. `inline`:
    paths of whole objects that are kept as their id, since they change without their holder. `carries`: paths of
    objects that are asked for along with these, and have a type of their own. `due`: columns with the moment at which
    an object changes by itself. `single`: the path answers with one object and not with a list. `polled`: no events
    tell of it. `key`: the field that names an object.
    """

    name: str
    object: str
    table: str
    path: str
    columns: tuple[Column, ...]
    permission: str
    retrieve: str = ""
    listings: tuple[Mapping[str, Value], ...] = ({},)
    by_created: bool = True
    expand: tuple[str, ...] = ()
    inline: tuple[str, ...] = ()
    carries: Mapping[str, str] = field(default_factory=dict)
    lines: tuple[Lines, ...] = ()
    parent: Parent | None = None
    due: tuple[str, ...] = ()
    deleted_by: str = ""
    single: bool = False
    polled: bool = False
    key: str = "id"

    @property
    def carried(self) -> bool:
        """Whether it has no list of its own, and comes with others."""
        return not self.path

    def one(self, id: str) -> tuple[str, Mapping[str, Value]]:
        """The path and parameters that read a single object."""
        path = self.retrieve or f"{self.path}/{{id}}"
        expand = (*self.expand, *self.carries)
        return path.format(id=id), {"expand": list(expand)} if expand else {}


@dataclass(frozen=True, slots=True)
class Row:
    """A raw object, read: its id, the values of its columns, its raw self with ids inline, and its lines' values."""

    id: str
    values: tuple[Value, ...]
    raw: Mapping[str, Value]
    lines: tuple[tuple[tuple[Value, ...], ...], ...] = ()


class Source(StrEnum):
    """Where a row came from: an answer to a request, or the payload of an event."""

    READ = "read"
    EVENT = "event"


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """How new a row is: `at` is when its request started, or when its event happened, in epoch seconds, UTC."""

    at: int
    source: Source
    deleted: bool = False


def read_row(mirrored: Mirrored, raw: Mapping[str, Value], parent: str = "") -> Row:
    """Read one raw object of a parent; its carried and inline objects become ids. The raw one is not changed."""
    part = _part(mirrored, raw)
    if part is not None:
        return _row_of(mirrored, part, parent)
    whole = dict(raw)
    for path in (*mirrored.inline, *mirrored.carries):
        _fold(whole, _keys(path))
    return Row(
        id=str(raw[mirrored.key]),
        values=_values(mirrored.columns, whole, parent),
        raw=whole,
        # Of the raw one, since what a line's columns tell may stand in an object that is kept as its id.
        lines=tuple(_lines(lines, raw) for lines in mirrored.lines),
    )


def _row_of(mirrored: Mirrored, part: Part, parent: str) -> Row:
    """Make a row of an object that is stored as it came, but for what is kept as its id."""
    id, *found = part.values
    return Row(
        id=str(id),
        values=_reading(mirrored.columns).typed(found, parent),
        raw=part.folded,
        lines=tuple(
            tuple(_reading(lines.columns).typed(list(row), "") for row in some.rows)
            for lines, some in zip(mirrored.lines, part.lists, strict=True)
        ),
    )


def _part(mirrored: Mirrored, raw: Mapping[str, Value]) -> Part | None:
    """What the mirror wants of an unread object; None where it has to be read whole."""
    part = raw.part(_excerpt_of(mirrored)) if isinstance(raw, Unread) else None
    return None if part is None or part.values[0] is None else part


def carried_in(mirrored: Mirrored, raw: Mapping[str, Value]) -> Iterator[tuple[str, Mapping[str, Value]]]:
    """Yield the whole objects that came along, each with the name of its type."""
    part = _part(mirrored, raw) if mirrored.carries else None
    for path, type in mirrored.carries.items():
        value: Value = raw if part is None else part.nested.get(_keys(path))
        for key in path.split(".") if part is None else ():
            value = value.get(key) if isinstance(value, Mapping) else None
        if isinstance(value, Mapping):
            yield type, value


def shortened(mirrored: Mirrored, raw: Mapping[str, Value]) -> list[Lines]:
    """List the lines of which the answer left some out."""
    part = _part(mirrored, raw) if mirrored.lines else None
    if part is not None:
        return [lines for lines, some in zip(mirrored.lines, part.lists, strict=True) if some.has_more]
    return [lines for lines in mirrored.lines if (raw.get(lines.name) or {}).get("has_more")]


def _lines(lines: Lines, raw: Mapping[str, Value]) -> tuple[tuple[Value, ...], ...]:
    rows = (raw.get(lines.name) or {}).get("data") or ()
    return tuple(_values(lines.columns, row, "") for row in rows)


_NUL = "\0"
_CLASSES: dict[ColumnType, type] = {ColumnType.TEXT: str, ColumnType.WHOLE: int, ColumnType.FLAG: bool}
_SHAPES = 4096


class _Reading:
    """Columns, read all at once: nearly all objects of a type have one of a few shapes, the types of their values."""

    __slots__ = ("_columns", "_nested", "_odd", "_parents", "_texts", "_top")

    def __init__(self, columns: tuple[Column, ...]) -> None:
        self._columns = columns
        self._top = [c.path[0] if c.path else "" for c in columns]
        self._nested = [(place, c.path[1:]) for place, c in enumerate(columns) if len(c.path) > 1]
        self._parents = [place for place, c in enumerate(columns) if not c.path]
        self._texts = [place for place, c in enumerate(columns) if c.type is _TEXT]
        # Shape -> the places of what must be read by the column itself.
        self._odd: dict[tuple[type, ...], tuple[int, ...]] = {}

    def values(self, raw: dict[str, Value], parent: str) -> tuple[Value, ...]:
        """Read the values of all columns."""
        found = list(map(raw.get, self._top))
        for place, path in self._nested:
            value = found[place]
            for key in path:
                value = value.get(key) if isinstance(value, dict) else None
            found[place] = value
        return self.typed(found, parent)

    def typed(self, found: list[Value], parent: str) -> tuple[Value, ...]:
        """Make the columns' values of what stands at their paths."""
        for place in self._parents:
            found[place] = parent
        shape = tuple(map(type, found))
        odd = self._odd.get(shape)
        for place in self._learn(shape) if odd is None else odd:
            found[place] = self._columns[place].typed(found[place])
        for place in self._texts:
            if (text := found[place]) is not None and _NUL in text and self._columns[place].path:
                found[place] = self._columns[place].typed(found[place])
        return tuple(found)

    def _learn(self, shape: tuple[type, ...]) -> tuple[int, ...]:
        odd = tuple(
            place
            for place, (kind, column) in enumerate(zip(shape, self._columns, strict=True))
            if column.path and kind is not type(None) and kind is not _CLASSES.get(column.type)
        )
        if len(self._odd) < _SHAPES:
            self._odd[shape] = odd
        return odd


# By the id of a type's columns: hashing them would cost more than reading them.
_readings: dict[int, _Reading] = {}


def _reading(columns: tuple[Column, ...]) -> _Reading:
    reading = _readings.get(id(columns))
    if reading is None:
        # It keeps the columns, so that no others get their id.
        reading = _readings.setdefault(id(columns), _Reading(columns))
    return reading


def _values(columns: tuple[Column, ...], raw: dict[str, Value], parent: str) -> tuple[Value, ...]:
    return _reading(columns).values(raw, parent)


# By the id of a type, which is kept along.
_excerpts: dict[int, tuple[Mirrored, Excerpt]] = {}


def _excerpt_of(mirrored: Mirrored) -> Excerpt:
    """What is wanted of a type's objects: the key, the columns, those of the lines, and what is kept as its id."""
    known = _excerpts.get(id(mirrored))
    if known is None:
        excerpt = Excerpt(
            paths=((mirrored.key,), *_paths(mirrored.columns, mirrored.key)),
            lists=tuple((lines.name, _paths(lines.columns, "id")) for lines in mirrored.lines),
            inline=tuple(_keys(path) for path in (*mirrored.inline, *mirrored.carries)),
        )
        known = _excerpts.setdefault(id(mirrored), (mirrored, excerpt))
    return known[1]


def _paths(columns: tuple[Column, ...], key: str) -> tuple[tuple[str, ...], ...]:
    # A parent's column has no path, and is filled in.
    return tuple(column.path or (key,) for column in columns)


@cache
def _keys(path: str) -> tuple[str, ...]:
    return tuple(path.split("."))


def _fold(value: dict[str, Value], path: tuple[str, ...]) -> None:
    """Put the id in the place of a whole object; the hashes on the way are copied, a key `x[]` is a list."""
    name, rest = path[0], path[1:]
    inside = name[-2:] == "[]"
    name = name[:-2] if inside else name
    found = value.get(name)
    if inside and found:
        value[name] = [_folded(one, rest) for one in found]
    elif isinstance(found, dict):
        value[name] = _folded(found, rest)


def _folded(one: Value, rest: tuple[str, ...]) -> Value:
    if not isinstance(one, dict):
        return one
    if not rest:
        return one.get("id")
    copied = one.copy()
    _fold(copied, rest)
    return copied
