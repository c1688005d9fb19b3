"""Durable appends from many threads: whoever comes while a commit is under way shares the next one."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from sqlalchemy import Table, insert

from reconciler.errors import StoreError
from reconciler.store.database import Database

Row = Mapping[str, object]


class _Waiting:
    """A row on its way; `error` holds until the commit has proved otherwise."""

    __slots__ = ("done", "error", "row")

    def __init__(self, row: Row) -> None:
        self.row = row
        self.done = False
        self.error: StoreError | None = StoreError("writing to the store was interrupted")


class GroupCommit:
    """Appends rows to one table. A commit costs a flush of the disk, so sixteen threads share it rather than queue."""

    def __init__(self, database: Database, table: Table) -> None:
        self._database = database
        self._insert = insert(table)
        self._queue: list[_Waiting] = []
        self._committing = False
        self._changed = threading.Condition()

    def append(self, row: Row) -> None:
        """Append a row; durable when this returns. Raises StoreError, and then the row may or may not be stored."""
        waiting = _Waiting(row)
        with self._changed:
            self._queue.append(waiting)
            self._changed.wait_for(lambda: waiting.done or not self._committing)
            batch: list[_Waiting] = []
            if not waiting.done:
                self._committing = True
                batch, self._queue = self._queue, batch
        if batch:
            self._commit(batch)
        if waiting.error is not None:
            # Threads must not share one exception: each adds its own traceback.
            raise StoreError(waiting.error.message, hint=waiting.error.hint)

    def _commit(self, batch: list[_Waiting]) -> None:
        error = batch[0].error
        try:
            with self._database.write() as connection:
                connection.execute(self._insert, [waiting.row for waiting in batch])
            error = None
        except StoreError as failure:
            error = failure
        finally:
            with self._changed:
                for waiting in batch:
                    waiting.error, waiting.done = error, True
                self._committing = False
                self._changed.notify_all()
