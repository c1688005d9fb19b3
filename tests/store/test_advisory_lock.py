"""The advisory lock in PostgreSQL: a lost session, a pooler, and a user who may not break it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from reconciler.adapters import advisory_lock
from reconciler.adapters.advisory_lock import AdvisoryLocks, advisory_key
from reconciler.core.holder import Holder
from reconciler.errors import LockHeld, LockLost, StoreError
from reconciler.store.database import Database, open_database
from tests.postgres import PostgresServer, running_postgres
from tests.store.pooler import running_pooler
from tests.store.still_clock import START, StillClock

SCOPE = "acct_1/test/acme"


@pytest.fixture
def database(postgres_url: str, tmp_path: Path) -> Iterator[Database]:
    with open_database(postgres_url, base_folder=tmp_path) as database:
        yield database


def end_session(database: Database) -> None:
    """End the session that holds an advisory lock."""
    with database.read() as connection:
        connection.execute(
            text("SELECT pg_terminate_backend(pid, 5000) FROM pg_locks WHERE locktype = 'advisory' AND database <> 0")
        )


def test_the_key_is_the_same_for_ever() -> None:
    assert advisory_key(SCOPE) == advisory_key(SCOPE)
    assert advisory_key("acct_1/live/acme") != advisory_key(SCOPE)
    assert advisory_key(SCOPE) == -7539959778717795465


def test_a_key_of_either_sign_is_found_among_the_locks(database: Database, clock: StillClock) -> None:
    locks = AdvisoryLocks(database, clock)
    scopes = [f"acct_{number}" for number in range(8)]
    assert len({advisory_key(scope) < 0 for scope in scopes}) == 2
    for scope in scopes:
        with locks.acquire(scope, "ann"):
            assert locks.holder(scope) == Holder(who="ann", since=START)


def test_a_lost_session_is_a_lost_lock(database: Database, clock: StillClock) -> None:
    locks = AdvisoryLocks(database, clock)
    with locks.acquire(SCOPE, "ann") as lock:
        end_session(database)
        clock.sleep(0.9)
        lock.check()
        clock.sleep(0.2)
        for _ in range(2):
            with pytest.raises(LockLost, match="cannot be reached"):
                lock.check()
    assert locks.holder(SCOPE) is None
    with locks.acquire(SCOPE, "bob") as lock:
        lock.check()


def test_a_holder_that_has_not_told_its_name_is_still_in_the_way(
    database: Database, clock: StillClock, postgres_url: str
) -> None:
    with psycopg.connect(postgres_url) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", (advisory_key(SCOPE),))
        with pytest.raises(LockHeld, match=r"session \d+ of database user owner"):
            AdvisoryLocks(database, clock).acquire(SCOPE, "ann").__enter__()


@pytest.mark.parametrize("lend", [-1, 0], ids=["last used first", "in turns"])
def test_a_pooler_of_transactions_is_refused_and_no_lock_is_left(
    postgres: PostgresServer, clock: StillClock, tmp_path: Path, lend: int
) -> None:
    folder = postgres.folder.parent / f"pool{lend}"
    with (
        running_pooler(postgres.folder, folder, lend=lend) as url,
        open_database(url, base_folder=tmp_path) as database,
    ):
        locks = AdvisoryLocks(database, clock)
        with pytest.raises(StoreError, match="pooler of transactions"):
            locks.acquire(SCOPE, "ann").__enter__()
        assert locks.holder(SCOPE) is None


def test_a_lock_that_slipped_into_a_pool_all_the_same_is_freed(
    postgres: PostgresServer, database: Database, clock: StillClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(advisory_lock, "refuse_pooler", lambda database, session: None)
    with (
        running_pooler(postgres.folder, postgres.folder.parent / "slip", lend=0) as url,
        open_database(url, base_folder=tmp_path) as pooled,
    ):
        with pytest.raises(StoreError, match="pooler of transactions"):
            AdvisoryLocks(pooled, clock).acquire(SCOPE, "ann").__enter__()
        with AdvisoryLocks(database, clock).acquire(SCOPE, "bob", wait_seconds=5) as lock:
            lock.check()


def test_a_user_who_may_not_break_the_lock_is_told_so(
    database: Database, clock: StillClock, postgres_url: str, tmp_path: Path
) -> None:
    with database.write() as connection:
        for statement in (
            "DROP ROLE IF EXISTS weak",
            "CREATE ROLE weak LOGIN",
            "GRANT USAGE ON SCHEMA billplan TO weak",
            "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA billplan TO weak",
        ):
            connection.execute(text(statement))
    with (
        AdvisoryLocks(database, clock).acquire(SCOPE, "ann") as lock,
        open_database(postgres_url.replace("owner@", "weak@"), base_folder=tmp_path) as weak,
    ):
        with pytest.raises(StoreError, match="held by ann, cannot be broken by this database user") as caught:
            AdvisoryLocks(weak, clock).release(SCOPE)
        assert "pg_terminate_backend" in caught.value.hint
        clock.sleep(2)
        lock.check()
    with database.write() as connection:
        connection.execute(text("DROP OWNED BY weak"))
        connection.execute(text("DROP ROLE weak"))


def test_a_server_that_stops_is_a_lost_lock(clock: StillClock, tmp_path: Path) -> None:
    with (
        running_postgres() as server,
        open_database(server.url, base_folder=tmp_path) as database,
        AdvisoryLocks(database, clock).acquire(SCOPE, "ann") as lock,
    ):
        server.stop()
        clock.sleep(2)
        with pytest.raises(LockLost, match="cannot be reached"):
            lock.check()
