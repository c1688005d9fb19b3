"""The phases of a row's schedule, and what its course says: sentence by sentence, from hand-made facts."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from reconciler.core.address import Address
from reconciler.core.course import Opening
from reconciler.core.migrations import AdHoc, Backdated, Duration, Item, Then
from reconciler.core.row_course import lay_course, lay_subscription
from reconciler.core.values import Ref
from tests.core.courses import (
    MARKS,
    account,
    at,
    coupon,
    day,
    fee,
    first_of,
    lay,
    migration,
    price,
    rate,
    row,
    spans,
    terms,
)

ANCHOR = "2024-01-25"
ONE = account(price("price_1"), coupons=[coupon()])
NONE: dict[str, Any] = {"proration_behavior": "none"}
TRIAL: dict[str, Any] = {**NONE, "trial": True}
SAVED: dict[str, Any] = {**NONE, "discounts": [{"coupon": "SAVE"}]}
METERED = price("price_api", None, metered=True)


def extra(amount: int, product: str = "prod_of_price_1", **more: Any) -> dict[str, Any]:
    return {"price_data": {"currency": "usd", "product": product, "unit_amount": amount, **more}}


SHAPES: dict[str, tuple[dict[str, Any], Opening, list[tuple[str, dict[str, Any]]]]] = {
    "without an anchor there is one phase of one interval": ({}, Opening.FULL, [("2024-02-01", NONE)]),
    "an anchor where the calendar puts it anyway says nothing new": (
        {"anchor": "2024-02-01"},
        Opening.FULL,
        [("2024-02-01", NONE)],
    ),
    "an anchor on the last day of a short month begins the cycle anew": (
        {"start": "2024-01-31", "anchor": "2024-02-29"},
        Opening.FULL,
        [("2024-02-29", NONE), ("2024-03-29", {**NONE, "billing_cycle_anchor": "phase_start"})],
    ),
    "one that ends then needs no second phase": (
        {"start": "2024-01-31", "anchor": "2024-02-29", "cancel_at_period_end": True},
        Opening.FULL,
        [("2024-02-29", NONE)],
    ),
    "a period that is longer than the calendar has it is charged as what is added": (
        {"start": "2024-02-29", "anchor": "2024-03-31"},
        Opening.FULL,
        [
            ("2024-03-31", {**TRIAL, "add_invoice_items": [extra(10_000, tax_behavior="exclusive")]}),
            ("2024-04-30", NONE),
        ],
    ),
    "a sooner anchor waits in a trial": (
        {"anchor": ANCHOR},
        Opening.ANCHORED,
        [("2024-01-25", TRIAL), ("2024-02-25", NONE)],
    ),
    "a sooner anchor that is prorated adds the stub": (
        {"anchor": ANCHOR, "prorated": True},
        Opening.STUB,
        [
            ("2024-01-25", {**TRIAL, "add_invoice_items": [extra(7_742, tax_behavior="exclusive")]}),
            ("2024-02-25", NONE),
        ],
    ),
    "a stub of less than half a cent is not added": (
        {"start": "2024-01-24 23:59:50", "anchor": ANCHOR, "prorated": True, "item": "price_cheap"},
        Opening.STUB,
        [("2024-01-25", TRIAL), ("2024-02-25", NONE)],
    ),
    "a trial is one phase that covers an interval after it": (
        {"trial_end": "2024-01-31"},
        Opening.TRIAL,
        [("2024-02-29", {**NONE, "trial_end": at("2024-01-31")})],
    ),
    "a trial with an anchor at its end is a trial": (
        {"trial_end": "2024-01-31", "anchor": "2024-01-31"},
        Opening.TRIAL,
        [("2024-02-29", {**NONE, "trial_end": at("2024-01-31")})],
    ),
    "a trial with a coupon that ends by itself is two": (
        {"trial_end": "2024-01-31", "coupon": "ONCE"},
        Opening.TRIAL,
        [("2024-01-31", TRIAL), ("2024-02-29", {**NONE, "discounts": [{"coupon": "ONCE"}]})],
    ),
    "a coupon is on the phase that pays": (
        {"anchor": ANCHOR, "coupon": "SAVE"},
        Opening.ANCHORED,
        [("2024-01-25", TRIAL), ("2024-02-25", SAVED)],
    ),
    "one that ends before it is charged has its coupon all the same": (
        {"anchor": ANCHOR, "coupon": "SAVE", "cancel_at_period_end": True},
        Opening.ENDING,
        [("2024-01-25", {**TRIAL, **SAVED})],
    ),
    "one that ends with its trial is all trial": (
        {"trial_end": "2024-01-31", "cancel_at_period_end": True},
        Opening.ENDING,
        [("2024-01-31", TRIAL)],
    ),
}


@pytest.mark.parametrize(("said", "opening", "phases"), SHAPES.values(), ids=SHAPES.keys())
def test_phases(said: dict[str, Any], opening: Opening, phases: list[tuple[str, dict[str, Any]]]) -> None:
    dear = price("price_1", tax_behavior="exclusive")
    facts = account(dear, price("price_cheap", 1), coupons=[coupon(), coupon("ONCE", duration="once")])
    said = dict(said)
    course = lay(terms(said.pop("item", "price_1"), **said), facts)
    assert (course.opening, spans(course)) == (opening, phases)
    assert course.end_behavior == ("cancel" if said.get("cancel_at_period_end") else "release")
    assert course.ends == (course.phases[-1]["end_date"] if said.get("cancel_at_period_end") else None)


def test_every_phase_says_all_that_the_row_does() -> None:
    facts = account(price("price_1"), METERED, rates=[rate()])
    said = terms(
        Item(price="price_1", quantity=3),
        Item(price="price_api"),
        anchor=ANCHOR,
        backdate="2023-12-25",
        collection_method="send_invoice",
        days_until_due=30,
        default_tax_rate="txr_1",
        fees=(fee(),),
        metadata={"third_party_sub_id": "sub_1"},
    )
    course = lay(said, facts)
    alike = {
        "items": [{"price": "price_1", "quantity": 3}, {"price": "price_api"}],
        "currency": "usd",
        "collection_method": "send_invoice",
        "invoice_settings": {"days_until_due": 30},
        "default_tax_rates": ["txr_1"],
        "metadata": {"third_party_sub_id": "sub_1", **MARKS, "billplan_backdate_start_date": str(at("2023-12-25"))},
    }
    added = {"add_invoice_items": [extra(2_000, "prod_setup", tax_behavior="exclusive")]}
    assert course.phases == (
        {**alike, **TRIAL, **added, "end_date": at(ANCHOR)},
        {**alike, **NONE, "end_date": at("2024-02-25")},
    )


def test_what_this_plan_makes_is_named_by_reference() -> None:
    pro, product = Ref(Address("price", "pro")), Ref(Address("product", "pro"))
    save, tax, setup = Ref(Address("coupon", "save")), Ref(Address("tax_rate", "vat")), Ref(Address("product", "setup"))
    facts = account(
        replace(price("", product=product), named=pro, id=None),
        ids={setup: "prod_setup"},
    )
    facts = replace(facts, coupons={save: replace(coupon(), id=None)}, rates={tax: replace(rate(), id=None)})
    said = terms(
        Item(price=pro), Item(adhoc=AdHoc(product=product, amount=100, currency="usd", interval="month")),
        anchor=ANCHOR, prorated=True, coupon=save, default_tax_rate=tax, fees=(replace(fee(), product=setup),),
    )  # fmt: skip
    (first, whole) = lay(said, facts).phases
    data = {"currency": "usd", "product": product, "recurring": {"interval": "month", "interval_count": 1}}
    assert first["items"] == [
        {"price": pro, "quantity": 1},
        {"price_data": {**data, "unit_amount": 100, "tax_behavior": "exclusive"}, "quantity": 1},
    ]
    assert first["discounts"] == whole["discounts"] == [{"coupon": save}]
    assert first["default_tax_rates"] == [tax]
    assert [one["price_data"]["product"] for one in first["add_invoice_items"]] == [product, product, "prod_setup"]


TAXES: dict[str, tuple[dict[str, Any], str, str, bool]] = {
    # How the account takes prices that do not say, how the price says it, and whether tax adds to the amount.
    "what is made up is taxed as its rate": ({"default_tax_rate": "txr_1"}, "", "unspecified", False),
    "what is made up is taxed as the prices beside it": ({"automatic_tax": True}, "", "exclusive", True),
    "what includes its tax gets nothing on top": ({"automatic_tax": True}, "", "inclusive", False),
    "what says nothing is as the account has it": ({"automatic_tax": True}, "inclusive", "unspecified", False),
    "dollars have their tax on top": ({"automatic_tax": True}, "inferred_by_currency", "unspecified", True),
}


@pytest.mark.parametrize(("said", "usual", "own", "adds"), TAXES.values(), ids=TAXES.keys())
def test_taxes(said: dict[str, Any], usual: str, own: str, adds: bool) -> None:
    facts = account(price("price_1", tax_behavior=own), rates=[rate()], tax_behavior=usual)
    made = Item(adhoc=AdHoc(product="prod_x", amount=100, currency="usd", interval="month"))
    course = lay(terms(Item(price="price_1"), made, fees=(fee(),), **said), facts)
    (phase,) = course.phases
    behavior = "exclusive" if "default_tax_rate" in said else own if own != "unspecified" else None
    assert phase["items"][1]["price_data"].get("tax_behavior") == behavior
    assert phase["add_invoice_items"][0]["price_data"].get("tax_behavior") == behavior
    assert phase.get("automatic_tax") == ({"enabled": True} if "automatic_tax" in said else None)
    assert course.first is not None
    assert course.first.plus_tax is adds
    assert ("plus tax" in course.words) is adds


def test_tax_adds_where_one_price_of_two_has_it_on_top() -> None:
    facts = account(price("price_1", tax_behavior="inclusive"), price("price_2", tax_behavior="exclusive"))
    course = lay(terms("price_1", "price_2", automatic_tax=True), facts)
    assert course.first is not None
    assert course.first.plus_tax


def test_euros_have_their_tax_within_where_the_account_infers_it() -> None:
    facts = account(price("price_1", currency="eur"), tax_behavior="inferred_by_currency")
    assert "plus tax" not in lay(terms("price_1", automatic_tax=True), facts).words


def test_a_row_chooses_one_of_the_currencies_of_its_prices() -> None:
    facts = account(price("price_1", amounts={"usd": Decimal(100), "eur": Decimal(90)}))
    course = lay(terms("price_1", currency="eur"), facts)
    assert (course.currency, course.period_amount, course.phases[0]["currency"]) == ("eur", 90, "eur")


def test_a_row_that_cannot_be_read_has_no_course() -> None:
    unread = replace(row(terms("price_1")), terms=None)
    assert lay_course(migration(), unread, ONE, MARKS) == (None, ())


def test_without_metadata_and_marks_a_phase_has_none() -> None:
    course, _ = lay_course(migration(), row(terms("price_1")), ONE, {})
    assert course is not None
    assert "metadata" not in course.phases[0]


def test_what_is_billed_for_the_past_depends_on_the_migration() -> None:
    past = terms("price_1", anchor=ANCHOR, backdate="2023-12-10", prorated=True)
    start, back = (first_of(lay(past, ONE, backdated=one)) for one in Backdated)
    assert (start, back) == (("2024-01-01", 7_742), ("2024-01-01", 15_000))


THEN = Then(duration=Duration(interval="month", interval_count=3), items=(Item(price="price_2"),))


def test_a_further_phase_has_its_own_items_and_all_the_rest_of_the_row() -> None:
    facts = account(price("price_1"), price("price_2", 20_000), coupons=[coupon(), coupon("TWENTY")])
    second = Then(duration=Duration(interval="month"), coupon="TWENTY", metadata={"plan": "b"}, prorated=True)
    third = Then(drop_coupon=True)
    said = terms("price_1", anchor=ANCHOR, coupon="SAVE", metadata={"plan": "a"})
    course = lay(said, facts, then=(THEN, second, third))
    assert spans(course) == [
        ("2024-01-25", TRIAL),
        ("2024-02-25", SAVED),
        ("2024-05-25", SAVED),
        ("2024-06-25", {"proration_behavior": "create_prorations", "discounts": [{"coupon": "TWENTY"}]}),
        ("2024-07-25", NONE),
    ]
    assert [one["items"][0]["price"] for one in course.phases] == [
        "price_1",
        "price_1",
        "price_2",
        "price_2",
        "price_2",
    ]
    assert [one["metadata"]["plan"] for one in course.phases] == ["a", "a", "a", "b", "b"]
    assert course.phases[2]["items"] is course.phases[4]["items"]
    assert course.words.endswith(
        "from 2024-02-25 on 200.00 USD every month less the coupon SAVE; from 2024-05-25 on 200.00 USD every month "
        "less the coupon TWENTY, the change prorated; from 2024-06-25 on 200.00 USD every month"
    )
    # The row's own terms are what it comes to, whatever follows.
    assert (first_of(course), course.period_amount) == (("2024-01-25", 9_000), 9_000)


def test_a_coupon_that_is_used_up_is_in_no_further_phase() -> None:
    facts = account(
        price("price_1"),
        price("price_2", 20_000),
        coupons=[coupon("ONCE", duration="once"), coupon("MONTH", duration="repeating", months=1)],
    )
    for name in ("ONCE", "MONTH"):
        first, second = lay(terms("price_1", coupon=name), facts, then=(THEN,)).phases
        assert (first["discounts"], second.get("discounts")) == ([{"coupon": name}], None)


def test_a_further_phase_of_another_interval_is_charged_when_it_begins() -> None:
    facts = account(price("price_1"), price("price_2", 100_000, "year"), METERED)
    twenty = Duration(interval="day", interval_count=20)
    soon = lay(terms("price_1"), facts, lasts=twenty, then=(replace(THEN, prorated=True),))
    assert (day(soon.renews), soon.phases[1]["billing_cycle_anchor"]) == ("2024-01-21", "phase_start")
    usage = lay(terms("price_1"), facts, then=(replace(THEN, items=(Item(price="price_api"),)),))
    assert usage.words.endswith("from 2024-02-01 on an amount that depends on usage every month")


def test_the_periods_of_another_interval_are_counted_from_their_phase() -> None:
    facts = account(price("price_1"), price("price_3", 20_000, interval_count=3))
    quarter = Duration(interval="month", interval_count=3)
    then = (Then(duration=quarter, items=(Item(price="price_3"),)), Then(duration=quarter))
    anew = {**NONE, "billing_cycle_anchor": "phase_start"}
    # From the 31st by way of February 29: the quarters end on the 29th.
    assert spans(lay(terms("price_1", start="2024-01-31"), facts, then=then)) == [
        ("2024-02-29", NONE),
        ("2024-05-29", anew),
        ("2024-08-29", NONE),
    ]


MID_CYCLE = migration(mid_cycle_by_subscription=True)


def test_a_subscription_says_all_that_the_row_does() -> None:
    facts = account(price("price_1"), METERED, coupons=[coupon()], rates=[rate()])
    said = terms(
        Item(price="price_1", quantity=3),
        Item(price="price_api"),
        anchor=ANCHOR,
        backdate="2023-12-25",
        collection_method="send_invoice",
        days_until_due=30,
        default_tax_rate="txr_1",
        coupon="SAVE",
        fees=(fee(),),
    )
    params, course = lay_subscription(MID_CYCLE, row(said), facts, MARKS)
    assert params == {
        "customer": "cus_1",
        "items": [{"price": "price_1", "quantity": 3}, {"price": "price_api"}],
        "currency": "usd",
        "collection_method": "send_invoice",
        "days_until_due": 30,
        "default_tax_rates": ["txr_1"],
        "billing_cycle_anchor": at(ANCHOR),
        "backdate_start_date": at("2023-12-25"),
        "proration_behavior": "none",
        "discounts": [{"coupon": "SAVE"}],
        "add_invoice_items": [extra(2_000, "prod_setup", tax_behavior="exclusive")],
        "metadata": MARKS,
    }
    assert (first_of(course), day(course.renews), day(course.anchor)) == (("2024-01-01", 1_980), ANCHOR, ANCHOR)
    assert "then an amount that depends on usage every month on the 25th from 2024-01-25 on" in course.words


def test_a_coupon_of_a_subscription_may_be_over_before_the_anchor() -> None:
    month = coupon("MONTH", duration="repeating", months=1)
    facts = account(price("price_1", 100_000, "year"), coupons=[month])
    _, course = lay_subscription(MID_CYCLE, row(terms("price_1", anchor="2024-06-01", coupon="MONTH")), facts, {})
    assert first_of(course) == ("2024-06-01", 100_000)


def test_usage_of_a_subscription_is_billed_from_its_start_on() -> None:
    facts = account(METERED)
    params, course = lay_subscription(MID_CYCLE, row(terms("price_api", anchor=ANCHOR)), facts, {})
    assert (params.keys() & {"metadata", "backdate_start_date"}, first_of(course)) == (set(), (ANCHOR, None))
    assert (day(course.renews), "is not billed" in course.words) == ("2024-02-25", False)


@pytest.mark.parametrize("said", [{}, {"anchor": ANCHOR, "prorated": True}, {"trial_end": ANCHOR}])
def test_only_what_is_paid_up_to_the_anchor_becomes_a_subscription(said: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="sub_1 is no row that becomes a subscription"):
        lay_subscription(MID_CYCLE, row(terms("price_1", **said)), ONE, MARKS)
