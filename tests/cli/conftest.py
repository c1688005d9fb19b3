"""A desk for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.emulator.clock import SystemClock
from reconciler.emulator.server import Server, serve
from reconciler.emulator.world import World
from tests.cli.desk import Desk


@pytest.fixture
def server() -> Iterator[Server]:
    with serve([World(clock=SystemClock())]) as running:
        yield running


@pytest.fixture
def desk(tmp_path: Path, server: Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    folder = tmp_path / "acme"
    folder.mkdir()
    return Desk(folder, server, capsys, monkeypatch)
