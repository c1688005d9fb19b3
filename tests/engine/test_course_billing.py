"""Rows that calendars, coupons, taxes and further phases make hard, laid and billed: every invoice by day and amount.

The price is 100.00 USD a month unless the row says otherwise. Invoices of nothing, which trials leave, are left out.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from reconciler.adapters.form import form_params
from reconciler.core.migration_facts import CouponFacts
from reconciler.core.migrations import Backdated, Duration, Fee, Item, Row, Terms, Then
from reconciler.core.row_course import lay_subscription
from tests.core.courses import HERE, MARKS, at, day, migration
from tests.engine.course_world import CourseWorld, adhoc

MONTH, YEAR = Duration(interval="month"), Duration(interval="year")
ANCHOR = "2024-01-25"
PRORATED: dict[str, Any] = {"anchor": ANCHOR, "prorated": True}


def months(count: int) -> Duration:
    return Duration(interval="month", interval_count=count)


def fee(world: CourseWorld, amount: int = 2_000) -> tuple[Fee, ...]:
    return (Fee(product=world.product(), amount=amount, currency="usd"),)


def off(world: CourseWorld, duration: str = "forever", months: int | None = None, **more: Any) -> str:
    more = more or {"percent_off": Decimal(10)}
    return world.coupon(CouponFacts(id="SAVE", duration=duration, months=months, **more))


def said(world: CourseWorld, start: str = "2024-01-01", **more: Any) -> Terms:
    for name in ("anchor", "backdate", "trial_end"):
        if isinstance(more.get(name), str):
            more[name] = at(more[name])
    given: dict[str, Any] = {"items": (Item(price=world.price()),), "prorated": False, **more}
    return Terms(customer=world.customer, start=at(start), **given)


def billed_for(world: CourseWorld, terms: Terms, until: str, **block: Any) -> list[tuple[str, int]]:
    course, reasons = world.lay(terms, **block)
    assert reasons == ()
    assert course is not None
    reply = world.send(course)
    assert reply.status == 200, reply.body
    world.call.until(until)
    billed = [one for one in world.billed() if one[1]]
    first = None if course.first is None else (day(course.first.at), course.first.amount)
    assert first == next(iter(billed), None)
    return billed


Make = Callable[[CourseWorld], Terms]
TABLE: dict[str, tuple[Make, str, list[tuple[str, int]]]] = {
    "from the 31st without an anchor the month's last day stands in": (
        lambda world: said(world, "2024-01-31"),
        "2024-04-15",
        [("2024-01-31", 10_000), ("2024-02-29", 10_000), ("2024-03-31", 10_000)],
    ),
    "an anchor on the month's last day makes it the 29th from then on": (
        lambda world: said(world, "2024-01-31", anchor="2024-02-29"),
        "2024-04-15",
        [("2024-01-31", 10_000), ("2024-02-29", 10_000), ("2024-03-29", 10_000)],
    ),
    "an anchor on the 31st is a whole interval from the last of a short month": (
        lambda world: said(world, "2024-02-29", anchor="2024-03-31"),
        "2024-06-15",
        [("2024-02-29", 10_000), ("2024-03-31", 10_000), ("2024-04-30", 10_000), ("2024-05-31", 10_000)],
    ),
    "a whole interval is not prorated, whatever the row says": (
        lambda world: said(world, "2024-02-29", anchor="2024-03-31", prorated=True),
        "2024-05-15",
        [("2024-02-29", 10_000), ("2024-03-31", 10_000), ("2024-04-30", 10_000)],
    ),
    "one that ends with a longer period is charged once": (
        lambda world: said(world, "2024-02-29", anchor="2024-03-31", cancel_at_period_end=True),
        "2024-06-15",
        [("2024-02-29", 10_000)],
    ),
    "a stub is to the second, and rounded half up for each item": (
        # Half of the 29 days of February, and of an odd cent.
        lambda world: said(
            world,
            "2024-02-15 12:00",
            anchor="2024-03-01",
            prorated=True,
            items=(Item(price=world.price(10_001)), Item(price=world.price(4_999), quantity=3)),
        ),
        "2024-03-15",
        [("2024-02-15 12:00:00", 5_001 + 7_499), ("2024-03-01", 10_001 + 14_997)],
    ),
    "a stub's fees are charged with it": (
        lambda world: said(world, **PRORATED, fees=fee(world)),
        "2024-02-15",
        [("2024-01-01", 7_742 + 2_000), ("2024-01-25", 10_000)],
    ),
    "a coupon for ever is in the stub and in all that follows": (
        lambda world: said(world, **PRORATED, coupon=off(world)),
        "2024-02-26",
        [("2024-01-01", 7_742 - 774), ("2024-01-25", 9_000), ("2024-02-25", 9_000)],
    ),
    "a coupon that is good once is good for the stub": (
        lambda world: said(world, **PRORATED, coupon=off(world, "once")),
        "2024-02-26",
        [("2024-01-01", 7_742 - 774), ("2024-01-25", 10_000), ("2024-02-25", 10_000)],
    ),
    "a coupon for two months is in the stub and in two whole ones": (
        lambda world: said(world, **PRORATED, coupon=off(world, "repeating", 2)),
        "2024-03-26",
        [("2024-01-01", 7_742 - 774), ("2024-01-25", 9_000), ("2024-02-25", 9_000), ("2024-03-25", 10_000)],
    ),
    "an amount off is taken off stub and fee together": (
        lambda world: said(
            world, **PRORATED, fees=fee(world), coupon=off(world, "repeating", 1, amounts_off={"usd": 9_000})
        ),
        "2024-02-26",
        [("2024-01-01", 742), ("2024-01-25", 1_000), ("2024-02-25", 10_000)],
    ),
    "a coupon that is good once waits for the first whole period": (
        lambda world: said(world, anchor=ANCHOR, coupon=off(world, "once")),
        "2024-02-26",
        [("2024-01-25", 9_000), ("2024-02-25", 10_000)],
    ),
    "a coupon for two months is counted from the first whole period": (
        lambda world: said(world, anchor=ANCHOR, coupon=off(world, "repeating", 2)),
        "2024-03-26",
        [("2024-01-25", 9_000), ("2024-02-25", 9_000), ("2024-03-25", 10_000)],
    ),
    "a coupon for two months is counted from the end of a trial": (
        lambda world: said(world, trial_end="2024-03-10", coupon=off(world, "repeating", 2)),
        "2024-05-11",
        [("2024-03-10", 9_000), ("2024-04-10", 9_000), ("2024-05-10", 10_000)],
    ),
    "a coupon for two months is counted from a start that is charged": (
        lambda world: said(world, coupon=off(world, "repeating", 2)),
        "2024-03-02",
        [("2024-01-01", 9_000), ("2024-02-01", 9_000), ("2024-03-01", 10_000)],
    ),
    "a coupon for ever is in the fees of the start, too": (
        lambda world: said(world, anchor=ANCHOR, coupon=off(world), fees=fee(world)),
        "2024-02-01",
        [("2024-01-01", 1_800), ("2024-01-25", 9_000)],
    ),
    "a coupon that is good once is kept from the fees before the anchor": (
        lambda world: said(world, anchor=ANCHOR, coupon=off(world, "once"), fees=fee(world)),
        "2024-02-26",
        [("2024-01-01", 2_000), ("2024-01-25", 9_000), ("2024-02-25", 10_000)],
    ),
    "a coupon that is good once survives an anchor that begins the cycle anew": (
        lambda world: said(world, "2024-01-31", anchor="2024-02-29", coupon=off(world, "once")),
        "2024-03-30",
        [("2024-01-31", 9_000), ("2024-02-29", 10_000), ("2024-03-29", 10_000)],
    ),
    "a trial that is longer than a period is as long as it says": (
        lambda world: said(world, trial_end="2024-03-10 08:30"),
        "2024-04-11",
        [("2024-03-10 08:30:00", 10_000), ("2024-04-10 08:30:00", 10_000)],
    ),
    "fees of a trial are charged when it begins": (
        lambda world: said(world, trial_end="2024-01-15", fees=fee(world)),
        "2024-02-01",
        [("2024-01-01", 2_000), ("2024-01-15", 10_000)],
    ),
    "one that ends with its trial is never charged": (
        lambda world: said(world, trial_end="2024-01-15", cancel_at_period_end=True),
        "2024-06-01",
        [],
    ),
    "one that ends with its period is charged for that once": (
        lambda world: said(world, cancel_at_period_end=True),
        "2024-06-01",
        [("2024-01-01", 10_000)],
    ),
    "fees are charged also where nothing else ever is": (
        lambda world: said(world, anchor=ANCHOR, cancel_at_period_end=True, fees=fee(world)),
        "2024-06-01",
        [("2024-01-01", 2_000)],
    ),
    "one that ends and is prorated is charged for its stub": (
        lambda world: said(world, **PRORATED, cancel_at_period_end=True),
        "2024-06-01",
        [("2024-01-01", 7_742)],
    ),
    "without an anchor the periods are those that run since the backdate": (
        lambda world: said(world, backdate="2023-08-31"),
        "2024-03-01",
        [("2024-01-31", 10_000), ("2024-02-29", 10_000)],
    ),
    "backdated to the day on which a period begins, it is due": (
        lambda world: said(world, backdate="2023-06-01"),
        "2024-02-15",
        [("2024-01-01", 10_000), ("2024-02-01", 10_000)],
    ),
    "a tax that goes on top is on the stub as on the rest": (
        lambda world: said(world, **PRORATED, default_tax_rate=world.rate("8.875")),
        "2024-02-15",
        [("2024-01-01", 7_742 + 687), ("2024-01-25", 10_000 + 888)],
    ),
    "the cent that is left of a discount is taken off the last item": (
        # 2 cents off 1.00 and 3.00, of which each line has a half left over; then 50% of 2.98 and of 1.00.
        lambda world: said(
            world,
            items=(Item(price=world.price(100)), Item(price=world.price(300))),
            coupon=off(world, amounts_off={"usd": 2}),
            default_tax_rate=world.rate("50"),
        ),
        "2024-01-02",
        [("2024-01-01", 298 + 149 + 100 + 50)],
    ),
    "a tax within the price changes nothing": (
        lambda world: said(
            world,
            **PRORATED,
            items=(Item(price=world.price(tax_behavior="inclusive")),),
            default_tax_rate=world.rate("19", inclusive=True),
        ),
        "2024-02-15",
        [("2024-01-01", 7_742), ("2024-01-25", 10_000)],
    ),
    "a currency without cents is rounded to its whole units": (
        lambda world: said(world, **PRORATED, items=(Item(price=world.price(1_000, currency="jpy")),)),
        "2024-02-15",
        [("2024-01-01", 774), ("2024-01-25", 1_000)],
    ),
    "an ad-hoc price has its stub, too": (
        lambda world: said(world, **PRORATED, items=(Item(adhoc=adhoc(world.product(), 31_000), quantity=2),)),
        "2024-02-15",
        [("2024-01-01", 48_000), ("2024-01-25", 62_000)],
    ),
    "weeks are counted from the anchor": (
        lambda world: said(world, anchor="2024-01-05", items=(Item(price=world.price(700, "week", every=2)),)),
        "2024-02-05",
        [("2024-01-05", 700), ("2024-01-19", 700), ("2024-02-02", 700)],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("make", "until", "billed"), TABLE.values(), ids=TABLE.keys())
def test_it_is_billed(make: Make, until: str, billed: list[tuple[str, int]]) -> None:
    world = CourseWorld()
    assert billed_for(world, make(world), until) == billed


BACKDATED = [
    # 24 of the 31 days from December 25 on.
    (Backdated.FROM_START, "2023-12-25", 7_742),
    (Backdated.FROM_BACKDATE, "2023-12-25", 10_000),
    # A whole month, and 15 of 30 days before it; two of them, and 15 of 31.
    (Backdated.FROM_BACKDATE, "2023-12-10", 15_000),
    (Backdated.FROM_BACKDATE, "2023-11-10", 24_839),
]


@pytest.mark.parametrize(("policy", "backdate", "amount"), BACKDATED)
def test_what_is_billed_for_the_past_is_what_the_migration_says(policy: Backdated, backdate: str, amount: int) -> None:
    world = CourseWorld()
    terms = said(world, **PRORATED, backdate=backdate)
    assert billed_for(world, terms, "2024-02-01", backdated=policy) == [("2024-01-01", amount), ("2024-01-25", 10_000)]


def test_a_phase_follows_after_as_many_periods_as_the_migration_says() -> None:
    world = CourseWorld()
    then = Then(duration=months(2), items=(Item(price=world.price(20_000), quantity=2),), coupon=off(world))
    terms = said(world, "2024-01-31", anchor="2024-02-15")
    billed = billed_for(
        world, terms, "2024-06-20", lasts=months(2), then=(then, Then(duration=MONTH, drop_coupon=True))
    )
    assert billed == [
        ("2024-02-15", 10_000),
        ("2024-03-15", 10_000),
        ("2024-04-15", 36_000),
        ("2024-05-15", 36_000),
        ("2024-06-15", 40_000),
    ]


def test_phases_in_a_row_do_not_lose_the_31st() -> None:
    world = CourseWorld()
    items = [(Item(price=world.price(amount)),) for amount in (200, 300, 400)]
    then = tuple(Then(duration=MONTH, items=one) for one in items)
    assert billed_for(world, said(world, "2024-01-31"), "2024-07-01", then=then) == [
        ("2024-01-31", 10_000),
        ("2024-02-29", 200),
        ("2024-03-31", 300),
        ("2024-04-30", 400),
        ("2024-05-31", 400),
        ("2024-06-30", 400),
    ]


@pytest.mark.parametrize("count", [1, 3])
def test_an_anchor_that_begins_the_cycle_anew_holds_in_further_phases(count: int) -> None:
    world = CourseWorld()
    then = Then(duration=MONTH, items=(Item(price=world.price(200)),))
    terms = said(world, "2024-01-31", anchor="2024-02-29")
    billed = billed_for(world, terms, "2024-06-15", lasts=months(count), then=(then,))
    own = ["2024-01-31", "2024-02-29", "2024-03-29", "2024-04-29", "2024-05-29"]
    assert billed == [(one, 10_000 if place < count else 200) for place, one in enumerate(own)]


@pytest.mark.parametrize("count", [1, 2])
def test_a_longer_first_period_is_followed_by_further_phases(count: int) -> None:
    world = CourseWorld()
    then = Then(duration=MONTH, items=(Item(price=world.price(200)),))
    terms = said(world, "2024-02-29", anchor="2024-03-31")
    billed = billed_for(world, terms, "2024-06-15", lasts=months(count), then=(then,))
    own = ["2024-02-29", "2024-03-31", "2024-04-30", "2024-05-31"]
    assert billed == [(one, 10_000 if place < count else 200) for place, one in enumerate(own)]


def test_another_interval_begins_with_its_phase() -> None:
    world = CourseWorld()
    then = Then(duration=YEAR, items=(Item(price=world.price(100_000, "year")),), metadata={"plan": "yearly"})
    terms = said(world, trial_end="2024-01-31", metadata={"plan": "monthly", "seller": "jo"})
    billed = billed_for(world, terms, "2025-03-01", lasts=months(2), then=(then,))
    assert billed == [("2024-01-31", 10_000), ("2024-02-29", 10_000), ("2024-03-31", 100_000)]
    (held,) = world.call.get("/v1/subscriptions").body["data"]
    assert held["metadata"] == {"plan": "yearly", "seller": "jo", **MARKS}


def test_a_phase_may_end_on_a_day() -> None:
    world = CourseWorld()
    rise = Then(end=at("2024-06-01"), items=(Item(price=world.price(20_000)),))
    last = Then(items=(Item(price=world.price(30_000)),))
    billed = billed_for(world, said(world, "2024-03-01"), "2024-07-15", then=(rise, last))
    assert billed == [
        ("2024-03-01", 10_000),
        ("2024-04-01", 20_000),
        ("2024-05-01", 20_000),
        ("2024-06-01", 30_000),
        ("2024-07-01", 30_000),
    ]


def test_a_change_within_a_period_is_credited_if_that_is_asked_for() -> None:
    world = CourseWorld()
    rise = Then(end=at("2024-06-01"), items=(Item(price=world.price(40_000)),), prorated=True)
    ten_days = Duration(interval="day", interval_count=10)
    billed = billed_for(world, said(world, "2024-04-01"), "2024-05-15", lasts=ten_days, then=(rise,))
    # Of 30 days 20 are left: 66.67 back, 266.67 more.
    assert billed == [("2024-04-01", 10_000), ("2024-05-01", 40_000 - 6_667 + 26_667)]


SUBSCRIBED: dict[str, tuple[dict[str, Any], list[tuple[str, int]]]] = {
    "nothing before the anchor": ({}, [("2024-01-25", 10_000), ("2024-02-25", 10_000)]),
    "its fees have its coupon": (
        {"fees": True, "coupon": ("forever", None)},
        [("2024-01-01", 1_800), ("2024-01-25", 9_000), ("2024-02-25", 9_000)],
    ),
    "a coupon that is good once is used up by its fees": (
        {"fees": True, "coupon": ("once", None)},
        [("2024-01-01", 1_800), ("2024-01-25", 10_000), ("2024-02-25", 10_000)],
    ),
    "a coupon that is good once waits for the anchor where nothing is charged before": (
        {"coupon": ("once", None)},
        [("2024-01-25", 9_000), ("2024-02-25", 10_000)],
    ),
    "a coupon for a month is good until a month from the start": (
        {"coupon": ("repeating", 1)},
        [("2024-01-25", 9_000), ("2024-02-25", 10_000)],
    ),
}


@pytest.mark.parametrize(("more", "billed"), SUBSCRIBED.values(), ids=SUBSCRIBED.keys())
def test_a_row_in_mid_cycle_may_be_a_subscription_from_its_start_on(
    more: dict[str, Any], billed: list[tuple[str, int]]
) -> None:
    world = CourseWorld("2024-01-01")
    if "fees" in more:
        more = {**more, "fees": fee(world)}
    if "coupon" in more:
        more = {**more, "coupon": off(world, *more["coupon"])}
    terms = said(world, anchor=ANCHOR, backdate="2023-12-25", metadata={"row": "1"}, **more)
    block = migration(mid_cycle_by_subscription=True)
    params, course = lay_subscription(block, Row(key="sub_1", source=HERE, terms=terms), world.facts, MARKS)
    reply = world.call.post("/v1/subscriptions", form_params(params))
    assert reply.status == 200, reply.body
    held = reply.body
    assert (held["status"], day(held["start_date"]), day(held["trial_end"])) == ("active", "2023-12-25", None)
    assert (held["billing_cycle_anchor"], held["metadata"]) == (course.anchor, {"row": "1", **MARKS})
    world.call.until("2024-03-01")
    assert [one for one in world.billed() if one[1]] == billed
    assert course.first is not None
    assert [(course.first.at, course.first.amount), course.renews, course.phases] == [
        (at(billed[0][0]), billed[0][1]),
        at(billed[1][0]),
        (),
    ]
    assert course.words.endswith("began 2023-12-25; made by an apply between 2024-01-01 and 2024-01-25")
