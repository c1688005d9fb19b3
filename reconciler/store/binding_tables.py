"""The tables of what the store holds for an application: its bindings, its features, and what its products unlock."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Connection, Text, UniqueConstraint
from sqlalchemy import Table as SqlTable

from reconciler.store.mirror_tables import refuse_taken
from reconciler.store.tables import METADATA


def _project() -> tuple[Column[str], Column[bool], Column[str]]:
    return (
        Column("account", Text, primary_key=True),
        Column("livemode", Boolean, primary_key=True),
        Column("project", Text, primary_key=True),
    )


# One to one, both ways: the database itself refuses a second binding of either side.
BINDINGS = SqlTable(
    "bindings",
    METADATA,
    *_project(),
    Column("external_id", Text, primary_key=True),
    Column("customer", Text, nullable=False),
    Column("bound_by", Text, nullable=False),
    Column("bound_at", BigInteger, nullable=False),
    # The customer first: an index that begins as the key does PostgreSQL would take to find an external id as well, and
    # read every binding of the project, for as long as it has not analysed the table.
    UniqueConstraint("customer", "account", "livemode", "project", name="bindings_by_customer"),
)

# External ids that the metadata of several customers has: whose they are is for a person to say.
DISPUTES = SqlTable(
    "disputed_bindings",
    METADATA,
    *_project(),
    Column("external_id", Text, primary_key=True),
    Column("customer", Text, primary_key=True),
)

# Up to when the mirror had every change of all customers (epoch seconds, UTC) when their metadata was learned last.
LEARNED = SqlTable(
    "learned_bindings",
    METADATA,
    *_project(),
    Column("as_of", BigInteger, nullable=False),
)

# What lives in the store alone (features, product mappings), as it was sent: `raw` is JSON.
RESOURCES = SqlTable(
    "resources",
    METADATA,
    *_project(),
    Column("kind", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("created", BigInteger, nullable=False),
    Column("raw", Text, nullable=False),
)

# The answers to requests that made or changed those, by idempotency key.
ANSWERS = SqlTable(
    "answers",
    METADATA,
    *_project(),
    Column("idempotency_key", Text, primary_key=True),
    Column("request", Text, nullable=False),
    Column("status", BigInteger, nullable=False),
    Column("answer", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
)

# Which product of Stripe's belongs to which mapping, and what that unlocks: `features` is JSON, by feature.
MAPPED_PRODUCTS = SqlTable(
    "mapped_products",
    METADATA,
    *_project(),
    Column("product", Text, primary_key=True),
    Column("mapping", Text, nullable=False),
    Column("features", Text, nullable=False),
)


def make_binding_tables(connection: Connection) -> None:
    """Make them; raise StoreError where one of their names is taken: no version had them before."""
    tables = [BINDINGS, DISPUTES, LEARNED, RESOURCES, ANSWERS, MAPPED_PRODUCTS]
    refuse_taken(connection, {table.name for table in tables})
    METADATA.create_all(connection, tables=tables, checkfirst=False)
