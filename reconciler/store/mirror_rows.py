"""Rows of the mirror as they are written: only what is newer, only what differs, never in part."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, Connection, Table, and_, or_, update

from reconciler.core.evidence import LAG_SECONDS
from reconciler.core.mirrored import Mirrored, Row, Source, Version
from reconciler.core.unread import Unread
from reconciler.core.values import Value
from reconciler.mirrored import TYPES
from reconciler.store.bulk import delete_among, insert_new, select_among, upsert, upsert_newer
from reconciler.store.mirror_tables import LINES, MIRROR_DOUBTS, MIRROR_SEEN, RAW_OBJECTS, TABLES

# In the order in which Stripe sends it, as what is stored unread.
_ENCODE = msgspec.json.Encoder(decimal_format="number").encode
_ENCODE_SORTED = msgspec.json.Encoder(decimal_format="number", order="deterministic").encode
_DECODE = msgspec.json.Decoder(float_hook=Decimal).decode
# From a byte more on, hashlib gives up the interpreter's lock: for each object, its thread would queue for it anew.
_PIECE = 2047


class Stored(NamedTuple):
    """What is known of a stored row, to tell whether another one is newer."""

    id: str
    digest: str
    observed_at: int
    observed_by: str
    deleted_at: int | None


class Coded(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A row with its raw object as it is stored; another process can be sent it as it is."""

    id: str
    values: tuple[Value, ...]
    lines: tuple[tuple[tuple[Value, ...], ...], ...]
    text: str
    digest: str


@dataclass(frozen=True, slots=True)
class Target:
    """Whose mirror: an account in one mode."""

    account: str
    livemode: bool

    def of(self, table: Table) -> ColumnElement[bool]:
        """The condition that rows are this target's."""
        return and_(table.c.account == self.account, table.c.livemode == self.livemode)

    def values(self) -> tuple[str, bool]:
        """What those columns hold."""
        return self.account, self.livemode

    def key(self) -> dict[str, Any]:
        """The columns that name it."""
        return {"account": self.account, "livemode": self.livemode}


@dataclass(slots=True)
class Written:
    """What a write came to: rows `changed`, `seen` ones that were as they are, and `doubted` ones, not written."""

    changed: int = 0
    seen: list[str] = field(default_factory=list)
    doubted: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Reading:
    """When rows were observed, and by what; `certain`: read singly, so that even a deleted row may live again."""

    at: int
    source: Source
    certain: bool = False


def read_raw(text: str) -> Mapping[str, Any]:
    """Read a stored raw object; decimals are Decimal."""
    raw: Mapping[str, Any] = _DECODE(text)
    return raw


def code_rows(rows: Iterable[Row]) -> list[Coded]:
    """Encode the raw objects of rows."""
    return [_code(row) for row in rows]


def _code(row: Row) -> Coded:
    if isinstance(row.raw, Unread):
        text = row.raw.json
        if b"\\u" in text or b"\\/" in text:
            # A text can be said in several ways, and an event says it in its own.
            text = _ENCODE(_DECODE(text))
        return Coded(row.id, row.values, row.lines, text.decode(), _digest(text))
    try:
        text = _ENCODE(row.raw)
    except UnicodeEncodeError:
        # Half of a surrogate pair is JSON, and nothing that a database holds.
        row = Row(row.id, _storable(row.values), _storable(row.raw), _storable(row.lines))
        text = _ENCODE(row.raw)
    return Coded(row.id, row.values, row.lines, text.decode(), _digest(text))


def _digest(text: bytes) -> str:
    hash = hashlib.blake2b(text[:_PIECE], digest_size=16)
    for first in range(_PIECE, len(text), _PIECE):
        hash.update(text[first : first + _PIECE])
    return hash.hexdigest()


def _storable(value: Any) -> Any:
    """Replace in texts, however deep, what cannot be encoded."""
    match value:
        case str():
            return value.encode(errors="replace").decode()
        case Mapping():
            return {_storable(key): _storable(child) for key, child in value.items()}
        case list() | tuple():
            return type(value)(map(_storable, value))
    return value


def write_rows(connection: Connection, target: Target, type: str, rows: Sequence[Coded], reading: Reading) -> Written:
    """Write the rows that are newer than what is stored and differ from it."""
    written = Written()
    if not rows:
        return written
    mirrored, table = TYPES[type], TABLES[type]
    # In one order, so that two writers with rows in common wait for each other and never both.
    once = sorted({coded.id: coded for coded in rows}.items())
    stored = _stored(connection, target, table, [id for id, _ in once])
    alike = _alike(connection, target, type, stored, once)
    newer: list[Coded] = []
    # What hangs on a parent is read by its list alone: there is no other word to wait for.
    believed = replace(reading, certain=reading.certain or mirrored.parent is not None)
    for id, coded in once:
        old = stored.get(id)
        if old is None or _decide(old, old.digest if id in alike else coded.digest, believed, written, id):
            newer.append(coded)
    written.changed = _insert(connection, target, mirrored, newer, reading)
    _bump(connection, target, table, written, reading)
    return written


