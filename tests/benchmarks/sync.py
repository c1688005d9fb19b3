"""`python -m tests.benchmarks.sync [CUSTOMERS]`: how near a first sync comes to the rate that Stripe permits.

Of 20,000 customers with all that they bought: under the limits of a live account, with 50 ms until each answer; then
without limits and latency, into SQLite and into PostgreSQL, for what the mirror can take by itself; and a second sync,
which has nothing to list.
"""

from __future__ import annotations

import math
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from reconciler.adapters.endpoint import endpoint_name
from reconciler.emulator.limits import ENDPOINT_RATE, GLOBAL_RATE, LimitMode
from tests.benchmarks.measure import print_figure
from tests.benchmarks.prepared_pages import PreparedPages, running_prepared_pages
from tests.benchmarks.sync_process import Finished, run_sync
from tests.postgres import running_postgres

CUSTOMERS = 20_000
LATENCY = 0.05
PAGE = 100
MEGABYTES, SHARE, OBJECTS_A_SECOND = 500, 95, 10_000


def main() -> None:
    """Measure all of it."""
    customers = int(sys.argv[1]) if len(sys.argv) > 1 else CUSTOMERS
    with (
        running_prepared_pages(customers) as pages,
        running_postgres() as postgres,
        tempfile.TemporaryDirectory() as name,
    ):
        folder = Path(name)
        _measure_paced(pages, f"sqlite:{folder}/paced.db")
        store = f"sqlite:{folder}/unpaced.db"
        _measure_unpaced(pages, store, "no limits, SQLite", OBJECTS_A_SECOND)
        _measure_unpaced(pages, store, "again, SQLite", None)
        _measure_unpaced(pages, postgres.url, "no limits, PostgreSQL", None)


def _measure_paced(pages: PreparedPages, store: str) -> None:
    pages.begin(LimitMode.LIVE, LATENCY)
    sync = run_sync(pages.url, store, LimitMode.LIVE)
    counts = pages.counts()
    requests, least = sum(counts["requests"].values()), least_requests(pages.sizes)
    permitted = max(
        sum(least.values()) / GLOBAL_RATE[LimitMode.LIVE], *(pages / ENDPOINT_RATE for pages in least.values())
    )
    for name, value, unit, bound in (
        ("share of the permitted rate", 100 * permitted / counts["seconds"], "%", f"at least {SHARE}%"),
        ("first to last request", counts["seconds"], "s", f"{permitted:.1f} s at the permitted rate"),
        ("requests", requests, "", f"{sum(least.values()):,} where every page is full"),
        ("requests a second", requests / counts["seconds"], "requests/s", ""),
        ("answered 429", counts["refused"], "", ""),
    ):
        print_figure(f"sync at live limits: {name}", value, unit, bound)
    _print_sync("live limits", sync, None)


def _measure_unpaced(pages: PreparedPages, store: str, name: str, bound: int | None) -> None:
    pages.begin(LimitMode.OFF, 0)
    sync = run_sync(pages.url, store, LimitMode.OFF)
    print_figure(f"sync, {name}: requests", sum(pages.counts()["requests"].values()), "")
    _print_sync(name, sync, bound)


def _print_sync(name: str, sync: Finished, bound: int | None) -> None:
    for figure, value, unit, held in (
        ("objects", sync.objects, "", ""),
        ("objects a second", sync.objects / sync.seconds, "objects/s", f"at least {bound:,}" if bound else ""),
        ("whole sync", sync.seconds, "s", ""),
        ("processor time", sync.processor_seconds, "s", ""),
        ("peak memory", sync.megabytes, "MB", f"under {MEGABYTES} MB"),
    ):
        print_figure(f"sync, {name}: {figure}", value, unit, held)


def least_requests(sizes: Mapping[str, int]) -> Counter[str]:
    """How many requests each endpoint needs to show all its lists."""
    least: Counter[str] = Counter()
    for name, objects in sizes.items():
        least[endpoint_name("get", name.partition(" ")[0])] += math.ceil(objects / PAGE)
    return least


if __name__ == "__main__":
    main()
