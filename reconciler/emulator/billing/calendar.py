"""Where the periods of a subscription begin: each counted from the billing cycle anchor, never from the one before.

So a subscription anchored on the 31st is billed on February 28 and on March 31 again.
"""

from __future__ import annotations

from datetime import UTC, datetime

from reconciler.emulator.rules.subscription import period_end
from reconciler.emulator.wire import Record

DAY = 24 * 60 * 60


def boundary(anchor: int, recurring: Record, number: int) -> int:
    """The start of the period of a number, the anchor's own being 0; earlier ones are negative."""
    return period_end(anchor, {**recurring, "interval_count": number * recurring["interval_count"]})


def number_at(anchor: int, recurring: Record, moment: int) -> int:
    """The number of the period that a moment lies in; a boundary belongs to the period that it begins."""
    number = _estimate(anchor, recurring, moment)
    while boundary(anchor, recurring, number) > moment:
        number -= 1
    while boundary(anchor, recurring, number + 1) <= moment:
        number += 1
    return number


def next_boundary(anchor: int, recurring: Record, moment: int) -> int:
    """The first boundary after a moment."""
    return boundary(anchor, recurring, number_at(anchor, recurring, moment) + 1)


def is_boundary(anchor: int, recurring: Record, moment: int) -> bool:
    return boundary(anchor, recurring, number_at(anchor, recurring, moment)) == moment


def _estimate(anchor: int, recurring: Record, moment: int) -> int:
    count, interval = recurring["interval_count"], recurring["interval"]
    if interval in ("day", "week"):
        return int((moment - anchor) // (DAY * count * (7 if interval == "week" else 1)))
    first, last = datetime.fromtimestamp(anchor, UTC), datetime.fromtimestamp(moment, UTC)
    months = (last.year - first.year) * 12 + last.month - first.month
    return int(months // (count * (12 if interval == "year" else 1)))
