"""Durable writes of many threads: whoever comes while a commit is under way shares the next one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from reconciler.errors import StoreError

Item = TypeVar("Item")
Result = TypeVar("Result")


class _Waiting(Generic[Item, Result]):
    """An item on its way; `error` holds until the commit has proved otherwise."""

    __slots__ = ("done", "error", "item", "result")

    result: Result

    def __init__(self, item: Item) -> None:
        self.item = item
        self.done = False
        self.error: StoreError | None = StoreError("writing to the store was interrupted")


class GroupCommit(Generic[Item, Result]):
    """Writes items. A commit costs a flush of the disk, so sixteen threads share it rather than queue."""

    def __init__(self, commit: Callable[[Sequence[Item]], Sequence[Result]]) -> None:
        """`commit` writes items in one transaction, and returns what came of each; one thread at a time calls it."""
        self._write = commit
        self._queue: list[_Waiting[Item, Result]] = []
        self._committing = False
        self._changed = threading.Condition()

    def add(self, item: Item) -> Result:
        """Write an item; durable when this returns. Raises StoreError, and then it may or may not be stored."""
        waiting = _Waiting[Item, Result](item)
        with self._changed:
            self._queue.append(waiting)
            self._changed.wait_for(lambda: waiting.done or not self._committing)
            batch: list[_Waiting[Item, Result]] = []
            if not waiting.done:
                self._committing = True
                batch, self._queue = self._queue, batch
        if batch:
            self._commit(batch)
        if waiting.error is not None:
            # Threads must not share one exception: each adds its own traceback.
            raise StoreError(waiting.error.message, hint=waiting.error.hint)
        return waiting.result

    def _commit(self, batch: list[_Waiting[Item, Result]]) -> None:
        error = batch[0].error
        try:
            results = self._write([waiting.item for waiting in batch])
            for waiting, result in zip(batch, results, strict=True):
                waiting.result = result
            error = None
        except StoreError as failure:
            error = failure
        finally:
            with self._changed:
                for waiting in batch:
                    waiting.error, waiting.done = error, True
                self._committing = False
                self._changed.notify_all()
