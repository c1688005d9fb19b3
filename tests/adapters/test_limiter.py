"""The pace of requests, in simulated time and with real threads."""

from __future__ import annotations

import threading
from collections import Counter

import pytest

from reconciler.adapters.limiter import Counters, Figures, Limiter, documented_figures
from tests.adapters.simulated_time import SimulatedClock, StrictServer
from tests.adapters.stripe_script import FakeClock

LIST = "GET /v1/prices"
CREATE = "POST /v1/prices"


def _hammer(limiter: Limiter, server: StrictServer, endpoint: str, until: float) -> None:
    while server.clock.monotonic() < until:
        turn = limiter.acquire(endpoint)
        status, reason = server.answer(endpoint)
        limiter.release(turn, status, reason)


def _simulate(figures: Figures, server: StrictServer, endpoints: list[str], seconds: float) -> Limiter:
    limiter = Limiter(figures, server.clock)

    def work(endpoint: str) -> None:
        _hammer(limiter, server, endpoint, seconds)

    server.clock.run([lambda endpoint=endpoint: work(endpoint) for endpoint in endpoints])  # type: ignore[misc]
    return limiter


def test_sixteen_threads_use_a_strict_limit_and_keep_to_it() -> None:
    server = StrictServer(SimulatedClock(), account_rps=25, endpoint_rps=25)
    _simulate(documented_figures(livemode=False), server, [LIST] * 16, 40)
    assert server.served(0, 40) >= 0.95 * 25 * 40
    assert server.refused_share() <= 0.01


def test_live_account_is_used_through_several_endpoints() -> None:
    server = StrictServer(SimulatedClock(), account_rps=100, endpoint_rps=25)
    _simulate(documented_figures(livemode=True), server, [f"GET /v1/{n % 4}" for n in range(16)], 20)
    assert server.served(0, 20) >= 0.95 * 100 * 20
    assert server.refused_share() <= 0.01


def test_live_account_is_used_though_each_request_takes_a_third_of_a_second() -> None:
    server = StrictServer(SimulatedClock(), account_rps=100, endpoint_rps=25, answering=(0.2, 0.3))
    figures = documented_figures(livemode=True)
    # No more threads than slots: who waits for a slot does not sleep on the simulated clock.
    _simulate(figures, server, [f"GET /v1/{n % 4}" for n in range(figures.concurrency)], 20)
    assert server.served(0, 20) >= 0.95 * 100 * 20
    assert server.refused_share() <= 0.01


def test_a_slow_endpoint_does_not_hold_back_the_others() -> None:
    server = StrictServer(SimulatedClock(), account_rps=100, endpoint_rps=25)
    figures = Figures(global_rps=100, endpoints={"GET /v1/slow": 1})
    _simulate(figures, server, ["GET /v1/slow"] * 8 + [LIST] * 8, 20)
    served = Counter(endpoint for _, endpoint, _ in server.arrivals)
    assert served[LIST] >= 0.95 * 25 * 20
    assert served["GET /v1/slow"] <= 20 + 10


def test_settles_under_a_limit_lower_than_its_figure() -> None:
    server = StrictServer(SimulatedClock(), account_rps=10, endpoint_rps=25)
    limiter = _simulate(documented_figures(livemode=False), server, [LIST] * 16, 120)
    assert server.served(30, 120) >= 0.75 * 10 * 90
    assert server.refused_share() <= 0.05
    assert limiter.rates()[""] < 25


def test_recovers_after_a_lower_limit_is_lifted() -> None:
    server = StrictServer(SimulatedClock(), account_rps=5, endpoint_rps=25)
    limiter = Limiter(documented_figures(livemode=False), server.clock)

    def lift() -> None:
        server.clock.sleep(20)
        server.account_rps = 25

    server.clock.run([lift, *(lambda: _hammer(limiter, server, LIST, 80) for _ in range(16))])
    assert server.served(60, 80) >= 0.95 * 25 * 20
    assert limiter.rates() == {"": 25, LIST: 25}


def test_threads_are_served_in_turn() -> None:
    clock = SimulatedClock()
    limiter = Limiter(Figures(global_rps=5, endpoint_rps=5), clock)
    served: Counter[int] = Counter()

    def work(number: int) -> None:
        while clock.monotonic() < 40:
            limiter.release(limiter.acquire(LIST), 200)
            served[number] += 1

    clock.run([lambda number=number: work(number) for number in range(8)])  # type: ignore[misc]
    assert max(served.values()) - min(served.values()) <= 4


def test_requests_are_evenly_spaced() -> None:
    clock = FakeClock()
    limiter = Limiter(Figures(global_rps=5, endpoint_rps=100), clock)
    starts = []
    for _ in range(5):
        limiter.release(limiter.acquire(LIST), 200)
        starts.append(clock.monotonic() - 1000)
    assert starts == pytest.approx([0, 0, 0.2, 0.4, 0.6])


def test_places_that_were_missed_are_made_up_for_and_those_of_a_long_pause_are_not() -> None:
    clock = FakeClock()
    limiter = Limiter(Figures(global_rps=1000, endpoint_rps=25), clock)
    for pause, at_once in ((0.12, 3), (60, 10)):
        for _ in range(20):
            limiter.release(limiter.acquire(LIST), 200)
        clock.sleep(pause)
        began = clock.monotonic()
        for _ in range(at_once):
            limiter.release(limiter.acquire(LIST), 200)
        assert clock.monotonic() == pytest.approx(began)
        limiter.release(limiter.acquire(LIST), 200)
        assert clock.monotonic() == pytest.approx(began + 1 / 25, abs=0.001)


