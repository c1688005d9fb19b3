"""Durable writes of many threads: whoever comes while a commit is under way shares the next one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from reconciler.errors import StoreError

Item = TypeVar("Item")
Result = TypeVar("Result")


class _Waiting(Generic[Item, Result]):
    """An item on its way; `error` holds until the commit has proved otherwise.

    `woken`: it is done, or it is its thread's turn to commit what has gathered.
    """

    __slots__ = ("done", "error", "item", "left", "result", "woken")

    result: Result

    def __init__(self, item: Item) -> None:
        self.item = item
        self.done = False
        self.left = False
        self.woken = threading.Event()
        self.error: StoreError | None = StoreError("writing to the store was interrupted")


class GroupCommit(Generic[Item, Result]):
    """Writes items. A commit costs a flush of the disk, so sixteen threads share it rather than queue."""

    def __init__(self, commit: Callable[[Sequence[Item]], Sequence[Result]]) -> None:
        """`commit` writes items in one transaction, and returns what came of each; one thread at a time calls it."""
        self._write = commit
        self._queue: list[_Waiting[Item, Result]] = []
        self._committing = False
        self._lock = threading.Lock()

    def add(self, item: Item) -> Result:
        """Write an item; durable when this returns. Raises StoreError, and then it may or may not be stored."""
        waiting = _Waiting[Item, Result](item)
        with self._lock:
            self._queue.append(waiting)
            leads, self._committing = not self._committing, True
        if not leads:
            self._wait(waiting)
        if not waiting.done:
            self._commit()
        if waiting.error is not None:
            # Threads must not share one exception: each adds its own traceback.
            raise StoreError(waiting.error.message, hint=waiting.error.hint)
        return waiting.result

    def _wait(self, waiting: _Waiting[Item, Result]) -> None:
        try:
            waiting.woken.wait()
        except BaseException:
            with self._lock:
                # Whoever commits next takes the item along; a turn that came meanwhile goes to another.
                waiting.left = True
                if waiting.woken.is_set() and not waiting.done:
                    self._pass_on()
            raise

    def _commit(self) -> None:
        with self._lock:
            batch, self._queue = self._queue, []
        error = batch[0].error
        try:
            results = self._write([waiting.item for waiting in batch])
            for waiting, result in zip(batch, results, strict=True):
                waiting.result = result
            error = None
        except StoreError as failure:
            error = failure
        finally:
            with self._lock:
                # The next one first: it has a commit to make, and the others only to go on.
                self._pass_on()
                for waiting in batch:
                    waiting.error, waiting.done = error, True
                    waiting.woken.set()

    def _pass_on(self) -> None:
        """Wake one thread, to commit what has gathered: to wake all of them would cost more than the commit."""
        following = next((waiting for waiting in self._queue if not waiting.left), None)
        self._committing = following is not None
        if following is not None:
            following.woken.set()
