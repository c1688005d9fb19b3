"""Test clocks: `/v1/test_helpers/test_clocks`. What belongs to a customer on one lives by its time.

Events are dated by that time too (a guess), so that those of more than 30 days before the world's now are not kept.
"""

from __future__ import annotations

from reconciler.emulator.billing.calendar import boundary
from reconciler.emulator.billing.passage import elapse
from reconciler.emulator.commit import add, advance, remove
from reconciler.emulator.errors import EmulatorGap, ParameterError, StripeError, not_found
from reconciler.emulator.listing import CURSORS, Query, page
from reconciler.emulator.route import Answer, Call, Deleted, Routes
from reconciler.emulator.rules.subscription import period_end
from reconciler.emulator.schema import EXPAND, GAP, TIMESTAMP, Hash, Text
from reconciler.emulator.shapes import test_clock
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World

ROUTES = Routes("test_helpers.test_clock", "rak_test_clock")
PATH = "/v1/test_helpers/test_clocks"
TABLE = "test_helpers.test_clock"

# A customer who is there already cannot be put on a clock here: what it has would have to change its time.
CREATE = Hash({"customer": GAP, "expand": EXPAND, "frozen_time": TIMESTAMP, "name": Text(300)}, ("frozen_time",))
ADVANCE = Hash({"expand": EXPAND, "frozen_time": TIMESTAMP}, ("frozen_time",))
RETRIEVE = Hash({"expand": EXPAND})
LIST = Hash(CURSORS)


def find(world: World, id: str) -> Record:
    """The clock in a path."""
    record = world.tables[TABLE].get(id)
    if record is None:
        raise not_found("test clock", id)
    return record


@ROUTES.route("post", PATH, CREATE)
def create(world: World, call: Call) -> Answer:
    if world.livemode:
        raise StripeError("Test clocks can only be used in test mode.")
    return add(world, test_clock.build(world, call.params, world.free_id("clock", TABLE), world.now()))


@ROUTES.route("post", PATH + "/{id}/advance", ADVANCE)
def advance_(world: World, call: Call) -> Answer:
    """Move a clock forward, at most two periods of its shortest subscription, or two years if it has none."""
    record, wanted = find(world, call.id), call.params["frozen_time"]
    if wanted <= record["frozen_time"]:
        raise ParameterError("`frozen_time` must be after the clock's current frozen time.", "frozen_time")
    limit = _limit(world, record)
    if wanted > limit:
        raise StripeError(
            "You cannot advance a test clock by more than two intervals of its shortest subscription, or two years if "
            f"it has none: at most to {limit}.",
            "frozen_time",
        )
    elapse(world, call.id, wanted)
    # Who is on the clock may have been billed meanwhile, but the clock itself is the same.
    return advance(world, {**record, "frozen_time": wanted}, "ready")


def _limit(world: World, record: Record) -> int:
    """The furthest that a clock can be advanced now."""
    start = record["frozen_time"]
    ends = [period_end(start, {"interval": "year", "interval_count": 2})]
    for customer in world.tables["customer"].having("test_clock", record["id"]):
        for held in world.tables["subscription"].having("customer", customer["id"]):
            price = world.tables["price"].get(held["items"][0]["price"])
            if price is not None and held["status"] != "canceled":
                ends.append(boundary(start, price["recurring"], 2))
    return min(ends)


@ROUTES.route("get", PATH + "/{id}", RETRIEVE)
def retrieve(world: World, call: Call) -> Answer:
    return find(world, call.id)


@ROUTES.route("delete", PATH + "/{id}", Hash({}))
def delete(world: World, call: Call) -> Answer:
    """Delete a clock that nobody is on; Stripe deletes its customers with it, and what is left of them is not known."""
    record = find(world, call.id)
    if world.tables["customer"].having("test_clock", call.id):
        raise EmulatorGap("the deletion of a test clock with customers")
    remove(world, record)
    return Deleted(record)


@ROUTES.route("get", PATH, LIST)
def list_(world: World, call: Call) -> Answer:
    return page(world, Query(TABLE, PATH), call.params)
