"""Where a store is: the URL of a project file, read into what an engine needs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import quote, quote_plus

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from reconciler.errors import StoreError

_FORMS = "write sqlite:.billplan/store.db, or postgresql://user@host/database"


class Backend(StrEnum):
    """The databases that a store can live in."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A store's place; `shown` is what messages say, and holds no password. `path` is set for SQLite only."""

    backend: Backend
    engine_url: URL
    shown: str
    path: Path | None = None
    secrets: tuple[str, ...] = ()

    @property
    def url(self) -> str:
        """What `parse_location` reads this place from in any folder, with its password."""
        if self.path is not None:
            return f"sqlite:{self.path.absolute()}"
        return self.engine_url.render_as_string(hide_password=False)


def parse_location(url: str, *, base_folder: Path) -> Location:
    """Read a store's URL; a relative path is one below `base_folder`. Raises StoreError, never showing the URL."""
    scheme, _, rest = url.partition(":")
    match scheme:
        case "sqlite":
            return _sqlite(rest, base_folder)
        case "postgresql" | "postgres" | "postgresql+psycopg":
            return _postgresql(f"postgresql+psycopg:{rest}")
    raise StoreError("the store's URL is neither of SQLite nor of PostgreSQL", hint=_FORMS)


def sqlite_file(url: str, *, base_folder: Path) -> Path | None:
    """The file of a store in SQLite; None for one in PostgreSQL. Raises StoreError as `parse_location` does."""
    return parse_location(url, base_folder=base_folder).path


def _sqlite(rest: str, base_folder: Path) -> Location:
    # "sqlite:///a.db" and "sqlite:////abs/a.db" are how SQLAlchemy writes "a.db" and "/abs/a.db".
    name = rest.removeprefix("///")
    if not name or name.startswith("//"):
        raise StoreError("the store's URL names no file", hint=_FORMS)
    if name.startswith(":memory:"):
        raise StoreError("a store in memory would forget its journal", hint=_FORMS)
    path = base_folder / name
    return Location(
        backend=Backend.SQLITE,
        engine_url=URL.create("sqlite+pysqlite", database=str(path)),
        shown=str(path),
        path=path,
    )


def _postgresql(url: str) -> Location:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # The parser's own words repeat parts of the URL, at times its password.
        raise StoreError("the store's URL cannot be read", hint=_FORMS) from None
    passwords = [str(parsed.password)] if parsed.password else []
    for value in (parsed.query.get("password"), parsed.query.get("sslpassword")):
        passwords += [value] if isinstance(value, str) else value or ()
    secrets = {form for text in passwords if text for form in (text, quote(text, safe=""), quote_plus(text))}
    shown = URL.create(
        "postgresql", username=parsed.username, host=parsed.host, port=parsed.port, database=parsed.database
    )
    return Location(
        backend=Backend.POSTGRESQL,
        engine_url=parsed,
        shown=shown.render_as_string(),
        # The longest first, so that no tail of one is left over from the masking of another.
        secrets=tuple(sorted(secrets, key=len, reverse=True)),
    )
