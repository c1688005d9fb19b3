"""Progress as a port: long work tells how far it is."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """A bar on a terminal, a line now and then elsewhere. Safe from several threads."""

    def start(self, what: str, total: int | None) -> None: ...

    def expect(self, about: int) -> None:
        """Say about how much the work under way will be, where no total is known; the last word counts."""
        ...

    def advance(self, count: int = 1) -> None: ...

    def finish(self) -> None: ...
