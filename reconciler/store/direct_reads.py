"""Reads of one statement each that must be fast: on connections kept open for them, past SQLAlchemy's work for each.

A transaction of SQLAlchemy's costs several times what SQLite takes for a look into a few indexes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from queue import LifoQueue
from typing import Any

from sqlalchemy import Connection

from reconciler.errors import StoreError
from reconciler.store.database import Database

# Few, since a server has not many to give, and none is held for longer than a look.
_CONNECTIONS = 2


class DirectReads:
    """Runs single statements, each a transaction of its own. Safe from several threads, and not across a fork."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._process = os.getpid()
        # Last in, first out: whoever is alone keeps the connection whose cache is warm.
        self._kept: LifoQueue[Connection | None] = LifoQueue()
        for _ in range(_CONNECTIONS):
            self._kept.put(None)

    def rows(self, text: str, values: Sequence[Any]) -> Sequence[Sequence[Any]]:
        """All rows of a SELECT in the words of the store's own driver. Raises StoreError."""
        if os.getpid() != self._process:
            # Two processes on one connection would read each other's answers.
            message = f"the store {self._database.shown} was opened before this process was forked from another one"
            raise StoreError(message, hint="load the project in each worker process, not before they are forked")
        with self._connection() as connection:
            try:
                return _run(connection, text, values)
            except connection.dialect.loaded_dbapi.Error:
                # A server may have closed it while nobody used it: a new one shows that, or says what is wrong.
                connection.close()
        with self._database.read() as anew:
            return anew.exec_driver_sql(text, tuple(values)).all()

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        """Wait for a connection; one that was closed is not given again."""
        connection = self._kept.get()
        try:
            if connection is None or connection.closed:
                connection = self._database.session()
            yield connection
        finally:
            self._kept.put(connection)

    def close(self) -> None:
        """Close what is kept open, when what is being read has been. Idempotent."""
        for connection in [self._kept.get() for _ in range(_CONNECTIONS)]:
            if connection is not None:
                connection.close()
            self._kept.put(None)


def _run(connection: Connection, text: str, values: Sequence[Any]) -> Sequence[Sequence[Any]]:
    # The driver's own: SQLAlchemy's would begin a transaction in SQLite, which would then go on seeing what it saw.
    cursor = connection.connection.cursor()
    try:
        cursor.execute(text, values)
        return cursor.fetchall()
    finally:
        cursor.close()
