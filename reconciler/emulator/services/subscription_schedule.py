"""Subscription schedules: `/v1/subscription_schedules`, as far as reading goes."""

from __future__ import annotations

from reconciler.emulator.errors import not_found
from reconciler.emulator.listing import CURSORS, SPAN, Query, page, span
from reconciler.emulator.route import Answer, Call, Routes
from reconciler.emulator.rules.owner import owned
from reconciler.emulator.schema import EXPAND, GAP, Boolean, Hash, Text
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World

ROUTES = Routes("subscription_schedule", "rak_subscription_schedule")
PATH = "/v1/subscription_schedules"
ENDS = ("canceled_at", "completed_at", "released_at")

RETRIEVE = Hash({"expand": EXPAND})
LIST = Hash(
    {
        **CURSORS,
        **dict.fromkeys(ENDS, SPAN),
        "created": SPAN,
        "customer": Text(),
        "customer_account": GAP,
        "scheduled": Boolean(),
    }
)


@ROUTES.route("get", PATH + "/{id}", RETRIEVE)
def retrieve(world: World, call: Call) -> Answer:
    record = world.tables["subscription_schedule"].get(call.id)
    if record is None:
        raise not_found("subscription_schedule", call.id)
    return record


@ROUTES.route("get", PATH, LIST)
def list_(world: World, call: Call) -> Answer:
    params = call.params
    spans = {name: span(params[name]) for name in ENDS if name in params}

    def passes(record: Record) -> bool:
        # `scheduled` asks for what has not started; Stripe says nothing of its opposite, which leaves all.
        if params.get("scheduled") and record["status"] != "not_started":
            return False
        return all(first <= (record.get(name) or -1) <= last for name, (first, last) in spans.items())

    query = Query("subscription_schedule", PATH, owned(world, params), (passes,), span(params.get("created")))
    return page(world, query, params)
