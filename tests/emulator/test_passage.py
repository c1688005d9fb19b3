"""The passage of time: the same whether it comes in one go or day by day, the same each time, and quick."""

from __future__ import annotations

import copy
import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.emulator.admin import handle_admin
from reconciler.emulator.app import Request
from reconciler.emulator.seed import load_seed
from reconciler.emulator.state import dump_world, parse_world
from tests.emulator.timeline import Timeline, at, remembers, timeline

DAY = 86400
START = at("2024-01-01")


PHASES = st.fixed_dictionaries(
    {
        "price": st.integers(0, 3),
        "quantity": st.integers(0, 3),
        "days": st.integers(1, 70),
        "proration_behavior": st.sampled_from(("none", "create_prorations")),
        "coupon": st.sampled_from(("", "", "THIRD", "FIVE", "ONCE", "MONTHS")),
        "taxed": st.booleans(),
        "extra": st.booleans(),
        "anchor": st.sampled_from(("automatic", "phase_start")),
    }
)
ROWS = st.fixed_dictionaries(
    {
        "phases": st.lists(PHASES, min_size=1, max_size=4),
        "end_behavior": st.sampled_from(("release", "cancel")),
        "trial": st.sampled_from((0, 0, 1, 24)),
        "starts": st.integers(0, 40 * DAY),
        "card": st.booleans(),
        "sent": st.booleans(),
    }
)


def catalogue(call: Timeline) -> tuple[list[str], str, str]:
    prices = [call.price(1_000), call.price("333.3"), call.price(99, "week"), call.price(5_000, "month", every=3)]
    call.make("/v1/coupons", {"id": "THIRD", "percent_off": "33.33", "duration": "forever"})
    call.make("/v1/coupons", {"id": "FIVE", "amount_off": 500, "currency": "usd", "duration": "forever"})
    call.make("/v1/coupons", {"id": "ONCE", "percent_off": "50", "duration": "once"})
    call.make("/v1/coupons", {"id": "MONTHS", "percent_off": "10", "duration": "repeating", "duration_in_months": 2})
    rate = call.make("/v1/tax_rates", {"display_name": "Tax", "inclusive": False, "percentage": "8.25"})
    return prices, rate, call.price(700, "")


def plan(call: Timeline, row: dict[str, Any], goods: tuple[list[str], str, str]) -> None:
    """Schedule a row if it can be billed; what answers 501 or 400 leaves nothing behind."""
    prices, rate, extra = goods
    phases: list[dict[str, Any]] = []
    for position, one in enumerate(row["phases"]):
        phase: dict[str, Any] = {
            "items": [{"price": prices[one["price"]], "quantity": one["quantity"]}],
            "duration": {"interval": "day", "interval_count": one["days"]},
            "proration_behavior": one["proration_behavior"],
        }
        if one["coupon"]:
            phase["discounts"] = [{"coupon": one["coupon"]}]
        if one["taxed"]:
            phase["default_tax_rates"] = [rate]
        if one["extra"]:
            phase["add_invoice_items"] = [{"price": extra}]
        if row["trial"] and not position:
            phase["trial_end"] = START + row["starts"] + min(row["trial"], one["days"]) * DAY
        elif one["anchor"] == "phase_start":
            phase["billing_cycle_anchor"] = "phase_start"
        if row["sent"]:
            phase |= {"collection_method": "send_invoice", "invoice_settings": {"days_until_due": 14}}
        phases.append(phase)
    sent = {"customer": call.customer(row["card"]), "phases": phases, "end_behavior": row["end_behavior"]}
    reply = call.post("/v1/subscription_schedules", {**sent, "start_date": START + row["starts"]})
    assert reply.status in (200, 400, 501), reply.body


@settings(max_examples=40, deadline=None)
@given(rows=st.lists(ROWS, min_size=1, max_size=5), steps=st.lists(st.integers(1, 45 * DAY), min_size=1, max_size=12))
def test_it_does_not_matter_how_often_one_looks(rows: list[dict[str, Any]], steps: list[int]) -> None:
    call = timeline()
    goods = catalogue(call)
    for row in rows:
        plan(call, row, goods)
    daily, irregular = (Timeline(copy.deepcopy(call.world)) for _ in range(2))
    end = START + 200 * DAY
    call.world.clock.advance(end - call.world.clock())
    call.get("/v1/invoices")
    while daily.world.clock() < end:
        daily.world.clock.advance(min(DAY, end - daily.world.clock()))
        daily.get("/v1/invoices")
    for step in steps:
        irregular.world.clock.advance(min(step, end - irregular.world.clock()))
        irregular.get("/v1/invoices")
        if step % 2:
            # Written to disk and read again, it goes on as before.
            written = json.loads(json.dumps(dump_world(irregular.world)))
            irregular = Timeline(parse_world(written, irregular.world.clock))
    irregular.world.clock.advance(end - irregular.world.clock())
    irregular.get("/v1/invoices")
    expected = json.loads(json.dumps(_unlogged(remembers(call.world))))
    assert json.loads(json.dumps(_unlogged(remembers(daily.world)))) == expected
    assert json.loads(json.dumps(_unlogged(remembers(irregular.world)))) == expected


def _unlogged(document: dict[str, Any]) -> dict[str, Any]:
    return {**document, "sequence": {name: n for name, n in document["sequence"].items() if name != "req"}}


def account(rows: int) -> Timeline:
    """So many schedules of a trial and a paid phase, a minute after each other; one customer in ten cannot pay."""
    call = timeline()
    price = call.price()
    common = {"items": [{"price": price}], "proration_behavior": "none"}
    for number in range(rows):
        phases: list[dict[str, Any]] = [
            {**common, "trial": "true", "end_date": at("2024-01-25")},
            {**common, "duration": {"interval": "month"}},
        ]
        call.schedule(call.customer(number % 10 != 0), phases, start_date=START + number * 60)
    return call


def test_the_same_account_has_the_same_year_again() -> None:
    first, second = account(50), account(50)
    for call in (first, second):
        call.until("2025-03-01 12:00")
    assert dump_world(first.world) == dump_world(second.world)


def test_two_thousand_schedules_live_fourteen_months_in_seconds() -> None:
    call = account(2_000)
    began = time.process_time()
    call.until("2025-03-01 12:00")
    # It takes 6 s of a processor; the machine may be slower.
    assert time.process_time() - began < 30
    assert len(call.world.tables["invoice"]) == 2_000 * 15
    paid = call.world.tables["invoice"].having("status", "paid")
    assert len(paid) == 2_000 + 1_800 * 14


def test_the_clock_of_the_admin_route_bills() -> None:
    call = account(1)
    body = json.dumps({"advance": 60 * DAY})
    assert handle_admin([call.world], Request("POST", "/_emulator/clock", {}, body)).status == 200
    told = list(call.world.tables["event"])
    assert [one for one in told if one["type"] == "invoice.payment_failed"]
    assert all(one["request"] == {"id": None, "idempotency_key": None} for one in told if one["created"] >= START)


@pytest.mark.parametrize("status", ["active", "trialing", "past_due"])
def test_what_was_planted_stands_still(status: str) -> None:
    call = timeline()
    price, customer = call.price(), call.customer()
    load_seed(call.world, {"subscriptions": [{"customer": customer, "items": [{"price": price}], "status": status}]})
    call.until("2025-01-01")
    assert call.billed() == []
    (held,) = call.get("/v1/subscriptions").body["data"]
    assert held["status"] == status
