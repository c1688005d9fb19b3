"""The items of subscriptions: `/v1/subscription_items`, as far as reading goes."""

from __future__ import annotations

from reconciler.emulator.errors import no_such, not_found
from reconciler.emulator.listing import CURSORS
from reconciler.emulator.route import Answer, Call, Routes
from reconciler.emulator.rules.rows import page_of
from reconciler.emulator.schema import EXPAND, Hash, Text
from reconciler.emulator.shapes.subscription import rows_of
from reconciler.emulator.world import World

ROUTES = Routes("subscription_item", "rak_subscription")
PATH = "/v1/subscription_items"

RETRIEVE = Hash({"expand": EXPAND})
LIST = Hash({**CURSORS, "subscription": Text()}, ("subscription",))


@ROUTES.route("get", PATH + "/{id}", RETRIEVE)
def retrieve(world: World, call: Call) -> Answer:
    for record in world.tables["subscription"].having("item", call.id):
        return next(row for row in rows_of(record) if row["id"] == call.id)
    raise not_found("subscription_item", call.id)


@ROUTES.route("get", PATH, LIST)
def list_(world: World, call: Call) -> Answer:
    id = call.params["subscription"]
    record = world.tables["subscription"].get(id)
    if record is None:
        raise no_such("subscription", id, "subscription")
    return page_of(rows_of(record), "subscription_item", PATH, call.params)
