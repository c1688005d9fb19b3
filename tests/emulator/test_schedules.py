"""Subscription schedules: what is shown of them, how they are found, and what their life tells."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from reconciler.emulator.key import Key
from reconciler.emulator.rules.schedule import end_schedule, schedule, start_schedule
from reconciler.emulator.world import World
from tests.emulator.client import Caller
from tests.emulator.conftest import START
from tests.emulator.sdk_contract import missing

PATH = "/v1/subscription_schedules"
DAY = 86400


@pytest.fixture
def call(world: World) -> Caller:
    return Caller(world)


def subscribe(call: Caller) -> tuple[str, str, str]:
    """A customer, its subscription and the price of it."""
    product = call.make("/v1/products", {"name": "Pro"})
    base = {"currency": "usd", "product": product, "recurring": {"interval": "month"}}
    price = call.make("/v1/prices", {**base, "unit_amount": 1000})
    customer = call.make("/v1/customers", {})
    sent = {"customer": customer, "items": [{"price": price}], "trial_period_days": 7}
    return customer, call.make("/v1/subscriptions", sent), price


def phases(price: str, *ends: int) -> list[dict[str, Any]]:
    """Phases one after another, of which the first begins ten days ago."""
    bounds = [START - 10 * DAY, *ends]
    return [
        {"start_date": start, "end_date": end, "items": [{"price": price, "quantity": 1}]}
        for start, end in zip(bounds, ends, strict=False)
    ]


def one_of_each(call: Caller) -> dict[str, str]:
    """A schedule of each status, oldest first, each a second after the one before."""
    found = {}
    for count, status in enumerate(("not_started", "active", "completed", "released", "canceled")):
        customer, subscription, price = subscribe(call)
        made = schedule(call.world, customer, phases(price, START, START + 10 * DAY), START - 100 + count)
        found[status] = id = made["id"]
        if status != "not_started":
            start_schedule(call.world, id, subscription, START - 50)
        if status not in ("not_started", "active"):
            end_schedule(call.world, id, status, START - 10 + count)
    return found


def test_a_schedule_has_every_field_of_the_sdk(call: Caller) -> None:
    for status, id in one_of_each(call).items():
        body = call.get(f"{PATH}/{id}").body
        absent = {f"phases.{n}.{name}: absent" for n in (0, 1) for name in ("automatic_tax", "trial")}
        assert set(missing(stripe.SubscriptionSchedule, body)) == absent
        assert body["status"] == status


def test_each_status_shows_what_it_implies(call: Caller) -> None:
    found = {status: call.get(f"{PATH}/{id}").body for status, id in one_of_each(call).items()}
    current = {status: body["current_phase"] for status, body in found.items() if body["current_phase"]}
    assert current == {"active": {"start_date": START, "end_date": START + 10 * DAY}}
    assert [status for status, body in found.items() if body["subscription"]] == ["active", "completed", "canceled"]
    assert [status for status, body in found.items() if body["released_subscription"]] == ["released"]
    ended = {
        status: [body[name] for name in ("completed_at", "released_at", "canceled_at")]
        for status, body in found.items()
    }
    assert ended == {
        "not_started": [None, None, None],
        "active": [None, None, None],
        "completed": [START - 8, None, None],
        "released": [None, START - 7, None],
        "canceled": [None, None, START - 6],
    }
    held = call.get(f"/v1/subscriptions/{found['active']['subscription']}", {"expand": ["schedule"]}).body
    assert held["schedule"]["id"] == found["active"]["id"]
    freed = call.get(f"/v1/subscriptions/{found['released']['released_subscription']}").body
    assert freed["schedule"] is None
    call.world.clock.advance(10 * DAY)
    assert call.get(f"{PATH}/{found['active']['id']}").body["current_phase"] is None


def test_its_life_is_told_step_by_step(call: Caller) -> None:
    customer, subscription, price = subscribe(call)
    since = len(call.world.tables["event"])
    id = schedule(call.world, customer, phases(price, START + DAY), START)["id"]
    start_schedule(call.world, id, subscription, START)
    end_schedule(call.world, id, "released", START)
    told = list(call.world.tables["event"])[since:]
    assert [event["type"] for event in told] == [
        "subscription_schedule.created",
        "subscription_schedule.updated",
        "customer.subscription.updated",
        "subscription_schedule.released",
        "customer.subscription.updated",
    ]
    assert told[1]["data"]["previous_attributes"]["status"] == "not_started"
    assert "previous_attributes" not in told[3]["data"]


def test_a_life_long_ago_is_kept_but_not_told(call: Caller) -> None:
    customer, subscription, price = subscribe(call)
    since = len(call.world.tables["event"])
    long_ago = START - 31 * DAY
    id = schedule(call.world, customer, phases(price, START), long_ago)["id"]
    start_schedule(call.world, id, subscription, long_ago)
    end_schedule(call.world, id, "completed", long_ago)
    assert len(call.world.tables["event"]) == since
    assert call.get(f"{PATH}/{id}").body["status"] == "completed"


def test_what_cannot_be_is_refused(call: Caller) -> None:
    customer, subscription, price = subscribe(call)
    _, others, _ = subscribe(call)
    gap = phases(price, START, START + DAY)
    gap[1] = {**gap[1], "start_date": START + 1}
    for wrong in ([], gap, phases("price_x", START)):
        with pytest.raises(ValueError, match=r"phases|no price"):
            schedule(call.world, customer, wrong, START)
    id = schedule(call.world, customer, phases(price, START + DAY), START)["id"]
    with pytest.raises(ValueError, match="no subscription"):
        start_schedule(call.world, id, others, START)
    with pytest.raises(ValueError, match="active"):
        end_schedule(call.world, id, "completed", START)
    end_schedule(call.world, id, "canceled", START)
    with pytest.raises(ValueError, match="not_started"):
        start_schedule(call.world, id, subscription, START)


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, ["canceled", "released", "completed", "active", "not_started"]),
        ({"scheduled": True}, ["not_started"]),
        ({"scheduled": False}, ["canceled", "released", "completed", "active", "not_started"]),
        ({"canceled_at": {"gt": 0}}, ["canceled"]),
        ({"completed_at": START - 8}, ["completed"]),
        ({"completed_at": {"lt": START - 8}}, []),
        ({"released_at": {"lte": START}}, ["released"]),
        ({"created": {"lt": START - 98}}, ["active", "not_started"]),
        ({"limit": 2}, ["canceled", "released"]),
    ],
)
def test_lists_are_filtered(call: Caller, params: dict[str, Any], expected: list[str]) -> None:
    found = one_of_each(call)
    assert [row["id"] for row in call.get(PATH, params).body["data"]] == [found[name] for name in expected]


def test_a_customer_has_its_own(call: Caller) -> None:
    found = one_of_each(call)
    owner = call.get(f"{PATH}/{found['active']}", {"expand": ["customer", "subscription"]}).body
    customer = owner["customer"]["id"]
    assert owner["subscription"]["customer"] == customer
    assert [row["id"] for row in call.get(PATH, {"customer": customer}).body["data"]] == [found["active"]]
    call.send("delete", f"/v1/customers/{customer}")
    assert [row["id"] for row in call.get(PATH, {"customer": customer}).body["data"]] == [found["active"]]
    assert call.get(PATH, {"customer": "cus_x"}).code == "resource_missing"


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"status": "active"}, "parameter_unknown"),
        ({"subscription": "sub_1"}, "parameter_unknown"),
        ({"scheduled": "yes"}, None),
        ({"customer_account": "acct_1"}, "emulator_gap"),
        ({"expand": ["data.phases.items.price"]}, "emulator_gap"),
    ],
)
def test_what_a_list_cannot_do_is_refused(call: Caller, params: dict[str, Any], code: str | None) -> None:
    assert call.get(PATH, params).code == code
    assert call.get(f"{PATH}/sub_sched_x").status == 404


def test_only_keys_with_the_permission_read_them(world: World) -> None:
    allowed = frozenset({"rak_subscription_schedule_read"})
    world.keys |= {"rk_test_a": Key(allowed), "rk_test_b": Key(frozenset({"rak_subscription_read"}))}
    assert Caller(world, "rk_test_a").get(PATH).status == 200
    assert Caller(world, "rk_test_b").get(PATH).status == 403
    assert Caller(world, "rk_test_a").post(PATH, {"customer": "cus_1"}).status == 403


def test_what_a_history_wrote_is_not_changed_by_requests(call: Caller) -> None:
    found = one_of_each(call)
    for status in ("not_started", "active"):
        for path in ("", "/cancel", "/release"):
            assert call.post(f"{PATH}/{found[status]}{path}").code == "emulator_gap"
    call.world.clock.advance(90 * DAY)
    assert call.get(f"{PATH}/{found['not_started']}").body["status"] == "not_started"
