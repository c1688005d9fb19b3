"""What people are told of a lock that somebody else has."""

from __future__ import annotations

from datetime import UTC, datetime

from reconciler.core.holder import Holder
from reconciler.errors import LockHeld, LockLost

_AFTER_LOSS = "see who applies now, then make a new plan: what was sent is in the journal, and is not sent twice"


def lock_held(scope: str, holder: Holder) -> LockHeld:
    """Say who has the lock since when, and the way out."""
    return LockHeld(
        f"the lock of {scope} is held by {holder.who} since {utc(holder.since)}",
        hint=f"wait until that run has ended; if it is gone for good, break its lock: {_breaking(scope)}",
    )


def lock_lost(scope: str, reason: str) -> LockLost:
    """Say why the lock is ours no more."""
    return LockLost(f"the lock of {scope} was lost: {reason}; nothing more was sent", hint=_AFTER_LOSS)


def _breaking(scope: str) -> str:
    return "billplan unlock --mirror" if scope.startswith("mirror of ") else "billplan unlock"


def utc(seconds: int) -> str:
    """Write epoch seconds as ISO 8601 in UTC."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
