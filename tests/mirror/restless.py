"""An account that does not hold still: between any two requests time passes, and things happen, by lot.

In one thread a run is the same again for the same seed: `inline` makes all that a sync does at once happen in turn.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from random import Random
from typing import Any

import pytest

from reconciler.emulator.faults import Fault, FaultKind
from reconciler.emulator.history import happen
from reconciler.emulator.table import Table
from reconciler.emulator.world import World
from reconciler.engine.windows import Windows
from reconciler.mirrored import MIRRORED
from reconciler.ports.billing import BillingApi
from tests.relay import Relay

# Some seconds are crowded, and some requests take long.
PAUSES = (0, 0, 0, 0, 1, 1, 2, 7, 45)
CROWDS = (0, 0, 0, 1, 1, 3)
# Lists that may lag: what hangs on a parent is read by its list when it is read singly, too.
LAGGING = frozenset(m.path for m in MIRRORED if m.parent is None and not m.single)
LAG = 50
# Without an end to what happens, reading the events of it would have none either.
MOST = 15


class RestlessApi(Relay):
    """A billing API behind which the world goes on; safe from several threads, but for what it draws by lot."""

    def __init__(self, inner: BillingApi, world: World, random: Random, *, lags: bool = False) -> None:
        super().__init__(inner)
        self._world = world
        self._random = random
        self._lags = lags
        self._seen: tuple[int, dict[str, Table]] | None = None
        self.left = MOST

    @contextmanager
    def around(self, method: str, path: str) -> Iterator[None]:
        self.stir()
        with self._world.lock:
            self._world.faults.registered = self._lag() if self._lags and path in LAGGING else []
            yield
            self._world.faults.registered = []
        self.stir()

    def stir(self) -> None:
        """Let time pass, and things happen."""
        with self._world.lock:
            self._world.clock.advance(self._random.choice(PAUSES))
            crowd = min(self._random.choice(CROWDS), self.left)
            self.left -= crowd
            for _ in range(crowd):
                happen(self._world, self._random)
            if self._lags and self._random.randrange(5) == 0:
                self._seen = self._world.now(), copy.deepcopy(self._world.tables)

    def _lag(self) -> list[Fault]:
        """A fault that shows the account as it was a little while ago, sometimes."""
        if self._seen is None or self._world.now() - self._seen[0] > LAG or self._random.randrange(2):
            return []
        return [Fault(FaultKind.STALE_READ, snapshot=self._seen[1])]


class InTurn:
    """Stands in for a pool of threads: what is handed in is done at once."""

    def __init__(self, *args: object, **options: object) -> None:
        pass

    def __enter__(self) -> InTurn:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(function(*arguments))
        except BaseException as error:
            done.set_exception(error)
        return done

    def map(self, function: Callable[[Any], Any], items: Iterable[Any]) -> Iterator[Any]:
        return map(function, items)


def in_turn(patch: pytest.MonkeyPatch) -> None:
    """Let a sync do everything in one thread."""
    for module in ("backfill", "sync"):
        patch.setattr(f"reconciler.engine.{module}.ThreadPoolExecutor", InTurn)


def small_pages(patch: pytest.MonkeyPatch, size: int, random: Random | None = None) -> None:
    """Let pages be small, so that a small account has many; with `random`, windows are divided by lot."""
    for module in ("reading", "windows"):
        patch.setattr(f"reconciler.engine.{module}.PAGE", size)
    if random is not None:
        patch.setattr(Windows, "wanting", property(lambda windows: random.randrange(4)))
