"""Many rows in few statements, past SQLAlchemy's work for each row.

The driver of SQLite gives up the interpreter's lock for each statement, and the one of PostgreSQL has the server parse
each anew. With a statement for each row, a page of a hundred costs several threads more than all else that they do.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from itertools import chain
from typing import Any

import msgspec
from sqlalchemy import Connection, CursorResult, Table

Row = Sequence[Any]

# The least that any build of SQLite permits in a statement is 999.
_VARIABLES = 960
_IDS = 512


def upsert(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert or replace rows, of which no two have the same key: a value for each column of the table, in order."""
    _write(connection, table, rows, True)


def upsert_newer(connection: Connection, table: Table, rows: Sequence[Row]) -> set[str]:
    """Insert or replace rows that have an id; return the ids, less those of rows that somebody made newer meanwhile."""
    if connection.dialect.name == "postgresql" and rows:
        text = f"{_insert_document(table, True)} RETURNING old.id"
        return set(connection.exec_driver_sql(text, _document(table, rows)).scalars())
    _write(connection, table, rows, True)
    # SQLite has one writer at a time.
    place = list(table.columns.keys()).index("id")
    return {row[place] for row in rows}


def insert_new(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert the rows whose key is not there yet."""
    _write(connection, table, rows, False)


def select_among(
    connection: Connection, table: Table, names: Iterable[str], target: Row, ids: Sequence[str]
) -> Iterator[Any]:
    """Yield some columns of the rows that have one of these ids; `target` as in `delete_among`."""
    for found in _among(connection, f"SELECT {_quoted(names)} FROM", table, "id", target, ids):
        yield from found


def delete_among(connection: Connection, table: Table, column: str, target: Row, ids: Sequence[str]) -> None:
    """Delete the rows that have one of these ids in a column.

    `target` holds what the first columns of the key must be: account and livemode, and a type where that is the third.
    """
    for _ in _among(connection, "DELETE FROM", table, column, target, ids):
        continue


def _among(
    connection: Connection, verb: str, table: Table, column: str, target: Row, ids: Sequence[str]
) -> Iterator[CursorResult[Any]]:
    keys = [key.name for key in table.primary_key][: len(target)]
    if connection.dialect.name == "postgresql":
        whose = " AND ".join(f'"{key}" = %s' for key in keys)
        text = f'{verb} {table.fullname} WHERE {whose} AND "{column}" = ANY(%s)'
        yield connection.exec_driver_sql(text, (*target, list(ids)))
        return
    whose = " AND ".join(f'"{key}" = ?' for key in keys)
    for first in range(0, len(ids), _IDS):
        some = ids[first : first + _IDS]
        # Padded, so that there are few different statements to prepare.
        size = 1 << (len(some) - 1).bit_length()
        text = f'{verb} {table.name} WHERE {whose} AND "{column}" IN ({_marks(size)})'
        padded = [*some, *[some[0]] * (size - len(some))]
        yield connection.exec_driver_sql(text, (*target, *padded))


def _write(connection: Connection, table: Table, rows: Sequence[Row], replace: bool) -> None:
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(_insert_document(table, replace), _document(table, rows))
        return
    if threading.active_count() == 1:
        # Nobody waits for the interpreter's lock: row by row, the driver is faster than with long statements.
        connection.exec_driver_sql(_insert_rows(table, replace, 1), [tuple(row) for row in rows])
        return
    first, most = 0, 1 << (_VARIABLES // len(table.columns)).bit_length() - 1
    while first < len(rows):
        # Powers of two, so that there are few different statements to prepare.
        size = min(most, 1 << (len(rows) - first).bit_length() - 1)
        flat = tuple(chain.from_iterable(rows[first : first + size]))
        connection.exec_driver_sql(_insert_rows(table, replace, size), flat)
        first += size


@cache
def _insert_rows(table: Table, replace: bool, rows: int) -> str:
    values = ",".join([f"({_marks(len(table.columns))})"] * rows)
    return f"{_into(table, table.name)} VALUES {values} {_on_conflict(table, replace)}"


@cache
def _insert_document(table: Table, replace: bool) -> str:
    typed = ",".join(f'"{column.name}" {column.type}' for column in table.columns)
    source = f"SELECT * FROM json_to_recordset(%s::json) AS new({typed})"
    return f"{_into(table, table.fullname)} {source} {_on_conflict(table, replace)}"


def _document(table: Table, rows: Sequence[Row]) -> tuple[str]:
    """Rows as one parameter: the driver takes far longer over thousands of them, or over arrays."""
    names = [column.name for column in table.columns]
    return (msgspec.json.encode([dict(zip(names, row, strict=True)) for row in rows]).decode(),)


def _into(table: Table, name: str) -> str:
    return f"INSERT INTO {name} AS old ({_quoted(column.name for column in table.columns)})"


def _on_conflict(table: Table, replace: bool) -> str:
    keys = [column.name for column in table.primary_key]
    if not replace:
        return "ON CONFLICT DO NOTHING"
    values = ",".join(f'"{c.name}"=excluded."{c.name}"' for c in table.columns if c.name not in keys)
    guard = " WHERE old.observed_at <= excluded.observed_at" if "observed_at" in table.c else ""
    return f"ON CONFLICT ({_quoted(keys)}) DO UPDATE SET {values}{guard}"


def _quoted(names: Iterable[str]) -> str:
    return ",".join(f'"{name}"' for name in names)


def _marks(number: int) -> str:
    return ",".join("?" * number)
