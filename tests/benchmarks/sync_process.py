"""`python -m tests.benchmarks.sync_process URL STORE LIMITS`: one sync in a process of its own, and what it took.

LIMITS is `live` for the pace of a live account, `off` for none.
"""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from reconciler.adapters.limiter import Figures, Limiter, documented_figures
from reconciler.adapters.sql_locks import SqlLocks
from reconciler.adapters.sql_mirror import SqlMirror
from reconciler.adapters.stripe_api import ApiSettings, StripeApi
from reconciler.adapters.system_clock import SystemClock
from reconciler.core.values import Secret
from reconciler.emulator.limits import LimitMode
from reconciler.engine.sync import SyncOptions, SyncPorts, sync
from reconciler.engine.target import Pins
from reconciler.store.database import open_database
from tests.benchmarks.emulator import KEY
from tests.benchmarks.measure import peak_megabytes

# This process, and the one that stores what it reads, which has ended by then.
_BOTH = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
_UNPACED = Figures(global_rps=1e6, endpoint_rps=1e6, concurrency=32)


class Unwatched:
    """Progress that nobody watches."""

    def start(self, what: str, total: int | None) -> None:
        """Say nothing."""

    def expect(self, about: int) -> None:
        """Say nothing."""

    def advance(self, count: int = 1) -> None:
        """Say nothing."""

    def finish(self) -> None:
        """Say nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """What a sync and the process beside it took, without the interpreter's start, and how many objects it came to."""

    seconds: float
    processor_seconds: float
    megabytes: float
    objects: int


def start_sync(url: str, store: str, limits: LimitMode) -> subprocess.Popen[str]:
    """Start a sync of the account behind `url`."""
    command = [sys.executable, "-m", "tests.benchmarks.sync_process", url, store, limits.value]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def run_sync(url: str, store: str, limits: LimitMode) -> Finished:
    """Sync, and wait for the end; it must succeed."""
    process = start_sync(url, store, limits)
    output, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"the sync ended with {process.returncode}")
    return Finished(**json.loads(output))


def main(arguments: Sequence[str]) -> None:
    """Sync, and print a line of JSON."""
    url, store, limits = arguments
    clock = SystemClock()
    figures = documented_figures(True) if limits == LimitMode.LIVE else _UNPACED
    api = StripeApi(
        Secret(KEY),
        settings=ApiSettings(api_base=url),
        limiter=Limiter(figures, clock),
        clock=clock,
        jitter=random.random,
    )
    with open_database(store, base_folder=Path()) as database:
        ports = SyncPorts(
            api=api,
            clock=clock,
            locks=SqlLocks(database, clock),
            progress=Unwatched(),
            mirror_of=lambda account, livemode: SqlMirror(database, account, livemode),
        )
        started, worked = time.monotonic(), _processor_seconds()
        synced = sync(ports, SyncOptions(pins=Pins(project="bench", livemode=False), who="a benchmark"))
        synced.check()
        finished = {
            "seconds": time.monotonic() - started,
            "processor_seconds": _processor_seconds() - worked,
            "megabytes": sum(peak_megabytes(resource.getrusage(who)) for who in _BOTH),
            "objects": sum(SqlMirror(database, synced.account, synced.livemode).counts().values()),
        }
    print(json.dumps(finished))


def _processor_seconds() -> float:
    return sum(usage.ru_utime + usage.ru_stime for usage in map(resource.getrusage, _BOTH))


if __name__ == "__main__":
    main(sys.argv[1:])
