"""Scripted faults: which request they strike, at which moment, and what is lost."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any, Literal

from reconciler.emulator.table import Table

Phase = Literal["received", "committed", "answered"]


class ConnectionDropped(ConnectionError):
    """The connection closed before an answer; whether the request took effect is not told."""


class FaultKind(StrEnum):
    """What goes wrong."""

    RATE_LIMIT = "rate_limit"
    LOCK_TIMEOUT = "lock_timeout"
    ERROR_BEFORE = "error_before"
    ERROR_AFTER = "error_after"
    DROP_BEFORE = "drop_before"
    DROP_AFTER = "drop_after"
    TRUNCATE = "truncate"
    SLOW = "slow"
    STALE_READ = "stale_read"


@dataclass
class Fault:
    """Strikes the `nth` matching request and the ones after it, `times` in all (0: for ever)."""

    kind: FaultKind
    method: str = ""
    path: str = "*"
    nth: int = 1
    times: int = 1
    seconds: float = 0.0
    reason: str = "global-rate"
    seen: int = 0
    snapshot: dict[str, Table] = field(default_factory=dict)

    def strikes(self, method: str, path: str) -> bool:
        """Whether this request is struck; counts it if it matches."""
        if self.method and self.method.lower() != method.lower():
            return False
        if self.kind is FaultKind.STALE_READ and method.lower() != "get":
            return False
        if not fnmatchcase(path, self.path):
            return False
        self.seen += 1
        return self.seen >= self.nth and (self.times == 0 or self.seen < self.nth + self.times)


@dataclass
class Faults:
    """The faults registered with a world, in order."""

    registered: list[Fault] = field(default_factory=list)

    def add(self, fault: Fault, tables: dict[str, Table]) -> None:
        """Register a fault; a stale read shows the tables as they are now."""
        if fault.kind is FaultKind.STALE_READ:
            fault.snapshot = copy.deepcopy(tables)
        self.registered.append(fault)

    def striking(self, method: str, path: str) -> dict[FaultKind, Fault]:
        """The faults that strike this request; of one kind, the first."""
        struck: dict[FaultKind, Fault] = {}
        for fault in self.registered:
            if fault.strikes(method, path):
                struck.setdefault(fault.kind, fault)
        return struck


def parse_fault(document: dict[str, Any]) -> Fault:
    """A fault from JSON; refuses names and kinds that do not exist."""
    known = {"kind", "method", "path", "nth", "times", "seconds", "reason"}
    unknown = sorted(set(document) - known)
    if unknown or "kind" not in document:
        raise ValueError(f"a fault needs a kind and knows {', '.join(sorted(known))}: {unknown or 'no kind'}")
    for name, kind in (("method", str), ("path", str), ("nth", int), ("times", int), ("reason", str)):
        if not isinstance(document.get(name, kind()), kind):
            raise ValueError(f"{name} of a fault must be a {kind.__name__}")
    if not isinstance(document.get("seconds", 0), int | float):
        raise ValueError("seconds of a fault must be a number")
    return Fault(**{**document, "kind": FaultKind(document["kind"])})


Hook = Callable[[Phase, Any, int], None]
