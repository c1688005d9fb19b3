"""What customers used of what a meter counts, and until when more can be reported.

Usage counts at once; Stripe aggregates it within minutes.
"""

from __future__ import annotations

from typing import Literal, assert_never

from reconciler.emulator.rules.subscription import ENDED
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World

EVENTS = "billing.meter_event"


def used(world: World, price: Record, customer: str, span: tuple[int, int]) -> int:
    """The units of a metered price that a customer is billed for a span, its last second excluded; never less than 0.

    Whatever events a customer sent count for each of its subscriptions that has a price of that meter.
    """
    meter = world.tables["billing.meter"].get(price["recurring"]["meter"])
    assert meter is not None, "meters are never deleted"
    events = world.tables[EVENTS].having("usage", (meter["id"], customer))
    rows = [row for row in events if span[0] <= row["timestamp"] < span[1]]
    formula: Literal["count", "last", "sum"] = meter["default_aggregation"]["formula"]
    match formula:
        case "count":
            return len(rows)
        case "last":
            # Of two events of one moment, the one that came later.
            ordered: list[int] = [row["value"] for row in sorted(rows, key=lambda row: int(row["timestamp"]))]
            return max(ordered[-1], 0) if ordered else 0
        case "sum":
            total: int = sum(row["value"] for row in rows)
            return max(total, 0)
        case _:
            assert_never(formula)


def closed(world: World, meter: str, customer: str, moment: int) -> Record | None:
    """The subscription that was billed already for a meter's usage at a moment; None if there is none."""
    for held in world.tables["subscription"].having("customer", customer):
        if "life" not in held or not any(_meter_of(world, item) == meter for item in held["items"]):
            continue
        over = held["ended_at"] if held["status"] in ENDED else held["items"][0]["current_period_start"]
        if held["created"] <= moment < over:
            return held
    return None


def _meter_of(world: World, item: Record) -> str | None:
    price = world.tables["price"].get(item["price"])
    return None if price is None else price["recurring"]["meter"]
