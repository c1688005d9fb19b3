"""A lock as an advisory lock of PostgreSQL: the server frees it the moment its session ends, however that ends."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Connection, delete, insert, select, text
from sqlalchemy.exc import DBAPIError

from reconciler.adapters.lock_holder import lock_held, lock_lost
from reconciler.adapters.process_identity import this_process
from reconciler.core.holder import Holder
from reconciler.errors import StoreError
from reconciler.ports.clock import Clock
from reconciler.ports.lock import HeldLock
from reconciler.store.database import Database
from reconciler.store.tables import LOCKS

# How old the last look may be that `check` relies on.
CONFIRM_SECONDS = 1.0

_POLL_SECONDS = 0.5
_TERMINATE_SECONDS = 10.0

_ELSEWHERE = "it is not in this database session any more"

_BACKEND = text("SELECT pg_backend_pid()")
_TRY = text("SELECT pg_try_advisory_lock(:key), pg_backend_pid()")
_UNLOCK = text("SELECT pg_advisory_unlock(:key)")
_TERMINATE = text("SELECT pg_terminate_backend(:pid)")

# An administrator's limit on idle sessions would free the lock in a long wait. The setting exists since PostgreSQL 14.
_STAY = text(
    "SELECT set_config('idle_session_timeout', '0', false)"
    " WHERE current_setting('idle_session_timeout', true) IS NOT NULL"
)

# pg_locks shows a key of 64 bits as two halves, and marks it by objsubid 1.
_HOLDER = text(
    "SELECT l.pid, a.usename, CAST(extract(epoch FROM coalesce(a.backend_start, now())) AS bigint) AS connected_at"
    " FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid"
    " WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1"
    " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND l.classid = CAST((CAST(:key AS bigint) >> 32) & 4294967295 AS oid)"
    " AND l.objid = CAST(CAST(:key AS bigint) & 4294967295 AS oid)"
)


class AdvisoryLocks:
    """Locks for everybody who shares one PostgreSQL database."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    @contextmanager
    def acquire(self, scope: str, who: str, *, wait_seconds: int = 0) -> Iterator[HeldLock]:
        """Take the lock on entry, release it on exit; raise LockHeld after `wait_seconds`.

        Raises StoreError behind a pooler of transactions.
        """
        session = self._database.session()
        try:
            with self._database.failures():
                session.execute(_STAY)
            refuse_pooler(self._database, session)
            pid = self._take(session, scope, wait_seconds)
            lock = AdvisoryLock(self._database, self._clock, session, scope=scope, pid=pid)
            lock.confirm()
            self._tell(scope, who, pid)
            try:
                yield lock
            finally:
                lock.end()
        finally:
            _close(session)

    def holder(self, scope: str) -> Holder | None:
        """Who has the lock, going by the server's own list of locks."""
        with self._database.read() as connection:
            found = _find(connection, scope)
        return None if found is None else found[1]

    def release(self, scope: str) -> Holder | None:
        """End the session that has the lock, and return whose it was.

        Raises StoreError where the server does not let this user end that session.
        """
        with self._database.read() as connection:
            found = _find(connection, scope)
        if found is not None:
            self._terminate(scope, found[0], found[1])
        with self._database.write() as connection:
            pid = 0 if found is None else found[0]
            still = _find(connection, scope)
            if still is None or still[0] == pid:
                connection.execute(delete(LOCKS).where(LOCKS.c.scope == scope))
        return None if found is None else found[1]

    def _take(self, session: Connection, scope: str, wait_seconds: int) -> int:
        deadline = self._clock.monotonic() + wait_seconds
        while True:
            with self._database.failures():
                taken, pid = session.execute(_TRY, {"key": advisory_key(scope)}).one()
            if taken:
                return int(pid)
            holder = self.holder(scope)
            if self._clock.monotonic() >= deadline and holder is not None:
                raise lock_held(scope, holder)
            self._clock.sleep(_POLL_SECONDS)

    def _tell(self, scope: str, who: str, pid: int) -> None:
        row = {
            "scope": scope,
            "who": who,
            "since": self._clock.now(),
            "token": "",
            "host": this_process().host,
            "pid": pid,
        }
        with self._database.write() as connection:
            connection.execute(delete(LOCKS).where(LOCKS.c.scope == scope))
            connection.execute(insert(LOCKS).values(row))

    def _terminate(self, scope: str, pid: int, holder: Holder) -> None:
        try:
            with self._database.read() as connection:
                connection.execute(_TERMINATE, {"pid": pid})
        except StoreError as error:
            raise StoreError(
                f"the lock of {scope}, held by {holder.who}, cannot be broken by this database user: {error.message}",
                hint=f"as the holder's database user or as a superuser: SELECT pg_terminate_backend({pid});",
            ) from None
        deadline = self._clock.monotonic() + _TERMINATE_SECONDS
        while True:
            with self._database.read() as connection:
                found = _find(connection, scope)
            if found is None or found[0] != pid:
                return
            if self._clock.monotonic() >= deadline:
                raise StoreError(
                    f"the session of {holder.who} was told to end, and still has the lock of {scope}",
                    hint="try again in a minute",
                )
            self._clock.sleep(0.05)


