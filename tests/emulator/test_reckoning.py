"""Discounts and taxes on invoices, to the last minor unit, in currencies with and without decimals."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.emulator.billing.reckoning import shares
from reconciler.emulator.seed import SeedError, load_seed
from reconciler.emulator.state import dump_world, parse_world
from tests.emulator.timeline import SUBSCRIPTIONS, Timeline, timeline

HALF_YEAR = "2024-06-15"


@pytest.fixture
def call() -> Timeline:
    return timeline("2024-01-01")


def subscribe(call: Timeline, prices: list[str], **extra: Any) -> str:
    items = [{"price": price} for price in prices]
    return call.make(SUBSCRIPTIONS, {"customer": call.customer(), "items": items, **extra})


def totals(call: Timeline) -> list[int]:
    return [total for _, total in call.billed()]


@pytest.mark.parametrize(
    ("coupon", "expected"),
    [
        ({"percent_off": "33.33", "duration": "forever"}, [6_667] * 6),
        ({"percent_off": "100", "duration": "forever"}, [0] * 6),
        ({"amount_off": 2_500, "currency": "usd", "duration": "forever"}, [7_500] * 6),
        ({"amount_off": 12_500, "currency": "usd", "duration": "forever"}, [0] * 6),
        ({"percent_off": 50, "duration": "once"}, [5_000] + [10_000] * 5),
        ({"percent_off": 50, "duration": "repeating", "duration_in_months": 3}, [5_000] * 3 + [10_000] * 3),
        ({"amount_off": 9, "currency": "eur", "currency_options": {"usd": {"amount_off": 500}},
          "duration": "forever"}, [9_500] * 6),
    ],
)  # fmt: skip
def test_a_coupon_lasts_as_long_as_it_says(call: Timeline, coupon: dict[str, Any], expected: list[int]) -> None:
    id = call.make("/v1/coupons", coupon)
    held = subscribe(call, [call.price()], discounts=[{"coupon": id}])
    call.until(HALF_YEAR)
    assert totals(call) == expected
    first = call.invoices()[0]
    (reduced,) = first["total_discount_amounts"]
    assert (first["subtotal"], reduced["amount"]) == (10_000, 10_000 - expected[0])
    shown = call.get(f"{SUBSCRIPTIONS}/{held}", {"expand": ["discounts"]}).body["discounts"]
    assert [one["source"]["coupon"] for one in shown] == ([id] if expected[-1] != 10_000 or _kept(coupon) else [])


def _kept(coupon: dict[str, Any]) -> bool:
    return bool(coupon["duration"] == "forever")


def test_a_coupon_that_is_good_once_outlasts_a_trial(call: Timeline) -> None:
    id = call.make("/v1/coupons", {"percent_off": 50, "duration": "once"})
    subscribe(call, [call.price()], discounts=[{"coupon": id}], trial_period_days=10)
    call.until("2024-03-15")
    assert totals(call) == [0, 5_000, 10_000, 10_000]


def test_a_discount_outlives_its_coupon(call: Timeline) -> None:
    id = call.make("/v1/coupons", {"percent_off": 50, "duration": "forever"})
    subscribe(call, [call.price()], discounts=[{"coupon": id}])
    assert call.send("delete", f"/v1/coupons/{id}").status == 200
    call.until("2024-02-15")
    assert totals(call) == [5_000, 5_000]


def test_discounts_can_be_replaced_and_taken_away(call: Timeline) -> None:
    half, tenth = (call.make("/v1/coupons", {"percent_off": n, "duration": "forever"}) for n in (50, 10))
    held = subscribe(call, [call.price()], discounts=[{"coupon": half}])
    call.post(f"{SUBSCRIPTIONS}/{held}", {"discounts": [{"coupon": half}, {"coupon": tenth}]})
    call.until("2024-02-15")
    call.post(f"{SUBSCRIPTIONS}/{held}", {"discounts": ""})
    call.until("2024-03-15")
    assert totals(call) == [5_000, 4_500, 10_000]


def test_a_discount_is_dealt_to_the_lines_of_the_products_that_it_is_for(call: Timeline) -> None:
    prices = [call.price(33), call.price(33), call.price(33), call.price(500)]
    products = [call.get(f"/v1/prices/{price}").body["product"] for price in prices[:3]]
    terms = {"percent_off": 10, "duration": "forever", "applies_to": {"products": products}}
    subscribe(call, prices, discounts=[{"coupon": call.make("/v1/coupons", terms)}])
    (invoice,) = call.invoices()
    dealt = [[part["amount"] for part in row["discount_amounts"]] for row in invoice["lines"]["data"]]
    assert dealt == [[], [4], [3], [3]]
    assert (invoice["subtotal"], invoice["total"]) == (599, 589)


@given(st.integers(0, 10**9), st.lists(st.integers(0, 10**7), min_size=1, max_size=20).filter(any))
def test_what_is_dealt_is_what_there_is(amount: int, weights: list[int]) -> None:
    amount = min(amount, sum(weights))
    found = shares(amount, weights)
    assert sum(found) == amount
    assert all(0 <= share <= weight for share, weight in zip(found, weights, strict=True))
    assert all(
        abs(share * sum(weights) - amount * weight) < sum(weights) for share, weight in zip(found, weights, strict=True)
    )


def rate(call: Timeline, percentage: str, inclusive: bool = False) -> str:
    return call.make("/v1/tax_rates", {"display_name": "T", "inclusive": inclusive, "percentage": percentage})


def test_exclusive_rates_come_on_top_of_what_is_left(call: Timeline) -> None:
    rates = [rate(call, "10"), rate(call, "8.875")]
    coupon = call.make("/v1/coupons", {"percent_off": 10, "duration": "forever"})
    subscribe(call, [call.price()], default_tax_rates=rates, discounts=[{"coupon": coupon}])
    (invoice,) = call.invoices()
    # 10% and 8.875% of 90.00.
    assert [(tax["amount"], tax["taxable_amount"]) for tax in invoice["total_taxes"]] == [(900, 9_000), (799, 9_000)]
    assert (invoice["subtotal"], invoice["total_excluding_tax"], invoice["total"]) == (10_000, 9_000, 10_699)
    assert [one["id"] for one in invoice["default_tax_rates"]] == rates
    (line,) = invoice["lines"]["data"]
    assert [tax["tax_rate_details"]["tax_rate"] for tax in line["taxes"]] == rates


def test_inclusive_rates_are_in_the_price(call: Timeline) -> None:
    price = call.price(11_900, tax_behavior="inclusive")
    subscribe(call, [price], default_tax_rates=[rate(call, "19", inclusive=True)])
    (invoice,) = call.invoices()
    (tax,) = invoice["total_taxes"]
    assert (tax["amount"], tax["tax_behavior"], tax["taxable_amount"]) == (1_900, "inclusive", 10_000)
    assert (invoice["subtotal"], invoice["subtotal_excluding_tax"]) == (11_900, 10_000)
    assert (invoice["total"], invoice["total_excluding_tax"], invoice["amount_due"]) == (11_900, 10_000, 11_900)


def test_an_items_own_rates_stand_instead_of_the_subscriptions(call: Timeline) -> None:
    own, common = rate(call, "5"), rate(call, "20")
    items = [{"price": call.price(), "tax_rates": [own]}, {"price": call.price(20_000)}]
    sent = {"customer": call.customer(), "items": items, "default_tax_rates": [common]}
    held = call.make(SUBSCRIPTIONS, sent)
    assert call.billed() == [("2024-01-01", 10_500 + 24_000)]
    shown = call.get(f"{SUBSCRIPTIONS}/{held}").body["items"]["data"]
    assert [[one["id"] for one in row["tax_rates"]] for row in shown] == [[own], []]


def test_rates_can_change_from_one_invoice_to_the_next(call: Timeline) -> None:
    held = subscribe(call, [call.price()], default_tax_rates=[rate(call, "10")])
    call.post(f"{SUBSCRIPTIONS}/{held}", {"default_tax_rates": [rate(call, "20")]})
    call.until("2024-02-15")
    call.post(f"{SUBSCRIPTIONS}/{held}", {"default_tax_rates": ""})
    call.until("2024-03-15")
    assert totals(call) == [11_000, 12_000, 10_000]


@pytest.mark.parametrize(
    ("address", "exempt", "expected", "reason"),
    [
        ({"country": "US", "state": "NY"}, "none", 10_888, "standard_rated"),
        ({"country": "DE"}, "none", 11_900, "standard_rated"),
        ({"country": "US", "state": "OR"}, "none", 10_000, "not_collecting"),
        ({"country": "DE"}, "reverse", 10_000, "reverse_charge"),
        ({"country": "DE"}, "exempt", 10_000, "customer_exempt"),
    ],
)
def test_automatic_tax_is_that_of_the_place(
    call: Timeline, address: dict[str, str], exempt: str, expected: int, reason: str
) -> None:
    customer = call.customer(address=address, tax_exempt=exempt)
    taxed = {"automatic_tax": {"enabled": True}}
    call.make(SUBSCRIPTIONS, {"customer": customer, "items": [{"price": call.price()}], **taxed})
    (invoice,) = call.invoices()
    assert (invoice["total"], invoice["total_taxes"][0]["taxability_reason"]) == (expected, reason)
    assert (invoice["automatic_tax"]["enabled"], invoice["automatic_tax"]["status"]) == (True, "complete")


def test_an_invoice_without_a_place_is_not_finalized(call: Timeline) -> None:
    customer = call.customer()
    taxed = {"automatic_tax": {"enabled": True}}
    call.make(SUBSCRIPTIONS, {"customer": customer, "items": [{"price": call.price()}], **taxed})
    call.post(f"/v1/customers/{customer}", {"address": ""})
    call.until("2024-02-15")
    last = call.invoices()[1]
    assert (last["status"], last["auto_advance"]) == ("draft", False)
    assert last["last_finalization_error"]["code"] == "customer_tax_location_invalid"
    assert "invoice.finalization_failed" in call.told()


@pytest.mark.parametrize(
    ("currency", "amount", "stub", "taxed"),
    [("jpy", 999, 773, 850), ("usd", 999, 773, 850), ("kwd", 99_990, 77_412, 85_153)],
)
def test_currencies_are_counted_in_their_own_minor_units(
    call: Timeline, currency: str, amount: int, stub: int, taxed: int
) -> None:
    # 24 of 31 days, then 10% on top of the rounded amount.
    price = call.price(amount, currency=currency)
    terms = {"billing_cycle_anchor": call.world.now() + 24 * 86400, "default_tax_rates": [rate(call, "10")]}
    subscribe(call, [price], **terms)
    (invoice,) = call.invoices()
    assert (invoice["currency"], invoice["subtotal"], invoice["total"]) == (currency, stub, taxed)


def test_tiers_and_packs_price_the_quantity(call: Timeline) -> None:
    tiers = [{"up_to": 10, "unit_amount": 100, "flat_amount": 50}, {"up_to": "inf", "unit_amount_decimal": "33.3"}]
    price = call.price(tiers=tiers, tiers_mode="graduated", billing_scheme="tiered")
    packs = call.price(500, transform_quantity={"divide_by": 5, "round": "up"})
    items = [{"price": price, "quantity": 15}, {"price": packs, "quantity": 11}]
    call.make(SUBSCRIPTIONS, {"customer": call.customer(), "items": items})
    assert [row["amount"] for row in call.invoices()[0]["lines"]["data"]] == [1_500, 1_050 + 167]


def test_the_places_of_stripe_tax_come_with_a_seed_and_stay_on_disk(call: Timeline) -> None:
    load_seed(call.world, {"account": {"tax_places": {"US-NY": "8.875", "FR": "20"}}})
    again = parse_world(json.loads(json.dumps(dump_world(call.world))), call.world.clock)
    assert again.tax_places == {"US-NY": "8.875", "FR": "20"}
    for wrong in ({"FR": 20}, {"FR": "much"}, ["FR"]):
        with pytest.raises(SeedError, match="tax_places must say percentages"):
            load_seed(call.world, {"account": {"tax_places": wrong}})
