"""Versions of the store: made, lifted, refused, and opened by two processes at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Connection, Inspector, create_engine, inspect, text

from reconciler.errors import StoreError
from reconciler.store.database import Database, open_database
from reconciler.store.migrations import MIGRATIONS, stored_version
from reconciler.store.tables import METADATA, SCHEMA
from tests.store.conftest import Start, go, read_line


def version_of(database: Database) -> int:
    with database.read() as connection:
        return stored_version(connection)


def schema_of(connection: Connection) -> str | None:
    return SCHEMA if connection.dialect.name == "postgresql" else None


def describe(inspector: Inspector, schema: str | None) -> dict[str, object]:
    """What a schema holds, in a form that can be compared."""
    return {
        name: (
            {
                column["name"]: (str(column["type"]), column["nullable"])
                for column in inspector.get_columns(name, schema=schema)
            },
            inspector.get_pk_constraint(name, schema=schema)["constrained_columns"],
            [
                (key["constrained_columns"], key["referred_table"])
                for key in inspector.get_foreign_keys(name, schema=schema)
            ],
            sorted((index["name"], index["column_names"]) for index in inspector.get_indexes(name, schema=schema)),
        )
        for name in inspector.get_table_names(schema=schema)
    }


def add_notes(connection: Connection) -> None:
    schema = "billplan." if connection.dialect.name == "postgresql" else ""
    connection.execute(text(f"CREATE TABLE {schema}notes (note TEXT)"))


def fail(connection: Connection) -> None:
    add_notes(connection)
    connection.execute(text("SELECT * FROM nowhere"))


def test_the_migrations_make_the_tables_that_the_code_uses(store_url: str, tmp_path: Path) -> None:
    with open_database(store_url, base_folder=tmp_path) as database, database.read() as connection:
        made = describe(inspect(connection), schema_of(connection))
    if store_url.startswith("sqlite"):
        engine = create_engine("sqlite://").execution_options(schema_translate_map={SCHEMA: None})
        with engine.connect() as connection:
            METADATA.create_all(connection)
            wanted = describe(inspect(connection), None)
        engine.dispose()
    else:
        with open_database(store_url, base_folder=tmp_path) as database, database.write() as connection:
            connection.execute(text("DROP SCHEMA billplan CASCADE"))
            connection.execute(text("CREATE SCHEMA billplan"))
            METADATA.create_all(connection)
            wanted = describe(inspect(connection), SCHEMA)
    assert made == wanted


def test_an_older_store_is_lifted_and_keeps_what_it_holds(store_url: str, tmp_path: Path) -> None:
    with open_database(store_url, base_folder=tmp_path) as database:
        assert version_of(database) == len(MIGRATIONS)
        with database.write() as connection:
            schema = "billplan." if connection.dialect.name == "postgresql" else ""
            connection.execute(text(f"INSERT INTO {schema}locks VALUES ('s', 'ann', 1, 't', 'h', 2, 3)"))
    with open_database(store_url, base_folder=tmp_path, migrations=(*MIGRATIONS, add_notes)) as database:
        assert version_of(database) == len(MIGRATIONS) + 1
        with database.read() as connection:
            assert inspect(connection).has_table("notes", schema=schema_of(connection))
            assert connection.execute(text(f"SELECT who FROM {schema}locks")).scalar_one() == "ann"


def test_a_migration_that_fails_leaves_the_store_as_it_was(store_url: str, tmp_path: Path) -> None:
    open_database(store_url, base_folder=tmp_path).close()
    with pytest.raises(StoreError, match="nowhere"):
        open_database(store_url, base_folder=tmp_path, migrations=(*MIGRATIONS, fail))
    with open_database(store_url, base_folder=tmp_path) as database, database.read() as connection:
        assert stored_version(connection) == len(MIGRATIONS)
        assert not inspect(connection).has_table("notes", schema=schema_of(connection))


def test_a_newer_store_is_refused_with_both_versions(store_url: str, tmp_path: Path) -> None:
    open_database(store_url, base_folder=tmp_path, migrations=(*MIGRATIONS, add_notes)).close()
    known = len(MIGRATIONS)
    with pytest.raises(StoreError, match=f"of version {known + 1}, .* versions up to {known}") as caught:
        open_database(store_url, base_folder=tmp_path)
    assert "upgrade" in caught.value.hint


def test_two_processes_open_a_new_store_at_once(store_url: str, tmp_path: Path, start_worker: Start) -> None:
    workers = [start_worker("open", store_url) for _ in range(2)]
    for worker in workers:
        go(worker)
    assert [read_line(worker) for worker in workers] == ["opened"] * 2
    with open_database(store_url, base_folder=tmp_path) as database:
        assert version_of(database) == len(MIGRATIONS)


def test_a_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/other.db")
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE birds (name TEXT)"))
    engine.dispose()
    with pytest.raises(StoreError, match="another program: it has a table 'birds'"):
        open_database("sqlite:other.db", base_folder=tmp_path)


def test_a_table_of_the_user_in_the_way_of_the_mirror_is_named_and_kept(store_url: str, tmp_path: Path) -> None:
    """A store of version 1, in which somebody keeps a table that version 2 would need the name of."""
    with (
        open_database(store_url, base_folder=tmp_path, migrations=MIGRATIONS[:1]) as database,
        database.write() as connection,
    ):
        schema = "billplan." if connection.dialect.name == "postgresql" else ""
        connection.execute(text(f"CREATE TABLE {schema}customers (name TEXT)"))
        connection.execute(text(f"INSERT INTO {schema}customers VALUES ('ann')"))
    with pytest.raises(StoreError, match="has a table 'customers' already") as caught:
        open_database(store_url, base_folder=tmp_path)
    assert "name another file or database as the store" in caught.value.hint
    with open_database(store_url, base_folder=tmp_path, migrations=MIGRATIONS[:1]) as database:
        with database.write() as connection:
            assert connection.execute(text(f"SELECT name FROM {schema}customers")).scalar_one() == "ann"
            connection.execute(text(f"ALTER TABLE {schema}customers RENAME TO people"))
        assert version_of(database) == 1
    with open_database(store_url, base_folder=tmp_path) as database:
        assert version_of(database) == len(MIGRATIONS)


@pytest.mark.parametrize("made", ["TABLE Customers (name TEXT)", "VIEW customers AS SELECT 1"])
def test_a_name_that_sqlite_holds_for_the_same_is_in_the_way_too(made: str, tmp_path: Path) -> None:
    url = "sqlite:store.db"
    with open_database(url, base_folder=tmp_path, migrations=MIGRATIONS[:1]) as database, database.write() as old:
        old.execute(text(f"CREATE {made}"))
    with pytest.raises(StoreError, match=r"(?i)a table 'customers' already"):
        open_database(url, base_folder=tmp_path)


def test_a_mirror_of_an_earlier_version_is_made_anew_and_the_rest_kept(store_url: str, tmp_path: Path) -> None:
    """A store of version 2, as it was before customers had a column to find them by e-mail."""
    with (
        open_database(store_url, base_folder=tmp_path, migrations=MIGRATIONS[:2]) as database,
        database.write() as connection,
    ):
        schema = "billplan." if connection.dialect.name == "postgresql" else ""
        connection.execute(text(f"DROP INDEX {schema}customers_by_email_key"))
        connection.execute(text(f"ALTER TABLE {schema}customers DROP COLUMN email_key"))
        connection.execute(text(f"INSERT INTO {schema}mirror_cursors VALUES ('acct_1', false, 1)"))
        connection.execute(text(f"INSERT INTO {schema}locks VALUES ('s', 'ann', 1, 't', 'h', 2, 3)"))
    with open_database(store_url, base_folder=tmp_path) as database, database.read() as connection:
        columns = inspect(connection).get_columns("customers", schema=schema_of(connection))
        assert "email_key" in {column["name"] for column in columns}
        assert connection.execute(text(f"SELECT count(*) FROM {schema}mirror_cursors")).scalar_one() == 0
        assert connection.execute(text(f"SELECT who FROM {schema}locks")).scalar_one() == "ann"
        assert inspect(connection).has_table("bindings", schema=schema_of(connection))
