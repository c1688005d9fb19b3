"""The life of a subscription schedule, for account histories: each step takes the moment at which it happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from reconciler.emulator.commit import add, advance, replace
from reconciler.emulator.shapes import subscription_schedule
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World

ENDS = {"canceled": "canceled_at", "completed": "completed_at", "released": "released_at"}


def schedule(
    world: World, customer_id: str, phases: Sequence[Mapping[str, Any]], created: int, end_behavior: str = "release"
) -> Record:
    """A schedule that has not started (subscription_schedule.created).

    A phase has `start_date`, `end_date` and `items` of `price` and `quantity`; each begins where the one before ends.
    """
    if not phases or any(before["end_date"] != after["start_date"] for before, after in pairwise(phases)):
        raise ValueError("a schedule has phases, and each begins where the one before ends")
    kept = [{"currency": _currency(world, phase), **phase} for phase in phases]
    values = {"customer": customer_id, "end_behavior": end_behavior, "phases": kept}
    id = world.free_id("sub_sched", "subscription_schedule")
    return add(world, subscription_schedule.build(world, values, id, created))


def start_schedule(world: World, id: str, subscription_id: str, moment: int) -> Record:
    """Make a schedule active, in charge of a subscription that is there (both updated)."""
    record = _find(world, id, "not_started")
    subscription = world.tables["subscription"].get(subscription_id)
    if subscription is None or subscription["customer"] != record["customer"]:
        raise ValueError(f"the customer of {id} has no subscription {subscription_id}")
    started = replace(world, {**record, "status": "active", "subscription": subscription_id}, moment=moment)
    replace(world, {**subscription, "schedule": id}, moment=moment)
    return started


def end_schedule(world: World, id: str, status: str, moment: int) -> Record:
    """End a schedule as `completed`, `released` or `canceled`, told under that name; its subscription is free again.

    Cancelling the subscription that a canceled schedule leaves behind is up to the caller.
    """
    record = _find(world, id, *(("not_started", "active") if status != "completed" else ("active",)))
    ended = {**record, "status": status, ENDS[status]: moment}
    held = record.get("subscription")
    if status == "released" and held is not None:
        ended |= {"released_subscription": held, "subscription": None}
    advance(world, ended, status, moment)
    subscription = world.tables["subscription"].get(held or "")
    if subscription is not None and subscription.get("schedule") == id:
        replace(world, {**subscription, "schedule": None}, moment=moment)
    return ended


def _currency(world: World, phase: Mapping[str, Any]) -> str:
    price = world.tables["price"].get(phase["items"][0]["price"])
    if price is None:
        raise ValueError(f"there is no price {phase['items'][0]['price']}")
    currency: str = price["currency"]
    return currency


def _find(world: World, id: str, *statuses: str) -> Record:
    record = world.tables["subscription_schedule"].get(id)
    if record is None or record["status"] not in statuses:
        raise ValueError(f"{id} is no schedule that is {' or '.join(statuses)}")
    return record
