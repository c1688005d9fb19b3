"""Moments and periods in words, in UTC: 2024-01-25, every month on the 25th. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from reconciler.core.migrations import Duration

_REMEMBERED = 1 << 16
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


@lru_cache(maxsize=_REMEMBERED)
def day_text(moment: int) -> str:
    """Write a moment as a date; with its time unless that is midnight."""
    text = datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S")
    text = text.removesuffix(" 00:00:00")
    return text if len(text) == 10 else f"{text.removesuffix(':00')} UTC"


@lru_cache(maxsize=_REMEMBERED)
def renewal_text(grid: int, interval: str, interval_count: int) -> str:
    """Say when periods renew that are counted from a moment: every month on the 25th."""
    every = f"every {interval}" if interval_count == 1 else f"every {interval_count} {interval}s"
    begun = datetime.fromtimestamp(grid, UTC)
    match interval:
        case "month":
            return f"{every} on {_day_of_month(begun.day)}"
        case "year":
            return f"{every} on {_day_of_year(begun)}"
        case "week":
            return f"{every} on {_DAYS[begun.weekday()]}"
    return every


def cycle_text(cycle: Duration) -> str:
    """Say how long a period is: month, 3 months."""
    return cycle.interval if cycle.interval_count == 1 else f"{cycle.interval_count} {cycle.interval}s"


def _day_of_month(day: int) -> str:
    ordinal = f"{day}{'th' if 10 < day < 14 else {1: 'st', 2: 'nd', 3: 'rd'}.get(day % 10, 'th')}"
    return f"the last day of short months, else the {ordinal}" if day > 28 else f"the {ordinal}"


def _day_of_year(begun: datetime) -> str:
    if (begun.month, begun.day) == (2, 29):
        return "February 29, in other years the 28th"
    return f"{_MONTHS[begun.month - 1]} {begun.day}"
