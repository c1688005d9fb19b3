"""The calendar that periods run by: counted from an anchor, in UTC, each by itself and never from the one before. Pure.

A month that lacks the anchor's day has its boundary on its last day, and the next month that has the day has it there
again: an anchor of January 31 gives February 28 and March 31. Moments are epoch seconds.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime
from functools import lru_cache

from reconciler.core.migrations import Duration

DAY = 86400
_DAYS = {"day": 1, "week": 7}
_MONTHS = {"month": 1, "year": 12}
# Moments and periods repeat over the rows of a migration.
_REMEMBERED = 1 << 16


def boundary(anchor: int, cycle: Duration, number: int) -> int:
    """The start of the period of a number, the anchor's own being 0; earlier ones are negative."""
    count = cycle.interval_count * number
    if cycle.interval in _DAYS:
        return anchor + count * _DAYS[cycle.interval] * DAY
    return _months_on(anchor, count * _MONTHS[cycle.interval])


def number_at(anchor: int, cycle: Duration, moment: int) -> int:
    """The number of the period that a moment lies in; a boundary belongs to the period that it begins."""
    number = _latest(anchor, cycle, moment)
    return number if boundary(anchor, cycle, number) <= moment else number - 1


def next_boundary(anchor: int, cycle: Duration, moment: int) -> int:
    """The first boundary after a moment."""
    return boundary(anchor, cycle, number_at(anchor, cycle, moment) + 1)


def is_boundary(anchor: int, cycle: Duration, moment: int) -> bool:
    """Say whether a period begins at a moment."""
    return boundary(anchor, cycle, number_at(anchor, cycle, moment)) == moment


def runs_alike(anchor: int, other: int, cycle: Duration) -> bool:
    """Say whether two boundaries of one calendar stand for the same periods from then on: the 31st and the February 28
    that it gives do not."""
    return cycle.interval in _DAYS or _day_of(anchor) == _day_of(other)


def later(anchor: int, begin: int, duration: Duration) -> int:
    """The end of a duration that begins at a moment.

    Months are counted from the anchor wherever the moment is that many whole months from it, so that several durations
    in a row do not lose the 31st on their way through February.
    """
    if duration.interval in _DAYS:
        return boundary(begin, duration, 1)
    months = duration.interval_count * _MONTHS[duration.interval]
    before = number_at(anchor, _MONTH, begin)
    if _months_on(anchor, before) == begin:
        return _months_on(anchor, before + months)
    return _months_on(begin, months)


def less(duration: Duration, cycle: Duration) -> Duration | None:
    """What is left of a duration after one period, which may be nothing or less; None where days are not told apart
    from months."""
    for unit, units in (("day", _DAYS), ("month", _MONTHS)):
        if duration.interval in units and cycle.interval in units:
            left = units[duration.interval] * duration.interval_count - units[cycle.interval] * cycle.interval_count
            return Duration(interval=unit, interval_count=left)
    return None


_MONTH = Duration(interval="month")


@lru_cache(maxsize=_REMEMBERED)
def _months_on(anchor: int, months: int) -> int:
    begun = datetime.fromtimestamp(anchor, UTC)
    years, month = divmod(begun.month - 1 + months, 12)
    year = begun.year + years
    day = min(begun.day, monthrange(year, month + 1)[1])
    return int(begun.replace(year=year, month=month + 1, day=day).timestamp())


@lru_cache(maxsize=_REMEMBERED)
def _day_of(moment: int) -> int:
    return datetime.fromtimestamp(moment, UTC).day


def _latest(anchor: int, cycle: Duration, moment: int) -> int:
    """The number of the last period that may have begun by a moment: of months, the one that begins in its month."""
    if cycle.interval in _DAYS:
        return (moment - anchor) // (DAY * _DAYS[cycle.interval] * cycle.interval_count)
    first, last = datetime.fromtimestamp(anchor, UTC), datetime.fromtimestamp(moment, UTC)
    months = (last.year - first.year) * 12 + last.month - first.month
    return months // (_MONTHS[cycle.interval] * cycle.interval_count)
