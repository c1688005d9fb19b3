"""The tables of the mirror: a narrow one for each type, the raw objects beside them, and how far each listing is.

One definition serves both databases. The mirror can be read again from Stripe, so a later change of these tables needs
no migration of rows: its migration may drop the tables of the version before, and only those, and make them again.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import BigInteger, Boolean, Column, Connection, Identity, Index, Integer, Table, Text, inspect

from reconciler.core.mirrored import Column as Mirror
from reconciler.core.mirrored import ColumnType, Lines, Mirrored
from reconciler.errors import StoreError
from reconciler.mirrored import MIRRORED, TYPES
from reconciler.store.tables import METADATA, ROW_ID, SCHEMA

_TYPES = {
    ColumnType.TEXT: Text,
    ColumnType.DECIMAL: Text,
    ColumnType.EMAIL: Text,
    ColumnType.WHOLE: BigInteger,
    ColumnType.FLAG: Boolean,
}


def _target() -> tuple[Column[str], Column[bool]]:
    return Column("account", Text, primary_key=True), Column("livemode", Boolean, primary_key=True)


def _typed(columns: tuple[Mirror, ...]) -> list[Column[object]]:
    return [Column(c.name, _TYPES[c.type], nullable=True) for c in columns]


def _indexes(table: str, columns: tuple[Mirror, ...]) -> list[Index]:
    return [Index(f"{table}_by_{c.name}", "account", "livemode", c.name) for c in columns if c.indexed]


def _table_of(mirrored: Mirrored) -> Table:
    return Table(
        mirrored.table,
        METADATA,
        *_target(),
        Column("id", Text, primary_key=True),
        *_typed(mirrored.columns),
        Column("deleted_at", BigInteger),
        Column("observed_at", BigInteger, nullable=False),
        Column("observed_by", Text, nullable=False),
        Column("digest", Text, nullable=False),
        *_indexes(mirrored.table, mirrored.columns),
    )


def _table_of_lines(lines: Lines) -> Table:
    return Table(
        lines.table,
        METADATA,
        *_target(),
        Column(lines.owner, Text, primary_key=True),
        Column("position", Integer, primary_key=True),
        *_typed(lines.columns),
        *_indexes(lines.table, lines.columns),
    )


TABLES: Mapping[str, Table] = {m.name: _table_of(m) for m in TYPES.values()}
LINES: Mapping[str, Table] = {lines.table: _table_of_lines(lines) for m in MIRRORED for lines in m.lines}

RAW_OBJECTS = Table(
    "raw_objects",
    METADATA,
    *_target(),
    Column("type", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("raw", Text, nullable=False),
)

MIRROR_TYPES = Table(
    "mirror_types",
    METADATA,
    *_target(),
    Column("type", Text, primary_key=True),
    Column("status", Text, nullable=False),
    Column("started_at", BigInteger),
    Column("listed_at", BigInteger),
    Column("as_of", BigInteger),
    Column("created_after", BigInteger),
    Column("wanted_after", BigInteger),
    Column("detail", Text, nullable=False),
)

MIRROR_WINDOWS = Table(
    "mirror_windows",
    METADATA,
    Column("id", ROW_ID, Identity(), primary_key=True),
    Column("account", Text, nullable=False),
    Column("livemode", Boolean, nullable=False),
    Column("type", Text, nullable=False),
    Column("listing", Integer, nullable=False),
    Column("parent", Text, nullable=False),
    Column("since", BigInteger),
    Column("until", BigInteger),
    Column("cursor", Text, nullable=False),
    Column("reached", BigInteger),
    Index("mirror_windows_by_type", "account", "livemode", "type"),
    # No number is given twice: what is still written for a window of a run that was killed must hit no other one.
    sqlite_autoincrement=True,
)

# The rows that a listing under way found as they were: they are not written, and yet known to be there still.
MIRROR_SEEN = Table(
    "mirror_seen",
    METADATA,
    *_target(),
    Column("type", Text, primary_key=True),
    Column("id", Text, primary_key=True),
)

MIRROR_DOUBTS = Table(
    "mirror_doubts",
    METADATA,
    *_target(),
    Column("type", Text, primary_key=True),
    Column("id", Text, primary_key=True),
)

MIRROR_CURSORS = Table(
    "mirror_cursors",
    METADATA,
    *_target(),
    Column("events_from", BigInteger, nullable=False),
)

_OWN = (*TABLES.values(), *LINES.values(), RAW_OBJECTS)
_PROGRESS = (MIRROR_TYPES, MIRROR_WINDOWS, MIRROR_SEEN, MIRROR_DOUBTS, MIRROR_CURSORS)


def make_mirror_tables(connection: Connection) -> None:
    """Make the tables of the mirror; raise StoreError where one of their names is taken: no version had them before."""
    tables = [*_OWN, *_PROGRESS]
    refuse_taken(connection, {table.name for table in tables})
    # Looked at once, above: a look for each of these tables would take longer than making them all.
    METADATA.create_all(connection, tables=tables, checkfirst=False)


def renew_mirror_tables(connection: Connection) -> None:
    """Make the tables anew where an earlier version made them: what they held is listed again."""
    schema = SCHEMA if connection.dialect.name == "postgresql" else None
    there = {column["name"] for column in inspect(connection).get_columns("customers", schema=schema)}
    if "email_key" not in there:
        METADATA.drop_all(connection, tables=[*_OWN, *_PROGRESS])
        make_mirror_tables(connection)


def refuse_taken(connection: Connection, names: set[str]) -> None:
    """Raise StoreError where a table or a view of somebody else's has one of these names."""
    inspector, schema = inspect(connection), SCHEMA if connection.dialect.name == "postgresql" else None
    there = [*inspector.get_table_names(schema=schema), *inspector.get_view_names(schema=schema)]
    # SQLite holds Customers and customers for one name.
    taken = [name for name in there if name.lower() in names]
    if taken:
        raise StoreError(
            f"the store has a table {taken[0]!r} already, which billplan did not make and whose name it needs",
            hint="rename that table, or name another file or database as the store",
        )
