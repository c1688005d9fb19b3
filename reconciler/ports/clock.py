"""Time as a port."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """The machine's clocks; "now" for expiry and start dates is Stripe's, from its answers."""

    def now(self) -> int:
        """Epoch seconds, UTC."""
        ...

    def monotonic(self) -> float: ...

    def sleep(self, seconds: float) -> None: ...
