"""Idempotency, limits, faults, seeds, copies: what a world remembers and how it can fail."""

from __future__ import annotations

import copy
import json
import time
from typing import Any

import pytest

from reconciler.emulator.app import ConnectionDropped, Request
from reconciler.emulator.clock import FrozenClock, SystemClock
from reconciler.emulator.faults import Fault, FaultKind, parse_fault
from reconciler.emulator.route import Routes, RouteTable
from reconciler.emulator.schema import Hash
from reconciler.emulator.seed import SeedError, load_seed
from reconciler.emulator.world import World
from tests.emulator.client import Caller
from tests.emulator.conftest import START


@pytest.fixture
def call(world: World) -> Caller:
    return Caller(world)


def products(call: Caller) -> int:
    return len(call.world.tables["product"])


def test_a_key_replays_its_first_answer(call: Caller) -> None:
    first = call.post("/v1/products", {"name": "P"}, "k")
    again = call.post("/v1/products", {"name": "P"}, "k")
    assert again.body == first.body
    assert again.headers["Idempotent-Replayed"] == "true"
    assert again.headers["Original-Request"] == first.headers["Request-Id"] != again.headers["Request-Id"]
    assert again.headers["Idempotency-Key"] == "k"
    assert "Idempotent-Replayed" not in first.headers
    assert products(call) == 1


@pytest.mark.parametrize(("path", "params"), [("/v1/products", {"name": "Q"}), ("/v1/customers", {"name": "P"})])
def test_a_key_is_for_one_request(call: Caller, path: str, params: dict[str, Any]) -> None:
    call.post("/v1/products", {"name": "P"}, "k")
    reply = call.post(path, params, "k")
    assert (reply.status, reply.body["error"]["type"]) == (400, "idempotency_error")


def test_a_key_is_forgotten_after_a_day(call: Caller) -> None:
    call.post("/v1/products", {"name": "P"}, "k")
    call.world.clock.advance(24 * 3600 - 1)
    assert call.post("/v1/products", {"name": "Q"}, "k").status == 400
    call.world.clock.advance(1)
    assert call.post("/v1/products", {"name": "Q"}, "k").status == 200
    assert products(call) == 2


def test_refusals_of_parameters_are_not_recorded(call: Caller) -> None:
    assert call.post("/v1/products", {"foo": "1"}, "k").status == 400
    assert call.post("/v1/products", {"name": "P"}, "k").status == 200


def test_refusals_of_execution_are_recorded(call: Caller) -> None:
    call.make("/v1/products", {"name": "P", "id": "p"})
    first = call.post("/v1/products", {"name": "P", "id": "p"}, "k")
    assert first.code == "resource_already_exists"
    call.send("delete", "/v1/products/p")
    again = call.post("/v1/products", {"name": "P", "id": "p"}, "k")
    assert (again.status, again.body) == (400, first.body)


def test_keys_longer_than_255_characters_are_refused(call: Caller) -> None:
    assert call.post("/v1/products", {"name": "P"}, "k" * 256).status == 400
    assert products(call) == 0


@pytest.mark.parametrize(("kind", "made"), [(FaultKind.ERROR_BEFORE, 0), (FaultKind.ERROR_AFTER, 1)])
def test_a_500_is_recorded_and_replayed(call: Caller, kind: FaultKind, made: int) -> None:
    call.world.add_fault(Fault(kind))
    for _ in range(2):
        reply = call.post("/v1/products", {"name": "P"}, "k")
        assert (reply.status, reply.body["error"]["type"], products(call)) == (500, "api_error", made)
    assert call.post("/v1/products", {"name": "P"}, "k2").status == 200


@pytest.mark.parametrize(
    ("fault", "reason", "code"),
    [
        (Fault(FaultKind.RATE_LIMIT, reason="endpoint-rate"), "endpoint-rate", "rate_limit"),
        (Fault(FaultKind.LOCK_TIMEOUT), None, "lock_timeout"),
    ],
)
def test_429s_are_not_recorded(call: Caller, fault: Fault, reason: str | None, code: str) -> None:
    call.world.add_fault(copy.copy(fault))
    reply = call.post("/v1/products", {"name": "P"}, "k")
    assert (reply.status, reply.code, reply.headers.get("Stripe-Rate-Limited-Reason")) == (429, code, reason)
    assert call.post("/v1/products", {"name": "P"}, "k").status == 200


