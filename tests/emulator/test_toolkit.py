"""The Billing migration toolkit's 15 examples: each row as the schedule that it becomes, and what is billed for it.

The requests are written by hand, as the design of subscription migrations derives them from the rows. The table is
that of the examples' README: dates in UTC, amounts in cents. A trial leaves an invoice of nothing on its first day.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.emulator.timeline import Timeline, at, timeline

START, ANCHOR = "2024-01-01", "2024-01-25"
END = "2025-03-01 12:00"
MONTH: dict[str, Any] = {"interval": "month"}
FIRSTS = [f"2024-{month:02d}-01" for month in range(1, 13)] + ["2025-01-01", "2025-02-01", "2025-03-01"]
ON_25TH = [f"2024-{month:02d}-25" for month in range(1, 13)] + ["2025-01-25", "2025-02-25"]
LAST_DAYS = [
    "2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30", "2024-05-31", "2024-06-30", "2024-07-31",
    "2024-08-31", "2024-09-30", "2024-10-31", "2024-11-30", "2024-12-31", "2025-01-31", "2025-02-28",
]  # fmt: skip

Phase = dict[str, Any]
Row = Callable[[Timeline], dict[str, Any]]


def phase(price: str, quantity: int = 1, **extra: Any) -> Phase:
    """The phase of a row: what it says of every one, then what is special about this one."""
    item = {"price": price, "quantity": quantity}
    common = {"collection_method": "charge_automatically", "proration_behavior": "none"}
    return {"items": [item], "metadata": {"third_party_sub_id": "subscription_1"}, **common, **extra}


def waiting(price: str, **extra: Any) -> list[Phase]:
    """Nothing is charged before the anchor: a trial up to it, then the subscription as it will be."""
    return [phase(price, trial="true", end_date=at(ANCHOR), **extra), phase(price, duration=MONTH)]


def flat_quantity(call: Timeline) -> dict[str, Any]:
    return {"phases": [phase(call.price(), 2)]}


def multi_price(call: Timeline) -> dict[str, Any]:
    items = [{"price": call.price(), "quantity": 2}, {"price": call.price(20_000), "quantity": 1}]
    return {"phases": [phase("", items=items)]}


def addon_fee(call: Timeline) -> dict[str, Any]:
    product = call.make("/v1/products", {"name": "Setup"})
    fee = {"price_data": {"currency": "usd", "product": product, "unit_amount": 2_000}}
    return {"phases": [phase(call.price(), 2, add_invoice_items=[fee])]}


def adhoc(call: Timeline) -> dict[str, Any]:
    product = call.make("/v1/products", {"name": "Bespoke"})
    data = {"currency": "usd", "product": product, "recurring": MONTH, "unit_amount": 15_300}
    return {"phases": [phase("", items=[{"price_data": data, "quantity": 1}])]}


def yearly_automatic(call: Timeline) -> dict[str, Any]:
    return {"phases": [phase(call.price(50_000, "year"))]}


def yearly_invoice(call: Timeline) -> dict[str, Any]:
    sent: dict[str, Any] = {"collection_method": "send_invoice", "invoice_settings": {"days_until_due": 30}}
    return {"phases": [phase(call.price(50_000, "year"), **sent)]}


def due_for_renewal(call: Timeline) -> dict[str, Any]:
    # The anchor is a whole interval after the start, where it would be anyway.
    return {"phases": [phase(call.price())]}


def mid_cycle_paid(call: Timeline) -> dict[str, Any]:
    return {"phases": waiting(call.price())}


def trial(call: Timeline) -> dict[str, Any]:
    return {"phases": [phase(call.price(), trial_end=at("2024-01-31"), end_date=at("2024-02-29"))]}


def past_due(call: Timeline) -> dict[str, Any]:
    price = call.price()
    # 24 of the 31 days from December 25 to January 25, of 100.00.
    product = call.get(f"/v1/prices/{price}").body["product"]
    stub = {"price_data": {"currency": "usd", "product": product, "unit_amount": 7_742}}
    phases = waiting(price)
    phases[0] |= {"add_invoice_items": [stub]}
    return {"phases": phases}


def cancel_at_period_end(call: Timeline) -> dict[str, Any]:
    return {"phases": waiting(call.price())[:1], "end_behavior": "cancel"}


def stripe_tax(call: Timeline) -> dict[str, Any]:
    return {"phases": [phase(call.price(), automatic_tax={"enabled": True})]}


def manual_tax_rate(call: Timeline) -> dict[str, Any]:
    rate = call.make("/v1/tax_rates", {"display_name": "Tax", "inclusive": False, "percentage": "10"})
    taxed = {"default_tax_rates": [rate]}
    phases = waiting(call.price())
    return {"phases": [{**one, **taxed} for one in phases]}


def external_tax(call: Timeline) -> dict[str, Any]:
    return {"phases": [phase(call.price())]}


def coupon(call: Timeline) -> dict[str, Any]:
    call.make("/v1/coupons", {"id": "sample_coupon", "percent_off": "10", "duration": "forever"})
    return {"phases": [phase(call.price(), discounts=[{"coupon": "sample_coupon"}])]}


def monthly(days: list[str], amount: int) -> list[tuple[str, int]]:
    return [(one, amount) for one in days]


TABLE: list[tuple[str, Row, list[tuple[str, int]]]] = [
    ("01", flat_quantity, monthly(FIRSTS, 20_000)),
    ("02", multi_price, monthly(FIRSTS, 40_000)),
    ("03", addon_fee, [(START, 22_000), *monthly(FIRSTS[1:], 20_000)]),
    ("04", adhoc, monthly(FIRSTS, 15_300)),
    ("05", yearly_automatic, [(START, 50_000), ("2025-01-01", 50_000)]),
    ("06", yearly_invoice, [(START, 50_000), ("2025-01-01", 50_000)]),
    ("07", due_for_renewal, monthly(FIRSTS, 10_000)),
    ("08", mid_cycle_paid, [(START, 0), *monthly(ON_25TH, 10_000)]),
    ("09", trial, [(START, 0), *monthly(LAST_DAYS, 10_000)]),
    ("10", past_due, [(START, 7_742), *monthly(ON_25TH, 10_000)]),
    ("11", cancel_at_period_end, [(START, 0)]),
    # 100.00 and New York's 8.875%, rounded up from 8.875.
    ("12", stripe_tax, monthly(FIRSTS, 10_888)),
    ("13", manual_tax_rate, [(START, 0), *monthly(ON_25TH, 11_000)]),
    ("14", external_tax, monthly(FIRSTS, 10_000)),
    ("15", coupon, monthly(FIRSTS, 9_000)),
]


@pytest.mark.parametrize(
    ("row", "expected"), [row[1:] for row in TABLE], ids=[f"{n}-{f.__name__}" for n, f, _ in TABLE]
)
def test_an_example_is_billed_as_its_table_says(row: Row, expected: list[tuple[str, int]]) -> None:
    call = timeline()
    sent = row(call)
    call.schedule(call.customer(), **sent)
    assert call.billed() == []
    call.until(END)
    assert call.billed() == expected


def test_what_is_charged_automatically_is_paid_after_an_hour() -> None:
    call = timeline()
    call.schedule(call.customer(), **flat_quantity(call))
    call.until("2024-01-01 00:59:59")
    assert [one["status"] for one in call.invoices()] == ["draft"]
    call.until("2024-01-01 01:00")
    (paid,) = call.invoices()
    assert (paid["status"], paid["amount_paid"], paid["status_transitions"]["paid_at"]) == (
        "paid",
        20_000,
        at("2024-01-01 01:00"),
    )


def test_a_yearly_invoice_is_sent_and_due_in_thirty_days() -> None:
    call = timeline()
    id = call.schedule(call.customer(card=False), **yearly_invoice(call))
    call.until("2024-01-30 23:59:59")
    (sent,) = call.invoices()
    assert (sent["status"], sent["due_date"], call.held(id)["status"]) == ("open", at("2024-01-31"), "active")
    call.until("2024-01-31")
    assert call.held(id)["status"] == "past_due"
    assert "invoice.overdue" in call.told()


def test_a_row_that_ends_with_its_period_is_canceled_on_the_day() -> None:
    call = timeline()
    id = call.schedule(call.customer(), **cancel_at_period_end(call))
    call.until("2024-01-24 23:59:59")
    held = call.held(id)
    assert (held["status"], held["cancel_at"]) == ("trialing", at(ANCHOR))
    call.until(ANCHOR)
    held = call.held(id)
    assert (held["status"], held["ended_at"], held["schedule"]) == ("canceled", at(ANCHOR), None)
    plan = call.get(f"/v1/subscription_schedules/{id}").body
    assert (plan["status"], plan["completed_at"]) == ("completed", at(ANCHOR))


def test_what_a_row_says_of_itself_is_on_its_subscription() -> None:
    call = timeline()
    id = call.schedule(call.customer(), metadata={"row": "1"}, **mid_cycle_paid(call))
    call.until("2024-01-10")
    held = call.held(id)
    assert held["metadata"] == {"third_party_sub_id": "subscription_1"}
    assert (held["status"], held["trial_end"], held["billing_cycle_anchor"]) == ("trialing", at(ANCHOR), at(ANCHOR))
    assert call.get(f"/v1/subscription_schedules/{id}").body["metadata"] == {"row": "1"}
    call.until(END)
    held = call.held(id)
    assert (held["status"], held["schedule"]) == ("active", None)
    plan = call.get(f"/v1/subscription_schedules/{id}").body
    assert (plan["status"], plan["released_at"]) == ("released", at("2024-02-25"))


@pytest.mark.parametrize("number", ["08", "10", "13"])
def test_a_trial_within_one_phase_is_billed_the_same(number: str) -> None:
    row, expected = next((row, expected) for name, row, expected in TABLE if name == number)
    call = timeline()
    (first, _) = row(call)["phases"]
    del first["trial"]
    one = {**first, "trial_end": at(ANCHOR), "end_date": at("2024-02-25")}
    call.schedule(call.customer(), [one])
    call.until(END)
    assert call.billed() == expected
