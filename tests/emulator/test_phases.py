"""Schedules as they run: how they start, what their phases change and bill, and how they end."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
import stripe
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.emulator.sdk_contract import missing
from tests.emulator.timeline import SCHEDULES, SUBSCRIPTIONS, Timeline, at, timeline

MONTH = {"interval": "month"}
NONE: dict[str, Any] = {"proration_behavior": "none"}
PRORATED: dict[str, Any] = {"proration_behavior": "create_prorations"}


@pytest.fixture
def call() -> Timeline:
    return timeline()


def phase(price: str, quantity: int = 1, **extra: Any) -> dict[str, Any]:
    return {"items": [{"price": price, "quantity": quantity}], **extra}


def lines(call: Timeline, number: int) -> list[tuple[int, str]]:
    """The amounts and words of the lines of one invoice."""
    return [(row["amount"], row["description"]) for row in call.invoices()[number]["lines"]["data"]]


def test_a_life_is_told_step_by_step(call: Timeline) -> None:
    id = call.schedule(call.customer(), [phase(call.price(), duration=MONTH, **NONE)], metadata={"a": "b"})
    plan = call.get(f"{SCHEDULES}/{id}").body
    assert (plan["status"], plan["current_phase"], plan["subscription"]) == ("not_started", None, None)
    since = len(call.told())
    call.until("2024-01-01 02:00")
    plan = call.get(f"{SCHEDULES}/{id}").body
    current = {"start_date": at("2024-01-01"), "end_date": at("2024-02-01")}
    assert (plan["status"], plan["current_phase"]) == ("active", current)
    assert call.told()[since:] == [
        "subscription_schedule.updated",
        "customer.subscription.created",
        "invoice.created",
        "customer.subscription.updated",
        "customer.updated",
        "invoice.finalized",
        "charge.succeeded",
        "invoice.paid",
        "invoice.payment_succeeded",
    ]
    moments = [event["created"] for event in call.world.tables["event"]][since:]
    assert moments == [at("2024-01-01")] * 4 + [at("2024-01-01 01:00")] * 5
    since = len(call.told())
    call.until("2024-02-01")
    assert call.told()[since:] == [
        "subscription_schedule.released",
        "customer.subscription.updated",
        "invoice.created",
        "customer.subscription.updated",
    ]
    plan = call.get(f"{SCHEDULES}/{id}").body
    assert (plan["status"], plan["released_at"], plan["subscription"]) == ("released", at("2024-02-01"), None)
    assert call.held(id)["schedule"] is None
    assert call.held(id)["id"] == plan["released_subscription"]


def test_one_that_starts_now_starts_within_the_request(call: Timeline) -> None:
    for start in ("now", call.world.now()):
        plan = call.post(
            SCHEDULES, {"customer": call.customer(), "start_date": start, "phases": [phase(call.price())]}
        ).body
        assert plan["status"] == "active"
        held = call.get(f"{SUBSCRIPTIONS}/{plan['subscription']}").body
        assert (held["schedule"], held["status"], held["created"]) == (plan["id"], "active", call.world.now())
        invoice = call.get(f"/v1/invoices/{held['latest_invoice']}").body
        assert (invoice["status"], invoice["automatically_finalizes_at"]) == ("draft", call.world.now() + 3600)


def test_answers_have_every_field_of_the_sdk(call: Timeline) -> None:
    rate = call.make("/v1/tax_rates", {"display_name": "Tax", "inclusive": False, "percentage": "10"})
    call.make("/v1/coupons", {"id": "TEN", "percent_off": 10, "duration": "forever"})
    extra = {"price": call.price(500, ""), "quantity": 2, "tax_rates": [rate]}
    first = phase(
        call.price(),
        trial="true",
        duration=MONTH,
        default_tax_rates=[rate],
        add_invoice_items=[extra],
        collection_method="send_invoice",
        invoice_settings={"days_until_due": 7},
        discounts=[{"coupon": "TEN"}],
        description="words",
    )
    first["items"][0] |= {"tax_rates": [rate], "metadata": {"a": "b"}}
    later = phase(call.price(), automatic_tax={"enabled": True}, billing_cycle_anchor="phase_start", **NONE)
    id = call.schedule(call.customer(), [first, later], default_settings={"collection_method": "charge_automatically"})
    absent = {f"phases.{n}.trial: absent" for n in (0, 1)} | {"phases.0.automatic_tax: absent"}
    for text in ("2023-12-31", "2024-01-02", "2024-02-02"):
        call.until(text)
        assert set(missing(stripe.SubscriptionSchedule, call.get(f"{SCHEDULES}/{id}").body)) == absent
    held = call.held(id)
    inside = {f"items.data.0.{name}: absent" for name in ("price.tiers", "price.currency_options", "plan.tiers")}
    assert set(missing(stripe.Subscription, held)) <= inside
    details = "parent.subscription_details.subscription_proration_date"
    gone = {f"{name}: absent" for name in ("confirmation_secret", "payments", details)}
    for invoice in call.invoices():
        assert set(missing(stripe.Invoice, invoice)) == gone
        for row in invoice["lines"]["data"]:
            assert set(missing(stripe.InvoiceLineItem, row)) == set()
    whole = call.get("/v1/invoices", {"expand": ["data.discounts.source.coupon"]}).body["data"][-1]
    (discount,) = whole["discounts"]
    assert set(missing(stripe.Discount, discount)) == set()
    assert discount["source"]["coupon"]["percent_off"] == 10


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        # Ten days of January's 31 are left: nothing is given back, the new price counts from February on.
        (NONE, [("2024-01-01", 10_000), ("2024-02-01", 31_000)]),
        # 10/31 of 100.00 back and 10/31 of 310.00 more, on the next invoice: -32.26 + 100.00 + 310.00.
        (PRORATED, [("2024-01-01", 10_000), ("2024-02-01", 31_000 - 3_226 + 10_000)]),
    ],
)
def test_a_phase_in_the_middle_of_a_period(
    call: Timeline, change: dict[str, Any], expected: list[tuple[str, int]]
) -> None:
    phases = [
        phase(call.price(), end_date=at("2024-01-22"), metadata={"kept": "1", "changed": "1", "gone": "1"}),
        phase(call.price(31_000), metadata={"changed": "2", "gone": ""}, end_date=at("2024-06-01"), **change),
    ]
    id = call.schedule(call.customer(), phases)
    call.until("2024-01-22")
    held = call.held(id)
    assert held["metadata"] == {"kept": "1", "changed": "2"}
    (row,) = held["items"]["data"]
    assert (row["price"]["unit_amount"], row["current_period_end"]) == (31_000, at("2024-02-01"))
    call.until("2024-02-15")
    assert call.billed() == expected


def test_prorations_are_to_the_second_and_say_what_they_are(call: Timeline) -> None:
    price = call.price()
    cut = at("2024-01-22") + 1
    phases = [phase(price, end_date=cut), phase(price, 3, duration=MONTH, **PRORATED)]
    call.schedule(call.customer(), phases)
    call.until("2024-02-01")
    left, whole = at("2024-02-01") - cut, 31 * 86400
    assert (left * 10_000 * 2 / whole) != round(left * 10_000 / whole)
    assert lines(call, 1) == [
        (30_000, "3 \u00d7 Pro (at $100.00 / month)"),
        (-3_226, "Unused time on 1 \u00d7 Pro after 22 Jan 2024"),
        (9_677, "Remaining time on 3 \u00d7 Pro after 22 Jan 2024"),
    ]
    rows = call.invoices()[1]["lines"]["data"]
    assert [row["parent"]["subscription_item_details"]["proration"] for row in rows] == [False, True, True]
    assert rows[1]["period"] == {"start": cut, "end": at("2024-02-01")}
    assert {row["discountable"] for row in rows[1:]} == {False}


def test_what_stays_the_same_is_not_prorated(call: Timeline) -> None:
    first, second, third = call.price(), call.price(20_000), call.price(31_000)
    both = [{"price": first, "quantity": 1}, {"price": second, "quantity": 1}]
    others = [{"price": first, "quantity": 1}, {"price": third, "quantity": 1}]
    phases: list[dict[str, Any]] = [
        {"items": both, "end_date": at("2024-01-22")},
        {"items": others, "duration": MONTH, **PRORATED},
    ]
    id = call.schedule(call.customer(), phases)
    call.until("2024-01-10")
    before = {row["price"]["id"]: row["id"] for row in call.held(id)["items"]["data"]}
    call.until("2024-02-01")
    after = {row["price"]["id"]: row["id"] for row in call.held(id)["items"]["data"]}
    assert after[first] == before[first]
    assert [amount for amount, _ in lines(call, 1)] == [31_000, 10_000, -6_452, 10_000]


def test_a_phase_at_the_end_of_a_period_is_billed_whole(call: Timeline) -> None:
    phases = [phase(call.price(), duration=MONTH), phase(call.price(20_000), duration=MONTH, **PRORATED)]
    call.schedule(call.customer(), phases)
    call.until("2024-03-15")
    assert call.billed() == [("2024-01-01", 10_000), ("2024-02-01", 20_000), ("2024-03-01", 20_000)]


@pytest.mark.parametrize(("change", "credit"), [(NONE, 0), (PRORATED, -3_226)])
def test_another_interval_begins_a_period_of_its_own(call: Timeline, change: dict[str, Any], credit: int) -> None:
    yearly = call.price(100_000, "year")
    id = call.schedule(call.customer(), [phase(call.price(), end_date=at("2024-01-22")), phase(yearly, **change)])
    call.until("2025-02-01")
    assert call.billed() == [("2024-01-01", 10_000), ("2024-01-22", 100_000 + credit), ("2025-01-22", 100_000)]
    assert call.held(id)["billing_cycle_anchor"] == at("2024-01-22")


def test_an_anchor_at_the_start_of_a_phase_begins_a_period(call: Timeline) -> None:
    price = call.price()
    reset: dict[str, Any] = {"billing_cycle_anchor": "phase_start", "duration": MONTH}
    call.schedule(call.customer(), [phase(price, end_date=at("2024-01-22")), phase(price, **reset, **NONE)])
    call.until("2024-03-01")
    assert call.billed() == [("2024-01-01", 10_000), ("2024-01-22", 10_000), ("2024-02-22", 10_000)]
    assert call.invoices()[1]["billing_reason"] == "subscription_update"


def test_what_a_phase_adds_is_on_its_first_invoice(call: Timeline) -> None:
    price, fee = call.price(), call.price(500, "")
    extra: dict[str, Any] = {"add_invoice_items": [{"price": fee, "quantity": 2}]}
    phases = [
        phase(price, duration=MONTH, **extra),
        phase(price, end_date=at("2024-02-10"), **extra),
        phase(price, duration=MONTH, **extra, **NONE),
    ]
    call.schedule(call.customer(), phases)
    call.until("2024-04-15")
    amounts = [amount for _, amount in call.billed()]
    assert amounts == [11_000, 11_000, 11_000, 10_000]
    assert lines(call, 0)[1] == (1_000, "Pro")
    row = call.invoices()[0]["lines"]["data"][1]
    assert row["parent"]["type"] == "invoice_item_details"


def test_terms_of_a_phase_take_the_place_of_those_before(call: Timeline) -> None:
    price = call.price()
    rate = call.make("/v1/tax_rates", {"display_name": "Tax", "inclusive": False, "percentage": "10"})
    call.make("/v1/coupons", {"id": "HALF", "percent_off": 50, "duration": "forever"})
    sent: dict[str, Any] = {"collection_method": "send_invoice", "invoice_settings": {"days_until_due": 7}}
    phases = [
        phase(price, duration=MONTH, discounts=[{"coupon": "HALF"}], **sent),
        phase(price, duration=MONTH, default_tax_rates=[rate], discounts=[{"coupon": "HALF"}]),
        phase(price, duration=MONTH),
    ]
    id = call.schedule(call.customer(), phases)
    call.until("2024-01-02")
    kept = call.held(id)["discounts"]
    call.until("2024-02-02")
    held = call.held(id)
    assert (held["discounts"], held["collection_method"], held["days_until_due"]) == (
        kept,
        "charge_automatically",
        None,
    )
    assert [one["id"] for one in held["default_tax_rates"]] == [rate]
    call.until("2024-03-02")
    assert (call.held(id)["discounts"], call.held(id)["default_tax_rates"]) == ([], [])
    assert [amount for _, amount in call.billed()] == [5_000, 5_500, 10_000]
    assert [one["status"] for one in call.invoices()] == ["open", "paid", "paid"]
    assert call.get("/v1/coupons/HALF").body["times_redeemed"] == 1


def test_a_schedule_can_end_its_subscription(call: Timeline) -> None:
    phases = [phase(call.price(), duration={"interval": "month", "interval_count": 2})]
    id = call.schedule(call.customer(), phases, end_behavior="cancel")
    call.until("2024-02-15")
    assert call.held(id)["cancel_at"] == at("2024-03-01")
    call.until("2024-05-01")
    plan, held = call.get(f"{SCHEDULES}/{id}").body, call.held(id)
    assert (plan["status"], plan["completed_at"], held["status"]) == ("completed", at("2024-03-01"), "canceled")
    assert (held["ended_at"], held["schedule"]) == (at("2024-03-01"), None)
    assert call.billed() == [("2024-01-01", 10_000), ("2024-02-01", 10_000)]


def test_canceling_before_the_start_bills_nobody(call: Timeline) -> None:
    id = call.schedule(call.customer(), [phase(call.price())])
    plan = call.post(f"{SCHEDULES}/{id}/cancel").body
    assert (plan["status"], plan["canceled_at"]) == ("canceled", call.world.now())
    assert call.told()[-1] == "subscription_schedule.canceled"
    call.until("2024-06-01")
    assert call.billed() == []
    again = call.post(f"{SCHEDULES}/{id}/cancel")
    assert (again.status, "`canceled` status" in again.body["error"]["message"]) == (400, True)


def test_canceling_later_ends_the_subscription(call: Timeline) -> None:
    id = call.schedule(call.customer(), [phase(call.price())])
    call.until("2024-01-10")
    assert call.post(f"{SCHEDULES}/{id}/cancel").param == "prorate"
    plan = call.post(f"{SCHEDULES}/{id}/cancel", {"prorate": "false"}).body
    held = call.get(f"{SUBSCRIPTIONS}/{plan['subscription']}").body
    assert (plan["status"], held["status"], held["ended_at"]) == ("canceled", "canceled", at("2024-01-10"))
    call.until("2024-06-01")
    assert len(call.billed()) == 1


def test_a_subscription_that_is_canceled_takes_its_schedule_along(call: Timeline) -> None:
    id = call.schedule(call.customer(), [phase(call.price())])
    call.until("2024-01-10")
    call.send("delete", f"{SUBSCRIPTIONS}/{call.held(id)['id']}")
    assert call.get(f"{SCHEDULES}/{id}").body["status"] == "canceled"
    call.until("2024-06-01")
    assert len(call.billed()) == 1


@pytest.mark.parametrize("keep", [True, False])
def test_releasing_leaves_the_subscription_as_it_is(call: Timeline, keep: bool) -> None:
    id = call.schedule(call.customer(), [phase(call.price(), duration=MONTH)], end_behavior="cancel")
    call.until("2024-01-10")
    plan = call.post(f"{SCHEDULES}/{id}/release", {"preserve_cancel_date": keep}).body
    assert (plan["status"], plan["released_at"], plan["subscription"]) == ("released", at("2024-01-10"), None)
    assert call.held(id)["cancel_at"] == (at("2024-02-01") if keep else None)
    call.until("2024-03-10")
    assert len(call.billed()) == (1 if keep else 3)


def test_deleting_a_customer_cancels_what_waits(call: Timeline) -> None:
    customer = call.customer()
    id = call.schedule(customer, [phase(call.price())])
    call.send("delete", f"/v1/customers/{customer}")
    assert call.get(f"{SCHEDULES}/{id}").body["status"] == "canceled"
    call.until("2024-06-01")
    assert call.billed() == []


def test_who_cannot_pay_is_past_due(call: Timeline) -> None:
    customer = call.customer(card=False)
    id = call.schedule(customer, [phase(call.price())])
    call.until("2024-01-01 01:00")
    (invoice,) = call.invoices()
    assert (invoice["status"], invoice["attempted"], invoice["amount_remaining"]) == ("open", True, 10_000)
    assert call.held(id)["status"] == "past_due"
    assert call.get(f"/v1/customers/{customer}").body["delinquent"] is True
    method = next(iter(call.world.tables["payment_method"]), None)
    assert method is None
    call.until("2024-02-02")
    assert [one["status"] for one in call.invoices()] == ["open", "open"]


def test_what_is_credited_beyond_an_invoice_stays_on_the_balance(call: Timeline) -> None:
    customer = call.customer()
    phases = [
        phase(call.price(31_000), end_date=at("2024-01-22")),
        phase(call.price(4_000), end_date=at("2024-06-01"), **PRORATED),
    ]
    call.schedule(customer, phases)
    call.until("2024-04-02")
    # 10/31 of 310.00 back, 10/31 of 40.00 and 40.00 more: 47.10 to the customer's good, used up in two months.
    assert [total for _, total in call.billed()] == [31_000, -10_000 + 1_290 + 4_000, 4_000, 4_000]
    balances = [(one["amount_due"], one["starting_balance"], one["ending_balance"]) for one in call.invoices()]
    assert balances == [(31_000, 0, 0), (0, 0, -4_710), (0, -4_710, -710), (3_290, -710, 0)]
    assert call.get(f"/v1/customers/{customer}").body["balance"] == 0
    assert [row["amount"] for row in call.get("/v1/charges").body["data"]] == [3_290, 31_000]


@settings(max_examples=25, deadline=None)
@given(
    amount=st.integers(1, 10**6),
    quantities=st.tuples(st.integers(0, 9), st.integers(0, 9)),
    cut=st.integers(1, 31 * 86400 - 1),
)
def test_prorations_come_to_the_time_that_each_quantity_was_there(
    amount: int, quantities: tuple[int, int], cut: int
) -> None:
    call = timeline()
    price, (before, after) = call.price(amount), quantities
    phases = [
        phase(price, before, end_date=at("2024-01-01") + cut),
        phase(price, after, end_date=at("2024-06-01"), **PRORATED),
    ]
    call.schedule(call.customer(), phases)
    call.until("2024-02-01")
    billed = sum(total for _, total in call.billed()) - amount * after
    fair = amount * Fraction(before * cut + after * (31 * 86400 - cut), 31 * 86400)
    # Each of the two parts is rounded by itself.
    assert abs(billed - fair) <= 1
