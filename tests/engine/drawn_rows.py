"""Rows drawn at random, with the prices, coupons and tax rates that they name made in an emulated account."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

from hypothesis import strategies as st

from reconciler.core.calendar import boundary, next_boundary
from reconciler.core.migration_facts import CouponFacts
from reconciler.core.migrations import Backdated, Duration, Fee, Item, Terms, Then
from tests.core.courses import at
from tests.engine.course_world import CourseWorld, adhoc

DAY = 86400
CYCLES = [("day", 1), ("day", 10), ("day", 45), ("week", 1), ("week", 3)]
CYCLES += [("month", 1), ("month", 1), ("month", 3), ("month", 6), ("year", 1), ("year", 2)]
# The days on which calendars go wrong, beside those between.
EDGES = ["2024-01-29", "2024-01-30", "2024-01-31", "2024-02-29", "2024-04-30", "2024-12-31", "2025-02-28", "2025-08-31"]
Chosen = TypeVar("Chosen")
Draw = Callable[[st.SearchStrategy[Chosen]], Chosen]


def drawn_row(draw: Draw[Any], world: CourseWorld) -> tuple[Terms, dict[str, Any]]:
    """A row, and what the block of its migration says."""
    currency = draw(st.sampled_from(["usd", "usd", "jpy", "kwd"]))
    cycle = Duration(interval=(found := draw(st.sampled_from(CYCLES)))[0], interval_count=found[1])
    rate = draw(st.sampled_from([None, None, ("10", False), ("8.875", False), ("19", True)]))
    behavior = "unspecified" if rate is None else "inclusive" if rate[1] else "exclusive"
    items = _items(draw, world, currency, cycle, behavior)
    start = _start(draw)
    fees = tuple(
        Fee(product=world.product(), amount=draw(st.integers(1, 50_000)), currency=currency)
        for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2])))
    )
    terms: dict[str, Any] = {
        "customer": world.customer,
        "start": start,
        "items": items,
        "fees": fees,
        "metadata": {"third_party_sub_id": "sub_1"},
        "prorated": draw(st.booleans()),
        "coupon": _coupon(draw, world, currency, items),
        "default_tax_rate": None if rate is None else world.rate(*rate),
        "cancel_at_period_end": draw(st.sampled_from([False, False, False, True])),
        **_opening(draw, start, cycle),
    }
    if draw(st.booleans()):
        terms |= {"collection_method": "send_invoice", "days_until_due": draw(st.integers(0, 60))}
    block: dict[str, Any] = {}
    if terms.get("backdate") is not None and terms["prorated"]:
        block["backdated"] = draw(st.sampled_from(list(Backdated)))
    if not terms["cancel_at_period_end"] and draw(st.sampled_from([False, False, True])):
        block |= _then(draw, world, currency, cycle, behavior)
    return Terms(**terms), block


def _start(draw: Draw[Any]) -> int:
    days = st.one_of(
        st.sampled_from([at(one) for one in EDGES]), st.integers(0, 800).map(lambda n: at(EDGES[0]) + n * DAY)
    )
    return int(draw(days)) + int(draw(st.sampled_from([0, 0, 0, 1, 43_200, 86_399])))


def _items(draw: Draw[Any], world: CourseWorld, currency: str, cycle: Duration, behavior: str) -> tuple[Item, ...]:
    found = []
    for _ in range(draw(st.integers(1, 3))):
        amount = draw(st.one_of(st.integers(0, 100_000), st.sampled_from([Decimal("0.5"), Decimal("12.345")])))
        quantity = draw(st.sampled_from([None, 1, 2, 7, 150]))
        if isinstance(amount, int) and draw(st.sampled_from([False, False, True])):
            made = adhoc(world.product(), amount, currency, cycle.interval, cycle.interval_count)
            found.append(Item(adhoc=made, quantity=quantity))
            continue
        id = world.price(amount, cycle.interval, every=cycle.interval_count, currency=currency, tax_behavior=behavior)
        found.append(Item(price=id, quantity=quantity))
    return tuple(found)


def _coupon(draw: Draw[Any], world: CourseWorld, currency: str, items: tuple[Item, ...]) -> str | None:
    if draw(st.booleans()):
        return None
    duration = draw(st.sampled_from(["forever", "once", "repeating"]))
    priced = [world.product_of(str(item.price)) for item in items if item.price is not None]
    limited = bool(priced) and draw(st.booleans())
    off: dict[str, Any] = {"percent_off": draw(st.sampled_from([Decimal(10), Decimal("33.33"), Decimal(100)]))}
    if draw(st.booleans()):
        off = {"amounts_off": {currency: draw(st.integers(1, 20_000))}}
    months = draw(st.sampled_from([1, 1, 2, 3, 12, 14])) if duration == "repeating" else None
    products = frozenset(priced[:1]) if limited else frozenset()
    return world.coupon(CouponFacts(id="SAVE", duration=duration, months=months, products=products, **off))


def _opening(draw: Draw[Any], start: int, cycle: Duration) -> dict[str, Any]:
    natural = boundary(start, cycle, 1)
    match draw(st.sampled_from(["plain", "trial", "whole", "long", "within", "within", "within", "past", "past"])):
        case "trial":
            return {"trial_end": start + draw(st.integers(1, 700 * DAY))}
        case "whole":
            return {"anchor": natural}
        case "long":
            # Of a longer month: from the last day of a short one to the 31st.
            ends = datetime.fromtimestamp(natural, UTC)
            return {
                "anchor": natural + max(0, 31 - ends.day) * DAY if ends.month in (1, 3, 5, 7, 8, 10, 12) else natural
            }
        case "within":
            whole = draw(st.booleans()) and natural - start > 2 * DAY
            return {
                "anchor": start
                + (DAY if whole else 1) * draw(st.integers(1, (natural - start) // (DAY if whole else 1)))
            }
        case "past":
            back = start - draw(st.integers(1, 400)) * DAY
            anchor = draw(st.sampled_from([None, next_boundary(back, cycle, start)]))
            return {"backdate": back, "anchor": anchor}
    return {}


def _then(draw: Draw[Any], world: CourseWorld, currency: str, cycle: Duration, behavior: str) -> dict[str, Any]:
    longer = Duration(interval=cycle.interval, interval_count=cycle.interval_count * draw(st.integers(1, 3)))
    phases = []
    for _ in range(draw(st.integers(1, 2))):
        other = draw(st.sampled_from([cycle, cycle, Duration(interval="month"), Duration(interval="year")]))
        items = _items(draw, world, currency, other, behavior) if draw(st.booleans()) else ()
        length = draw(st.sampled_from([cycle, longer, Duration(interval="month", interval_count=2)]))
        phases.append(Then(duration=length, items=items, drop_coupon=draw(st.booleans())))
    return {"then": tuple(phases), "lasts": draw(st.sampled_from([None, longer]))}
