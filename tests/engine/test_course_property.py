"""What the course of a row foretells is what the emulator bills: any start, anchor, interval, coupon, trial and end."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from reconciler.core.calendar import next_boundary
from reconciler.core.course import Course, Opening
from reconciler.core.migrations import Duration, Terms
from reconciler.core.money import show_amount
from tests.core.courses import day
from tests.engine.course_world import CourseWorld, net_of
from tests.engine.drawn_rows import drawn_row

# Why a row may have no course; each is a fault that a person is told, and proven by a table test.
REFUSED = {
    "anchor_too_late",
    "coupon_anchor",
    "coupon_in_two_phases",
    "coupon_products",
    "lasts_too_short",
    "then_within_period",
    "trial_too_long",
}


def foretold(world: CourseWorld, terms: Terms, block: dict[str, Any]) -> str:
    """Lay, send and bill a row, and compare; say what came of it."""
    course, reasons = world.lay(terms, **block)
    if course is None:
        assert reasons
        assert set(reasons) <= REFUSED
        return "refused"
    reply = world.send(course)
    if reply.status == 501:
        return "gap"
    assert reply.status == 200, reply.body
    last = course.renews or course.start
    later = next_boundary(course.anchor or course.start, cycle_of(course), last)
    world.call.until(str(day(max(later, course.ends or 0) + 1)))
    compare(world, terms, course, block)
    return course.opening.value


def cycle_of(course: Course) -> Duration:
    return Duration(interval=course.interval, interval_count=course.interval_count)


def compare(world: CourseWorld, terms: Terms, course: Course, block: dict[str, Any]) -> None:
    invoices = world.call.invoices()
    billed = {one["created"]: one for one in invoices}
    assert len(billed) == len(invoices), "never two at a moment"
    # A trial leaves an invoice of nothing on its first day, and so does what costs nothing.
    moments = [moment for moment in billed if billed[moment]["total"]]
    first = course.first
    if first is None:
        assert moments == []
        return
    assert all(moment >= first.at for moment in moments)
    assert billed[first.at]["total"] == first.amount
    assert show_amount(first.amount or 0, first.currency) in course.words
    assert first.currency == billed[first.at]["currency"]
    between = [moment for moment in moments if moment > first.at]
    if course.renews is None:
        assert between == []
    else:
        assert course.renews in billed
        renewed = show_amount(billed[course.renews]["total"], course.currency)
        assert block.get("then") or renewed in course.words, "and people read it"
        assert all(moment >= course.renews for moment in between)
    second = second_period(course)
    if second is not None and not block.get("then"):
        assert net_of(billed[second]) == course.period_amount


def second_period(course: Course) -> int | None:
    """When the second whole period is charged; None where it never comes."""
    if course.ends is not None or course.first is None:
        return None
    grid = course.anchor or course.start
    if course.opening is Opening.FULL:
        return course.renews
    return next_boundary(grid, cycle_of(course), grid)


def test_what_a_course_foretells_is_billed() -> None:
    counts: Counter[str] = Counter()

    @settings(
        max_examples=250,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    @given(data=st.data())
    def check(data: st.DataObject) -> None:
        world = CourseWorld()
        outcome = foretold(world, *drawn_row(data.draw, world))
        event(outcome)
        counts[outcome] += 1

    check()
    whole = sum(counts.values())
    assert counts["gap"] <= whole // 20, counts
    assert counts["refused"] <= whole // 4, counts
    assert all(counts[opening.value] > whole // 100 for opening in Opening), counts
