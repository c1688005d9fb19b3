"""The lock of an apply, on both databases: one holder, a name for it, and a loss that does not go unseen."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Semaphore

import pytest

from reconciler.adapters.sql_locks import SqlLocks
from reconciler.adapters.system_clock import SystemClock
from reconciler.core.holder import Holder
from reconciler.errors import LockHeld, LockLost
from reconciler.ports.lock import Locks
from reconciler.store.database import Database, open_database
from tests.store.conftest import Start, go, read_line
from tests.store.still_clock import START, StillClock

SCOPE = "acct_1/test/acme"
ANN = "ann@host pid 12 (plan 3fa9)"


@pytest.fixture
def locks(database: Database, clock: StillClock) -> Locks:
    return SqlLocks(database, clock)


def test_a_lock_is_held_inside_its_block_and_free_after_it(locks: Locks) -> None:
    assert locks.holder(SCOPE) is None
    with locks.acquire(SCOPE, ANN) as lock:
        lock.check()
        assert locks.holder(SCOPE) == Holder(who=ANN, since=START)
        assert locks.holder("acct_2/test/acme") is None
    assert locks.holder(SCOPE) is None
    with locks.acquire(SCOPE, ANN) as lock:
        lock.check()


def test_an_error_in_the_block_comes_out_and_frees_the_lock(locks: Locks) -> None:
    with pytest.raises(KeyError), locks.acquire(SCOPE, ANN):
        raise KeyError
    assert locks.holder(SCOPE) is None


def test_scopes_do_not_hinder_each_other(locks: Locks) -> None:
    with locks.acquire(SCOPE, ANN) as one, locks.acquire("acct_1/live/acme", ANN) as two:
        one.check()
        two.check()


def test_a_held_lock_names_its_holder_since_when_and_the_way_out(locks: Locks, clock: StillClock) -> None:
    with locks.acquire(SCOPE, ANN):
        clock.sleep(5)
        with pytest.raises(LockHeld) as caught, locks.acquire(SCOPE, "bob"):
            pass
        assert caught.value.message == f"the lock of {SCOPE} is held by {ANN} since 2026-01-01T00:00:00Z"
        assert "billplan unlock" in caught.value.hint
        assert locks.holder(SCOPE) == Holder(who=ANN, since=START)


def test_waiting_ends_when_the_time_is_up(locks: Locks, clock: StillClock) -> None:
    with locks.acquire(SCOPE, ANN):
        before = clock.monotonic()
        with pytest.raises(LockHeld), locks.acquire(SCOPE, "bob", wait_seconds=20):
            pass
        assert 20 <= clock.monotonic() - before < 22


def test_waiting_ends_with_the_lock_when_it_comes_free(database: Database) -> None:
    locks = SqlLocks(database, SystemClock())
    with ThreadPoolExecutor(1) as pool:

        def wait() -> None:
            with locks.acquire(SCOPE, "bob", wait_seconds=30) as lock:
                lock.check()

        with locks.acquire(SCOPE, ANN):
            waiting = pool.submit(wait)
        waiting.result(timeout=10)


def test_another_process_is_kept_out_and_a_killed_one_is_no_hindrance(
    database: Database, store_url: str, start_worker: Start
) -> None:
    locks = SqlLocks(database, SystemClock())
    worker = start_worker("hold", store_url, SCOPE, "bob")
    go(worker)
    assert read_line(worker) == "held"
    with pytest.raises(LockHeld, match="held by bob"), locks.acquire(SCOPE, ANN):
        pass
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    with locks.acquire(SCOPE, ANN, wait_seconds=5) as lock:
        lock.check()


def test_a_broken_lock_is_noticed_by_the_process_that_had_it(
    database: Database, store_url: str, start_worker: Start
) -> None:
    locks = SqlLocks(database, SystemClock())
    worker = start_worker("hold", store_url, SCOPE, "bob")
    go(worker)
    assert read_line(worker) == "held"
    broken = locks.release(SCOPE)
    assert broken is not None
    assert broken.who == "bob"
    with locks.acquire(SCOPE, ANN) as lock:
        assert read_line(worker).startswith(f"the lock of {SCOPE} was lost: ")
        assert worker.wait() == 0
        lock.check()
        holder = locks.holder(SCOPE)
    assert holder is not None
    assert holder.who == ANN


def test_releasing_a_free_lock_does_nothing(locks: Locks) -> None:
    assert locks.release(SCOPE) is None


def test_a_loss_is_final(locks: Locks, clock: StillClock) -> None:
    with locks.acquire(SCOPE, ANN) as lock:
        locks.release(SCOPE)
        clock.sleep(2)
        for _ in range(2):
            with pytest.raises(LockLost, match="nothing more was sent"):
                lock.check()


def test_of_eight_threads_one_gets_the_lock(store_url: str, tmp_path: Path) -> None:
    def compete(number: int) -> bool:
        with open_database(store_url, base_folder=tmp_path) as database:
            locks = SqlLocks(database, SystemClock())
            try:
                with locks.acquire(SCOPE, str(number)) as lock:
                    lock.check()
                    for _ in range(7):
                        assert refused.acquire(timeout=10)
                    return True
            except LockHeld:
                refused.release()
                return False

    refused = Semaphore(0)
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(compete, range(8))) == 1
