"""Meter events: what was used is reported once, aggregated by its meter and billed when the period is over."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from reconciler.emulator.state import dump_world, parse_world
from reconciler.emulator.world import World
from tests.emulator.metered import METER_EVENTS, METERS, Metered, metered_account
from tests.emulator.sdk_contract import missing
from tests.emulator.timeline import SCHEDULES, SUBSCRIPTIONS, at

DAY = 86400


@pytest.fixture
def call() -> Metered:
    return metered_account()


def test_an_event_is_answered_with_every_field_of_the_sdk(call: Metered) -> None:
    call.meter()
    body = call.report(call.customer(), 5, identifier="e1", timestamp=at("2023-12-31")).body
    assert set(missing(stripe.billing.MeterEvent, body)) == set()
    assert body["payload"] == {"stripe_customer_id": "cus_000001", "value": "5"}
    assert (body["identifier"], body["timestamp"], body["created"]) == ("e1", at("2023-12-31"), at("2024-01-01"))
    given = call.report("cus_000001", 5).body
    assert given["identifier"]
    assert given["timestamp"] == at("2024-01-01")


def test_an_identifier_counts_once(call: Metered) -> None:
    customer = call.customer()
    call.subscribe(customer, call.metered_price(call.meter()))
    call.use(customer, 7, identifier="e1")
    again = call.report(customer, 7, identifier="e1")
    assert (again.status, again.code) == (400, None)
    assert again.body["error"]["message"] == "An event already exists with identifier e1."
    call.until("2024-02-01")
    assert call.lines() == [(7, 7)]


def test_a_request_that_is_sent_again_counts_once(call: Metered) -> None:
    customer = call.customer()
    call.subscribe(customer, call.metered_price(call.meter()))
    sent = {"event_name": "calls", "payload": {"stripe_customer_id": customer, "value": "3"}}
    first, second = (call.post(METER_EVENTS, sent, "key") for _ in range(2))
    assert first.body == second.body
    call.until("2024-02-01")
    assert call.lines() == [(3, 3)]


@pytest.mark.parametrize(("formula", "billed"), [("sum", 12), ("count", 3), ("last", 2)])
def test_usage_is_aggregated_as_its_meter_says(call: Metered, formula: str, billed: int) -> None:
    customer = call.customer()
    call.subscribe(customer, call.metered_price(call.meter(formula=formula)))
    call.until("2024-01-20")
    # The latest by its time is not the one that came last.
    call.use(customer, 2, timestamp=at("2024-01-19"))
    call.use(customer, 9, timestamp=at("2024-01-02"))
    call.use(customer, 1, timestamp=at("2024-01-03"))
    call.until("2024-02-01")
    assert call.lines() == [(billed, billed)]
    call.until("2024-03-01")
    assert call.lines() == [(0, 0)]


def test_of_two_last_events_of_one_moment_the_later_one_counts(call: Metered) -> None:
    customer = call.customer()
    call.subscribe(customer, call.metered_price(call.meter(formula="last")))
    call.use(customer, 9)
    call.use(customer, 4)
    call.until("2024-02-01")
    assert call.lines() == [(4, 4)]


def test_usage_that_was_reported_too_much_is_taken_back_but_nothing_is_owed_for_it(call: Metered) -> None:
    customer = call.customer()
    call.subscribe(customer, call.metered_price(call.meter()))
    call.use(customer, 10)
    call.use(customer, -4)
    call.until("2024-02-01")
    assert call.lines() == [(6, 6)]
    call.use(customer, -5)
    call.until("2024-03-01")
    assert call.lines() == [(0, 0)]


def test_usage_belongs_to_the_period_of_its_moment(call: Metered) -> None:
    customer, other = call.customer(), call.customer()
    call.subscribe(customer, call.metered_price(call.meter()))
    call.use(other, 50)
    call.until("2024-01-31 23:58")
    call.use(customer, 1, timestamp=at("2024-01-31 23:59"))
    call.use(customer, 10, timestamp=at("2024-02-01"))
    call.until("2024-02-01")
    assert call.lines() == [(1, 1)]
    call.until("2024-03-01")
    assert call.lines() == [(10, 10)]


@pytest.mark.parametrize(("mode", "amount"), [("graduated", 10 * 5 + 20 + 5 * 2), ("volume", 20 + 15 * 2)])
def test_usage_is_priced_by_tiers(call: Metered, mode: str, amount: int) -> None:
    tiers = [{"up_to": 10, "unit_amount": 5}, {"up_to": "inf", "unit_amount": 2, "flat_amount": 20}]
    price = call.metered_price(call.meter(), tiers=tiers, tiers_mode=mode, billing_scheme="tiered")
    customer = call.customer()
    call.subscribe(customer, price)
    call.use(customer, 15)
    call.until("2024-02-01")
    assert call.lines() == [(15, amount)]


def test_a_trial_is_free_whatever_is_used(call: Metered) -> None:
    customer = call.customer()
    call.subscribe(customer, call.metered_price(call.meter()), trial_period_days=14)
    call.use(customer, 100)
    call.until("2024-01-15")
    assert call.lines() == [(0, 0)]
    call.use(customer, 3)
    call.until("2024-02-15")
    assert call.lines() == [(3, 3)]


@pytest.mark.parametrize("end", [{"cancel_at_period_end": True}, {"cancel_at": at("2024-02-01")}])
def test_an_end_bills_what_was_used_until_then(call: Metered, end: dict[str, Any]) -> None:
    customer, idle = call.customer(), call.customer()
    price = call.metered_price(call.meter())
    for one in (customer, idle):
        call.subscribe(one, price, **end)
    call.use(customer, 40)
    call.until("2024-03-05")
    mine = [one for one in call.invoices() if one["customer"] == customer]
    assert [(one["total"], one["status"]) for one in mine] == [(0, "paid"), (40, "paid")]
    assert len([one for one in call.invoices() if one["customer"] == idle]) == 1


def test_a_schedule_that_ends_bills_what_was_used_until_then(call: Metered) -> None:
    customer, price = call.customer(), call.metered_price(call.meter())
    phase = {"items": [{"price": price}], "duration": {"interval": "month", "interval_count": 1}}
    sent = {"customer": customer, "start_date": "now", "phases": [phase], "end_behavior": "cancel"}
    call.make(SCHEDULES, sent)
    call.use(customer, 25)
    call.until("2024-02-02")
    assert call.billed() == [("2024-01-01", 0), ("2024-02-01", 25)]
    assert call.get(SUBSCRIPTIONS, {"status": "canceled"}).body["data"]


def test_a_phase_that_replaces_a_metered_price_bills_the_old_one_for_its_period(call: Metered) -> None:
    customer, meter = call.customer(), call.meter()
    old, new = call.metered_price(meter, 1), call.metered_price(meter, 10)
    phases = [
        {"items": [{"price": old}], "duration": {"interval": "month", "interval_count": 1}},
        {"items": [{"price": new}], "duration": {"interval": "month", "interval_count": 1}},
    ]
    call.schedule(customer, phases, start_date="now")
    call.use(customer, 4)
    call.until("2024-02-01")
    assert call.lines() == [(0, 0), (4, 4)]
    call.use(customer, 2)
    call.until("2024-03-01")
    assert call.lines() == [(2, 20)]
    cut = [{**phases[0], "duration": {"interval": "day", "interval_count": 9}, "proration_behavior": "none"}, phases[1]]
    refused = call.post(SCHEDULES, {"customer": customer, "start_date": at("2024-04-01"), "phases": cut})
    assert (refused.code, refused.param) == ("emulator_gap", "phases[1][items]")


def test_what_is_still_to_be_billed_for_usage_is_said_when_a_subscription_is_canceled(call: Metered) -> None:
    customer = call.customer()
    id = call.subscribe(customer, call.metered_price(call.meter()))
    call.use(customer, 1)
    call.until("2024-01-02")
    assert call.send("delete", f"{SUBSCRIPTIONS}/{id}", {"invoice_now": True}).code == "emulator_gap"
    # Without a last invoice, what was used since is lost, as Stripe has it.
    assert call.send("delete", f"{SUBSCRIPTIONS}/{id}").body["status"] == "canceled"
    call.until("2024-03-01")
    assert call.billed() == [("2024-01-01", 0)]


def test_usage_of_a_period_that_was_billed_already_is_a_gap(call: Metered) -> None:
    customer = call.customer()
    call.subscribe(customer, call.metered_price(call.meter()))
    call.until("2024-02-01 00:30")
    late = call.report(customer, 1, timestamp=at("2024-01-31"))
    assert (late.status, late.code, late.param) == (501, "emulator_gap", "timestamp")
    # Before there was a subscription, nobody ever bills it.
    call.use(customer, 1, timestamp=at("2023-12-31 12:00"))


def test_events_are_reported_within_35_days_by_the_time_of_the_customer(call: Metered) -> None:
    call.meter()
    clock = call.make("/v1/test_helpers/test_clocks", {"frozen_time": at("2023-06-01")})
    here, there = call.customer(), call.customer(test_clock=clock)
    for customer, now in ((here, at("2024-01-01")), (there, at("2023-06-01"))):
        for moment, status in ((-35 * DAY - 1, 400), (-35 * DAY, 200), (300, 200), (301, 400)):
            assert call.report(customer, 1, timestamp=now + moment).status == status


PAYLOADS: list[tuple[str, dict[str, Any], int, str | None]] = [
    ("no customer", {"value": "1"}, 400, "payload[stripe_customer_id]"),
    ("an unknown customer", {"stripe_customer_id": "cus_no", "value": "1"}, 400, "payload[stripe_customer_id]"),
    ("no value", {"stripe_customer_id": "cus_000001"}, 400, "payload[value]"),
    ("words", {"stripe_customer_id": "cus_000001", "value": "many"}, 400, "payload[value]"),
    ("a fraction", {"stripe_customer_id": "cus_000001", "value": "1.5"}, 501, "payload[value]"),
    ("a dimension", {"stripe_customer_id": "cus_000001", "value": "1", "region": "eu"}, 501, "payload[region]"),
]


@pytest.mark.parametrize(
    ("payload", "status", "param"), [row[1:] for row in PAYLOADS], ids=[row[0] for row in PAYLOADS]
)
def test_payloads_that_are_refused(call: Metered, payload: dict[str, Any], status: int, param: str) -> None:
    call.meter()
    call.customer()
    reply = call.post(METER_EVENTS, {"event_name": "calls", "payload": payload})
    assert (reply.status, reply.param) == (status, param), reply.body
    assert not len(call.world.tables["billing.meter_event"])


def test_a_meter_takes_events_by_its_own_keys_while_it_is_active(call: Metered) -> None:
    keys: dict[str, Any] = {
        "customer_mapping": {"event_payload_key": "who", "type": "by_id"},
        "value_settings": {"event_payload_key": "tokens"},
    }
    id, customer = call.meter(**keys), call.customer()
    payload = {"who": customer, "tokens": "8"}
    assert call.post(METER_EVENTS, {"event_name": "calls", "payload": payload}).status == 200
    call.post(f"{METERS}/{id}/deactivate")
    for name in ("calls", "no"):
        refused = call.post(METER_EVENTS, {"event_name": name, "payload": payload})
        assert (refused.status, refused.param) == (400, "event_name")
    call.meter("daily", event_time_window="day")
    assert call.report(customer, 1, "daily").code == "emulator_gap"


def test_a_meter_that_counts_needs_no_value(call: Metered) -> None:
    customer = call.customer()
    call.subscribe(customer, call.metered_price(call.meter(formula="count")))
    for _ in range(2):
        sent = {"event_name": "calls", "payload": {"stripe_customer_id": customer}}
        assert call.post(METER_EVENTS, sent).status == 200
    call.until("2024-02-01")
    assert call.lines() == [(2, 2)]


def test_usage_outlives_a_restart(call: Metered) -> None:
    customer = call.customer()
    call.subscribe(customer, call.metered_price(call.meter()))
    call.use(customer, 5, identifier="e1")
    again = Metered(parse_world(dump_world(call.world), call.world.clock))
    assert again.report(customer, 5, identifier="e1").status == 400
    again.until("2024-02-01")
    assert again.lines() == [(5, 5)]


def test_the_sdk_can_report_usage_and_void_what_it_cost(v1: Any, world: World) -> None:
    terms = {"default_aggregation": {"formula": "sum"}, "display_name": "Calls", "event_name": "calls"}
    meter, product = v1.billing.meters.create(terms).id, v1.products.create({"name": "P"}).id
    cycle = {"interval": "month", "meter": meter, "usage_type": "metered"}
    price = v1.prices.create({"currency": "usd", "product": product, "unit_amount": 2, "recurring": cycle}).id
    customer = v1.customers.create({}).id
    sent = {"collection_method": "send_invoice", "days_until_due": 9}
    v1.subscriptions.create({"customer": customer, "items": [{"price": price}], **sent})
    payload = {"stripe_customer_id": customer, "value": "21"}
    event = v1.billing.meter_events.create({"event_name": "calls", "payload": payload, "identifier": "e1"})
    assert (event.object, event.identifier, event.payload["value"]) == ("billing.meter_event", "e1", "21")
    world.clock.advance(32 * DAY)
    invoice = v1.invoices.list({"customer": customer, "status": "open"}).data[0]
    assert invoice.total == 42
    assert v1.invoices.void_invoice(invoice.id).status == "void"