def _alike(
    connection: Connection,
    target: Target,
    type: str,
    stored: Mapping[str, Stored],
    once: Sequence[tuple[str, Coded]],
) -> set[str]:
    """The ids of rows that say in another order of keys, or with other escapes, what is stored."""
    differing = {
        id: coded.text
        for id, coded in once
        if (old := stored.get(id)) is not None and old.deleted_at is None and old.digest != coded.digest
    }
    if not differing:
        return set()
    whose = (*target.values(), type)
    rows = select_among(connection, RAW_OBJECTS, ("id", "raw"), whose, list(differing))
    return {id for id, text in rows if _sorted(text) == _sorted(differing[id])}


def _sorted(text: str) -> bytes:
    return _ENCODE_SORTED(_DECODE(text))


def _decide(old: Stored, digest: str, reading: Reading, written: Written, id: str) -> bool:
    """Say whether a row replaces what is stored; what is to be looked at again goes to `written`."""
    if reading.at < old.observed_at:
        return False
    if old.deleted_at is None and digest == old.digest:
        written.seen.append(id)
        return False
    if _doubtful(old, reading):
        written.doubted.append(id)
        return False
    return True


def _doubtful(old: Stored, reading: Reading) -> bool:
    """Say whether what differs may be older than what is stored, for all that it was observed later."""
    if reading.certain:
        return False
    if reading.source is Source.EVENT:
        return reading.at == old.observed_at and old.observed_by != reading.source.value and old.deleted_at is None
    # A list may lag behind: one that shows what was deleted is not believed, nor one that follows close upon a change.
    return old.deleted_at is not None or reading.at <= old.observed_at + LAG_SECONDS


def _bump(connection: Connection, target: Target, table: Table, written: Written, reading: Reading) -> None:
    """Let rows that an event or a single read found as they were count as observed then."""
    if not written.seen or (reading.source is Source.READ and not reading.certain):
        return
    older = or_(table.c.observed_at < reading.at, table.c.observed_by != reading.source.value)
    connection.execute(
        update(table)
        .where(target.of(table), table.c.id.in_(written.seen), older)
        .values(observed_at=reading.at, observed_by=reading.source.value)
    )


def mark_gone(connection: Connection, target: Target, type: str, row: Row, reading: Reading) -> int:
    """Mark a row as deleted, unless it is newer; one that never was stored is stored as deleted."""
    table = TABLES[type]
    old = _stored(connection, target, table, [row.id]).get(row.id)
    if old is None:
        _insert(connection, target, TYPES[type], [msgspec.structs.replace(_code(row), digest="")], reading)
    elif old.deleted_at is not None or reading.at < old.observed_at:
        return 0
    connection.execute(
        update(table)
        .where(target.of(table), table.c.id == row.id)
        .values(deleted_at=reading.at, observed_at=reading.at, observed_by=reading.source.value)
    )
    return 1


def nothing_of(type: str, id: str) -> Row:
    """The row of an object of which only the id is known."""
    mirrored = TYPES[type]
    return Row(id, (None,) * len(mirrored.columns), {mirrored.key: id}, tuple(() for _ in mirrored.lines))


def versions_of(connection: Connection, target: Target, type: str, ids: Sequence[str]) -> dict[str, Version]:
    """How new the rows with these ids are."""
    return {
        id: Version(at=old.observed_at, source=Source(old.observed_by), deleted=old.deleted_at is not None)
        for id, old in _stored(connection, target, TABLES[type], ids).items()
    }


def mark_seen(connection: Connection, target: Target, type: str, ids: Iterable[str]) -> None:
    """Note that a listing brought rows which it did not change."""
    _add_marks(connection, MIRROR_SEEN, target, ((type, id) for id in ids))


def mark_doubted(connection: Connection, target: Target, doubts: Iterable[tuple[str, str]]) -> None:
    """Note which objects must be read again."""
    _add_marks(connection, MIRROR_DOUBTS, target, doubts)


def _add_marks(connection: Connection, table: Table, target: Target, marks: Iterable[tuple[str, str]]) -> None:
    insert_new(connection, table, [(*target.values(), type, id) for type, id in sorted(set(marks))])


def _stored(connection: Connection, target: Target, table: Table, ids: Sequence[str]) -> dict[str, Stored]:
    rows = select_among(connection, table, Stored._fields, target.values(), ids)
    return {row[0]: Stored(*row) for row in rows}


def _insert(connection: Connection, target: Target, mirrored: Mirrored, rows: Sequence[Coded], reading: Reading) -> int:
    """Put rows, their raw objects and their lines in the place of what is there; return how many."""
    if not rows:
        return 0
    whose, last = target.values(), (None, reading.at, reading.source.value)
    narrow = [(*whose, r.id, *r.values, *last, r.digest) for r in rows]
    written = upsert_newer(connection, TABLES[mirrored.name], narrow)
    rows = [r for r in rows if r.id in written]
    upsert(connection, RAW_OBJECTS, [(*whose, mirrored.name, r.id, r.text) for r in rows])
    for place, lines in enumerate(mirrored.lines):
        table = LINES[lines.table]
        delete_among(connection, table, lines.owner, whose, [r.id for r in rows])
        parts = [(*whose, r.id, *part) for r in rows for part in _numbered(r.lines[place])]
        upsert(connection, table, parts)
    return len(rows)


def _numbered(lines: Iterable[tuple[Value, ...]]) -> Iterator[tuple[Value, ...]]:
    return ((position, *values) for position, values in enumerate(lines))
