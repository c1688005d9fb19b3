"""The clocks of this machine."""

from __future__ import annotations

import time


class SystemClock:
    """The system's time, and its monotonic clock, which stands still while some systems sleep."""

    def now(self) -> int:
        """Epoch seconds, UTC."""
        return int(time.time())

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)
