"""Where periods begin: counted from an anchor, month ends and leap days included."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.calendar import boundary, is_boundary, later, less, next_boundary, number_at, runs_alike
from reconciler.core.migrations import Duration
from tests.core.courses import at, day

MONTH = Duration(interval="month")
LONGEST = {"day": 1095, "week": 156, "month": 36, "year": 3}
MOMENTS = st.integers(at("2000-01-01"), at("2090-01-01"))
DURATIONS = st.sampled_from(sorted(LONGEST)).flatmap(
    lambda interval: st.integers(1, LONGEST[interval]).map(lambda n: Duration(interval=interval, interval_count=n))
)

BOUNDARIES = [
    ("2024-01-31", "month", 1, ["2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30", "2024-05-31"]),
    ("2023-01-30", "month", 1, ["2023-01-30", "2023-02-28", "2023-03-30"]),
    ("2024-11-30", "month", 3, ["2024-11-30", "2025-02-28", "2025-05-30"]),
    ("2024-02-29", "year", 1, ["2024-02-29", "2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29"]),
    ("2024-12-30", "week", 1, ["2024-12-30", "2025-01-06"]),
    ("2024-02-28 23:59:59", "day", 2, ["2024-02-28 23:59:59", "2024-03-01 23:59:59"]),
]


@pytest.mark.parametrize(("anchor", "interval", "count", "expected"), BOUNDARIES)
def test_periods_begin_where_their_anchor_says(anchor: str, interval: str, count: int, expected: list[str]) -> None:
    cycle = Duration(interval=interval, interval_count=count)
    assert [day(boundary(at(anchor), cycle, number)) for number in range(len(expected))] == expected


def test_periods_before_the_anchor_are_counted_backwards() -> None:
    assert [day(boundary(at("2024-03-31"), MONTH, -number)) for number in (1, 2, 4)] == [
        "2024-02-29",
        "2024-01-31",
        "2023-11-30",
    ]


@given(anchor=MOMENTS, moment=MOMENTS, cycle=DURATIONS)
def test_every_moment_lies_in_one_period(anchor: int, moment: int, cycle: Duration) -> None:
    number = number_at(anchor, cycle, moment)
    begun, ended = boundary(anchor, cycle, number), boundary(anchor, cycle, number + 1)
    assert begun <= moment < ended
    assert (next_boundary(anchor, cycle, moment), is_boundary(anchor, cycle, moment)) == (ended, begun == moment)


@given(anchor=MOMENTS, cycle=DURATIONS, number=st.integers(-30, 30))
def test_two_anchors_run_alike_if_all_their_periods_are_the_same(anchor: int, cycle: Duration, number: int) -> None:
    other = boundary(anchor, cycle, number)
    same = all(boundary(anchor, cycle, number + n) == boundary(other, cycle, n) for n in range(-50, 50))
    # Two anchors may agree for a hundred periods and still differ, but not the other way round.
    assert same or not runs_alike(anchor, other, cycle)


LATER = [
    ("2024-01-31", "2024-02-29", "month", 1, "2024-03-31"),
    ("2024-01-31", "2024-01-31", "month", 2, "2024-03-31"),
    ("2024-01-31", "2024-02-10", "month", 1, "2024-03-10"),
    ("2024-01-31", "2024-02-29", "year", 1, "2025-02-28"),
    ("2024-01-31", "2024-02-29", "week", 2, "2024-03-14"),
    ("2024-01-31", "2024-02-29 12:00", "day", 1, "2024-03-01 12:00:00"),
]


@pytest.mark.parametrize(("anchor", "begin", "interval", "count", "end"), LATER)
def test_a_duration_is_counted_where_its_anchor_is(
    anchor: str, begin: str, interval: str, count: int, end: str
) -> None:
    duration = Duration(interval=interval, interval_count=count)
    assert day(later(at(anchor), at(begin), duration)) == end


LESS = [
    (("year", 1), ("month", 3), ("month", 9)),
    (("month", 1), ("month", 1), ("month", 0)),
    (("month", 1), ("year", 1), ("month", -11)),
    (("week", 2), ("day", 4), ("day", 10)),
    (("week", 2), ("month", 1), None),
]


@pytest.mark.parametrize(("duration", "cycle", "left"), LESS)
def test_what_is_left_of_a_duration(
    duration: tuple[str, int], cycle: tuple[str, int], left: tuple[str, int] | None
) -> None:
    given = [Duration(interval=interval, interval_count=count) for interval, count in (duration, cycle)]
    found = less(*given)
    assert (None if found is None else (found.interval, found.interval_count)) == left