class AdvisoryLock:
    """An advisory lock in hand, on a session of its own; `check` is safe from several threads."""

    def __init__(self, database: Database, clock: Clock, session: Connection, *, scope: str, pid: int) -> None:
        self._database = database
        self._clock = clock
        self._session = session
        self._scope = scope
        self._pid = pid
        self._guard = threading.Lock()
        self._lost = ""
        self._confirmed_at = 0.0

    def check(self) -> None:
        """Raise LockLost if the session was lost. Asks the server at most once a second."""
        with self._guard:
            if not self._lost and self._clock.monotonic() - self._confirmed_at >= CONFIRM_SECONDS:
                self._confirm()
            if self._lost:
                raise lock_lost(self._scope, self._lost)

    def confirm(self) -> None:
        """Look once, right after taking the lock: a session that is not ours alone lets it slip.

        Raises StoreError, and frees the lock wherever it was left.
        """
        with self._guard:
            self._confirm()
            lost = self._lost
        if lost == _ELSEWHERE:
            with suppress(StoreError), self._database.read() as connection:
                found = _find_session(connection, self._scope)
                if found is not None and found[0] == self._pid:
                    connection.execute(_TERMINATE, {"pid": self._pid})
            raise _pooler(self._database)
        if lost:
            raise StoreError(lost, hint="run the same command again")

    def end(self) -> None:
        """Give the lock back. The server does it where it cannot be reached any more."""
        with self._guard, suppress(StoreError), self._database.failures():
            if not self._lost:
                mine = delete(LOCKS).where(LOCKS.c.scope == self._scope, LOCKS.c.pid == self._pid)
                self._session.execute(mine)
                self._session.execute(_UNLOCK, {"key": advisory_key(self._scope)})

    def _confirm(self) -> None:
        started = self._clock.monotonic()
        try:
            with self._database.failures():
                backend = self._session.execute(_BACKEND).scalar_one()
                found = _find_session(self._session, self._scope)
        except StoreError as error:
            self._lost = error.message
            return
        if backend != self._pid or found is None or found[0] != self._pid:
            self._lost = _ELSEWHERE
            return
        self._confirmed_at = started


def advisory_key(scope: str) -> int:
    """The scope as PostgreSQL's signed 64-bit key; the same on every machine and in every version."""
    digest = hashlib.sha256(f"billplan lock {scope}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def refuse_pooler(database: Database, session: Connection) -> None:
    """Raise StoreError if a pooler hands out server sessions by the transaction.

    Such a pooler gives the idle session's server to the next who asks, and then gives the first another one. So a
    second connection opens a transaction, and neither may the two meet on one server, nor the first one move.
    """
    with database.failures():
        before = session.execute(_BACKEND).scalar_one()
        with database.read() as other:
            if other.execute(_BACKEND).scalar_one() == before:
                raise _pooler(database)
            if session.execute(_BACKEND).scalar_one() != before:
                raise _pooler(database)


def _pooler(database: Database) -> StoreError:
    return StoreError(
        f"the store {database.shown} is behind a pooler of transactions, on which no lock can be held",
        hint="name PostgreSQL's own port in the store's URL (often 5432), or a pool in session mode",
    )


def _find_session(connection: Connection, scope: str) -> tuple[int, str, int] | None:
    row = connection.execute(_HOLDER, {"key": advisory_key(scope)}).one_or_none()
    return None if row is None else (row.pid, row.usename or "another user", row.connected_at)


def _find(connection: Connection, scope: str) -> tuple[int, Holder] | None:
    found = _find_session(connection, scope)
    if found is None:
        return None
    pid, user, connected_at = found
    told = select(LOCKS.c.who, LOCKS.c.since).where(LOCKS.c.scope == scope, LOCKS.c.pid == pid)
    row = connection.execute(told).one_or_none()
    if row is None:
        # Between taking the lock and telling who took it.
        return pid, Holder(who=f"session {pid} of database user {user}", since=connected_at)
    return pid, Holder(who=row.who, since=row.since)


def _close(session: Connection) -> None:
    with suppress(DBAPIError):
        session.close()
