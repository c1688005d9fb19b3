"""When something happens to a record by itself: a period ends, a phase begins, a draft is finalized.

Only records with a `life` live by the clock. What a history or a seed wrote stands still until somebody changes it,
but for credits, which expire whoever granted them.
"""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.emulator.table import Due
from reconciler.emulator.wire import Record

# How long before the end of a trial it is told.
WARNING = 3 * 24 * 60 * 60
RUNNING = frozenset({"active", "past_due", "trialing"})


def of_subscription(record: Record) -> tuple[str, int] | None:
    """The end of its period or trial, or its own end if that is sooner; before a trial ends, that it will."""
    if "life" not in record or record["status"] not in RUNNING:
        return None
    end: int = record["items"][0]["current_period_end"]
    if record["status"] == "trialing" and not record["life"].get("warned"):
        # Of a trial that is shorter, it is told as soon as it has begun.
        end = max(record["trial_start"], record["trial_end"] - WARNING)
    return _on(record, end if record["cancel_at"] is None else min(end, record["cancel_at"]))


def of_schedule(record: Record) -> tuple[str, int] | None:
    """The start of its first phase, then the end of each."""
    if "life" not in record:
        return None
    if record["status"] == "not_started":
        return _on(record, record["phases"][0]["start_date"])
    if record["status"] == "active":
        return _on(record, record["phases"][record["life"]["at"]]["end_date"])
    return None


def of_invoice(record: Record) -> tuple[str, int] | None:
    """When a draft is finalized; then, of one that was sent, the day by which it must be paid."""
    life = record.get("life")
    if life is None:
        return None
    # A draft that is finalized within the request that made it is due at no other time.
    if record["status"] == "draft" and "automatically_finalizes_at" in record and not life.get("stuck"):
        return _on(record, record["automatically_finalizes_at"])
    if record["status"] == "open" and "due_date" in record and not life.get("overdue"):
        return _on(record, record["due_date"])
    return None


def of_grant(record: Record) -> tuple[str, int] | None:
    """When credits expire, if they do and have not ended yet."""
    if record["expires_at"] is None or record["ended"]:
        return None
    return _on(record, record["expires_at"])


def _on(record: Record, moment: int) -> tuple[str, int]:
    return record.get("test_clock") or "", moment


DUES: Mapping[str, Due] = {
    "billing.credit_grant": of_grant,
    "invoice": of_invoice,
    "subscription": of_subscription,
    "subscription_schedule": of_schedule,
}
