"""The machine's own clock, for leases: a world's clock jumps when somebody sleeps."""

from __future__ import annotations

import time

from reconciler.adapters.sql_locks import SqlLocks
from tests.account import Account


class RealTime:
    """Implements `reconciler.ports.clock.Clock`."""

    def now(self) -> int:
        return int(time.time())

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def lease_in_real_time(account: Account) -> None:
    """Let time that the world makes up not count as a missed renewal."""
    account.locks = SqlLocks(account.database, RealTime())
