"""The lease in SQLite: renewed, run out, taken over, and lost by either clock."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import select, update

from reconciler.adapters import lease_lock
from reconciler.adapters.lease_lock import Lease, LeaseLocks
from reconciler.adapters.process_identity import ProcessIdentity, has_ended, this_process
from reconciler.errors import LockHeld, LockLost, StoreError
from reconciler.store.database import Database, open_database
from reconciler.store.tables import LOCKS
from tests.store.still_clock import START, StillClock

SCOPE = "acct_1/test/acme"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with open_database("sqlite:store.db", base_folder=tmp_path) as database:
        yield database


@pytest.fixture
def lease(database: Database, clock: StillClock) -> Lease:
    lease = Lease(database, clock, SCOPE)
    lease.take("ann")
    return lease


def set_row(database: Database, **values: object) -> None:
    with database.write() as connection:
        connection.execute(update(LOCKS).values(**values))


def wait_for_expiry(database: Database, expected: int) -> None:
    """Wait for the thread that renews, which goes by real time."""
    deadline = time.monotonic() + 10
    found = 0
    while found != expected and time.monotonic() < deadline:
        time.sleep(0.01)
        with database.read() as connection:
            found = connection.execute(select(LOCKS.c.expires_at)).scalar_one()
    assert found == expected


def test_a_lease_runs_out_after_a_minute_and_is_taken_over(database: Database, clock: StillClock, lease: Lease) -> None:
    other = Lease(database, clock, SCOPE)
    clock.sleep(59)
    with pytest.raises(LockHeld):
        other.take("bob")
    clock.sleep(1)
    assert LeaseLocks(database, clock).holder(SCOPE) is None
    other.take("bob")
    other.check()
    with pytest.raises(LockLost):
        lease.check()


def test_a_renewal_lengthens_the_lease_and_keeps_since(database: Database, clock: StillClock, lease: Lease) -> None:
    for _ in range(12):
        clock.sleep(10)
        lease.renew()
        lease.check()
    with database.read() as connection:
        row = connection.execute(select(LOCKS)).one()
    assert (row.since, row.expires_at) == (START, START + 180)


def test_a_missed_renewal_stops_the_sends_with_half_the_lease_left(clock: StillClock, lease: Lease) -> None:
    clock.sleep(29)
    lease.check()
    clock.sleep(1)
    with pytest.raises(LockLost, match="not renewed for 30 seconds"):
        lease.check()
    lease.renew()
    with pytest.raises(LockLost):
        lease.check()


def test_a_renewal_that_the_store_refuses_is_a_missed_one(
    database: Database, clock: StillClock, lease: Lease, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise StoreError("full")

    with monkeypatch.context() as patch:
        patch.setattr(database, "write", refuse)
        clock.sleep(20)
        lease.renew()
        lease.check()
        clock.sleep(10)
        with pytest.raises(LockLost):
            lease.check()


def test_a_machine_that_slept_loses_the_lease_by_the_wall_clock(clock: StillClock, lease: Lease) -> None:
    clock.wall += 60
    with pytest.raises(LockLost, match="slept"):
        lease.check()


def test_a_wall_clock_set_back_does_not_lengthen_the_lease(clock: StillClock, lease: Lease) -> None:
    clock.wall -= 3600
    clock.steady += 30
    with pytest.raises(LockLost, match="not renewed"):
        lease.check()


def test_a_renewal_of_a_broken_lease_is_a_loss(database: Database, clock: StillClock, lease: Lease) -> None:
    LeaseLocks(database, clock).release(SCOPE)
    lease.renew()
    with pytest.raises(LockLost, match="broken or taken over"):
        lease.check()


def test_the_end_of_a_lost_lease_leaves_the_new_one_alone(database: Database, clock: StillClock, lease: Lease) -> None:
    clock.sleep(60)
    other = Lease(database, clock, SCOPE)
    other.take("bob")
    lease.end()
    clock.sleep(2)
    other.check()


def test_the_check_says_who_has_it_now(database: Database, clock: StillClock, lease: Lease) -> None:
    locks = LeaseLocks(database, clock)
    locks.release(SCOPE)
    Lease(database, clock, SCOPE).take("bob")
    clock.sleep(1)
    with pytest.raises(LockLost, match="bob has it now"):
        lease.check()


def test_a_thread_renews_the_lease(database: Database, monkeypatch: pytest.MonkeyPatch, clock: StillClock) -> None:
    monkeypatch.setattr(lease_lock, "RENEW_SECONDS", 0.01)
    with LeaseLocks(database, clock).acquire(SCOPE, "ann") as lock:
        for _ in range(4):
            clock.sleep(20)
            wait_for_expiry(database, clock.now() + 60)
            lock.check()


@pytest.mark.usefixtures("lease")
def test_a_lease_of_a_process_that_ended_here_is_free_at_once(database: Database, clock: StillClock) -> None:
    set_row(database, pid=2**22 + 1)
    assert LeaseLocks(database, clock).holder(SCOPE) is None
    with LeaseLocks(database, clock).acquire(SCOPE, "bob") as lock:
        lock.check()


@pytest.mark.usefixtures("lease")
def test_a_lease_of_another_host_or_container_must_run_out(database: Database, clock: StillClock) -> None:
    set_row(database, pid=2**22 + 1, host=f"{this_process().host} pid:[1]")
    with pytest.raises(LockHeld), LeaseLocks(database, clock).acquire(SCOPE, "bob"):
        pass


def test_a_process_has_ended_only_where_that_can_be_known() -> None:
    here = this_process()
    assert not has_ended(here)
    assert not has_ended(ProcessIdentity(host=here.host, pid=1))
    assert has_ended(ProcessIdentity(host=here.host, pid=2**22 + 1))
    assert not has_ended(ProcessIdentity(host="elsewhere", pid=2**22 + 1))
