"""When to ask again, and how long to wait before it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

# A number in [0, 1).
Jitter = Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Full jitter over an exponential ceiling.

    `tries` counts the first one. No try begins later than `total_seconds` after the first. Seconds throughout.
    """

    tries: int = 8
    base_seconds: float = 0.5
    cap_seconds: float = 20.0
    total_seconds: float = 180.0

    def __post_init__(self) -> None:
        if self.tries < 1 or min(self.base_seconds, self.cap_seconds, self.total_seconds) < 0:
            raise ValueError(f"a retry policy needs a try and no negative seconds: {self}")

    def wait(self, tries_made: int, elapsed: float, retry_after: float | None, jitter: Jitter) -> float | None:
        """Seconds to wait before the next try, or None when it is over. Never less than Stripe asked for."""
        if tries_made >= self.tries:
            return None
        seconds = jitter() * min(self.cap_seconds, self.base_seconds * 2.0 ** (tries_made - 1))
        if retry_after is not None:
            seconds = max(seconds, retry_after + jitter() * self.base_seconds)
        return seconds if elapsed + seconds <= self.total_seconds else None
