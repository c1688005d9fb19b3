"""The lock as a port: one apply for each account, mode and project."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from reconciler.core.holder import Holder


class HeldLock(Protocol):
    """A lock in hand."""

    def check(self) -> None:
        """Raise LockLost if the lock may no longer be ours; called before each send."""
        ...


class Locks(Protocol):
    """Hands out locks by scope, such as "acct_1/test/acme"."""

    def acquire(self, scope: str, who: str, *, wait_seconds: int = 0) -> AbstractContextManager[HeldLock]:
        """Take the lock, waiting at most so long; raise LockHeld, naming the holder. Released on exit."""
        ...

    def holder(self, scope: str) -> Holder | None: ...

    def release(self, scope: str) -> Holder | None:
        """Break a lock, whoever holds it; return who held it."""
        ...
