"""What subscriptions are billed from period to period: anchors, trials, ends, and who pays how."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.emulator.rules.billing import attach_payment_method
from tests.emulator.timeline import SUBSCRIPTIONS, Timeline, at, timeline

DAY = 86400
NONE = {"proration_behavior": "none"}


@pytest.fixture
def call() -> Timeline:
    return timeline("2024-01-01")


def subscribe(call: Timeline, price: str, **extra: Any) -> str:
    customer = extra.pop("customer", None) or call.customer()
    return call.make(SUBSCRIPTIONS, {"customer": customer, "items": [{"price": price}], **extra})


def test_the_first_invoice_is_paid_within_the_request(call: Timeline) -> None:
    id = subscribe(call, call.price())
    held = call.get(f"{SUBSCRIPTIONS}/{id}", {"expand": ["latest_invoice"]}).body
    invoice = held["latest_invoice"]
    assert (held["status"], invoice["status"], invoice["amount_paid"]) == ("active", "paid", 10_000)
    assert (invoice["billing_reason"], invoice["period_start"], invoice["period_end"]) == (
        "subscription_create",
        at("2024-01-01"),
        at("2024-01-01"),
    )
    call.until("2024-02-01 02:00")
    invoice = call.invoices()[1]
    assert (invoice["billing_reason"], invoice["status"]) == ("subscription_cycle", "paid")
    assert (invoice["period_start"], invoice["period_end"]) == (at("2024-01-01"), at("2024-02-01"))
    (line,) = invoice["lines"]["data"]
    assert line["period"] == {"start": at("2024-02-01"), "end": at("2024-03-01")}


def test_an_invoice_to_send_is_a_draft_for_an_hour(call: Timeline) -> None:
    sent = {"collection_method": "send_invoice", "days_until_due": 3}
    subscribe(call, call.price(), customer=call.customer(card=False), **sent)
    assert [one["status"] for one in call.invoices()] == ["draft"]
    call.until("2024-01-01 01:00")
    (invoice,) = call.invoices()
    assert (invoice["status"], invoice["due_date"]) == ("open", at("2024-01-04"))
    assert "invoice.sent" in call.told()


@pytest.mark.parametrize(
    ("start", "interval", "every", "expected"),
    [
        ("2024-01-31", "month", 1, ["2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30", "2024-05-31"]),
        ("2023-01-31", "month", 1, ["2023-01-31", "2023-02-28", "2023-03-31", "2023-04-30", "2023-05-31"]),
        ("2024-02-29", "year", 1, ["2024-02-29", "2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29"]),
        ("2024-11-30", "month", 3, ["2024-11-30", "2025-02-28", "2025-05-30", "2025-08-30", "2025-11-30"]),
        ("2024-02-28", "week", 2, ["2024-02-28", "2024-03-13", "2024-03-27", "2024-04-10", "2024-04-24"]),
        ("2024-02-28", "day", 1, ["2024-02-28", "2024-02-29", "2024-03-01", "2024-03-02", "2024-03-03"]),
    ],
)
def test_periods_are_counted_from_the_anchor(start: str, interval: str, every: int, expected: list[str]) -> None:
    call = timeline(start)
    subscribe(call, call.price(10_000, interval, every=every))
    call.until(expected[-1])
    assert [day for day, _ in call.billed()] == expected


def test_an_anchor_ahead_is_prorated(call: Timeline) -> None:
    # 24 of the 31 days from December 25 to January 25.
    id = subscribe(call, call.price(), billing_cycle_anchor=at("2024-01-25"))
    assert call.get(f"{SUBSCRIPTIONS}/{id}").body["billing_cycle_anchor"] == at("2024-01-25")
    call.until("2024-02-26")
    assert call.billed() == [("2024-01-01", 7_742), ("2024-01-25", 10_000), ("2024-02-25", 10_000)]


def test_an_anchor_ahead_is_free_if_nothing_is_prorated(call: Timeline) -> None:
    backdated = {"backdate_start_date": at("2023-12-25"), "billing_cycle_anchor": at("2024-01-25"), **NONE}
    id = subscribe(call, call.price(), customer=call.customer(card=False), **backdated)
    held = call.get(f"{SUBSCRIPTIONS}/{id}").body
    assert (held["start_date"], held["status"], held["latest_invoice"]) == (at("2023-12-25"), "active", None)
    call.until("2024-02-26")
    assert call.billed() == [("2024-01-25", 10_000), ("2024-02-25", 10_000)]


@pytest.mark.parametrize("proration", ["none", "create_prorations"])
def test_a_whole_period_before_the_anchor_is_billed_at_once(call: Timeline, proration: str) -> None:
    call.until("2024-01-31")
    subscribe(call, call.price(), billing_cycle_anchor=at("2024-02-29"), proration_behavior=proration)
    call.until("2024-04-30")
    # From then on the 29th counts, not the 31st on which it began.
    days = ["2024-01-31", "2024-02-29", "2024-03-29", "2024-04-29"]
    assert call.billed() == [(day, 10_000) for day in days]


def test_an_update_while_it_is_free_takes_the_coupon_away(call: Timeline) -> None:
    call.make("/v1/coupons", {"id": "HALF", "percent_off": 50, "duration": "forever"})
    half = {"discounts": [{"coupon": "HALF"}]}
    terms = {"billing_cycle_anchor": at("2024-01-25"), **NONE, **half}
    lost, kept = (subscribe(call, call.price(), **terms) for _ in range(2))
    call.post(f"{SUBSCRIPTIONS}/{lost}", {"metadata": {"a": "b"}})
    call.post(f"{SUBSCRIPTIONS}/{kept}", {"metadata": {"a": "b"}, **half})
    call.until("2024-01-26")
    call.post(f"{SUBSCRIPTIONS}/{kept}", {"metadata": {"a": "c"}})
    call.until("2024-02-26")
    totals = {id: [one["total"] for one in call.invoices() if _of(one) == id] for id in (lost, kept)}
    assert totals == {lost: [10_000, 10_000], kept: [5_000, 5_000]}


def _of(invoice: dict[str, Any]) -> str:
    id: str = invoice["parent"]["subscription_details"]["subscription"]
    return id


@pytest.mark.parametrize(
    ("params", "code", "param"),
    [
        ({"billing_cycle_anchor": at("2023-12-31")}, None, "billing_cycle_anchor"),
        ({"billing_cycle_anchor": at("2024-02-02")}, None, "billing_cycle_anchor"),
        ({"billing_cycle_anchor": at("2024-01-05"), "trial_period_days": 3}, "emulator_gap", "billing_cycle_anchor"),
        ({"backdate_start_date": at("2024-01-02")}, None, "backdate_start_date"),
        ({"backdate_start_date": at("2023-12-02")}, "emulator_gap", "backdate_start_date"),
        ({"backdate_start_date": at("2023-12-02"), **NONE}, "emulator_gap", "backdate_start_date"),
        ({"proration_behavior": "always_invoice"}, "emulator_gap", "proration_behavior"),
        ({"cancel_at": at("2023-12-31")}, None, "cancel_at"),
        ({"cancel_at": at("2024-01-20")}, "emulator_gap", "cancel_at"),
        ({"cancel_at": at("2024-02-10"), **NONE}, "emulator_gap", "cancel_at"),
        ({"cancel_at": "max_billed_until"}, "emulator_gap", "cancel_at"),
        ({"cancel_at": at("2024-02-01"), "cancel_at_period_end": True}, "parameters_exclusive", "cancel_at"),
        ({"payment_behavior": "default_incomplete"}, "emulator_gap", "payment_behavior"),
        ({"default_payment_method": "pm_x"}, "resource_missing", "default_payment_method"),
        ({"trial_end": at("2026-02-01")}, None, "trial_end"),
        ({"collection_method": "send_invoice"}, "parameter_missing", "days_until_due"),
        ({"discounts": [{"coupon": "NO"}]}, "resource_missing", "discounts[0][coupon]"),
    ],
)
def test_what_cannot_be_billed_is_refused(call: Timeline, params: dict[str, Any], code: str | None, param: str) -> None:
    sent = {"customer": call.customer(), "items": [{"price": call.price()}], **params}
    reply = call.post(SUBSCRIPTIONS, sent)
    assert (reply.code, reply.param) == (code, param), reply.body
    assert not len(call.world.tables["subscription"])
    assert not len(call.world.tables["invoice"])


def test_a_trial_costs_nothing_and_ends_by_itself(call: Timeline) -> None:
    id = subscribe(call, call.price(), customer=call.customer(card=False), trial_period_days=14)
    (first,) = call.invoices()
    assert (first["total"], first["status"], first["amount_due"]) == (0, "paid", 0)
    assert first["lines"]["data"][0]["description"] == "Trial period for Pro"
    assert call.get(f"{SUBSCRIPTIONS}/{id}").body["status"] == "trialing"
    for text, told in (("2024-01-11 23:59", 0), ("2024-01-12", 1), ("2024-01-15", 1)):
        call.until(text)
        assert call.told().count("customer.subscription.trial_will_end") == told
    assert call.get(f"{SUBSCRIPTIONS}/{id}").body["status"] == "active"
    call.until("2024-01-15 01:00")
    held = call.get(f"{SUBSCRIPTIONS}/{id}").body
    assert (held["status"], held["billing_cycle_anchor"]) == ("past_due", at("2024-01-15"))
    owner = call.get(f"/v1/customers/{held['customer']}").body
    assert owner["delinquent"] is True
    attach_payment_method(call.world, owner["id"], call.world.now())
    call.until("2024-02-15 01:00")
    assert call.get(f"{SUBSCRIPTIONS}/{id}").body["status"] == "active"
    assert [one["status"] for one in call.invoices()] == ["paid", "open", "paid"]


def test_what_is_added_at_the_start_of_a_trial_is_billed_at_once(call: Timeline) -> None:
    extra = {"add_invoice_items": [{"price": call.price(7_742, "")}]}
    subscribe(call, call.price(), trial_period_days=14, **extra)
    assert [(one["total"], one["status"]) for one in call.invoices()] == [(7_742, "paid")]
    broke = {"customer": call.customer(card=False), "items": [{"price": call.price()}], "trial_period_days": 14}
    assert call.post(SUBSCRIPTIONS, {**broke, **extra}).code == "resource_missing"


@pytest.mark.parametrize(
    ("params", "end", "bills"),
    [
        ({"cancel_at_period_end": True}, "2024-02-01", 1),
        ({"cancel_at": "min_period_end"}, "2024-02-01", 1),
        ({"cancel_at": at("2024-03-01")}, "2024-03-01", 2),
        ({"cancel_at": at("2024-01-10"), **NONE}, "2024-01-10", 1),
        ({"cancel_at_period_end": True, "trial_period_days": 14}, "2024-01-15", 1),
    ],
)
def test_a_subscription_ends_on_its_day(call: Timeline, params: dict[str, Any], end: str, bills: int) -> None:
    created = subscribe(call, call.price(), **params)
    changed = None
    if "trial_period_days" not in params:
        changed = subscribe(call, call.price())
        call.post(f"{SUBSCRIPTIONS}/{changed}", params)
    for id in filter(None, (created, changed)):
        assert call.get(f"{SUBSCRIPTIONS}/{id}").body["cancel_at"] == at(end)
    call.until("2024-06-01")
    for id in filter(None, (created, changed)):
        held = call.get(f"{SUBSCRIPTIONS}/{id}").body
        assert (held["status"], held["ended_at"], held["canceled_at"]) == ("canceled", at(end), at("2024-01-01"))
        assert held["cancellation_details"]["reason"] == "cancellation_requested"
        assert len([one for one in call.invoices() if _of(one) == id]) == bills


def test_an_end_on_the_last_day_of_the_period_lets_nothing_more_be_billed(call: Timeline) -> None:
    id = subscribe(call, call.price())
    params = {"cancel_at": at("2024-02-01"), "metadata": {"moved_to": "elsewhere"}, **NONE}
    held = call.post(f"{SUBSCRIPTIONS}/{id}", params).body
    assert (held["cancel_at"], held["canceled_at"], held["status"]) == (at("2024-02-01"), at("2024-01-01"), "active")
    assert (held["cancel_at_period_end"], held["metadata"]) == (False, {"moved_to": "elsewhere"})
    assert held["items"]["data"][0]["current_period_end"] == at("2024-02-01")
    call.until("2024-01-31 23:59")
    assert call.get(f"{SUBSCRIPTIONS}/{id}").body["status"] == "active"
    call.until("2024-02-01")
    held = call.get(f"{SUBSCRIPTIONS}/{id}").body
    assert (held["status"], held["ended_at"]) == ("canceled", at("2024-02-01"))
    assert len(call.invoices()) == 1
    assert call.post(f"{SUBSCRIPTIONS}/{id}", {"cancel_at": ""}).status == 400


def test_an_end_can_be_taken_back(call: Timeline) -> None:
    id = subscribe(call, call.price(), cancel_at=at("2024-03-01"))
    held = call.post(f"{SUBSCRIPTIONS}/{id}", {"cancel_at": ""}).body
    assert (held["cancel_at"], held["canceled_at"], held["cancellation_details"]["reason"]) == (None, None, None)
    call.until("2024-04-02")
    assert len(call.billed()) == 4


def test_another_card_for_one_subscription(call: Timeline) -> None:
    customer = call.customer(card=False)
    first = attach_payment_method(call.world, customer, call.world.now(), default=False)["id"]
    other = attach_payment_method(call.world, call.customer(), call.world.now())["id"]
    id = subscribe(call, call.price(), customer=customer, default_payment_method=first)
    assert call.get("/v1/charges").body["data"][0]["payment_method"] == first
    second = attach_payment_method(call.world, customer, call.world.now(), default=False)["id"]
    assert call.post(f"{SUBSCRIPTIONS}/{id}", {"default_payment_method": other}).code == "resource_missing"
    call.post(f"{SUBSCRIPTIONS}/{id}", {"default_payment_method": second})
    call.until("2024-02-02")
    assert call.get("/v1/charges").body["data"][0]["payment_method"] == second


def test_a_default_card_must_be_the_customers(call: Timeline) -> None:
    customer, stranger = call.customer(card=False), call.customer()
    method = attach_payment_method(call.world, customer, call.world.now(), default=False)["id"]
    path, params = "/v1/customers/{}", {"invoice_settings": {"default_payment_method": method}}
    assert call.post(path.format(stranger), params).code == "resource_missing"
    assert call.post("/v1/customers", params).code == "resource_missing"
    shown = call.post(path.format(customer), params).body
    assert shown["invoice_settings"]["default_payment_method"] == method
    subscribe(call, call.price(), customer=customer)
    cleared = call.post(path.format(customer), {"invoice_settings": {"default_payment_method": ""}}).body
    assert cleared["invoice_settings"]["default_payment_method"] is None


def test_credit_on_the_balance_is_used_first(call: Timeline) -> None:
    customer = call.customer(balance=-15_000)
    subscribe(call, call.price(), customer=customer)
    call.until("2024-02-02")
    first, second = call.invoices()
    assert (first["starting_balance"], first["amount_due"], first["ending_balance"]) == (-15_000, 0, -5_000)
    assert (second["starting_balance"], second["amount_due"], second["amount_paid"]) == (-5_000, 5_000, 5_000)
    assert call.get(f"/v1/customers/{customer}").body["balance"] == 0
    assert [row["amount"] for row in call.get("/v1/charges").body["data"]] == [5_000]


def test_metered_items_bill_no_usage_for_the_period_that_ends(call: Timeline) -> None:
    meter = call.make(
        "/v1/billing/meters",
        {"default_aggregation": {"formula": "sum"}, "display_name": "Calls", "event_name": "calls"},
    )
    usage: dict[str, Any] = {"recurring": {"interval": "month", "meter": meter, "usage_type": "metered"}}
    metered = call.price("0.5", **usage)
    id = call.make(SUBSCRIPTIONS, {"customer": call.customer(), "items": [{"price": call.price()}, {"price": metered}]})
    call.until("2024-02-01")
    rows = {row["pricing"]["price_details"]["price"]: row for row in call.invoices()[1]["lines"]["data"]}
    assert (rows[metered]["amount"], rows[metered]["quantity"]) == (0, 0)
    assert rows[metered]["period"] == {"start": at("2024-01-01"), "end": at("2024-02-01")}
    assert call.get(f"{SUBSCRIPTIONS}/{id}").status == 200
    tiers = [{"up_to": "inf", "flat_amount": 100, "unit_amount": 1}]
    flat = call.price(tiers=tiers, tiers_mode="graduated", billing_scheme="tiered", **usage)
    refused = call.post(SUBSCRIPTIONS, {"customer": call.customer(), "items": [{"price": flat}]})
    assert refused.code == "emulator_gap"


def test_customers_without_a_way_to_pay_are_refused_before_anything_is_kept(call: Timeline) -> None:
    product = call.make("/v1/products", {"name": "P"})
    data = {"currency": "usd", "product": product, "recurring": {"interval": "month"}, "unit_amount": 5}
    sent = {"customer": call.customer(card=False), "items": [{"price_data": data}]}
    before = {name: len(table) for name, table in call.world.tables.items()}
    assert call.post(SUBSCRIPTIONS, sent).code == "resource_missing"
    assert {name: len(table) for name, table in call.world.tables.items()} == before
    free = {**sent, "discounts": [{"coupon": call.make("/v1/coupons", {"percent_off": 100, "duration": "forever"})}]}
    assert call.post(SUBSCRIPTIONS, free).body["status"] == "active"
