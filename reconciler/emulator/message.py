"""A request and its response, as they are between the wire and the world."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Request:
    """One HTTP request; `path` holds the query string too."""

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | str = b""

    @property
    def bare_path(self) -> str:
        return urlsplit(self.path).path

    @property
    def query(self) -> str:
        return urlsplit(self.path).query

    @property
    def text(self) -> str:
        """The body; raises UnicodeDecodeError unless it is UTF-8."""
        return self.body if isinstance(self.body, str) else self.body.decode()

    def header(self, name: str) -> str:
        """A header by its name in any case; empty if it was not sent."""
        return next((value for key, value in self.headers.items() if key.lower() == name.lower()), "")


@dataclass(frozen=True)
class Response:
    """One HTTP response."""

    status: int
    headers: dict[str, str]
    body: bytes
    # What Content-Length says, if that is more than what arrives.
    promised: int | None = None
