"""Time that jumps to the next sleeper once all threads sleep, and a server with strict limits that lives in it."""

from __future__ import annotations

import heapq
import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field


class SimulatedClock:
    """Serves threads that do nothing but sleep on it: run them by `run`."""

    def __init__(self) -> None:
        self._at = 0.0
        self._lock = threading.Lock()
        self._sleepers: list[tuple[float, int, threading.Event]] = []
        self._awake = 0
        self._order = 0

    def now(self) -> int:
        return int(self._at)

    def monotonic(self) -> float:
        return self._at

    def sleep(self, seconds: float) -> None:
        woken = threading.Event()
        with self._lock:
            self._order += 1
            heapq.heappush(self._sleepers, (self._at + max(0.0, seconds), self._order, woken))
            self._fall_asleep()
        woken.wait()

    def run(self, works: Sequence[Callable[[], None]]) -> None:
        """Run each work in a thread of its own to its end; raise what any of them raised."""
        failures: list[BaseException] = []

        def live(work: Callable[[], None]) -> None:
            try:
                self.sleep(0)
                work()
            except BaseException as error:
                failures.append(error)
            finally:
                with self._lock:
                    self._fall_asleep()

        self._awake = len(works)
        threads = [threading.Thread(target=live, args=(work,), daemon=True) for work in works]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=20)
        if failures:
            raise failures[0]
        assert not any(thread.is_alive() for thread in threads)

    def _fall_asleep(self) -> None:
        self._awake -= 1
        if self._awake == 0 and self._sleepers:
            at, _, woken = heapq.heappop(self._sleepers)
            self._at = max(self._at, at)
            self._awake = 1
            woken.set()


@dataclass
class StrictServer:
    """A bucket of one second's worth for the account and one for each endpoint, refilled all the time.

    A request takes some of the simulated time to arrive and to be answered; `answering` is the least and the most.
    """

    clock: SimulatedClock
    account_rps: float
    endpoint_rps: float
    answering: tuple[float, float] = (0.02, 0.15)
    arrivals: list[tuple[float, str, int]] = field(default_factory=list)
    dice: random.Random = field(default_factory=lambda: random.Random(7))
    _tokens: dict[str, tuple[float, float]] = field(default_factory=dict)

    def answer(self, endpoint: str) -> tuple[int, str]:
        """Status and reason of one request."""
        self.clock.sleep(self.dice.uniform(0.01, 0.05))
        reason = "" if self._take("", self.account_rps) else "global-rate"
        if not reason and not self._take(endpoint, self.endpoint_rps):
            reason = "endpoint-rate"
        self.arrivals.append((self.clock.monotonic(), endpoint, 429 if reason else 200))
        self.clock.sleep(self.dice.uniform(*self.answering))
        return (429, reason) if reason else (200, "")

    def served(self, since: float, until: float) -> int:
        """How many requests of a stretch of time were let in."""
        return sum(status == 200 for at, _, status in self.arrivals if since <= at < until)

    def refused_share(self) -> float:
        return sum(status == 429 for _, _, status in self.arrivals) / len(self.arrivals)

    def _take(self, name: str, rate: float) -> bool:
        now = self.clock.monotonic()
        tokens, at = self._tokens.get(name, (rate, now))
        tokens = min(rate, tokens + (now - at) * rate)
        taken = tokens >= 1
        self._tokens[name] = (tokens - taken, now)
        return taken
