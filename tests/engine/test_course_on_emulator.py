"""The toolkit's 15 examples, as rows say them: laid, scheduled on the emulator, and billed for 14 months.

The table is that of the examples' documents: dates in UTC, amounts in cents. A trial leaves an invoice of nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from reconciler.core.course import Opening
from reconciler.core.migration_facts import CouponFacts
from reconciler.core.migrations import Fee, Item, Terms
from tests.core.courses import at, day
from tests.engine.course_world import CourseWorld, adhoc, net_of

START, ANCHOR, BEGUN = "2024-01-01", "2024-01-25", "2023-12-25"
END = "2025-03-01 12:00"
FIRSTS = [f"2024-{month:02d}-01" for month in range(1, 13)] + ["2025-01-01", "2025-02-01", "2025-03-01"]
ON_25TH = [f"2024-{month:02d}-25" for month in range(1, 13)] + ["2025-01-25", "2025-02-25"]
LAST_DAYS = [
    "2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30", "2024-05-31", "2024-06-30", "2024-07-31",
    "2024-08-31", "2024-09-30", "2024-10-31", "2024-11-30", "2024-12-31", "2025-01-31", "2025-02-28",
]  # fmt: skip

Said = Callable[[CourseWorld], Terms]


def said(world: CourseWorld, *items: Item, **more: Any) -> Terms:
    moments = {
        name: at(more.pop(name)) for name in ("anchor", "backdate", "trial_end") if isinstance(more.get(name), str)
    }
    metadata = {"third_party_sub_id": "subscription_1"}
    given = {"prorated": False, "metadata": metadata, **moments, **more}
    return Terms(customer=world.customer, start=at(START), items=items, **given)


def flat_quantity(world: CourseWorld) -> Terms:
    return said(world, Item(price=world.price(), quantity=2))


def multi_price(world: CourseWorld) -> Terms:
    return said(world, Item(price=world.price(), quantity=2), Item(price=world.price(20_000), quantity=1))


def addon_fee(world: CourseWorld) -> Terms:
    fee = Fee(product=world.product(), amount=2_000, currency="usd")
    return said(world, Item(price=world.price(), quantity=2), fees=(fee,))


def ad_hoc(world: CourseWorld) -> Terms:
    return said(world, Item(adhoc=adhoc(world.product(), 15_300), quantity=1))


def yearly_automatic(world: CourseWorld) -> Terms:
    return said(world, Item(price=world.price(50_000, "year"), quantity=1))


def yearly_invoice(world: CourseWorld) -> Terms:
    sent: dict[str, Any] = {"collection_method": "send_invoice", "days_until_due": 30}
    return said(world, Item(price=world.price(50_000, "year"), quantity=1), **sent)


def due_for_renewal(world: CourseWorld) -> Terms:
    return said(world, Item(price=world.price()), anchor="2024-02-01")


def mid_cycle_paid(world: CourseWorld) -> Terms:
    return said(world, Item(price=world.price()), anchor=ANCHOR, backdate=BEGUN)


def trial(world: CourseWorld) -> Terms:
    return said(world, Item(price=world.price(), quantity=1), trial_end="2024-01-31")


def past_due(world: CourseWorld) -> Terms:
    return said(world, Item(price=world.price(), quantity=1), anchor=ANCHOR, prorated=True)


def cancel_at_period_end(world: CourseWorld) -> Terms:
    ends: dict[str, Any] = {"anchor": ANCHOR, "backdate": BEGUN, "cancel_at_period_end": True}
    return said(world, Item(price=world.price(), quantity=1), **ends)


def stripe_tax(world: CourseWorld) -> Terms:
    return said(world, Item(price=world.price(), quantity=1), automatic_tax=True)


def manual_tax_rate(world: CourseWorld) -> Terms:
    return said(world, Item(price=world.price(), quantity=1), anchor=ANCHOR, default_tax_rate=world.rate("10"))


def external_tax(world: CourseWorld) -> Terms:
    return said(world, Item(price=world.price(), quantity=1))


def coupon(world: CourseWorld) -> Terms:
    ten = world.coupon(CouponFacts(id="sample_coupon", percent_off=Decimal(10)))
    return said(world, Item(price=world.price(), quantity=1), coupon=ten)


def monthly(days: list[str], amount: int) -> list[tuple[str, int]]:
    return [(one, amount) for one in days]


# What is billed, how it begins, and what the plan says of it.
TABLE: list[tuple[str, Said, list[tuple[str, int]], Opening, str]] = [
    (
        "01",
        flat_quantity,
        monthly(FIRSTS, 20_000),
        Opening.FULL,
        "first charge 200.00 USD on 2024-01-01, then 200.00 USD every month on the 1st",
    ),
    (
        "02",
        multi_price,
        monthly(FIRSTS, 40_000),
        Opening.FULL,
        "first charge 400.00 USD on 2024-01-01, then 400.00 USD every month on the 1st",
    ),
    (
        "03",
        addon_fee,
        [(START, 22_000), *monthly(FIRSTS[1:], 20_000)],
        Opening.FULL,
        "first charge 220.00 USD on 2024-01-01, fees included, then 200.00 USD every month on the 1st",
    ),
    (
        "04",
        ad_hoc,
        monthly(FIRSTS, 15_300),
        Opening.FULL,
        "first charge 153.00 USD on 2024-01-01, then 153.00 USD every month on the 1st",
    ),
    (
        "05",
        yearly_automatic,
        [(START, 50_000), ("2025-01-01", 50_000)],
        Opening.FULL,
        "first charge 500.00 USD on 2024-01-01, then 500.00 USD every year on January 1",
    ),
    (
        "06",
        yearly_invoice,
        [(START, 50_000), ("2025-01-01", 50_000)],
        Opening.FULL,
        "first charge 500.00 USD on 2024-01-01, then 500.00 USD every year on January 1; invoices are sent, due in "
        "30 days",
    ),
    (
        "07",
        due_for_renewal,
        monthly(FIRSTS, 10_000),
        Opening.FULL,
        "first charge 100.00 USD on 2024-01-01, then 100.00 USD every month on the 1st",
    ),
    (
        "08",
        mid_cycle_paid,
        [(START, 0), *monthly(ON_25TH, 10_000)],
        Opening.ANCHORED,
        "first charge 100.00 USD on 2024-01-25, then 100.00 USD every month on the 25th; paid at the source until then "
        "(no charge on 2024-01-01); began 2023-12-25, which its metadata tells",
    ),
    (
        "09",
        trial,
        [(START, 0), *monthly(LAST_DAYS, 10_000)],
        Opening.TRIAL,
        "first charge 100.00 USD on 2024-01-31, then 100.00 USD every month on the last day of short months, else the "
        "31st; trial until 2024-01-31",
    ),
    (
        "10",
        past_due,
        [(START, 7_742), *monthly(ON_25TH, 10_000)],
        Opening.STUB,
        "77.42 USD on 2024-01-01 for 24 of 31 days, then 100.00 USD every month on the 25th from 2024-01-25 on",
    ),
    (
        "11",
        cancel_at_period_end,
        [(START, 0)],
        Opening.ENDING,
        "ends 2024-01-25, nothing is charged; paid at the source until 2024-01-25 (no charge on 2024-01-01); began "
        "2023-12-25, which its metadata tells",
    ),
    (
        "12",
        stripe_tax,
        # 100.00 and New York's 8.875%, rounded up from 8.875.
        monthly(FIRSTS, 10_888),
        Opening.FULL,
        "first charge 100.00 USD plus tax on 2024-01-01, then 100.00 USD plus tax every month on the 1st",
    ),
    (
        "13",
        manual_tax_rate,
        [(START, 0), *monthly(ON_25TH, 11_000)],
        Opening.ANCHORED,
        "first charge 110.00 USD on 2024-01-25, then 110.00 USD every month on the 25th; paid at the source until then "
        "(no charge on 2024-01-01); tax of 10% on top, in these amounts",
    ),
    (
        "14",
        external_tax,
        monthly(FIRSTS, 10_000),
        Opening.FULL,
        "first charge 100.00 USD on 2024-01-01, then 100.00 USD every month on the 1st",
    ),
    (
        "15",
        coupon,
        monthly(FIRSTS, 9_000),
        Opening.FULL,
        "first charge 90.00 USD on 2024-01-01, then 90.00 USD every month on the 1st; with the coupon sample_coupon",
    ),
]
CASES = [
    pytest.param(said, billed, opening, words, id=f"{number}-{said.__name__}")
    for number, said, billed, opening, words in TABLE
]


@pytest.mark.parametrize(("example", "billed", "opening", "words"), CASES)
def test_an_example_is_billed_as_its_table_says(
    example: Said, billed: list[tuple[str, int]], opening: Opening, words: str
) -> None:
    world = CourseWorld()
    course, reasons = world.lay(example(world))
    assert (reasons, course is None) == ((), False)
    assert course is not None
    assert (course.opening, course.words) == (opening, words)
    assert world.send(course).status == 200
    world.call.until(END)
    assert world.billed() == billed
    # What the course foretells is what was billed.
    paid = [(one["created"], one["total"], net_of(one)) for one in world.call.invoices() if one["total"]]
    if not paid:
        assert (course.first, course.renews, day(course.ends)) == (None, None, ANCHOR)
        return
    assert course.first is not None
    added = 888 if course.first.plus_tax else 0
    assert (course.first.at, (course.first.amount or 0) + added) == paid[0][:2]
    assert (course.renews, course.period_amount, course.ends) == (paid[1][0], paid[1][2], None)


def test_the_marks_and_the_metadata_are_on_the_subscription() -> None:
    world = CourseWorld()
    course, _ = world.lay(mid_cycle_paid(world))
    assert course is not None
    id = world.send(course).body["id"]
    world.call.until(END)
    assert world.call.held(id)["metadata"] == {
        "billplan_address": 'subscription_migration.old["sub_1"]',
        "billplan_backdate_start_date": "1703462400",
        "billplan_project": "acme",
        "third_party_sub_id": "subscription_1",
    }


def test_sent_invoices_are_due_when_the_row_says() -> None:
    world = CourseWorld()
    course, _ = world.lay(yearly_invoice(world))
    assert course is not None
    world.send(course)
    world.call.until("2024-01-02")
    (sent,) = world.call.invoices()
    assert (sent["status"], day(sent["due_date"])) == ("open", "2024-01-31")


def test_a_row_that_ends_is_canceled_on_its_day() -> None:
    world = CourseWorld()
    course, _ = world.lay(cancel_at_period_end(world))
    assert course is not None
    id = world.send(course).body["id"]
    world.call.until(END)
    held = world.call.held(id)
    assert (held["status"], day(held["ended_at"])) == ("canceled", ANCHOR)