@pytest.mark.parametrize(("kind", "made"), [(FaultKind.DROP_BEFORE, 0), (FaultKind.DROP_AFTER, 1)])
def test_a_dropped_connection_tells_nothing(call: Caller, kind: FaultKind, made: int) -> None:
    call.world.add_fault(Fault(kind))
    with pytest.raises(ConnectionDropped):
        call.post("/v1/products", {"name": "P"}, "k")
    assert products(call) == made
    assert call.world.log[-1]["status"] is None
    again = call.post("/v1/products", {"name": "P"}, "k")
    assert again.status == 200
    assert ("Idempotent-Replayed" in again.headers) == bool(made)
    assert products(call) == 1


def test_a_truncated_answer_is_half_an_answer(call: Caller) -> None:
    call.world.add_fault(Fault(FaultKind.TRUNCATE))
    with pytest.raises(json.JSONDecodeError):
        call.post("/v1/products", {"name": "P"})
    assert products(call) == 1


def test_a_slow_answer_takes_its_time(call: Caller) -> None:
    call.world.add_fault(Fault(FaultKind.SLOW, seconds=0.05))
    began = time.monotonic()
    call.get("/v1/products")
    assert time.monotonic() - began >= 0.05


def test_a_stale_read_shows_the_world_as_it_was(call: Caller) -> None:
    old = call.make("/v1/products", {"name": "old"})
    call.world.add_fault(Fault(FaultKind.STALE_READ, times=2))
    call.make("/v1/products", {"name": "new"})
    call.post(f"/v1/products/{old}", {"name": "renamed"})
    assert [row["name"] for row in call.get("/v1/products").body["data"]] == ["old"]
    assert call.get(f"/v1/products/{old}").body["name"] == "old"
    assert [row["name"] for row in call.get("/v1/products").body["data"]] == ["new", "renamed"]


def test_a_fault_strikes_the_nth_match_only(call: Caller) -> None:
    call.world.add_fault(Fault(FaultKind.RATE_LIMIT, "post", "/v1/prod*", nth=2, times=2))
    statuses = [call.post("/v1/products", {"name": "P"}).status for _ in range(4)]
    assert statuses == [200, 429, 429, 200]
    assert call.get("/v1/products").status == 200


