"""Rows of the mirror as they are written: only what is newer, only what differs, never in part."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import (
    ColumnElement,
    Connection,
    Delete,
    Select,
    Table,
    and_,
    bindparam,
    delete,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from reconciler.core.mirrored import Mirrored, Row, Source, Version
from reconciler.mirrored import BY_NAME, EVENT
from reconciler.store.mirror_tables import LINES, MIRROR_DOUBTS, MIRROR_SEEN, RAW_OBJECTS, TABLES

_TYPES = {**BY_NAME, EVENT.name: EVENT}
_ENCODE = msgspec.json.Encoder(decimal_format="number", order="deterministic").encode
_DECODE = msgspec.json.Decoder(float_hook=Decimal).decode

Stored = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Target:
    """Whose mirror: an account in one mode."""

    account: str
    livemode: bool

    def of(self, table: Table) -> ColumnElement[bool]:
        """The condition that rows are this target's."""
        return and_(table.c.account == self.account, table.c.livemode == self.livemode)

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


def write_rows(connection: Connection, target: Target, type: str, rows: Sequence[Row], reading: Reading) -> Written:
    """Write the rows that are newer than what is stored and differ from it."""
    written = Written()
    if not rows:
        return written
    mirrored, table = _TYPES[type], TABLES[type]
    stored = _stored(connection, target, table, [row.id for row in rows])
    fresh: list[tuple[Row, str, str]] = []
    changed: list[tuple[Row, str, str]] = []
    for row in {row.id: row for row in rows}.values():
        text = _ENCODE(row.raw).decode()
        digest = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
        old = stored.get(row.id)
        if old is None:
            fresh.append((row, text, digest))
        elif _decide(old, digest, reading, written, row.id):
            changed.append((row, text, digest))
    _insert(connection, target, mirrored, fresh, reading)
    if changed:
        _drop_lines(connection, target, mirrored, [row.id for row, _, _ in changed])
        _insert(connection, target, mirrored, changed, reading)
    _bump(connection, target, table, written, reading)
    written.changed = len(fresh) + len(changed)
    return written


def _decide(old: Stored, digest: str, reading: Reading, written: Written, id: str) -> bool:
    """Say whether a row replaces what is stored; what is to be looked at again goes to `written`."""
    if reading.at < old["observed_at"]:
        return False
    tie = reading.at == old["observed_at"] and old["observed_by"] != reading.source.value
    if old["deleted_at"] is None:
        if digest == old["digest"]:
            written.seen.append(id)
            return False
        if tie and not reading.certain:
            written.doubted.append(id)
            return False
        return True
    if reading.source is Source.READ and not reading.certain:
        # A list may lag behind: one that shows what was deleted is not believed.
        written.doubted.append(id)
        return False
    return True


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
        text = _ENCODE(row.raw).decode()
        _insert(connection, target, _TYPES[type], [(row, text, "")], reading)
    elif old["deleted_at"] is not None or reading.at < old["observed_at"]:
        return 0
    connection.execute(
        update(table)
        .where(target.of(table), table.c.id == row.id)
        .values(deleted_at=reading.at, observed_at=reading.at, observed_by=reading.source.value)
    )
    return 1


def nothing_of(type: str, id: str) -> Row:
    """The row of an object of which only the id is known."""
    mirrored = _TYPES[type]
    return Row(id, (None,) * len(mirrored.columns), {mirrored.key: id}, tuple(() for _ in mirrored.lines))


def versions_of(connection: Connection, target: Target, type: str, ids: Sequence[str]) -> dict[str, Version]:
    """How new the rows with these ids are."""
    return {
        id: Version(at=old["observed_at"], source=Source(old["observed_by"]), deleted=old["deleted_at"] is not None)
        for id, old in _stored(connection, target, TABLES[type], ids).items()
    }


def add_marks(connection: Connection, table: Table, target: Target, marks: Iterable[tuple[str, str]]) -> None:
    """Add (type, id) to the seen or the doubted ones; one that is there stays."""
    rows = [{**target.key(), "type": type, "id": id} for type, id in sorted(set(marks))]
    if rows:
        connection.execute(_insert_new(table, connection.dialect.name), rows)


def mark_seen(connection: Connection, target: Target, type: str, ids: Iterable[str]) -> None:
    """Note that a listing brought rows which it did not change."""
    add_marks(connection, MIRROR_SEEN, target, ((type, id) for id in ids))


def mark_doubted(connection: Connection, target: Target, doubts: Iterable[tuple[str, str]]) -> None:
    """Note which objects must be read again."""
    add_marks(connection, MIRROR_DOUBTS, target, doubts)


def _stored(connection: Connection, target: Target, table: Table, ids: Sequence[str]) -> dict[str, Stored]:
    found = connection.execute(_select_stored(table), {**target.key(), "ids": list(ids)})
    return {row["id"]: dict(row) for row in found.mappings()}


@cache
def _select_stored(table: Table) -> Select[Any]:
    wanted = (table.c.id, table.c.digest, table.c.observed_at, table.c.observed_by, table.c.deleted_at)
    return select(*wanted).where(
        table.c.account == bindparam("account"),
        table.c.livemode == bindparam("livemode"),
        table.c.id.in_(bindparam("ids", expanding=True)),
    )


def _insert(
    connection: Connection,
    target: Target,
    mirrored: Mirrored,
    rows: Sequence[tuple[Row, str, str]],
    reading: Reading,
) -> None:
    if not rows:
        return
    names = [c.name for c in mirrored.columns]
    same = {**target.key(), "deleted_at": None, "observed_at": reading.at, "observed_by": reading.source.value}
    dialect = connection.dialect.name
    narrow = [{**same, "id": r.id, "digest": d, **dict(zip(names, r.values, strict=True))} for r, _, d in rows]
    connection.execute(_upsert(TABLES[mirrored.name], dialect), narrow)
    raw = [{**target.key(), "type": mirrored.name, "id": r.id, "raw": text} for r, text, _ in rows]
    connection.execute(_upsert(RAW_OBJECTS, dialect), raw)
    for place, lines in enumerate(mirrored.lines):
        within = [c.name for c in lines.columns]
        parts = [
            {**target.key(), lines.owner: r.id, "position": position, **dict(zip(within, values, strict=True))}
            for r, _, _ in rows
            for position, values in enumerate(r.lines[place])
        ]
        if parts:
            connection.execute(insert(LINES[lines.table]), parts)


def _drop_lines(connection: Connection, target: Target, mirrored: Mirrored, ids: Sequence[str]) -> None:
    for lines in mirrored.lines:
        table = LINES[lines.table]
        gone: Delete = delete(table).where(target.of(table), table.c[lines.owner].in_(ids))
        connection.execute(gone)


@cache
def _upsert(table: Table, dialect: str) -> Any:
    """Insert or replace; a row that somebody made newer meanwhile stays."""
    made = (postgresql.insert if dialect == "postgresql" else sqlite.insert)(table)
    keys = [c.name for c in table.primary_key]
    values = {c.name: made.excluded[c.name] for c in table.columns if c.name not in keys}
    guard = table.c.observed_at <= made.excluded.observed_at if "observed_at" in table.c else None
    return made.on_conflict_do_update(index_elements=keys, set_=values, where=guard)


@cache
def _insert_new(table: Table, dialect: str) -> Any:
    made = (postgresql.insert if dialect == "postgresql" else sqlite.insert)(table)
    return made.on_conflict_do_nothing()
