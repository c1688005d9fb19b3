"""SQLite as the store wants it: durable commits, readers beside one writer, and transactions begun on purpose."""

from __future__ import annotations

import sqlite3
import time

from sqlalchemy import URL, Connection, Engine, create_engine, event

from reconciler.store.tables import SCHEMA

# The execution option of a connection whose next transaction writes.
WRITE = "billplan_write"

# How long a statement waits for another process's transaction.
BUSY_SECONDS = 10


def create_sqlite_engine(url: URL, *, connections: int) -> Engine:
    """Make the engine; nothing is opened yet."""
    engine = create_engine(
        url,
        connect_args={"timeout": BUSY_SECONDS},
        hide_parameters=True,
        max_overflow=connections,
        execution_options={"schema_translate_map": {SCHEMA: None}},
    )
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "begin", _on_begin)
    return engine


def _on_connect(connection: sqlite3.Connection, _: object) -> None:
    # The driver would begin transactions by itself, and only before some statements; _on_begin does it instead.
    connection.isolation_level = None
    # Only a new file takes it: four of Stripe's objects fit on a page of 16 KB, and only one on SQLite's own 4 KB.
    connection.execute("PRAGMA page_size=16384")
    _switch_to_wal(connection)
    # FULL, since the journal must outlive a power cut; macOS flushes the disk's own cache only if told to.
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA fullfsync=ON")
    # 64 MB: what a sync changes again and again is copied from the log to the file less often than with SQLite's 4 MB.
    connection.execute("PRAGMA wal_autocheckpoint=4000")
    connection.execute("PRAGMA foreign_keys=ON")


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    """Turn write-ahead logging on; a folder that cannot have it (some network drives) keeps the slower journal."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            # SQLite does not wait for its busy timeout when two processes change the mode at once.
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _on_begin(connection: Connection) -> None:
    # A transaction that begins by reading and then writes can fail at once, without waiting its turn.
    writes = connection.get_execution_options().get(WRITE, False)
    if writes:
        # Up to 32 MB of the file: what a sync changes lies all over it, and SQLite's own 2 MB are soon written out.
        connection.exec_driver_sql("PRAGMA cache_size=-32768")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
