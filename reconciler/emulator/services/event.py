"""Events: `/v1/events`, for the 30 days that Stripe keeps them."""

from __future__ import annotations

from fnmatch import fnmatchcase

from reconciler.emulator.commit import RETENTION
from reconciler.emulator.errors import ParameterError, exclusive_parameters, not_found
from reconciler.emulator.listing import CURSORS, SPAN, Query, page, span
from reconciler.emulator.route import Answer, Call, Routes
from reconciler.emulator.schema import EXPAND, Array, Boolean, Hash, Text
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World

ROUTES = Routes("event", "rak_event_read")
PATH = "/v1/events"

_TYPE = r"[a-z_.]+(\.\*)?|\*"
RETRIEVE = Hash({"expand": EXPAND})
LIST = Hash(
    {
        **CURSORS,
        "created": SPAN,
        "delivery_success": Boolean(),
        "type": Text(pattern=_TYPE),
        "types": Array(Text(pattern=r"[a-z_.]+"), 20),
    }
)


@ROUTES.route("get", PATH + "/{id}", RETRIEVE)
def retrieve(world: World, call: Call) -> Answer:
    record = world.tables["event"].get(call.id)
    if record is None or record["created"] < world.now() - RETENTION:
        raise not_found("event", call.id)
    return record


@ROUTES.route("get", PATH, LIST)
def list_(world: World, call: Call) -> Answer:
    params = call.params
    if "type" in params and "types" in params:
        raise exclusive_parameters(("type", "types"))
    pattern, types = params.get("type", "*"), params.get("types")
    if types is not None and not types:
        raise ParameterError("Invalid types", "types")
    wanted = {"type": pattern} if "*" not in pattern else {}

    def passes(record: Record) -> bool:
        # Nothing listens to the emulator's events, so all of them count as delivered.
        if params.get("delivery_success") is False:
            return False
        return record["type"] in types if types is not None else fnmatchcase(record["type"], pattern)

    first, last = span(params.get("created"))
    kept = (max(first, world.now() - RETENTION), last)
    return page(world, Query("event", PATH, wanted, (passes,), kept), params)
