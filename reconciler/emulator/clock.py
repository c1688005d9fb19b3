"""The clocks a world can run on: the system's, or one that only moves when told to."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Tells the time in epoch seconds and can be moved forward."""

    def __call__(self) -> float: ...

    def monotonic(self) -> float: ...

    def advance(self, seconds: float) -> None: ...


class FrozenClock:
    """Stands still until it is advanced."""

    def __init__(self, start_epoch: float) -> None:
        self._now = float(start_epoch)

    def __call__(self) -> float:
        return self._now

    def monotonic(self) -> float:
        return self._now

    def advance(self, seconds: float) -> None:
        """Move forward; refuses to go back, since ids and events are ordered by time."""
        if seconds < 0:
            raise ValueError(f"a clock cannot go back: {seconds}")
        self._now += seconds


class SystemClock:
    """Follows the machine's clock, ahead of it by whatever it was advanced."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self._ahead

    def monotonic(self) -> float:
        return time.monotonic() + self._ahead

    def advance(self, seconds: float) -> None:
        """Move forward; refuses to go back, since ids and events are ordered by time."""
        if seconds < 0:
            raise ValueError(f"a clock cannot go back: {seconds}")
        self._ahead += seconds
