"""Opening a store: what a URL means, and what goes wrong in words."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from reconciler.errors import StoreError
from reconciler.store.database import Database, open_database
from reconciler.store.location import Backend, parse_location
from tests.postgres import PostgresServer, running_postgres


def test_a_relative_path_is_below_the_project_and_its_folder_is_made(tmp_path: Path) -> None:
    with open_database("sqlite:.billplan/store.db", base_folder=tmp_path) as database, database.read() as connection:
        assert database.shown == str(tmp_path / ".billplan/store.db")
        assert connection.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"
        assert connection.execute(text("PRAGMA synchronous")).scalar_one() == 2
        assert connection.execute(text("PRAGMA foreign_keys")).scalar_one() == 1
    assert (tmp_path / ".billplan/store.db").is_file()


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:a b?c%20d#e.db",
        "sqlite:/x/a.db",
        "postgres://ann:h%40nter%2F2@h:5433/d?sslmode=require&password=other3",
        "postgresql://ann@/d?host=/tmp/a%20b",
    ],
)
def test_the_url_of_a_location_leads_to_it_from_any_folder(url: str) -> None:
    location = parse_location(url, base_folder=Path("/p"))
    assert parse_location(location.url, base_folder=Path("/elsewhere")) == location


def test_nobody_of_this_process_writes_while_its_turn_is_taken(database: Database) -> None:
    """What another process writes in the meantime is written at once, on either database."""
    order: list[str] = []

    def write() -> None:
        with database.write() as connection:
            order.append("written")
            connection.execute(text("SELECT 1"))

    with database.turn():
        writing = threading.Thread(target=write)
        writing.start()
        if database.backend is Backend.POSTGRESQL:
            # There, each row has a queue of its own.
            writing.join()
        order.append("turn over")
    writing.join()
    assert order == (["turn over", "written"] if database.backend is Backend.SQLITE else ["written", "turn over"])


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:a.db", "/p/a.db"),
        ("sqlite:/x/a.db", "/x/a.db"),
        ("sqlite:///a.db", "/p/a.db"),
        ("sqlite:////x/a.db", "/x/a.db"),
    ],
)
def test_a_path_of_sqlite_is_read_in_either_spelling(url: str, path: str) -> None:
    assert parse_location(url, base_folder=Path("/p")).path == Path(path)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("sqlite:", "names no file"),
        ("sqlite://host/a.db", "names no file"),
        ("sqlite::memory:", "would forget"),
        ("mysql://u:hunter2@h/d", "neither of SQLite nor of PostgreSQL"),
        ("postgresql://u:hunter2@h:hunter2/d", "cannot be read"),
        ("", "neither"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_without_showing_it(url: str, message: str) -> None:
    with pytest.raises(StoreError, match=message) as caught:
        parse_location(url, base_folder=Path("/p"))
    assert "hunter2" not in caught.value.message + caught.value.hint
    assert caught.value.hint


def test_a_password_is_never_shown() -> None:
    location = parse_location("postgres://ann:hunter2@h:5433/d?password=other3&sslmode=require", base_folder=Path("/p"))
    assert location.backend is Backend.POSTGRESQL
    assert location.shown == "postgresql://ann@h:5433/d"
    assert set(location.secrets) == {"hunter2", "other3"}


def test_a_missing_driver_names_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(StoreError, match="not installed") as caught:
        open_database("postgresql://ann:hunter2@127.0.0.1/d", base_folder=tmp_path)
    assert caught.value.hint == "pip install 'billplan[postgres]'"


def test_a_server_that_is_not_there_is_a_store_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be reached") as caught:
        open_database("postgresql://ann:hunter2@127.0.0.1:1/d", base_folder=tmp_path)
    assert "hunter2" not in caught.value.message
    assert caught.value.__cause__ is None


def test_a_database_that_is_not_there_is_named(postgres: PostgresServer, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match='"nothing" does not exist'):
        open_database(postgres.url_of("nothing"), base_folder=tmp_path)


def test_a_user_without_rights_is_told_which_are_missing(postgres_url: str, tmp_path: Path) -> None:
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE ROLE guest LOGIN")
    with pytest.raises(StoreError, match="permission denied for database") as caught:
        open_database(postgres_url.replace("owner@", "guest@"), base_folder=tmp_path)
    assert "schema billplan" in caught.value.hint


def test_a_file_that_is_no_database_is_refused_and_not_touched(tmp_path: Path) -> None:
    garbage = b"not a database, by far\n" * 100
    (tmp_path / "store.db").write_bytes(garbage)
    with pytest.raises(StoreError, match="is not an SQLite database"):
        open_database("sqlite:store.db", base_folder=tmp_path)
    assert (tmp_path / "store.db").read_bytes() == garbage


def test_a_folder_in_the_place_of_the_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot be opened"):
        open_database("sqlite:.", base_folder=tmp_path)


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".billplan").write_text("")
    with pytest.raises(StoreError, match=r"folder .*\.billplan cannot be made"):
        open_database("sqlite:.billplan/store.db", base_folder=tmp_path)


def run(database: Database, *statements: str) -> None:
    with database.write() as connection:
        for statement in statements:
            connection.execute(text(statement))


def test_a_full_disk_is_called_full(tmp_path: Path) -> None:
    def fill() -> None:
        with open_database("sqlite:store.db", base_folder=tmp_path) as database:
            run(
                database,
                "PRAGMA max_page_count = 1",
                "CREATE TABLE big (x BLOB)",
                "INSERT INTO big VALUES (zeroblob(1000000))",
            )

    with pytest.raises(StoreError, match=r"store\.db is full"):
        fill()


def test_a_read_only_store_is_called_read_only(database: Database) -> None:
    sqlite = database.backend is Backend.SQLITE
    read_only = "PRAGMA query_only = ON" if sqlite else "SET TRANSACTION READ ONLY"
    with pytest.raises(StoreError, match="is read-only"):
        run(database, read_only, "CREATE TABLE more (x INTEGER)")


def test_a_failed_write_leaves_nothing(database: Database) -> None:
    with pytest.raises(StoreError, match="nowhere"):
        run(database, "CREATE TABLE more (x INTEGER)", "SELECT * FROM nowhere")
    with pytest.raises(StoreError, match="more"):
        run(database, "SELECT * FROM more")


def test_a_server_that_stops_midway_is_a_store_error(tmp_path: Path) -> None:
    def stop_midway() -> None:
        with database.write() as connection:
            connection.execute(text("SELECT 1"))
            server.stop()
            connection.execute(text("SELECT 1"))

    with running_postgres() as server, open_database(server.url, base_folder=tmp_path) as database:
        with pytest.raises(StoreError, match="cannot be reached"):
            stop_midway()
        with pytest.raises(StoreError, match="cannot be reached"):
            run(database, "SELECT 1")
