"""An apply as a process of its own: python -m tests.crash.worker API_BASE STORE PLAN SECONDS_AHEAD

It says what came of it: a line of outcomes on its standard output, or the error.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from pathlib import Path

from reconciler.adapters.limiter import Figures, Limiter
from reconciler.adapters.plan_store import load_plan
from reconciler.adapters.sql_ledger import SqlLedger
from reconciler.adapters.sql_locks import SqlLocks
from reconciler.adapters.stripe_api import ApiSettings, StripeApi
from reconciler.core.values import Secret
from reconciler.engine.apply import ApplyOptions, apply
from reconciler.engine.outside import Outside
from reconciler.engine.target import Pins
from reconciler.errors import BillplanError
from reconciler.kinds import BY_NAME
from reconciler.store.database import open_database
from tests.account import KEY, Silent


class AheadClock:
    """This machine's clock, so many seconds ahead: where the world's is."""

    def __init__(self, ahead: float) -> None:
        self._ahead = ahead

    def now(self) -> int:
        return int(time.time() + self._ahead)

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def main(api_base: str, store: str, plan: str, ahead: str) -> int:
    clock = AheadClock(float(ahead))
    limiter = Limiter(Figures(global_rps=100_000, endpoint_rps=100_000), clock)
    settings = ApiSettings(api_base=api_base)
    api = StripeApi(Secret(KEY), settings=settings, limiter=limiter, clock=clock, jitter=lambda: 0.1)
    outside = Outside(api=api, clock=clock, progress=Silent(), kinds=BY_NAME)
    options = ApplyOptions(pins=Pins(project="acme", livemode=False), who="a worker", concurrency=3, wait_seconds=20)
    with open_database(store, base_folder=Path("/")) as database:
        ledger, locks = SqlLedger(database), SqlLocks(database, clock)
        try:
            applied = apply(load_plan(Path(plan)), outside, ledger, locks, options)
        except BillplanError as error:
            print(f"{type(error).__name__}: {error.message}")
            return error.exit_code
    print(dict(Counter(r.outcome.value for r in applied.results)))
    return 0 if applied.complete else 5


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
