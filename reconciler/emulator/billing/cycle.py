"""A subscription's next moment: its trial or its period ends, or is about to, or it ends itself."""

from __future__ import annotations

from typing import Any

from reconciler.emulator.billing.calendar import next_boundary
from reconciler.emulator.billing.invoicing import Issue, issue
from reconciler.emulator.billing.lines import metered, price_of, whole_line
from reconciler.emulator.billing.reckoning import Values
from reconciler.emulator.commit import advance
from reconciler.emulator.rules.subscription import finish
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World


def turn(world: World, record: Record) -> None:
    """End a subscription, begin its next period or tell that its trial ends soon, whichever is due now."""
    now = world.now()
    if record["cancel_at"] is not None and record["cancel_at"] <= now:
        close(world, record)
    elif record["status"] == "trialing" and now < record["trial_end"]:
        advance(world, {**record, "life": {**record["life"], "warned": True}}, "trial_will_end")
    else:
        renew(world, record, {})


def close(world: World, record: Record) -> None:
    """End a subscription on the day that was set for it; what is still to be billed is billed."""
    pending = record["life"]["pending"]
    if pending:
        settled = {"life": {**record["life"], "pending": []}}
        record = issue(world, record, pending, Issue("subscription_cycle", changes=settled))
    details = {**record["cancellation_details"], "reason": "cancellation_requested"}
    finish(world, {**record, "cancellation_details": details, "canceled_at": record["canceled_at"] or world.now()})


def renew(world: World, record: Record, changes: dict[str, Any], reason: str = "subscription_cycle") -> Record:
    """Begin a period now and bill it, with what else changes at this moment; returns the subscription.

    Metered items are billed for the period that ends, all others for the one that begins.
    """
    now = world.now()
    after = {**record, **changes}
    anchor, recurring = after["billing_cycle_anchor"], price_of(world, after["items"][0]["price"])["recurring"]
    end = next_boundary(anchor, recurring, now)
    before = record["items"][0]["current_period_start"]
    items = [{**item, "current_period_start": now, "current_period_end": end} for item in after["items"]]
    lines: list[Values] = [
        whole_line(world, item, (before, now) if metered(item) else (now, end)) for item in reversed(items)
    ]
    turned: dict[str, Any] = {"items": items, "life": {**after["life"], "pending": []}}
    if after["status"] == "trialing":
        turned["status"] = "active"
    if after["cancel_at_period_end"]:
        turned["cancel_at"] = end
    lines += after["life"]["pending"]
    return issue(world, after, lines, Issue(reason, (before, now), changes=turned))
