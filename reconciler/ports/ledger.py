"""The journal as a port: durable before a call returns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from reconciler.core.journal import Record, Run


class Ledger(Protocol):
    """Keeps the records of every apply of a (account, mode, project)."""

    def start(self, run: Run) -> int:
        """Open a run, and return its id; the given id is ignored."""
        ...

    def write(self, run_id: int, record: Record) -> None:
        """Append a record; durable when this returns, safe from several threads."""
        ...

    def finish(self, run_id: int, at: int, outcome: str) -> None: ...

    def records(self, plan_digest: str) -> Sequence[Record]:
        """All records of all runs of one plan, oldest first."""
        ...

    def last_finished(self, account: str, livemode: bool, project: str) -> Run | None:
        """The run that finished last, by finished_at."""
        ...

    def applied(self, account: str, livemode: bool, project: str) -> dict[str, str]:
        """The last remote id that each address succeeded with."""
        ...
