"""Many threads of several processes resolve one new user at once: one binding, one write to Stripe."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from reconciler.emulator.clock import SystemClock
from reconciler.emulator.server import serve
from reconciler.emulator.world import World
from tests.account import Account
from tests.engine.touching import KEY, customer, map_product, metadata_of, posts, sold, store_of, subscribe
from tests.mirror.syncing import run_sync

ROOT = Path(__file__).parents[2]
PROCESSES, THREADS = 4, 32


def race(world: World, url: str) -> list[Any]:
    """Let processes resolve the user at once, each with many threads; return what every thread was told."""
    with serve(world) as server:
        command = [sys.executable, "-m", "tests.engine.touch_worker", server.url, url, world.account_id]
        arguments = [*command, str(world.clock() - time.time()), str(THREADS)]
        running = [
            subprocess.Popen(arguments, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for _ in range(PROCESSES)
        ]
        try:
            for process in running:
                assert process.stdout is not None
                assert process.stdout.readline() == "ready\n"
            for process in running:
                assert process.stdin is not None
                process.stdin.write("\n")
                process.stdin.flush()
            told = [process.communicate(timeout=60)[0] for process in running]
        finally:
            for process in running:
                process.kill()
                process.communicate()
    return [one for text in told for one in json.loads(text)]


@pytest.mark.parametrize("backend", ["sqlite", "postgresql"])
def test_one_binding_and_one_write_whoever_asks_at_once(
    request: pytest.FixtureRequest, tmp_path: Path, backend: str
) -> None:
    url = str(request.getfixturevalue("postgres_url")) if backend == "postgresql" else f"sqlite:{tmp_path}/store.db"
    with Account(url, world=World(clock=SystemClock())) as account, closing(store_of(account)) as store:
        jane = customer(account, "Jane@Example.com")
        product, price = sold(account, "Pro")
        subscribe(account, jane, price)
        map_product(account, product, "pro", {"seats": 5})
        run_sync(account)
        since = len(account.world.log)
        told = race(account.world, url)
        assert len(told) == PROCESSES * THREADS
        outcomes = Counter(outcome for outcome, _, _ in told)
        assert outcomes == {"bound_now": 1, "bound": PROCESSES * THREADS - 1}
        assert all(one[1:] == [jane, {"seats": 5}] for one in told)
        assert posts(account.world, since) == [f"/v1/customers/{jane}"]
        assert [(one.external_id, one.customer) for one in store.all().values()] == [("user_1", jane)]
        assert metadata_of(account, jane) == {KEY: "user_1"}
