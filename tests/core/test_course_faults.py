"""Why a row has no course: each reason with the column, what is said of it, and the good row beside it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from reconciler.core.address import Address
from reconciler.core.migrations import AdHoc, Duration, Item, Terms, Then
from reconciler.core.values import Ref
from tests.core.courses import account, at, coupon, faults_of, fee, lay, price, rate, terms

ANCHOR = "2024-01-25"
PRO = Ref(Address("price", "pro"))
FACTS = account(
    price("price_1", tax_behavior="exclusive"),
    price("price_2", product="prod_2", tax_behavior="inclusive"),
    price("price_pro", named=PRO),
    price("price_year", interval="year"),
    price("price_three", interval="year", interval_count=3),
    price("price_once", interval=""),
    price("price_api", None, metered=True),
    price("price_tiers", None),
    price("price_eur", currency="eur"),
    price("price_many", amounts={"usd": Decimal(100), "eur": Decimal(90)}),
    coupons=[
        coupon(),
        coupon("ONCE", duration="once"),
        coupon("MONTHS", duration="repeating", months=3),
        coupon("EUR", amounts_off={"eur": 100}),
        coupon("TWO", products=frozenset({"prod_2"})),
    ],
    rates=[rate("txr_on"), rate("txr_in", inclusive=True)],
)
MONTH = Duration(interval="month")


def adhoc(currency: str = "usd", interval: str = "month") -> Item:
    return Item(adhoc=AdHoc(product="prod_x", amount=100, currency=currency, interval=interval))


BROKEN: dict[str, tuple[Terms, tuple[str, str], str]] = {
    # the reason, the column, and a part of what is said
    "a one-time price": (terms("price_once"), ("price_one_time", "price"), "price_once is a one-time price"),
    "a quantity of usage": (
        terms(Item(price="price_api", quantity=2)),
        ("metered_quantity", "quantity"),
        "price_api is metered, and takes no quantity: 2",
    ),
    "intervals that differ": (
        terms("price_1", "price_year"),
        ("intervals_differ", "price"),
        "price_1 every 1 month, price_year every 1 year",
    ),
    "an ad-hoc interval that differs": (
        terms("price_1", adhoc(interval="week")),
        ("intervals_differ", "price"),
        "the ad-hoc price of prod_x every 1 week",
    ),
    "currencies that differ": (
        terms("price_1", "price_eur"),
        ("currencies_differ", "price"),
        "price_eur is in eur, and the subscription in usd",
    ),
    "a currency that the price has not": (
        terms("price_1", currency="gbp"),
        ("currencies_differ", "currency"),
        "price_1 is in usd, and the subscription in gbp",
    ),
    "an ad-hoc currency that differs": (
        terms("price_1", adhoc("eur")),
        ("currencies_differ", "adhoc_items.currency"),
        "the ad-hoc price of prod_x is in eur",
    ),
    "a fee in another currency": (
        terms("price_1", fees=(fee(), fee(currency="eur"))),
        ("fee_currency", "add_invoice_items.1.currency"),
        "the fee is in eur, and the subscription in usd",
    ),
    "one price by two names": (
        terms("price_1", Item(price="price_1")),
        ("price_twice", "price"),
        "price_1 is there twice",
    ),
    "an anchor after the next renewal": (
        terms("price_1", anchor="2024-02-02"),
        ("anchor_too_late", "billing_cycle_anchor"),
        "2024-02-02 is more than one interval (month) after the start, 2024-01-01",
    ),
    "an anchor on another hour of a longer month": (
        terms("price_1", start="2024-02-29", anchor="2024-03-31 12:00"),
        ("anchor_too_late", "billing_cycle_anchor"),
        "2024-03-31 12:00 UTC is more than one interval",
    ),
    "a trial of more than two years": (
        terms("price_1", trial_end="2026-01-01"),
        ("trial_too_long", "trial_end"),
        "nothing would be charged until 2026-01-01",
    ),
    "an anchor after more than two years": (
        terms("price_three", anchor="2026-12-01"),
        ("trial_too_long", "billing_cycle_anchor"),
        "nothing would be charged until 2026-12-01",
    ),
    "an anchor that is not the trial's end": (
        terms("price_1", trial_end="2024-01-20", anchor=ANCHOR),
        ("trial_end_with_anchor", "trial_end"),
        "names another one",
    ),
    "a past that is prorated without a word on it": (
        terms("price_1", anchor=ANCHOR, backdate="2023-12-25", prorated=True),
        ("backdate_with_prorations", "backdate_start_date"),
        "does not say what it is billed for",
    ),
    "a stub of tiers": (
        terms("price_tiers", anchor=ANCHOR, prorated=True),
        ("stub_unknown", "billing_cycle_anchor"),
        "price_tiers costs up to the anchor is not known",
    ),
    "too much that is added": (
        terms("price_1", anchor=ANCHOR, prorated=True, fees=tuple(fee(n) for n in range(20))),
        ("too_many_fees", "add_invoice_items"),
        "21 lines are added",
    ),
    "a price that includes its tax at a rate that does not": (
        terms("price_2", default_tax_rate="txr_on"),
        ("tax_behavior", "default_tax_rate"),
        "txr_on is exclusive, and the tax_behavior of price_2 is inclusive",
    ),
    "a rate that is included for a price that is not": (
        terms("price_1", default_tax_rate="txr_in"),
        ("tax_behavior", "default_tax_rate"),
        "txr_in is inclusive",
    ),
    "a price that Stripe Tax cannot tax": (
        terms("price_year", automatic_tax=True),
        ("tax_behavior_unspecified", "automatic_tax"),
        "price_year does not say whether its tax is included",
    ),
    "an ad-hoc price that Stripe Tax cannot tax": (
        terms(adhoc(), automatic_tax=True),
        ("tax_behavior_unspecified", "automatic_tax"),
        "the ad-hoc price of prod_x",
    ),
    "a coupon in another currency": (
        terms("price_1", coupon="EUR"),
        ("coupon_currency", "coupon"),
        "EUR takes an amount off in eur, and the subscription is in usd",
    ),
    "a coupon of another product": (
        terms("price_1", coupon="TWO"),
        ("coupon_products", "coupon"),
        "TWO is only good for prod_2, and the subscription is about prod_of_price_1",
    ),
    "a coupon of months across an anchor that begins the cycle anew": (
        terms("price_1", start="2024-01-31", anchor="2024-02-29", coupon="MONTHS"),
        ("coupon_anchor", "coupon"),
        "MONTHS lasts for some months, and the billing cycle begins anew within them, on 2024-02-29",
    ),
    "a coupon of months across a longer first period": (
        terms("price_1", start="2024-02-29", anchor="2024-03-31", coupon="MONTHS"),
        ("coupon_anchor", "coupon"),
        "on 2024-03-31",
    ),
}


@pytest.mark.parametrize(("said", "reason", "words"), BROKEN.values(), ids=BROKEN.keys())
def test_a_row_that_cannot_be_billed_is_told_why(said: Terms, reason: tuple[str, str], words: str) -> None:
    (fault,) = faults_of(said, FACTS)
    assert (fault.reason, fault.column) == reason
    assert words in fault.summary
    assert fault.hint


GOOD: dict[str, Terms] = {
    "prices of one interval": terms("price_1", "price_2"),
    "usage without a quantity": terms("price_api"),
    "a currency that the price has besides": terms("price_many", currency="eur"),
    "prices that have a currency in common": terms("price_eur", "price_many"),
    "an anchor on the next renewal": terms("price_1", anchor="2024-02-01"),
    "a trial of two years": terms("price_1", trial_end="2025-12-31"),
    "an anchor at the trial's end": terms("price_1", trial_end="2024-06-30", anchor="2024-06-30"),
    "tiers without a stub": terms("price_tiers", anchor=ANCHOR),
    "twenty fees": terms("price_1", fees=tuple(fee(n) for n in range(20))),
    "a rate for a price that says nothing": terms("price_year", default_tax_rate="txr_in"),
    "a rate for a price that agrees": terms("price_1", default_tax_rate="txr_on"),
    "an ad-hoc price beside one that says it": terms("price_1", adhoc(), automatic_tax=True),
    "a coupon of one of the products": terms("price_1", "price_2", coupon="TWO"),
    "a coupon of months with an anchor that changes nothing": terms("price_1", anchor="2024-02-01", coupon="MONTHS"),
}


@pytest.mark.parametrize("said", GOOD.values(), ids=GOOD.keys())
def test_a_row_that_can_be_billed_is_not_flagged(said: Terms) -> None:
    assert faults_of(said, FACTS) == ()


def test_all_that_is_wrong_with_a_row_is_told_together() -> None:
    many = terms(Item(price="price_api", quantity=1), "price_once")
    assert {fault.reason for fault in faults_of(many, FACTS)} == {"metered_quantity", "price_one_time"}
    rest = terms("price_2", anchor="2024-03-01", coupon="EUR", default_tax_rate="txr_on")
    assert {fault.reason for fault in faults_of(rest, FACTS)} == {"tax_behavior", "coupon_currency", "anchor_too_late"}


def test_a_coupon_may_be_good_for_a_product_that_this_plan_makes() -> None:
    made, other = Ref(Address("product", "pro")), Ref(Address("product", "other"))
    for products, reasons in ((made, []), (other, ["coupon_products"]), ("prod_2", ["coupon_products"])):
        facts = account(price("price_1", product=made), coupons=[coupon("TWO", products=frozenset({products}))])
        assert [fault.reason for fault in faults_of(terms("price_1", coupon="TWO"), facts)] == reasons


def test_a_price_is_known_by_its_id_and_by_its_address() -> None:
    both = account(price("price_pro", named=PRO), price("price_pro"))
    (fault,) = faults_of(terms(Item(price=PRO), "price_pro"), both)
    assert fault.reason == "price_twice"


def test_the_account_may_say_how_prices_are_taxed_that_do_not() -> None:
    facts = account(price("price_1"), tax_behavior="exclusive")
    assert lay(terms("price_1", adhoc(), automatic_tax=True), facts).phases[0]["automatic_tax"] == {"enabled": True}


def then(**more: Any) -> dict[str, Any]:
    return {"then": (Then(**{"duration": MONTH, **more}),)}


LATER: dict[str, tuple[Terms, dict[str, Any], tuple[str, str]]] = {
    "a price that cannot be subscribed to": (
        terms("price_1"),
        then(items=(Item(price="price_once"),)),
        ("price_one_time", "then.0.items"),
    ),
    "another currency": (
        terms("price_1"),
        then(items=(Item(price="price_eur"),)),
        ("currencies_differ", "then.0.items"),
    ),
    "a price that its tax does not fit": (
        terms("price_1", default_tax_rate="txr_on"),
        then(items=(Item(price="price_2"),)),
        ("tax_behavior", "then.0.items"),
    ),
    "a coupon that is no good": (terms("price_1"), then(coupon="EUR"), ("coupon_currency", "then.0.coupon")),
    "a coupon that reaches into the next phase": (
        terms("price_1", coupon="MONTHS"),
        then(),
        ("coupon_in_two_phases", "then.0.coupon"),
    ),
    "a coupon that is good once, again": (
        terms("price_1", coupon="ONCE"),
        then(coupon="ONCE"),
        ("coupon_in_two_phases", "then.0.coupon"),
    ),
    "an end that has passed when it begins": (
        terms("price_1"),
        {"then": (Then(end=at("2024-02-01")),)},
        ("then_ended", "then.0"),
    ),
    "an end that nobody will see": (
        terms("price_1"),
        then(duration=Duration(interval="year", interval_count=1000)),
        ("phase_too_long", "then.0"),
    ),
    "terms that nobody will see the end of": (
        terms("price_1"),
        {"lasts": Duration(interval="year", interval_count=1000), **then()},
        ("phase_too_long", ""),
    ),
    "another interval within a period": (
        terms("price_1"),
        {"lasts": Duration(interval="day", interval_count=10), **then(items=(Item(price="price_year"),))},
        ("then_within_period", "then.0"),
    ),
    "terms that last less than the first period": (
        terms("price_1", start="2024-02-29", anchor="2024-03-31"),
        {"lasts": Duration(interval="day", interval_count=10), **then()},
        ("lasts_too_short", ""),
    ),
    "more phases than there may be": (
        terms("price_1", anchor=ANCHOR),
        {"then": tuple(Then(duration=MONTH) for _ in range(9))},
        ("too_many_phases", ""),
    ),
    "more metadata than there may be": (
        terms("price_1", metadata={f"a{n}": "1" for n in range(30)}),
        then(metadata={f"b{n}": "1" for n in range(20)}),
        ("too_many_keys", ""),
    ),
    "an end before what follows": (
        terms("price_1", cancel_at_period_end=True),
        then(),
        ("ends_before_then", "cancel_at_period_end"),
    ),
    "a subscription instead of a schedule": (
        terms("price_1", anchor=ANCHOR),
        {"mid_cycle_by_subscription": True, **then()},
        ("mid_cycle_then", ""),
    ),
}


@pytest.mark.parametrize(("said", "block", "reason"), LATER.values(), ids=LATER.keys())
def test_a_further_phase_that_cannot_be_billed_is_told(
    said: Terms, block: dict[str, Any], reason: tuple[str, str]
) -> None:
    (fault,) = faults_of(said, FACTS, **block)
    assert (fault.reason, fault.column) == reason
    assert fault.hint


FOLLOWING: dict[str, tuple[Terms, dict[str, Any]]] = {
    "a coupon that goes on with nothing to be good for": (
        terms("price_2", coupon="TWO"),
        then(items=(Item(price="price_1"),)),
    ),
    "a coupon for ever named again": (terms("price_1", coupon="SAVE"), then(coupon="SAVE")),
    "a coupon of months that is over": (
        terms("price_1", coupon="MONTHS"),
        {"lasts": Duration(interval="month", interval_count=3), **then()},
    ),
    "a coupon of months that is dropped": (terms("price_1", coupon="MONTHS"), then(drop_coupon=True)),
    "the same interval within a period": (terms("price_1"), {"lasts": Duration(interval="day"), **then()}),
    "the longest that there may be": (
        terms("price_1", anchor=ANCHOR),
        {"then": tuple(Then(duration=MONTH) for _ in range(8))},
    ),
    "a schedule of a migration that has subscriptions, too": (
        terms("price_1"),
        {"mid_cycle_by_subscription": True, **then()},
    ),
}


@pytest.mark.parametrize(("said", "block"), FOLLOWING.values(), ids=FOLLOWING.keys())
def test_a_further_phase_that_can_be_billed_is_not_flagged(said: Terms, block: dict[str, Any]) -> None:
    assert faults_of(said, FACTS, **block) == ()
