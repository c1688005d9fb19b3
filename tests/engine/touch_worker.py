"""Threads of a process of its own that resolve one user at once: API_BASE STORE ACCOUNT SECONDS_AHEAD THREADS

It waits for a line on its standard input, and then tells as JSON what each thread was told.
"""

from __future__ import annotations

import json
import sys
import threading
from contextlib import closing
from pathlib import Path

from reconciler.adapters.limiter import Figures, Limiter
from reconciler.adapters.sql_bindings import SqlBindings
from reconciler.adapters.sql_mirror import SqlMirror
from reconciler.adapters.stripe_api import ApiSettings, StripeApi
from reconciler.core.idempotency import Scope
from reconciler.core.resolved import Resolved
from reconciler.core.values import Secret
from reconciler.engine.first_touch import Bindings
from reconciler.engine.learning import learn_bindings
from reconciler.store.database import FEW_CONNECTIONS, open_database
from tests.account import KEY
from tests.crash.worker import AheadClock


def main(api_base: str, url: str, account: str, ahead: str, threads: str) -> None:
    clock, scope = AheadClock(float(ahead)), Scope(account=account, livemode=False, project="acme")
    limiter = Limiter(Figures(global_rps=100_000, endpoint_rps=100_000), clock)
    settings = ApiSettings(api_base=api_base)
    api = StripeApi(Secret(KEY), settings=settings, limiter=limiter, clock=clock, jitter=lambda: 0.1)
    found: list[Resolved] = []
    gate = threading.Barrier(int(threads) + 1)
    opened = open_database(url, base_folder=Path("/"), connections=FEW_CONNECTIONS)
    with opened as database, closing(SqlBindings(database, scope)) as store:
        mirror = SqlMirror(database, account, False)

        def learn() -> None:
            learn_bindings(mirror, store, scope.project, clock.now())

        shared = Bindings(store, lambda: api, scope, clock, learn)

        def work(number: int) -> None:
            # Every other thread has bindings of its own, and so waits for no thread of this process.
            bindings = Bindings(store, lambda: api, scope, clock, learn) if number % 2 else shared
            gate.wait()
            found.append(bindings.resolve("user_1", "jane@example.com"))

        workers = [threading.Thread(target=work, args=(number,)) for number in range(int(threads))]
        for worker in workers:
            worker.start()
        print("ready", flush=True)
        sys.stdin.readline()
        gate.wait()
        for worker in workers:
            worker.join()
    print(json.dumps([[one.outcome.value, one.customer, one.features] for one in found]))


if __name__ == "__main__":
    main(*sys.argv[1:])
