"""How long ago something was, never taken for less: what must not be sent too late counts on it."""

from __future__ import annotations

from reconciler.ports.clock import Clock


class Elapsed:
    """The seconds since this was made. While a machine sleeps its monotonic clock may stand still, and the other one
    may be set: the one that says more counts."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._monotonic = clock.monotonic()
        self._now = clock.now()

    def seconds(self) -> int:
        """Whole seconds since then."""
        return max(int(self._clock.monotonic() - self._monotonic), self._clock.now() - self._now)