@pytest.mark.parametrize("bad", [{}, {"kind": "x"}, {"kind": "slow", "foo": 1}, {"kind": "slow", "nth": "1"}])
def test_faults_from_json_are_checked(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_fault(bad)


def test_hooks_see_each_phase_and_can_end_the_request_there(call: Caller) -> None:
    seen: list[tuple[str, str, int]] = []

    def hook(phase: str, request: Request, index: int) -> None:
        seen.append((phase, request.path, index))
        if phase == "committed":
            raise KeyboardInterrupt

    call.world.hooks.append(hook)
    with pytest.raises(KeyboardInterrupt):
        call.post("/v1/products", {"name": "P"}, "k")
    assert seen == [("received", "/v1/products", 0), ("committed", "/v1/products", 0)]
    call.world.hooks.clear()
    assert call.post("/v1/products", {"name": "P"}, "k").headers["Idempotent-Replayed"] == "true"


def test_limits_count_the_account_and_each_endpoint(call: Caller) -> None:
    call.world.limit("live")
    lists = [call.get("/v1/products") for _ in range(26)]
    assert [reply.status for reply in lists] == [200] * 25 + [429]
    assert lists[-1].headers["Stripe-Rate-Limited-Reason"] == "endpoint-rate"
    assert call.get("/v1/prices").status == 200
    call.world.clock.advance(0.04)
    assert call.get("/v1/products").status == 200
    call.world.limit("test")
    assert [call.get("/v1/products" if n % 2 else "/v1/prices").status for n in range(26)] == [200] * 25 + [429]
    assert call.get("/v1/coupons").headers["Stripe-Rate-Limited-Reason"] == "global-rate"
    call.world.limit("off")
    assert call.get("/v1/coupons").status == 200


SEED: dict[str, Any] = {
    "account": {"id": "acct_seeded", "country": "DE", "default_currency": "eur"},
    "meters": [
        {"id": "mtr_1", "default_aggregation": {"formula": "sum"}, "display_name": "M", "event_name": "m"},
        {
            "id": "mtr_2",
            "default_aggregation": {"formula": "sum"},
            "display_name": "N",
            "event_name": "n",
            "status": "inactive",
        },
    ],
    "products": [{"id": "pro", "name": "Pro", "created": START - 100, "default_price": "price_pro"}],
    "prices": [
        {
            "id": "price_pro",
            "currency": "eur",
            "product": "pro",
            "unit_amount": 900,
            "recurring": {"interval": "month"},
            "created": START - 90,
        }
    ],
    "coupons": [{"id": "TEN", "percent_off": 10}],
    "promotion_codes": [{"promotion": {"type": "coupon", "coupon": "TEN"}, "code": "SPRING"}],
    "tax_rates": [{"display_name": "VAT", "inclusive": True, "percentage": 19}],
    "customers": [{"id": "cus_1", "email": "a@example.com"}],
    "subscriptions": [{"id": "sub_1", "customer": "cus_1", "items": [{"price": "price_pro"}], "status": "past_due"}],
}


def test_a_seed_becomes_objects(call: Caller) -> None:
    load_seed(call.world, SEED)
    assert call.get("/v1/account").body["id"] == "acct_seeded"
    product = call.get("/v1/products/pro").body
    assert (product["default_price"], product["created"]) == ("price_pro", START - 100)
    assert call.get("/v1/billing/meters/mtr_2").body["status"] == "inactive"
    assert call.get("/v1/subscriptions").body["data"][0]["status"] == "past_due"
    events = call.get("/v1/events", {"limit": 100}).body["data"]
    assert all(event["request"] == {"id": None, "idempotency_key": None} for event in events)


def test_a_seed_is_as_strict_as_a_request_and_tells_everything_at_once(call: Caller) -> None:
    bad = {
        **SEED,
        "prices": [{"currency": "eur", "product": "nope", "unit_amount": 1}, {"currency": "xx"}],
        "products": [{"id": "pro", "name": "Pro", "foo": 1}],
        "things": [],
    }
    with pytest.raises(SeedError) as error:
        load_seed(call.world, bad)
    problems = "\n".join(error.value.problems)
    for expected in ("things: ", "products[0]: Received unknown", "prices[0]: No such product", "prices[1]: Invalid"):
        assert expected in problems
    assert not any(len(table) for table in call.world.tables.values())
    assert call.world.account_id == "acct_000001"


def test_a_copy_is_a_rehearsal(call: Caller) -> None:
    id = call.make("/v1/products", {"name": "P"})
    call.world.hooks.append(lambda phase, request, index: None)
    rehearsal = Caller(copy.deepcopy(call.world))
    assert not rehearsal.world.hooks
    rehearsal.post(f"/v1/products/{id}", {"name": "Q"})
    rehearsal.make("/v1/products", {"name": "R"})
    rehearsal.world.clock.advance(5)
    assert call.get(f"/v1/products/{id}").body["name"] == "P"
    assert products(call) == 1
    assert call.world.now() == START
    assert rehearsal.world.now() == START + 5


def test_two_routes_for_one_endpoint_are_refused() -> None:
    def routes() -> Routes:
        made = Routes("product", "rak_product")
        made.route("get", "/v1/x", Hash({}))(lambda world, call: {})
        return made

    with pytest.raises(ValueError, match="already answered"):
        RouteTable([routes(), routes()])


@pytest.mark.parametrize("clock", [FrozenClock(START), SystemClock()])
def test_clocks_only_go_forward(clock: FrozenClock | SystemClock) -> None:
    before, ticks = clock(), clock.monotonic()
    clock.advance(100)
    assert clock() >= before + 100
    assert clock.monotonic() >= ticks + 100
    with pytest.raises(ValueError, match="go back"):
        clock.advance(-1)


def test_events_are_kept_for_thirty_days(call: Caller) -> None:
    call.make("/v1/products", {"name": "P"})
    call.world.clock.advance(30 * 86400 + 1)
    assert call.get("/v1/events").body["data"] == []
    assert call.get("/v1/events/evt_000001").status == 404


def test_a_page_costs_the_same_in_a_large_table(call: Caller) -> None:
    product = call.make("/v1/products", {"name": "P"})
    for amount in range(3000):
        call.post("/v1/prices", {"currency": "usd", "product": product, "unit_amount": amount})
    table = call.world.tables["price"]
    order = table.narrowest({"active": True, "product": product})
    began = time.perf_counter()
    for _ in range(100):
        first, last = table.bounds(order, "price_001500", "", (0, START))
        assert (first, last) == (0, 1499)
    assert (time.perf_counter() - began) / 100 < 0.001
