"""The pace of requests: a bucket for the account, one for each endpoint, and a cap on how many run at once."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from reconciler.ports.clock import Clock

# https://docs.stripe.com/rate-limits, requests a second.
LIVE_RPS = 100.0
TEST_RPS = 25.0
ENDPOINT_RPS = 25.0
SEARCH_RPS = 20.0

# Requests in flight are rate times latency. A list request takes some 0.3 s: the 25/s of a test account are 8 of them,
# the 100/s of a live one 30. Stripe publishes no figure for how many it allows; one too many is answered by a 429
# (global-concurrency), which halves what is allowed here and is sent again.
LIVE_CONCURRENCY = 32
TEST_CONCURRENCY = 16

# Stripe's own bucket holds a second's worth. Ours holds two fifths of that, and no more than ten places: enough for
# threads that wake late, or wait for the store, to use the places that they missed, and what is sent is evenly spaced
# nevertheless.
_BURST_SECONDS = 0.4
_LEAST_BURST, _MOST_BURST = 2.0, 10.0
_FLOOR = 1 / 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What an account permits: requests a second in all and for each endpoint, and requests at the same time.

    `endpoints` holds other rates by name ("GET /v1/events"). After a cut, a rate climbs back by `raise_share` of its
    figure for each second of requests sent without complaint.
    """

    global_rps: float = TEST_RPS
    endpoint_rps: float = ENDPOINT_RPS
    endpoints: Mapping[str, float] = field(default_factory=dict)
    concurrency: int = TEST_CONCURRENCY
    raise_share: float = 1 / 30

    def __post_init__(self) -> None:
        if min(self.global_rps, self.endpoint_rps, self.raise_share, self.concurrency, *self.endpoints.values()) <= 0:
            raise ValueError(f"limits must be above zero: {self}")

    def rps_of(self, endpoint: str) -> float:
        """The rate of one endpoint; searches have a lower one of their own."""
        figure = SEARCH_RPS if endpoint.endswith("/search") else self.endpoint_rps
        return self.endpoints.get(endpoint, min(figure, self.endpoint_rps))


def documented_figures(livemode: bool) -> Figures:
    """Stripe's published figures for a mode, and as many requests at a time as it takes to use them."""
    if livemode:
        return Figures(global_rps=LIVE_RPS, concurrency=LIVE_CONCURRENCY)
    return Figures()


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """What went through so far; seconds are summed over the threads that waited."""

    requests: int = 0
    rate_limited: int = 0
    waited_seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """The leave to send one request, and which cuts were known when it was given."""

    endpoint: str
    global_cuts: int
    endpoint_cuts: int
    slot_cuts: int


class _Pace:
    """Evenly spaced places at an adaptive rate. Not locked: the limiter's lock guards it."""

    def __init__(self, figure: float, raise_share: float) -> None:
        self.rate = figure
        self.cuts = 0
        self._figure = figure
        self._raise_share = raise_share
        self._next = float("-inf")

    def reserve(self, now: float) -> float:
        """Take the next place, and return when it is; first come, first served."""
        interval = 1 / self.rate
        place = max(now, self._next)
        burst = min(_MOST_BURST, max(_LEAST_BURST, self.rate * _BURST_SECONDS))
        self._next = max(self._next, now - (burst - 1) * interval) + interval
        return place

    def cut(self, known_cuts: int, now: float) -> None:
        """Halve the rate, once for all requests that were given their turn before they could know."""
        if known_cuts != self.cuts:
            return
        self.cuts += 1
        self.rate = max(self.rate / 2, self._figure * _FLOOR)
        self._next = now + 1 / self.rate

    def climb(self) -> None:
        self.rate = min(self._figure, self.rate + self._raise_share * self._figure / self.rate)


