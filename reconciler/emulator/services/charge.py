"""Charges: `/v1/charges`, as far as reading goes."""

from __future__ import annotations

from reconciler.emulator.errors import not_found
from reconciler.emulator.listing import CURSORS, SPAN, Query, page, span
from reconciler.emulator.route import Answer, Call, Routes
from reconciler.emulator.rules.owner import owned
from reconciler.emulator.schema import EXPAND, Hash, Text
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World

ROUTES = Routes("charge", "rak_charge")
PATH = "/v1/charges"

RETRIEVE = Hash({"expand": EXPAND})
LIST = Hash({**CURSORS, "created": SPAN, "customer": Text(), "payment_intent": Text(), "transfer_group": Text()})


@ROUTES.route("get", PATH + "/{id}", RETRIEVE)
def retrieve(world: World, call: Call) -> Answer:
    record = world.tables["charge"].get(call.id)
    if record is None:
        raise not_found("charge", call.id)
    return record


@ROUTES.route("get", PATH, LIST)
def list_(world: World, call: Call) -> Answer:
    params = call.params
    tested = {name: params[name] for name in ("payment_intent", "transfer_group") if name in params}

    def passes(record: Record) -> bool:
        return all(record.get(name) == value for name, value in tested.items())

    query = Query("charge", PATH, owned(world, params), (passes,), span(params.get("created")))
    return page(world, query, params)
