"""A seeded sample of the matrix with real processes, real sockets and SIGKILL, on both databases."""

from __future__ import annotations

import copy
import itertools
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from reconciler.adapters.plan_store import save_plan
from reconciler.core.journal import fold
from reconciler.emulator.app import ConnectionDropped
from reconciler.emulator.clock import SystemClock
from reconciler.emulator.faults import Phase
from reconciler.emulator.message import Request
from reconciler.emulator.server import serve
from reconciler.emulator.world import World
from tests.account import Account
from tests.crash.likeness import assert_single_markers, effects, likeness, made_and_deleted
from tests.crash.matrix import Resume, Undisturbed, undisturbed
from tests.crash.scenario import Scenario, complete, make_scenario
from tests.postgres import PostgresServer

ROOT = Path(__file__).parents[2]
STEPS = 29
# "answered": the next request of the process arrives, so it has seen the answer and written it down.
PHASES: tuple[Phase, ...] = ("received", "committed", "answered")
SAMPLE = random.Random(29).sample(list(itertools.product(range(1, STEPS + 1), PHASES, Resume)), 20)
CELLS = [(backend, *cell) for backend in ("sqlite", "postgresql") for cell in SAMPLE]


@pytest.fixture(scope="module")
def real_time(tmp_path_factory: pytest.TempPathFactory) -> tuple[Scenario, Undisturbed]:
    folder = tmp_path_factory.mktemp("processes")
    scenario = make_scenario(folder / "before", World(clock=SystemClock()))
    assert len(scenario.plan.steps) == STEPS
    return scenario, undisturbed(scenario, folder / "told")


class Killer:
    """A hook that kills a process with SIGKILL at one moment of its nth write, and only then lets the world go on."""

    def __init__(self, world: World, nth: int, phase: Phase) -> None:
        self.struck = threading.Event()
        self.process: subprocess.Popen[str] | None = None
        self._at = (nth + 1, "received") if phase == "answered" else (nth, phase)
        self._seen = 0
        self._guard = threading.Lock()
        world.hooks.append(self._hook)

    def _hook(self, phase: Phase, request: Request, index: int) -> None:
        if request.method == "GET" or phase != self._at[1]:
            return
        with self._guard:
            self._seen += 1
            strikes = self._seen == self._at[0]
        if strikes and self.process is not None:
            os.kill(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.struck.set()
        if self.struck.is_set() and phase == "received":
            raise ConnectionDropped("it died before it had sent all")


def run_worker(scenario: Scenario, world: World, store: str, folder: Path, killer: Killer | None) -> int:
    plan = folder / "plan.jsonl"
    save_plan(scenario.plan, plan)
    with serve(world) as server:
        ahead = str(world.clock() - time.time())
        command = [sys.executable, "-m", "tests.crash.worker", server.url, store, str(plan), ahead]
        with subprocess.Popen(
            command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
        ) as process:
            if killer is not None:
                killer.process = process
            said, _ = process.communicate(timeout=60)
    assert said or process.returncode < 0
    return process.returncode


@pytest.fixture
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Give the addresses of two stores that do not exist yet."""
    if request.param == "sqlite":
        for name in ("old", "empty"):
            (tmp_path / name).mkdir()
        yield f"sqlite:{tmp_path}/old/store.db", f"sqlite:{tmp_path}/empty/store.db"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    names = [f"crash_{os.getpid()}_{time.monotonic_ns()}_{n}" for n in ("old", "empty")]
    with psycopg.connect(server.url, autocommit=True) as connection:
        for name in names:
            connection.execute(f"CREATE DATABASE {name}".encode())
    yield server.url_of(names[0]), server.url_of(names[1])
    with psycopg.connect(server.url, autocommit=True) as connection:
        for name in names:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.mark.parametrize(("stores", "nth", "phase", "resume"), CELLS, indirect=["stores"])
def test_killed_process_is_gone_on_with(
    real_time: tuple[Scenario, Undisturbed],
    stores: tuple[str, str],
    nth: int,
    phase: Phase,
    resume: Resume,
    tmp_path: Path,
) -> None:
    scenario, told = real_time
    world = copy.deepcopy(scenario.world)
    killer = Killer(world, nth, phase)
    code = run_worker(scenario, world, stores[0], tmp_path, killer)
    if killer.struck.is_set():
        assert code == -signal.SIGKILL
    else:
        assert (nth, phase) == (STEPS, "answered")
    world.hooks.clear()
    with Account(stores[1] if resume is Resume.EMPTY_STORE else stores[0], world=world) as account:
        plan = scenario.replan(account) if resume is Resume.ANEW else scenario.plan
        # The dead process held the lock: it is known to be gone, so nobody waits for its lease to run out.
        assert complete(account.apply(plan, concurrency=4, wait_seconds=5))
        assert likeness(world) == told.likeness
        assert made_and_deleted(effects(world, scenario.world)) == made_and_deleted(told.effects)
        assert_single_markers(world)
        assert not fold(account.ledger.records(plan.digest)).in_doubt
        assert scenario.replan(account).empty


def test_worker_in_peace_applies_the_whole_plan(real_time: tuple[Scenario, Undisturbed], tmp_path: Path) -> None:
    scenario, told = real_time
    world = copy.deepcopy(scenario.world)
    assert run_worker(scenario, world, f"sqlite:{tmp_path}/store.db", tmp_path, None) == 0
    assert likeness(world) == told.likeness
