"""The migrations of the store: numbered functions that each lift it by one version, in one transaction for all."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import Connection, delete, func, insert, inspect, select
from sqlalchemy.schema import CreateSchema

from reconciler.errors import StoreError
from reconciler.store.binding_tables import make_binding_tables
from reconciler.store.mirror_tables import make_mirror_tables, renew_mirror_tables
from reconciler.store.tables import SCHEMA, SCHEMA_VERSION
from reconciler.store.version_1 import create_version_1

Migration = Callable[[Connection], None]


def _version_3(connection: Connection) -> None:
    renew_mirror_tables(connection)
    make_binding_tables(connection)


# The first function makes version 1 out of nothing. Append only: what has been released never changes. The mirror's
# tables are made as they are today, also on the way from version 1: a version that changes them appends a function that
# drops those of the version before and makes them again, since all they hold can be listed again.
MIGRATIONS: tuple[Migration, ...] = (create_version_1, make_mirror_tables, _version_3)

# Any fixed number that no other program is likely to take; it serialises first opens on PostgreSQL.
_MIGRATION_LOCK = 0x62696C6C706C616E


def stored_version(connection: Connection) -> int:
    """The version of the store; 0 where there is none yet."""
    schema = SCHEMA if connection.dialect.name == "postgresql" else None
    if not inspect(connection).has_table(SCHEMA_VERSION.name, schema=schema):
        return 0
    return connection.execute(select(SCHEMA_VERSION.c.version)).scalar() or 0


def refuse_newer(version: int, known: int) -> None:
    """Raise StoreError if the store was made by a newer billplan."""
    if version > known:
        raise StoreError(
            f"the store is of version {version}, and this billplan knows versions up to {known}",
            hint="upgrade this billplan: pip install --upgrade billplan",
        )


def migrate(connection: Connection, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Lift the store to the newest version, inside the caller's transaction.

    Safe when several processes open the same store for the first time: the others wait, then find it done. The
    caller's transaction holds SQLite's write lock already. Raises StoreError if the store is newer than `migrations`,
    or is the SQLite database of another program.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
        # Not "IF NOT EXISTS": that asks for the right to create even where the schema is there.
        if not inspect(connection).has_schema(SCHEMA):
            connection.execute(CreateSchema(SCHEMA))
    version = stored_version(connection)
    refuse_newer(version, len(migrations))
    if version == len(migrations):
        return
    if version == 0 and connection.dialect.name == "sqlite":
        _refuse_foreign(connection)
    for migration in migrations[version:]:
        migration(connection)
    connection.execute(delete(SCHEMA_VERSION))
    connection.execute(insert(SCHEMA_VERSION).values(version=len(migrations)))


def _refuse_foreign(connection: Connection) -> None:
    names = inspect(connection).get_table_names()
    if names:
        raise StoreError(
            f"the file is a database of another program: it has a table {names[0]!r} and no version of billplan",
            hint="name another file as the store",
        )
