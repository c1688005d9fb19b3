"""A lock as a lease: a row that runs out unless its holder, a thread of a living process, keeps renewing it."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select, update

from reconciler.adapters.lock_holder import lock_held, lock_lost
from reconciler.adapters.process_identity import ProcessIdentity, has_ended, this_process
from reconciler.core.holder import Holder
from reconciler.errors import LockHeld, StoreError
from reconciler.ports.clock import Clock
from reconciler.ports.lock import HeldLock
from reconciler.store.database import Database
from reconciler.store.tables import LOCKS

LEASE_SECONDS = 60
RENEW_SECONDS = 10

# A renewal counts as missed at half the lease: what passed the check just before has the other half to reach Stripe.
MISSED_SECONDS = 30

# A broken lock is noticed by reading the row, and not before every send.
CONFIRM_SECONDS = 1.0

_POLL_SECONDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """A lease as stored; times are epoch seconds, UTC."""

    holder: Holder
    token: str
    process: ProcessIdentity
    expires_at: int

    def is_live(self, now: int) -> bool:
        return now < self.expires_at and not has_ended(self.process)


class LeaseLocks:
    """Locks for processes that share one SQLite file."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    @contextmanager
    def acquire(self, scope: str, who: str, *, wait_seconds: int = 0) -> Iterator[HeldLock]:
        """Take the lock on entry, release it on exit; raise LockHeld after `wait_seconds`."""
        deadline = self._clock.monotonic() + wait_seconds
        lease = Lease(self._database, self._clock, scope)
        while True:
            try:
                lease.take(who)
                break
            except LockHeld:
                if self._clock.monotonic() >= deadline:
                    raise
            self._clock.sleep(_POLL_SECONDS)
        try:
            lease.keep()
            yield lease
        finally:
            lease.end()

    def holder(self, scope: str) -> Holder | None:
        """Who has a lease that has not run out."""
        with self._database.read() as connection:
            row = _read(connection, scope)
        return row.holder if row is not None and row.is_live(self._clock.now()) else None

    def release(self, scope: str) -> Holder | None:
        """Delete the lease, whoever has it; return who had it."""
        with self._database.write() as connection:
            row = _read(connection, scope)
            connection.execute(delete(LOCKS).where(LOCKS.c.scope == scope))
        return row.holder if row is not None and row.is_live(self._clock.now()) else None


class Lease:
    """A lease in hand; `check` is safe from several threads."""

    def __init__(self, database: Database, clock: Clock, scope: str) -> None:
        self._database = database
        self._clock = clock
        self._scope = scope
        self._token = secrets.token_hex(16)
        self._guard = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._renew_until_stopped, name=f"lease of {scope}", daemon=True)
        self._lost = ""
        self._renewed_at = 0.0
        self._confirmed_at = 0.0
        self._expires_at = 0

    def take(self, who: str) -> None:
        """Write the lease if nobody has one; raise LockHeld otherwise."""
        process = this_process()
        with self._database.write() as connection:
            # Read inside the transaction: waiting for the write lock may have taken seconds.
            started, now = self._clock.monotonic(), self._clock.now()
            row = _read(connection, self._scope)
            if row is not None and row.is_live(now):
                raise lock_held(self._scope, row.holder)
            connection.execute(delete(LOCKS).where(LOCKS.c.scope == self._scope))
            lease = insert(LOCKS).values(
                scope=self._scope,
                who=who,
                since=now,
                token=self._token,
                host=process.host,
                pid=process.pid,
                expires_at=now + LEASE_SECONDS,
            )
            connection.execute(lease)
        self._note_renewal(started, now)

    def keep(self) -> None:
        """Start the thread that renews the lease."""
        self._thread.start()

    def check(self) -> None:
        """Raise LockLost after a missed renewal, or once somebody has broken the lock. Reads at most once a second."""
        with self._guard:
            self._lost = self._lost or self._find_loss()
            if self._lost:
                raise lock_lost(self._scope, self._lost)

    def renew(self) -> None:
        """Lengthen the lease; a failure is left for the next turn, and for `check` to judge by the time gone by."""
        with suppress(StoreError):
            with self._database.write() as connection:
                started, now = self._clock.monotonic(), self._clock.now()
                change = update(LOCKS).where(LOCKS.c.scope == self._scope, LOCKS.c.token == self._token)
                if connection.execute(change.values(expires_at=now + LEASE_SECONDS)).rowcount != 1:
                    self._note_loss("it was broken or taken over")
                    return
            self._note_renewal(started, now)

    def end(self) -> None:
        """Give the lease back. It runs out by itself where the store cannot be written any more."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()
        with suppress(StoreError), self._database.write() as connection:
            connection.execute(delete(LOCKS).where(LOCKS.c.scope == self._scope, LOCKS.c.token == self._token))

    def _renew_until_stopped(self) -> None:
        while not self._stop.wait(RENEW_SECONDS):
            self.renew()

    def _note_renewal(self, started: float, now: int) -> None:
        with self._guard:
            self._renewed_at = self._confirmed_at = started
            self._expires_at = now + LEASE_SECONDS

    def _note_loss(self, reason: str) -> None:
        with self._guard:
            self._lost = self._lost or reason

    def _find_loss(self) -> str:
        monotonic = self._clock.monotonic()
        silence = monotonic - self._renewed_at
        if silence >= MISSED_SECONDS:
            return f"it was not renewed for {silence:.0f} seconds"
        # The monotonic clock stands still while a laptop sleeps; others judge the lease by the wall clock.
        if self._clock.now() >= self._expires_at:
            return "its time ran out while this machine slept, or its clock was moved"
        if monotonic - self._confirmed_at < CONFIRM_SECONDS:
            return ""
        try:
            with self._database.read() as connection:
                row = _read(connection, self._scope)
        except StoreError as error:
            return error.message
        if row is None:
            return "it was broken"
        if row.token != self._token:
            return f"{row.holder.who} has it now"
        self._confirmed_at = monotonic
        return ""


def _read(connection: Connection, scope: str) -> _Row | None:
    found = connection.execute(select(LOCKS).where(LOCKS.c.scope == scope)).one_or_none()
    if found is None:
        return None
    return _Row(
        holder=Holder(who=found.who, since=found.since),
        token=found.token,
        process=ProcessIdentity(host=found.host, pid=found.pid),
        expires_at=found.expires_at or 0,
    )
