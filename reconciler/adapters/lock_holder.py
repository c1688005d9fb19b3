"""What people are told of a lock that somebody else has."""

from __future__ import annotations

from datetime import UTC, datetime

from reconciler.errors import LockHeld, LockLost
from reconciler.ports.lock import Holder

_AFTER_LOSS = "see who applies now, then make a new plan: what was sent is in the journal, and is not sent twice"


def lock_held(scope: str, holder: Holder) -> LockHeld:
    """Say who has the lock since when, and the way out."""
    return LockHeld(
        f"the lock of {scope} is held by {holder.who} since {utc(holder.since)}",
        hint="wait until that apply has ended; if it is gone for good, break its lock: billplan unlock",
    )


def lock_lost(scope: str, reason: str) -> LockLost:
    """Say why the lock is ours no more."""
    return LockLost(f"the lock of {scope} was lost: {reason}; nothing more was sent", hint=_AFTER_LOSS)


def utc(seconds: int) -> str:
    """Write epoch seconds as ISO 8601 in UTC."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"
