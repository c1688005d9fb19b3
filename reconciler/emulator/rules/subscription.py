"""How a subscription's periods run, and how it ends."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta
from typing import Any

from reconciler.emulator.commit import advance, replace
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World

ENDED = frozenset({"canceled", "incomplete_expired"})


def period_end(start: int, recurring: Record) -> int:
    """The end of the period that starts then; a month that lacks the day ends on its last."""
    begun = datetime.fromtimestamp(start, UTC)
    count = recurring["interval_count"]
    if recurring["interval"] in ("day", "week"):
        days = count * (7 if recurring["interval"] == "week" else 1)
        return int((begun + timedelta(days=days)).timestamp())
    months = begun.month - 1 + count * (12 if recurring["interval"] == "year" else 1)
    year, month = begun.year + months // 12, months % 12 + 1
    day = min(begun.day, calendar.monthrange(year, month)[1])
    return int(begun.replace(year=year, month=month, day=day).timestamp())


def end_subscription(world: World, record: Record, details: dict[str, Any]) -> Record:
    """Cancel at once, and tell of the deletion as Stripe names it."""
    cancellation = {
        "comment": details.get("comment"),
        "feedback": details.get("feedback"),
        "feedback_option": None,
        "reason": "cancellation_requested",
    }
    return finish(world, {**record, "canceled_at": world.now(), "cancellation_details": cancellation})


def finish(world: World, record: Record) -> Record:
    """End a subscription now, and with it what lives by it: its drafts are not sent, its schedule is canceled."""
    now = world.now()
    if "life" in record:
        for draft in world.tables["invoice"].having("subscription", record["id"]):
            if draft["status"] == "draft" and "life" in draft and draft["created"] < now:
                replace(world, {**draft, "life": {**draft["life"], "stuck": True}})
    holder = world.tables["subscription_schedule"].get(record.get("schedule") or "")
    if holder is not None and "life" in holder:
        if holder["status"] == "active":
            advance(world, {**holder, "status": "canceled", "canceled_at": now}, "canceled")
        record = {**record, "schedule": None}
    return replace(world, {**record, "status": "canceled", "ended_at": now}, "deleted")
