"""A fresh store for each test, on each of the two databases, and second processes to share it with."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from reconciler.store.database import Database, open_database
from tests.store.still_clock import StillClock

_ROOT = Path(__file__).parents[2]

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a store that does not exist yet."""
    if request.param == "sqlite":
        return f"sqlite:{tmp_path}/.billplan/store.db"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def database(store_url: str, tmp_path: Path) -> Iterator[Database]:
    with open_database(store_url, base_folder=tmp_path) as database:
        yield database


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def start_worker() -> Iterator[Start]:
    """Start a second process, which waits for a line on its standard input."""
    started: list[subprocess.Popen[str]] = []

    def start(action: str, url: str, first: str = "", second: str = "") -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("worker.py")), action, url, first, second],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(_ROOT)},
        )
        started.append(process)
        assert read_line(process) == "ready"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def read_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
