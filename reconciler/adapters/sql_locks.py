"""The locks of the SQL store: a lease in SQLite, an advisory lock in PostgreSQL."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import assert_never

from reconciler.adapters.advisory_lock import AdvisoryLocks
from reconciler.adapters.lease_lock import LeaseLocks
from reconciler.core.holder import Holder
from reconciler.ports.clock import Clock
from reconciler.ports.lock import HeldLock, Locks
from reconciler.store.database import Database
from reconciler.store.location import Backend


class SqlLocks:
    """Hands out locks by scope. Every method raises StoreError if the store fails."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._locks = _locks(database, clock)

    def acquire(self, scope: str, who: str, *, wait_seconds: int = 0) -> AbstractContextManager[HeldLock]:
        """Take the lock on entry, waiting at most so long, and release it on exit; raise LockHeld, naming the holder.

        On PostgreSQL raises StoreError, too, if a pooler of transactions stands before the server.
        """
        return self._locks.acquire(scope, who, wait_seconds=wait_seconds)

    def holder(self, scope: str) -> Holder | None:
        """Who has the lock now; None where it is free, or its holder is known to be gone."""
        return self._locks.holder(scope)

    def release(self, scope: str) -> Holder | None:
        """Break a lock, whoever holds it; return who held it. The holder learns of it within a second."""
        return self._locks.release(scope)


def _locks(database: Database, clock: Clock) -> Locks:
    match database.backend:
        case Backend.SQLITE:
            return LeaseLocks(database, clock)
        case Backend.POSTGRESQL:
            return AdvisoryLocks(database, clock)
        case unknown:
            assert_never(unknown)
