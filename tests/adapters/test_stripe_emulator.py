"""The adapter against the emulator, in this process and over HTTP."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from reconciler.adapters.limiter import Figures, Limiter
from reconciler.adapters.retry import RetryPolicy
from reconciler.adapters.stripe_api import ApiSettings, StripeApi
from reconciler.adapters.stripe_transport import InProcessClient
from reconciler.core.values import Secret
from reconciler.emulator.app import Request, handle
from reconciler.emulator.faults import ConnectionDropped, Fault, FaultKind
from reconciler.emulator.key import Key
from reconciler.emulator.limits import LimitMode
from reconciler.emulator.server import serve
from reconciler.emulator.world import World
from reconciler.errors import OutcomeUnknown, RemoteRejected, RemoteUnavailable
from tests.adapters.simulated_time import SimulatedClock
from tests.adapters.stripe_script import FakeClock, Wire

KEY = "sk_test_emulator"
READER = "rk_test_reader"


def in_process(world: World) -> InProcessClient:
    """A transport to a world."""

    def exchange(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Wire:
        parts = urlsplit(url)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        response = handle(world, Request(method.upper(), path, headers, body or b""))
        return response.status, response.headers, response.body

    return InProcessClient(exchange, dropped=ConnectionDropped)


@dataclass
class Door:
    """A world and the way to it."""

    world: World
    clock: FakeClock
    open: Callable[[str], StripeApi]

    @property
    def api(self) -> StripeApi:
        return self.open(KEY)


@pytest.fixture(params=["in process", "over http"])
def door(request: pytest.FixtureRequest) -> Iterator[Door]:
    world = World(keys={KEY: Key(), READER: Key(frozenset({"rak_price_read"})), "sk_test_old": Key(revoked=True)})
    clock = FakeClock()
    limiter = Limiter(Figures(global_rps=1e6, endpoint_rps=1e6), clock)
    opened: list[StripeApi] = []
    with ExitStack() as stack:
        local = request.param == "in process"
        base = "http://127.0.0.1" if local else stack.enter_context(serve([world], port=0)).url

        def open_door(key: str) -> StripeApi:
            settings = ApiSettings(api_base=base, retry=RetryPolicy(tries=4))
            client = in_process(world) if local else None
            api = StripeApi(
                Secret(key), settings=settings, limiter=limiter, clock=clock, jitter=lambda: 0.5, http_client=client
            )
            opened.append(api)
            return api

        yield Door(world=world, clock=clock, open=open_door)
        for api in opened:
            api.close()


def product_count(world: World) -> int:
    return len(list(world.tables["product"]))


def test_what_was_created_is_read_back(door: Door) -> None:
    api = door.api
    made = api.request("POST", "/v1/products", {"name": "Pro", "metadata": {"a": "1"}}, idempotency_key="k")
    read = api.request("GET", "/v1/products", {"limit": 10, "active": True})
    assert [product["id"] for product in read.body["data"]] == [made.body["id"]]
    assert abs(made.date - door.world.now()) <= 2
    assert made.request_id is not None
    assert not made.replayed


@pytest.mark.parametrize("fault", [FaultKind.DROP_BEFORE, FaultKind.DROP_AFTER, FaultKind.TRUNCATE])
def test_lost_answer_is_asked_for_again_and_nothing_is_done_twice(door: Door, fault: FaultKind) -> None:
    door.world.add_fault(Fault(fault, method="POST"))
    answer = door.api.request("POST", "/v1/products", {"name": "Pro"}, idempotency_key="k")
    assert answer.replayed is (fault is not FaultKind.DROP_BEFORE)
    assert product_count(door.world) == 1


def test_answers_lost_for_ever_leave_the_outcome_unknown_and_the_same_key_finds_it(door: Door) -> None:
    door.world.add_fault(Fault(FaultKind.DROP_AFTER, method="POST", times=4))
    api = door.api
    with pytest.raises(OutcomeUnknown):
        api.request("POST", "/v1/products", {"name": "Pro"}, idempotency_key="k")
    assert api.request("POST", "/v1/products", {"name": "Pro"}, idempotency_key="k").replayed
    assert product_count(door.world) == 1


@pytest.mark.parametrize(("fault", "done"), [(FaultKind.ERROR_BEFORE, 0), (FaultKind.ERROR_AFTER, 1)])
def test_recorded_failure_ends_the_key(door: Door, fault: FaultKind, done: int) -> None:
    door.world.add_fault(Fault(fault, method="POST"))
    with pytest.raises(RemoteUnavailable) as caught:
        door.api.request("POST", "/v1/products", {"name": "Pro"}, idempotency_key="k")
    assert (caught.value.status, caught.value.replayed) == (500, True)
    assert len(door.clock.slept) == 1
    assert product_count(door.world) == done


def test_key_used_for_something_else_is_an_idempotency_error(door: Door) -> None:
    api = door.api
    api.request("POST", "/v1/products", {"name": "Pro"}, idempotency_key="k")
    with pytest.raises(RemoteRejected) as caught:
        api.request("POST", "/v1/products", {"name": "Other"}, idempotency_key="k")
    assert (caught.value.status, caught.value.kind) == (400, "idempotency_error")


@pytest.mark.parametrize("fault", [FaultKind.LOCK_TIMEOUT, FaultKind.RATE_LIMIT])
def test_limits_and_locks_pass(door: Door, fault: FaultKind) -> None:
    door.world.add_fault(Fault(fault, times=3))
    door.api.request("POST", "/v1/products", {"name": "Pro"}, idempotency_key="k")
    assert len(door.clock.slept) == 3


def test_refusals_say_why(door: Door) -> None:
    with pytest.raises(RemoteRejected, match="product"):
        door.api.request("GET", "/v1/products/none", {})
    with pytest.raises(RemoteRejected) as caught:
        door.open(READER).request("GET", "/v1/products", {})
    assert (caught.value.status, "rak_product_read" in caught.value.hint) == (403, True)
    with pytest.raises(RemoteRejected) as caught:
        door.open("sk_test_old").request("GET", "/v1/products", {})
    assert (caught.value.status, "STRIPE_API_KEY" in caught.value.hint) == (401, True)
    with pytest.raises(RemoteRejected) as caught:
        door.api.request("GET", "/v1/treasury/outbound_payments", {})
    assert (caught.value.status, caught.value.code) == (501, "emulator_gap")


def test_threads_create_each_product_once(door: Door) -> None:
    door.world.add_fault(Fault(FaultKind.DROP_AFTER, method="POST", nth=5, times=3))
    api = door.api
    failures: list[Exception] = []

    def work(number: int) -> None:
        try:
            for turn in range(5):
                name = f"{number}-{turn}"
                api.request("POST", "/v1/products", {"id": name, "name": name}, idempotency_key=name)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)
    assert failures == []
    assert product_count(door.world) == 40


class WorldTime:
    """The emulator's clock, run by the simulated one."""

    def __init__(self, clock: SimulatedClock) -> None:
        self.clock = clock

    def __call__(self) -> float:
        return 1_795_222_800 + self.clock.monotonic()

    def monotonic(self) -> float:
        return self.clock.monotonic()

    def advance(self, seconds: float) -> None:
        raise NotImplementedError


def test_sixteen_threads_keep_to_the_limits_of_a_test_account() -> None:
    clock = SimulatedClock()
    world = World(clock=WorldTime(clock))
    world.limit(LimitMode.TEST)
    limiter = Limiter(Figures(), clock)
    api = StripeApi(
        Secret(KEY),
        settings=ApiSettings(api_base="http://127.0.0.1"),
        limiter=limiter,
        clock=clock,
        jitter=lambda: 0.5,
        http_client=in_process(world),
    )

    def work() -> None:
        while clock.monotonic() < 20:
            api.request("GET", "/v1/products", {})

    clock.run([work] * 16)
    counters = limiter.counters()
    assert counters.requests - counters.rate_limited >= 0.95 * 25 * 20
    assert counters.rate_limited <= 0.01 * counters.requests
