"""The deadline of a step: how long before a start its request must leave, and what is said of one that came too late.

A schedule whose start has passed would start, and charge, the moment that it is made.
"""

from __future__ import annotations

from datetime import UTC, datetime

from reconciler.core.plan import Absent, Step

# Seconds: more than clocks may differ by, and than a request may be under way.
MARGIN = 300
# Seconds: where a subscription ends at its source when a row starts, that one must be told in good time to go on.
HOUR = 3600
# The kind of a subscription that is made in the middle of a period, and not by a schedule.
_SUBSCRIPTION = "migrated_subscription"
# That of one at its source.
_SOURCE = "source_subscription"
_BY_HAND = "make a new plan; if it starts, end the subscription at its source by hand"


def deadline_of(start: int) -> int:
    """From when on nothing is sent any more that a start depends on; both are epoch seconds, UTC."""
    return start - MARGIN


def late_words(step: Step) -> str:
    """Say why a step was not sent that has a deadline, and the way out."""
    moment = datetime.fromtimestamp((step.deadline or 0) + MARGIN, UTC).strftime("%Y-%m-%d %H:%M UTC")
    passed = f"{moment} is less than {MARGIN // 60} minutes ahead or has passed"
    if step.kind == _SOURCE:
        return f"not sent: its row starts at {moment}, which {passed.removeprefix(moment)[1:]}; {_BY_HAND}"
    if isinstance(step.precondition, Absent):
        if step.kind == _SUBSCRIPTION:
            over = f"not sent: the end of its period {passed}: a new one would not be charged"
            return f"{over}; give the row its next start_date and billing_cycle_anchor"
        return f"not sent: its start {passed}: it would start and charge at once; give the row a later start_date"
    start = step.precondition.before.get("start_date")
    if start is not None:
        moment = datetime.fromtimestamp(start, UTC).strftime("%Y-%m-%d %H:%M UTC")
        late = f"not sent: its start {moment} is less than an hour ahead or has passed, and its source ends then"
        return f"{late}; let it start, and cancel the subscription itself"
    if step.path.endswith("/cancel"):
        return f"not sent: its start {passed}: it is too late to roll it back; cancel the subscription itself"
    return f"not sent: its start {passed}: it is too late to change it; restore the row, and change the subscription"
