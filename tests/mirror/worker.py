"""A sync as a process of its own, and one beside it: python -m tests.mirror.worker API_BASE STORE SECONDS_AHEAD"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from reconciler.adapters import page_writer
from reconciler.adapters.limiter import Figures, Limiter
from reconciler.adapters.sql_locks import SqlLocks
from reconciler.adapters.sql_mirror import SqlMirror
from reconciler.adapters.stripe_api import ApiSettings, StripeApi
from reconciler.core.values import Secret
from reconciler.engine.sync import SyncOptions, SyncPorts, sync
from reconciler.engine.target import Pins
from reconciler.errors import BillplanError
from reconciler.store.database import open_database
from tests.account import KEY, Silent
from tests.crash.worker import AheadClock


class WaitedFor(page_writer.Helper):
    """The second process, which a small account would have been stored without."""

    def is_ready(self) -> bool:
        while not super().is_ready():
            time.sleep(0.005)
        return True


def main(api_base: str, store: str, ahead: str) -> int:
    clock = AheadClock(float(ahead))
    page_writer.Helper = WaitedFor  # type: ignore[misc]
    limiter = Limiter(Figures(global_rps=100_000, endpoint_rps=100_000), clock)
    api = StripeApi(
        Secret(KEY), settings=ApiSettings(api_base=api_base), limiter=limiter, clock=clock, jitter=lambda: 0.1
    )
    with open_database(store, base_folder=Path("/")) as database:
        ports = SyncPorts(
            api=api,
            clock=clock,
            locks=SqlLocks(database, clock),
            progress=Silent(),
            mirror_of=lambda account, livemode: SqlMirror(database, account, livemode, pages_alone=0),
        )
        try:
            synced = sync(ports, SyncOptions(pins=Pins(project="acme", livemode=False), who="a worker"))
        except BillplanError as error:
            print(f"{type(error).__name__}: {error.message}")
            return error.exit_code
    print(synced)
    return 5 if synced.failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
