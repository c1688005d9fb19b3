"""What a database's error means to a person: one StoreError for each, without a password in it."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from reconciler.errors import StoreError

_LOST = (
    "cannot be reached",
    "check that the server runs and that the address is right, then run the same command again",
)
_FULL = ("is full", "free some space, then run the same command again")
_READ_ONLY = ("is read-only", "make it writable for this user")
_DENIED = ("refuses this user", "check the user and its password (PGPASSWORD or ~/.pgpass), and its rights")

# The longest prefix wins. SQLite has names, PostgreSQL has classes of SQLSTATE.
_MEANINGS: dict[str, tuple[str, str]] = {
    "SQLITE_FULL": _FULL,
    "SQLITE_IOERR": ("cannot be read or written", "check the disk that it is on"),
    "SQLITE_READONLY": _READ_ONLY,
    "SQLITE_PERM": _READ_ONLY,
    "SQLITE_CANTOPEN": ("cannot be opened", "check that it is a file in a folder that this user can write"),
    "SQLITE_NOTADB": (
        "is not an SQLite database",
        "name another file as the store, or move this one away: what it held is read again from Stripe",
    ),
    "SQLITE_CORRUPT": ("is damaged", "move the file away: what it held is read again from Stripe"),
    "SQLITE_BUSY": ("is locked by another process", "wait for the other process to end, then try again"),
    "SQLITE_LOCKED": ("is locked by another process", "wait for the other process to end, then try again"),
    "08": _LOST,
    "57P": _LOST,
    "28": _DENIED,
    "42501": ("refuses this user", "give the user the right to create and use the schema billplan in this database"),
    "3D000": ("does not exist", "create the database, or correct its name"),
    "3F000": ("has no schema billplan any more", "restore it, or open the store anew"),
    "42P01": ("lacks a table", "restore it, or drop the schema billplan to begin anew"),
    "53100": _FULL,
    "53200": ("is out of memory", "try again when the server has less to do"),
    "53300": ("has too many connections", "close some, or raise max_connections on the server"),
    "25006": _READ_ONLY,
    "40": ("was too busy with others", "run the same command again"),
    "55P03": ("is locked by another session", "wait for the other session to end, then try again"),
    "57014": ("took too long", "raise statement_timeout on the server"),
}


def store_failure(error: SQLAlchemyError, *, where: str, secrets: Iterable[str]) -> StoreError:
    """Say in one line what happened to the store at `where`; every text in `secrets` is masked."""
    meaning, hint = _meaning(error)
    message = f"the store {where} {meaning}"
    said = _first_line(error)
    for secret in secrets:
        said = said.replace(secret, "***")
    return StoreError(f"{message}: {said}" if said else message, hint=hint)


def _meaning(error: SQLAlchemyError) -> tuple[str, str]:
    original = error.orig if isinstance(error, DBAPIError) else None
    code = getattr(original, "sqlite_errorname", None) or getattr(original, "sqlstate", None) or ""
    for length in range(len(code), 1, -1):
        if code[:length] in _MEANINGS:
            return _MEANINGS[code[:length]]
    # psycopg gives no code where no server answered.
    if isinstance(error, DBAPIError) and (error.connection_invalidated or not code):
        return _LOST
    return "cannot be used", "run the same command again; if it stays, move the store away to begin anew"


def _first_line(error: SQLAlchemyError) -> str:
    text = str(error.orig) if isinstance(error, DBAPIError) else str(error)
    return text.strip().partition("\n")[0]
