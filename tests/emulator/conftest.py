"""A world on a frozen clock, in process and behind the HTTP server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import stripe

from reconciler.emulator.clock import FrozenClock
from reconciler.emulator.server import Server, serve
from reconciler.emulator.world import World

START = 1_800_000_000


@pytest.fixture(autouse=True)
def _no_telemetry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stripe, "enable_telemetry", False)


@pytest.fixture
def world() -> World:
    return World(clock=FrozenClock(START))


@pytest.fixture
def server(world: World) -> Iterator[Server]:
    with serve(world) as running:
        yield running


@pytest.fixture
def v1(server: Server) -> Any:
    return stripe.StripeClient("sk_test_emulator", base_addresses={"api": server.url}).v1
