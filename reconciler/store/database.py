"""The database that the store lives in: transactions, and every failure of the database as a StoreError."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from types import TracebackType

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from reconciler.errors import StoreError
from reconciler.store.failure import store_failure
from reconciler.store.location import Backend, Location, parse_location
from reconciler.store.migrations import MIGRATIONS, Migration, migrate, refuse_newer, stored_version
from reconciler.store.sqlite_engine import WRITE, create_sqlite_engine

# Threads of an apply, and some for what runs beside it.
_CONNECTIONS = 32
# For one of many processes of an application, since a server has 100 for all of them unless it is told otherwise.
FEW_CONNECTIONS = 4
_KEPT_OPEN = 5

# A server that vanished without a word is noticed within half a minute, not in the two hours of TCP's own defaults.
# Prepared statements are off because they break behind a pooler of transactions.
_POSTGRESQL_ARGUMENTS: dict[str, object] = {
    "connect_timeout": 10,
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
    "application_name": "billplan",
    "prepare_threshold": None,
}


class Database:
    """An open store. Safe from several threads; raises StoreError for whatever goes wrong in the database."""

    def __init__(self, engine: Engine, location: Location) -> None:
        self._engine = engine
        self._location = location
        # SQLite's own queue is a poll with pauses, in which a busy writer starves the others of the same process.
        self._turn = threading.Lock() if location.backend is Backend.SQLITE else nullcontext()

    @property
    def backend(self) -> Backend:
        return self._location.backend

    @property
    def shown(self) -> str:
        """The file, or the URL without its password."""
        return self._location.shown

    @property
    def url(self) -> str:
        """What `open_database` opens the same store by, in any folder; it may hold a password."""
        return self._location.url

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """Open a transaction for reading."""
        with self.failures(), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Open a transaction for writing: committed, and durable, when the block ends; rolled back if it raises."""
        with self._turn, self.failures(), self._engine.connect() as plain:
            connection = plain.execution_options(**{WRITE: True})
            with connection.begin():
                yield connection

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Take this process's turn to write, and write nothing: for another process that does so in its place."""
        with self._turn:
            yield

    def session(self) -> Connection:
        """Open a connection of its own, outside the pool, on which every statement is a transaction of its own.

        The caller closes it, and puts its statements inside `failures()`.
        """
        with self.failures():
            connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            connection.detach()
            return connection

    @contextmanager
    def failures(self) -> Iterator[None]:
        """Turn what the database says into a StoreError; a statement that cannot be right stays a bug."""
        try:
            yield
        except (IntegrityError, DataError):
            raise
        except ProgrammingError as error:
            if self.backend is Backend.SQLITE:
                # The driver's word for being used wrongly: that is our mistake, and no state of the store.
                raise
            raise store_failure(error, where=self.shown, secrets=self._location.secrets) from None
        except (DBAPIError, PoolTimeout) as error:
            raise store_failure(error, where=self.shown, secrets=self._location.secrets) from None

    def close(self) -> None:
        """Close every pooled connection. Idempotent."""
        self._engine.dispose()

    def __enter__(self) -> Database:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def open_database(
    url: str, *, base_folder: Path, migrations: Sequence[Migration] = MIGRATIONS, connections: int = _CONNECTIONS
) -> Database:
    """Open the store at `url`, making or migrating it where needed; on a server with at most so many `connections`.

    `url` is `sqlite:PATH`, with a relative path taken from `base_folder` and its folder made, or
    `postgresql://user@host/database`. Raises StoreError if the store cannot be opened or is of a newer version.
    """
    location = parse_location(url, base_folder=base_folder)
    if location.path is None:
        engine = _create_postgresql_engine(location, connections)
    else:
        _make_folder(location.path.parent)
        engine = create_sqlite_engine(location.engine_url, connections=_CONNECTIONS)
    database = Database(engine, location)
    try:
        _bring_up_to_date(database, migrations)
    except BaseException:
        database.close()
        raise
    return database


def _bring_up_to_date(database: Database, migrations: Sequence[Migration]) -> None:
    # Looking first spares every later open the write lock.
    with database.read() as connection:
        version = stored_version(connection)
    refuse_newer(version, len(migrations))
    if version < len(migrations):
        with database.write() as connection:
            migrate(connection, migrations)


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"the store's folder {folder} cannot be made: {error.strerror}",
            hint="name a folder that this user can write",
        ) from None


def _create_postgresql_engine(location: Location, connections: int) -> Engine:
    given, kept = location.engine_url.query, min(connections, _KEPT_OPEN)
    try:
        return create_engine(
            location.engine_url,
            connect_args={name: value for name, value in _POSTGRESQL_ARGUMENTS.items() if name not in given},
            hide_parameters=True,
            pool_pre_ping=True,
            pool_size=kept,
            max_overflow=connections - kept,
        )
    except ImportError:
        raise StoreError(
            f"the store {location.shown} needs the PostgreSQL driver, which is not installed",
            hint="pip install 'billplan[postgres]'",
        ) from None
