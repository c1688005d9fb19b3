"""A schedule for a subscription that runs already: its current period becomes the first phase."""

from __future__ import annotations

from typing import Any

from reconciler.emulator.commit import add, replace
from reconciler.emulator.errors import EmulatorGap, StripeError, no_such
from reconciler.emulator.rules.subscription import ENDED
from reconciler.emulator.shapes import subscription_schedule
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World

NAME = "from_subscription"


def adopt(world: World, id: str) -> Record:
    """Put a subscription under a schedule; returns the schedule, which is active."""
    held = world.tables["subscription"].get(id)
    if held is None:
        raise no_such("subscription", id, NAME)
    if held["status"] in ENDED:
        raise StripeError("You cannot create a subscription schedule from a subscription that has ended.", NAME)
    if held.get("schedule") is not None:
        raise StripeError(
            f"You cannot migrate a subscription that is already attached to a schedule: {held['schedule']}.", NAME
        )
    if "life" not in held:
        raise EmulatorGap("schedules for a subscription that a seed or a history wrote", NAME)
    if held["cancel_at"] is not None:
        raise EmulatorGap("schedules for a subscription that is about to end", NAME)
    with world.at(world.time_of(held.get("test_clock") or "")):
        now = world.now()
        values = {"customer": held["customer"], "phases": [_phase(world, held)]}
        record = subscription_schedule.build(
            world, values, world.free_id("sub_sched", "subscription_schedule"), now
        ) | {
            "default_settings": _defaults(held),
            "end_behavior": "release",
            "life": {"at": 0},
            "metadata": {},
            "status": "active",
            "subscription": id,
            "test_clock": held.get("test_clock"),
        }
        add(world, record)
        replace(world, {**held, "schedule": record["id"]})
        return record


def _phase(world: World, held: Record) -> Record:
    first = held["items"][0]
    discounts = map(world.tables["discount"].get, held.get("discounts", ()))
    phase: dict[str, Any] = {
        "add_invoice_items": [],
        "currency": held["currency"],
        "default_tax_rates": held.get("default_tax_rates", []),
        "discounts": [{"coupon": one["coupon"], "discount": None, "promotion_code": None} for one in discounts if one],
        "end_date": first["current_period_end"],
        "items": [_item(item) for item in held["items"]],
        # What the subscription has already need not be merged into it again.
        "metadata": {},
        "proration_behavior": "create_prorations",
        "start_date": first["current_period_start"],
    }
    if held["status"] == "trialing":
        phase["trial_end"] = held["trial_end"]
    return phase


def _item(item: Record) -> Record:
    counted = {} if item["quantity"] is None else {"quantity": item["quantity"]}
    return {"metadata": item["metadata"], "price": item["price"], "tax_rates": item.get("tax_rates", []), **counted}


def _defaults(held: Record) -> Record:
    found: dict[str, Any] = {"collection_method": held["collection_method"]}
    if held["days_until_due"] is not None:
        found["invoice_settings"] = {"days_until_due": held["days_until_due"]}
    if held.get("automatic_tax", {}).get("enabled"):
        found["automatic_tax"] = {"enabled": True}
    same = ("default_payment_method", "description")
    return found | {name: held[name] for name in same if held.get(name) is not None}