class _Slots:
    """At most so many requests at the same time, in order of arrival: each is let in by itself, and no other wakes."""

    def __init__(self, figure: int) -> None:
        self.cuts = 0
        self._figure = float(figure)
        self._cap = float(figure)
        self._running = 0
        self._queue: deque[threading.Event] = deque()
        self._lock = threading.Lock()

    def take(self) -> int:
        """Wait for a slot, and return how many cuts there were."""
        turn = threading.Event()
        with self._lock:
            self._queue.append(turn)
            self._let_in()
        try:
            turn.wait()
        except BaseException:
            with self._lock:
                if turn.is_set():
                    self._running -= 1
                    self._let_in()
                else:
                    self._queue.remove(turn)
            raise
        return self.cuts

    def give_back(self) -> None:
        with self._lock:
            self._running -= 1
            self._let_in()

    def cut(self, known_cuts: int) -> None:
        with self._lock:
            if known_cuts == self.cuts:
                self.cuts += 1
                self._cap = max(1.0, self._cap / 2)

    def climb(self) -> None:
        with self._lock:
            self._cap = min(self._figure, self._cap + 1 / (4 * self._cap))
            self._let_in()

    def _let_in(self) -> None:
        while self._queue and self._running < int(self._cap):
            self._running += 1
            self._queue.popleft().set()


class Limiter:
    """Shared by all threads that use one account. Waits sleep on the clock until the exact place, and are fair."""

    def __init__(self, figures: Figures, clock: Clock) -> None:
        self._figures = figures
        self._clock = clock
        self._lock = threading.Lock()
        self._account = _Pace(figures.global_rps, figures.raise_share)
        self._endpoints: dict[str, _Pace] = {}
        self._slots = _Slots(figures.concurrency)
        self._counters = Counters()

    def acquire(self, endpoint: str) -> Turn:
        """Wait until one request to this endpoint may leave. Every turn must be released."""
        started = self._clock.monotonic()
        # The account's place is taken last: a request that waits for its endpoint must not hold back the others.
        endpoint_cuts = self._wait(self._endpoint(endpoint))
        slot_cuts = self._slots.take()
        try:
            global_cuts = self._wait(self._account)
        except BaseException:
            self._slots.give_back()
            raise
        self._count(requests=1, waited=self._clock.monotonic() - started)
        return Turn(endpoint=endpoint, global_cuts=global_cuts, endpoint_cuts=endpoint_cuts, slot_cuts=slot_cuts)

    def release(self, turn: Turn, status: int | None, reason: str = "") -> None:
        """Give a turn back with the status answered (None: no answer).

        `reason` is the header Stripe-Rate-Limited-Reason of a 429; without a known one (a lock, a limit of one
        object) no rate is touched.
        """
        self._slots.give_back()
        if status == 429:
            self._count(rate_limited=1)
            self._slow_down(turn, reason)
        elif status is not None and status < 500:
            with self._lock:
                self._account.climb()
                self._endpoints[turn.endpoint].climb()
            self._slots.climb()

    def counters(self) -> Counters:
        """What went through since the start."""
        with self._lock:
            return self._counters

    def rates(self) -> Mapping[str, float]:
        """The rates in force, requests a second: "" is the account's, the others go by endpoint."""
        with self._lock:
            return {"": self._account.rate} | {name: pace.rate for name, pace in self._endpoints.items()}

    def _slow_down(self, turn: Turn, reason: str) -> None:
        if reason == "global-concurrency":
            self._slots.cut(turn.slot_cuts)
            return
        with self._lock:
            now = self._clock.monotonic()
            if reason.startswith("global-"):
                self._account.cut(turn.global_cuts, now)
            elif reason.startswith("endpoint-"):
                self._endpoints[turn.endpoint].cut(turn.endpoint_cuts, now)

    def _endpoint(self, name: str) -> _Pace:
        with self._lock:
            if name not in self._endpoints:
                self._endpoints[name] = _Pace(self._figures.rps_of(name), self._figures.raise_share)
            return self._endpoints[name]

    def _wait(self, pace: _Pace) -> int:
        """Sleep until a place comes; one that was reserved at a rate which has been cut since is given up."""
        while True:
            with self._lock:
                now = self._clock.monotonic()
                place, cuts = pace.reserve(now), pace.cuts
            if place > now:
                self._clock.sleep(place - now)
            with self._lock:
                if pace.cuts == cuts:
                    return cuts

    def _count(self, *, requests: int = 0, rate_limited: int = 0, waited: float = 0.0) -> None:
        with self._lock:
            before = self._counters
            self._counters = Counters(
                requests=before.requests + requests,
                rate_limited=before.rate_limited + rate_limited,
                waited_seconds=before.waited_seconds + waited,
            )
