"""Moments and spans of time as people say them."""

from __future__ import annotations

from reconciler.core.types import show_moment

_DAYS_FROM_HOURS = 48


def span(seconds: float) -> str:
    """Write how long something takes or took: 45 s, 3 min, 5 h 03 min, 4 days."""
    minutes = round(seconds / 60)
    if 60 <= minutes < _DAYS_FROM_HOURS * 60:
        return f"{minutes // 60} h {minutes % 60:02} min"
    return age(seconds)


def age(seconds: float) -> str:
    """Write how long ago something was, in one unit: 45 s, 3 min, 5 h, 4 days."""
    whole, minutes, hours = round(seconds), round(seconds / 60), round(seconds / 3600)
    if whole < 60:
        return f"{whole} s"
    if minutes < 60:
        return f"{minutes} min"
    return f"{hours} h" if hours < _DAYS_FROM_HOURS else f"{round(seconds / 86400)} days"


def when(moment: int, now: int) -> str:
    """Write a moment and how long ago it was; both are epoch seconds, UTC."""
    return f"{show_moment(moment)} ({age(max(0, now - moment))} ago)"