REASONS = {
    "global-rate": {"": 50, LIST: 20},
    "endpoint-rate": {"": 100, LIST: 10},
    "endpoint-concurrency": {"": 100, LIST: 10},
    "global-concurrency": {"": 100, LIST: 20},
    "resource-specific": {"": 100, LIST: 20},
    "": {"": 100, LIST: 20},
    "something-new": {"": 100, LIST: 20},
}


@pytest.mark.parametrize("reason", REASONS)
def test_refusal_halves_the_rate_that_its_reason_names(reason: str) -> None:
    limiter = Limiter(Figures(global_rps=100, endpoint_rps=20), FakeClock())
    limiter.release(limiter.acquire(LIST), 429, reason)
    assert limiter.rates() == REASONS[reason]


def test_refusals_of_requests_that_left_together_halve_once() -> None:
    limiter = Limiter(Figures(global_rps=100), FakeClock())
    turns = [limiter.acquire(LIST) for _ in range(4)]
    for turn in turns:
        limiter.release(turn, 429, "global-rate")
    assert limiter.rates()[""] == 50
    limiter.release(limiter.acquire(LIST), 429, "global-rate")
    assert limiter.rates()[""] == 25


def test_rate_never_falls_to_nothing_and_climbs_back_to_its_figure() -> None:
    limiter = Limiter(Figures(global_rps=32, endpoint_rps=32), FakeClock())
    for _ in range(50):
        limiter.release(limiter.acquire(LIST), 429, "global-rate")
    assert limiter.rates()[""] == 1
    for _ in range(1000):
        limiter.release(limiter.acquire(LIST), 200)
    assert limiter.rates()[""] == 32


@pytest.mark.parametrize("status", [None, 500])
def test_failures_do_not_raise_a_rate(status: int | None) -> None:
    limiter = Limiter(Figures(global_rps=32, endpoint_rps=32), FakeClock())
    limiter.release(limiter.acquire(LIST), 429, "global-rate")
    limiter.release(limiter.acquire(LIST), status)
    assert limiter.rates()[""] == 16


def test_counters_tell_requests_refusals_and_waits() -> None:
    limiter = Limiter(Figures(global_rps=5, endpoint_rps=100), FakeClock())
    assert limiter.counters() == Counters()
    for status in (200, 429, 200, 200):
        limiter.release(limiter.acquire(LIST), status)
    counters = limiter.counters()
    assert (counters.requests, counters.rate_limited) == (4, 1)
    assert counters.waited_seconds == pytest.approx(0.4)


class Crowd:
    """Counts how many threads hold a turn at the same time."""

    def __init__(self, limiter: Limiter) -> None:
        self.limiter = limiter
        self.most = 0
        self._inside = 0
        self._lock = threading.Lock()

    def pass_through(self) -> None:
        turn = self.limiter.acquire(LIST)
        with self._lock:
            self._inside += 1
            self.most = max(self.most, self._inside)
        threading.Event().wait(0.001)
        with self._lock:
            self._inside -= 1
        self.limiter.release(turn, None)

    def most_of(self, threads: int) -> int:
        running = [threading.Thread(target=self.pass_through) for _ in range(threads)]
        for thread in running:
            thread.start()
        for thread in running:
            thread.join(timeout=10)
        assert not any(thread.is_alive() for thread in running)
        return self.most


def test_no_more_run_at_once_than_the_cap_and_half_after_a_refusal() -> None:
    limiter = Limiter(Figures(global_rps=1e6, endpoint_rps=1e6, concurrency=4), FakeClock())
    assert Crowd(limiter).most_of(32) <= 4
    limiter.release(limiter.acquire(LIST), 429, "global-concurrency")
    assert Crowd(limiter).most_of(32) <= 2
    for _ in range(200):
        limiter.release(limiter.acquire(LIST), 200)
    turns = [limiter.acquire(LIST) for _ in range(4)]
    for turn in turns:
        limiter.release(turn, 200)


def test_interrupted_wait_gives_its_slot_back() -> None:
    class Interrupted(FakeClock):
        def sleep(self, seconds: float) -> None:
            raise KeyboardInterrupt

    limiter = Limiter(Figures(global_rps=1, endpoint_rps=100, concurrency=1), Interrupted())
    for _ in range(2):
        limiter.release(limiter.acquire(CREATE), 200)
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            limiter.acquire(CREATE)


FIGURES = {
    "documented, live": (documented_figures(livemode=True), LIST, 100.0, 25.0),
    "documented, test": (documented_figures(livemode=False), LIST, 25.0, 25.0),
    "documented, search": (documented_figures(livemode=True), "GET /v1/customers/search", 100.0, 20.0),
    "configured": (Figures(global_rps=50, endpoint_rps=5), LIST, 50.0, 5.0),
    "configured, search": (Figures(endpoint_rps=5), "GET /v1/customers/search", 25.0, 5.0),
    "configured for one endpoint": (Figures(endpoints={LIST: 40.0}), LIST, 25.0, 40.0),
}


@pytest.mark.parametrize("name", FIGURES)
def test_figures(name: str) -> None:
    figures, endpoint, in_all, of_endpoint = FIGURES[name]
    assert (figures.global_rps, figures.rps_of(endpoint)) == (in_all, of_endpoint)


def test_limits_of_zero_are_refused() -> None:
    with pytest.raises(ValueError, match="above zero"):
        Figures(global_rps=0)
