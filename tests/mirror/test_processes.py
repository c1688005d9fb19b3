"""A sync in a process of its own, killed with SIGKILL again and again: each run goes on where the last one stopped."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from reconciler.emulator.clock import SystemClock
from reconciler.emulator.faults import ConnectionDropped, Phase
from reconciler.emulator.history import grow
from reconciler.emulator.server import serve
from reconciler.emulator.world import World
from reconciler.engine.backfill import WORKERS
from tests.account import Account
from tests.mirror.likeness import differences
from tests.mirror.syncing import mirror_of, requests

ROOT = Path(__file__).parents[2]
KILLS = 8


class Killer:
    """A hook that kills a process at its nth request from now; `at` says with how many requests under way."""

    def __init__(self, nth: int, phase: Phase) -> None:
        self.process: subprocess.Popen[str] | None = None
        self.struck = threading.Event()
        self._nth, self._phase, self._seen, self._guard = nth, phase, 0, threading.Lock()

    def __call__(self, phase: Phase, request: Any, index: int) -> None:
        if phase == self._phase:
            with self._guard:
                self._seen += 1
                strikes = self._seen == self._nth
            if strikes and self.process is not None:
                os.kill(self.process.pid, signal.SIGKILL)
                self.process.wait()
                self.struck.set()
        if self.struck.is_set():
            raise ConnectionDropped("nobody is there any more")


def run(world: World, store: str, killer: Killer | None) -> int:
    world.hooks[:] = [] if killer is None else [killer]
    with serve(world) as server:
        command = [sys.executable, "-m", "tests.mirror.worker", server.url, store, str(world.clock() - time.time())]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
            if killer is not None:
                killer.process = process
            said, _ = process.communicate(timeout=60)
    assert process.returncode in (0, -signal.SIGKILL), said
    return process.returncode


def test_sync_killed_again_and_again_reads_hardly_anything_twice(folder: Path) -> None:
    world = World(clock=SystemClock())
    grow(world, 250)
    (folder / "peace").mkdir()
    assert run(world, f"sqlite:{folder}/peace/store.db", None) == 0
    alone = requests(world)
    since, draw, kills, nth = len(world.log), random.Random(8), 0, 0
    while kills < KILLS:
        # Early ones, late ones, and some after the store is whole.
        killer = Killer(draw.randrange(2, 30), draw.choice(("received", "committed", "answered")))
        kills += run(world, f"sqlite:{folder}/store.db", killer) == -signal.SIGKILL
        nth += 1
        assert nth < 3 * KILLS
    assert run(world, f"sqlite:{folder}/store.db", None) == 0
    world.hooks.clear()
    with Account(f"sqlite:{folder}/store.db", world=world) as account:
        assert not differences(world, mirror_of(account))
        assert {name: s.detail for name, s in mirror_of(account).standings().items() if s.detail} == {}
    twice = _lists_twice(world, since)
    # Of each list at most what was under way: a page of each of the windows that were being read.
    assert max(twice.values(), default=0) <= 1 + KILLS
    total = sum(requests(world, since).values()) - sum(alone.values())
    assert total <= (KILLS + nth) * (2 * WORKERS + 10)


def _lists_twice(world: World, since: int) -> Counter[str]:
    """How often the same page of a list was asked for, and answered."""
    lists = ("/v1/customers?", "/v1/subscriptions?", "/v1/invoices?", "/v1/charges?")
    asked = Counter(str(line["path"]) for line in world.log[since:] if str(line["path"]).startswith(lists))
    return Counter({path: count for path, count in asked.items() if count > 1})
