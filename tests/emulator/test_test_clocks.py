"""Test clocks: customers who live by a time of their own."""

from __future__ import annotations

import pytest
import stripe

from tests.emulator.sdk_contract import missing
from tests.emulator.timeline import SCHEDULES, SUBSCRIPTIONS, Timeline, at, timeline

PATH = "/v1/test_helpers/test_clocks"


@pytest.fixture
def call() -> Timeline:
    return timeline("2026-11-21")


def clock(call: Timeline, start: str = "2024-01-01") -> str:
    return call.make(PATH, {"frozen_time": at(start), "name": "migration"})


def advance(call: Timeline, id: str, text: str) -> int:
    return call.post(f"{PATH}/{id}/advance", {"frozen_time": at(text)}).status


def test_a_clock_has_every_field_of_the_sdk(call: Timeline) -> None:
    id = clock(call)
    body = call.get(f"{PATH}/{id}").body
    assert set(missing(stripe.test_helpers.TestClock, body)) <= {"status_details.advancing: absent"}
    assert (body["status"], body["frozen_time"]) == ("ready", at("2024-01-01"))
    assert [row["id"] for row in call.get(PATH).body["data"]] == [id]


def test_what_is_on_a_clock_moves_with_it_alone(call: Timeline) -> None:
    id, price = clock(call), call.price()
    there, here = call.customer(test_clock=id), call.customer()
    assert call.get(f"/v1/customers/{there}").body["created"] == at("2024-01-01")
    plan = call.schedule(there, [{"items": [{"price": price}]}], start_date=at("2024-01-10"))
    call.make(SUBSCRIPTIONS, {"customer": here, "items": [{"price": price}]})
    held = call.make(SUBSCRIPTIONS, {"customer": there, "items": [{"price": price}]})
    assert call.get(f"{SUBSCRIPTIONS}/{held}").body["created"] == at("2024-01-01")
    assert advance(call, id, "2024-02-12") == 200
    assert call.get(f"{SCHEDULES}/{plan}").body["status"] == "released"
    mine = [one for one in call.invoices() if one["customer"] == there]
    assert [one["created"] for one in mine] == [
        at(text) for text in ("2024-01-01", "2024-01-10", "2024-02-01", "2024-02-10")
    ]
    assert {one["test_clock"] for one in mine} == {id}
    call.until("2026-12-22")
    others = [one["created"] for one in call.invoices() if one["customer"] == here]
    assert others == [at("2026-11-21"), at("2026-12-21")]
    assert len([one for one in call.invoices() if one["customer"] == there]) == 4


def test_what_is_on_a_clock_is_listed_only_with_it(call: Timeline) -> None:
    id, price = clock(call), call.price()
    there, here = call.customer(test_clock=id), call.customer()
    for customer in (there, here):
        call.make(SUBSCRIPTIONS, {"customer": customer, "items": [{"price": price}]})
    call.schedule(there, [{"items": [{"price": price}]}], start_date=at("2024-02-01"))
    for path, field in (("/v1/customers", "id"), (SUBSCRIPTIONS, "customer")):
        assert [row[field] for row in call.get(path).body["data"]] == [here]
        assert [row[field] for row in call.get(path, {"test_clock": id}).body["data"]] == [there]
        assert call.get(path, {"test_clock": "clock_x"}).code == "resource_missing"
    assert call.get(SCHEDULES).body["data"] == []
    assert len(call.get(SCHEDULES, {"customer": there}).body["data"]) == 1
    assert len(call.get(SUBSCRIPTIONS, {"customer": there}).body["data"]) == 1


def test_a_clock_moves_forward_and_not_too_far(call: Timeline) -> None:
    id = clock(call)
    assert advance(call, id, "2024-01-01") == 400
    assert advance(call, id, "2026-01-02") == 400
    assert advance(call, id, "2025-01-01") == 200
    customer = call.customer(test_clock=id)
    call.make(SUBSCRIPTIONS, {"customer": customer, "items": [{"price": call.price(100, "week")}]})
    assert advance(call, id, "2025-01-16") == 400
    assert advance(call, id, "2025-01-15") == 200
    assert len(call.invoices()) == 3


def test_what_is_not_modelled_says_so(call: Timeline) -> None:
    id = clock(call)
    assert call.post(PATH, {"frozen_time": 1, "customer": call.customer()}).code == "emulator_gap"
    assert call.post("/v1/customers", {"test_clock": "clock_x"}).code == "resource_missing"
    call.customer(test_clock=id)
    assert call.send("delete", f"{PATH}/{id}").code == "emulator_gap"
    assert call.send("delete", f"{PATH}/{clock(call)}").body["deleted"]
    assert call.get(f"{PATH}/clock_x").status == 404
