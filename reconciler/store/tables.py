"""The tables of the store at its newest version; a change here needs a migration that makes it."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
)

# PostgreSQL keeps the tables apart from what else lives in the database; SQLite's engine maps the schema away.
SCHEMA = "billplan"

METADATA = MetaData(schema=SCHEMA)

SCHEMA_VERSION = Table(
    "schema_version",
    METADATA,
    Column("version", Integer, nullable=False),
)

# SQLite numbers rows by itself only where the key's type is spelled INTEGER.
ROW_ID = BigInteger().with_variant(Integer(), "sqlite")

RUNS = Table(
    "runs",
    METADATA,
    Column("id", ROW_ID, Identity(), primary_key=True),
    Column("account", Text, nullable=False),
    Column("livemode", Boolean, nullable=False),
    Column("project", Text, nullable=False),
    Column("plan_digest", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("finished_at", BigInteger),
    Column("outcome", Text),
    Index("runs_by_target", "account", "livemode", "project"),
    Index("runs_by_plan", "plan_digest"),
)

RECORDS = Table(
    "records",
    METADATA,
    Column("id", ROW_ID, Identity(), primary_key=True),
    Column("run_id", ROW_ID, ForeignKey(RUNS.c.id), nullable=False),
    Column("step_id", Text, nullable=False),
    Column("address", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("idempotency_key", Text),
    Column("remote_id", Text),
    Column("request_id", Text),
    Column("detail", Text, nullable=False),
    Index("records_by_run", "run_id"),
)

# A row means "held" only on SQLite, and only until expires_at. On PostgreSQL an advisory lock is the truth, and the
# row just tells who holds it: pid is then the server's process.
LOCKS = Table(
    "locks",
    METADATA,
    Column("scope", Text, primary_key=True),
    Column("who", Text, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("token", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("pid", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
)
