"""A subscription's next moment: its trial or its period ends, or is about to, or it ends itself."""

from __future__ import annotations

from typing import Any

from reconciler.emulator.billing.calendar import next_boundary
from reconciler.emulator.billing.invoicing import Issue, issue
from reconciler.emulator.billing.lines import metered, price_of, usage_line, whole_line
from reconciler.emulator.billing.reckoning import Values
from reconciler.emulator.commit import advance
from reconciler.emulator.rules.subscription import finish
from reconciler.emulator.rules.usage import used
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
    record = bill_rest(world, record)
    details = {**record["cancellation_details"], "reason": "cancellation_requested"}
    finish(world, {**record, "cancellation_details": details, "canceled_at": record["canceled_at"] or world.now()})


def bill_rest(world: World, record: Record) -> Record:
    """Bill what was used since the period began and what is pending, of a subscription that ends; returns it.

    That an end without usage leaves no invoice is a guess.
    """
    lines, now = [*unbilled(world, record), *record["life"]["pending"]], world.now()
    if not lines:
        return record
    settled = {"life": {**record["life"], "pending": []}}
    span = (record["items"][0]["current_period_start"], now)
    return issue(world, record, lines, Issue("subscription_cycle", span, changes=settled))


def unbilled(world: World, record: Record) -> list[Values]:
    """The lines of what was used in the period that runs. The newest items come first, as Stripe sorts lines."""
    lines = [_usage(world, record, item) for item in reversed(record["items"]) if metered(item)]
    return [line for line in lines if line["quantity"]]


def _usage(world: World, record: Record, item: Record) -> Values:
    """What was used of an item in the period until now; of a trial, nothing counts."""
    span = (item["current_period_start"], world.now())
    price = price_of(world, item["price"])
    quantity = 0 if record["status"] == "trialing" else used(world, price, record["customer"], span)
    return usage_line(world, item, span, quantity)


def renew(world: World, record: Record, changes: dict[str, Any], reason: str = "subscription_cycle") -> Record:
    """Begin a period now and bill it, with what else changes at this moment; returns the subscription.

    Metered items are billed for the period that ends, all others for the one that begins. A metered item that is new
    shows a line of nothing for that, as on the first invoice of all.
    """
    now = world.now()
    after = {**record, **changes}
    anchor, recurring = after["billing_cycle_anchor"], price_of(world, after["items"][0]["price"])["recurring"]
    end = next_boundary(anchor, recurring, now)
    before = record["items"][0]["current_period_start"]
    items = [{**item, "current_period_start": now, "current_period_end": end} for item in after["items"]]
    counted = {item["id"]: item for item in reversed(record["items"]) if metered(item)}
    lines: list[Values] = []
    for item in reversed(items):
        held = counted.pop(item["id"], None)
        lines.append(whole_line(world, item, (now, end)) if held is None else _usage(world, record, held))
    lines += [_usage(world, record, held) for held in counted.values()]
    turned: dict[str, Any] = {"items": items, "life": {**after["life"], "pending": []}}
    if after["status"] == "trialing":
        turned["status"] = "active"
    if after["cancel_at_period_end"]:
        turned["cancel_at"] = end
    lines += after["life"]["pending"]
    return issue(world, after, lines, Issue(reason, (before, now), changes=turned))
