"""Who holds a lock."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Who holds a lock: "user@host pid 12 (plan 3fa9...)", since when (epoch seconds, UTC)."""

    who: str
    since: int
