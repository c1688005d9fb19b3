"""Progress as a port: long work tells how far it is."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """A bar on a terminal, a line now and then elsewhere."""

    def start(self, what: str, total: int | None) -> None: ...

    def advance(self, count: int = 1) -> None: ...

    def finish(self) -> None: ...
