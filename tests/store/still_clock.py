"""A clock that moves only when told to, or when somebody sleeps on it."""

from __future__ import annotations

START = 1_767_225_600  # 2026-01-01T00:00:00Z


class StillClock:
    """Both clocks move together unless one of them is moved alone."""

    def __init__(self) -> None:
        self.wall = float(START)
        self.steady = 1000.0

    def now(self) -> int:
        return int(self.wall)

    def monotonic(self) -> float:
        return self.steady

    def sleep(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds
