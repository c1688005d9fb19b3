"""Billing meters: `/v1/billing/meters`. They are deactivated, never deleted, and have no metadata."""

from __future__ import annotations

from reconciler.emulator.commit import add, replace
from reconciler.emulator.errors import StripeError, not_found
from reconciler.emulator.listing import CURSORS, Query, page
from reconciler.emulator.route import Answer, Call, Routes
from reconciler.emulator.schema import EXPAND, Choice, Hash, Text
from reconciler.emulator.shapes import meter
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World

ROUTES = Routes("billing.meter", "rak_billing_meter")
PATH = "/v1/billing/meters"

CREATE = Hash(
    {
        "customer_mapping": Hash(
            {"event_payload_key": Text(100), "type": Choice(("by_id",))}, ("event_payload_key", "type")
        ),
        "default_aggregation": Hash({"formula": Choice(("count", "last", "sum"))}, ("formula",)),
        "display_name": Text(250),
        "event_name": Text(100),
        "event_time_window": Choice(("day", "hour")),
        "expand": EXPAND,
        "value_settings": Hash({"event_payload_key": Text(100)}, ("event_payload_key",)),
    },
    ("default_aggregation", "display_name", "event_name"),
)
UPDATE = Hash({"display_name": Text(250), "expand": EXPAND})
RETRIEVE = Hash({"expand": EXPAND})
LIST = Hash({**CURSORS, "status": Choice(("active", "inactive"))})


def find(world: World, id: str) -> Record:
    """The meter in a path."""
    record = world.tables["billing.meter"].get(id)
    if record is None:
        raise not_found("billing meter", id)
    return record


def _check_event_name(world: World, event_name: str) -> None:
    for record in world.tables["billing.meter"].having("event_name", event_name):
        if record["status"] == "active":
            raise StripeError(
                f"An active meter (`{record['id']}`) is already using the event name '{event_name}'.",
                "event_name",
                "resource_already_exists",
            )


@ROUTES.route("post", PATH, CREATE)
def create(world: World, call: Call) -> Answer:
    _check_event_name(world, call.params["event_name"])
    id = call.forced.id or world.free_id("mtr", "billing.meter")
    if id in world.tables["billing.meter"]:
        raise StripeError("Meter already exists.", "id", "resource_already_exists")
    created = world.now() if call.forced.created is None else call.forced.created
    return add(world, meter.build(world, call.params, id, created))


@ROUTES.route("get", PATH + "/{id}", RETRIEVE)
def retrieve(world: World, call: Call) -> Answer:
    return find(world, call.id)


@ROUTES.route("post", PATH + "/{id}", UPDATE)
def update(world: World, call: Call) -> Answer:
    before = find(world, call.id)
    name = call.params.get("display_name", before["display_name"])
    if name == before["display_name"]:
        return before
    return replace(world, {**before, "display_name": name, "updated": world.now()})


@ROUTES.route("post", PATH + "/{id}/deactivate", RETRIEVE)
def deactivate(world: World, call: Call) -> Answer:
    before = find(world, call.id)
    if before["status"] == "inactive":
        raise StripeError("This meter is already inactive.")
    now = world.now()
    after = {**before, "status": "inactive", "status_transitions": {"deactivated_at": now}, "updated": now}
    return replace(world, after, "deactivated")


@ROUTES.route("post", PATH + "/{id}/reactivate", RETRIEVE)
def reactivate(world: World, call: Call) -> Answer:
    before = find(world, call.id)
    if before["status"] == "active":
        raise StripeError("This meter is already active.")
    _check_event_name(world, before["event_name"])
    after = {**before, "status": "active", "status_transitions": {"deactivated_at": None}, "updated": world.now()}
    return replace(world, after, "reactivated")


@ROUTES.route("get", PATH, LIST)
def list_(world: World, call: Call) -> Answer:
    wanted = {"status": call.params["status"]} if "status" in call.params else {}
    return page(world, Query("billing.meter", PATH, wanted), call.params)
