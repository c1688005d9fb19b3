"""Refusals of first touches, remembered for a minute: a user who comes again at once costs Stripe no requests."""

from __future__ import annotations

import threading

from reconciler.core.resolved import Resolved
from reconciler.ports.clock import Clock

_SECONDS = 60
_MOST = 10_000

# The external id, a mark of the e-mail (epoch seconds of the mirror's age last): a newer mirror is a new question.
Asked = tuple[str, str, int]


class Refusals:
    """Remembers what was answered. Safe from several threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: dict[Asked, tuple[float, Resolved]] = {}
        self._lock = threading.Lock()

    def of(self, asked: Asked) -> Resolved | None:
        """What was answered within the last minute."""
        with self._lock:
            at, answer = self._kept.get(asked, (0.0, None))
            return answer if answer is not None and self._clock.monotonic() < at + _SECONDS else None

    def keep(self, asked: Asked, answer: Resolved) -> None:
        """Remember an answer; the oldest goes where there are too many."""
        with self._lock:
            self._kept.pop(asked, None)
            if len(self._kept) >= _MOST:
                del self._kept[next(iter(self._kept))]
            self._kept[asked] = (self._clock.monotonic(), answer)
