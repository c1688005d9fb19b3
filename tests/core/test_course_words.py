"""What a course foretells, and how it says so: the first charge, the one after it, what a period comes to."""

from __future__ import annotations

import pytest

from reconciler.core.migrations import Terms
from tests.core.courses import account, coupon, day, fee, first_of, lay, price, rate, terms

ANCHOR = "2024-01-25"

FORETOLD: dict[str, tuple[Terms, tuple[str, int | None] | None, str | None, int | None, str | None]] = {
    # first charge, the one after it, what a period comes to, what the words say
    "usage is charged when its period has ended": (
        terms("price_api"),
        ("2024-02-01", None),
        "2024-03-01",
        None,
        "first charge an amount that depends on usage on 2024-02-01",
    ),
    "usage beside a flat price leaves the first charge known": (
        terms("price_1", "price_api"),
        ("2024-01-01", 10_000),
        "2024-02-01",
        None,
        "first charge 100.00 USD on 2024-01-01, then an amount that depends on usage every month on the 1st",
    ),
    "usage before the anchor is not billed, and the words say so": (
        terms("price_api", anchor=ANCHOR),
        ("2024-02-25", None),
        "2024-03-25",
        None,
        "usage before 2024-01-25 is not billed",
    ),
    "usage of a subscription that ends is charged at its end": (
        terms("price_api", cancel_at_period_end=True),
        ("2024-02-01", None),
        None,
        None,
        "first charge an amount that depends on usage on 2024-02-01; ends 2024-02-01",
    ),
    "the flat price beside usage is known at the anchor": (
        terms("price_1", "price_api", anchor=ANCHOR),
        ("2024-01-25", 10_000),
        "2024-02-25",
        None,
        "first charge 100.00 USD on 2024-01-25",
    ),
    "what is priced in tiers is not known": (
        terms("price_tiers", anchor=ANCHOR),
        ("2024-01-25", None),
        "2024-02-25",
        None,
        "an amount that depends on its tiers on 2024-01-25, then an amount that depends on its tiers every month",
    ),
    "fees of what is priced in tiers are known": (
        terms("price_tiers", anchor=ANCHOR, fees=(fee(),)),
        ("2024-01-01", 2_000),
        "2024-01-25",
        None,
        "first charge 20.00 USD on 2024-01-01 for fees, then an amount that depends on its tiers every month on the "
        "25th from 2024-01-25 on; paid at the source until 2024-01-25",
    ),
    "the first charge of tiers is not known either": (
        terms("price_tiers", "price_1"),
        ("2024-01-01", None),
        "2024-02-01",
        None,
        "first charge an amount that depends on its tiers on 2024-01-01",
    ),
    "a coupon that is good once is no part of a later period": (
        terms("price_1", coupon="ONCE"),
        ("2024-01-01", 9_000),
        "2024-02-01",
        10_000,
        "first charge 90.00 USD on 2024-01-01, then 100.00 USD every month on the 1st; with the coupon ONCE once",
    ),
    "a coupon of one month is over when the second period begins": (
        terms("price_1", coupon="MONTH"),
        ("2024-01-01", 9_000),
        "2024-02-01",
        10_000,
        "with the coupon MONTH until 2024-02-01",
    ),
    "a first whole period of its own price is told": (
        terms("price_1", anchor=ANCHOR, prorated=True, coupon="MONTH"),
        ("2024-01-01", 7_742 - 774),
        "2024-01-25",
        10_000,
        "69.68 USD on 2024-01-01 for 24 of 31 days, then 90.00 USD on 2024-01-25, then 100.00 USD every month on",
    ),
    "a stub that is not whole days is told by its ends": (
        terms("price_1", start="2024-01-01 12:00", anchor=ANCHOR, prorated=True),
        ("2024-01-01 12:00:00", 7_581),
        "2024-01-25",
        10_000,
        "75.81 USD on 2024-01-01 12:00 UTC for the time from 2024-01-01 12:00 UTC to 2024-01-25, then",
    ),
    "a longer first period is told as what it is": (
        terms("price_1", start="2024-02-29", anchor="2024-03-31"),
        ("2024-02-29", 10_000),
        "2024-03-31",
        10_000,
        "100.00 USD on 2024-02-29 for the whole period up to 2024-03-31, then 100.00 USD every month on the last day",
    ),
    "fees are told with the stub that they come with": (
        terms("price_1", anchor=ANCHOR, prorated=True, fees=(fee(),)),
        ("2024-01-01", 9_742),
        "2024-01-25",
        10_000,
        "97.42 USD on 2024-01-01 for 24 of 31 days, fees included, then",
    ),
    "a tax that is within is told": (
        terms("price_1", default_tax_rate="txr_in"),
        ("2024-01-01", 10_000),
        "2024-02-01",
        10_000,
        "tax of 19% included",
    ),
    "one that is charged once is told to end": (
        terms("price_1", cancel_at_period_end=True),
        ("2024-01-01", 10_000),
        None,
        10_000,
        "first charge 100.00 USD on 2024-01-01; ends 2024-02-01",
    ),
    "weeks have days": (
        terms("price_week"),
        ("2024-01-01", 700),
        "2024-01-15",
        700,
        "then 7.00 USD every 2 weeks on Monday",
    ),
    "days are days": (terms("price_day"), ("2024-01-01", 100), "2024-01-02", 100, "then 1.00 USD every day"),
    "a leap day has its like": (
        terms("price_year", start="2024-02-29"),
        ("2024-02-29", 100_000),
        "2025-02-28",
        100_000,
        "then 1,000.00 USD every year on February 29, in other years the 28th",
    ),
}
WHOLE = account(
    price("price_1"),
    price("price_api", None, metered=True),
    price("price_tiers", None),
    price("price_week", 700, "week", interval_count=2),
    price("price_day", 100, "day"),
    price("price_year", 100_000, "year"),
    coupons=[coupon("ONCE", duration="once"), coupon("MONTH", duration="repeating", months=1)],
    rates=[rate("txr_in", "19", inclusive=True)],
)


@pytest.mark.parametrize(("said", "first", "renews", "period", "words"), FORETOLD.values(), ids=FORETOLD.keys())
def test_what_is_foretold(
    said: Terms, first: tuple[str, int | None], renews: str | None, period: int | None, words: str
) -> None:
    course = lay(said, WHOLE)
    assert (first_of(course), day(course.renews), course.period_amount) == (first, renews, period)
    assert words in course.words


ORDINALS = [("01", "1st"), ("02", "2nd"), ("03", "3rd"), ("04", "4th"), ("11", "11th"), ("12", "12th"), ("13", "13th"),
            ("21", "21st"), ("22", "22nd"), ("23", "23rd"), ("28", "28th")]  # fmt: skip


@pytest.mark.parametrize(("number", "ordinal"), ORDINALS)
def test_a_day_of_the_month_is_told_as_people_say_it(number: str, ordinal: str) -> None:
    assert lay(terms("price_1", start=f"2024-01-{number}"), WHOLE).words.endswith(f"every month on the {ordinal}")
