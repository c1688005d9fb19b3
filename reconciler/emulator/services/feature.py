"""Features of entitlements: `/v1/entitlements/features`. They are archived, never deleted; no events tell of them."""

from __future__ import annotations

from typing import Any

from reconciler.emulator.commit import add, replace
from reconciler.emulator.errors import StripeError, not_found
from reconciler.emulator.listing import CURSORS, Query, page
from reconciler.emulator.metadata import Metadata, merge
from reconciler.emulator.route import Answer, Call, Routes
from reconciler.emulator.schema import EXPAND, Boolean, Hash, Text
from reconciler.emulator.shapes import feature
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World

# The permission is the one that Stripe publishes for apps, `entitlement_read`, with the prefix of keys.
ROUTES = Routes("entitlements.feature", "rak_entitlement")
PATH = "/v1/entitlements/features"

CREATE = Hash(
    {"expand": EXPAND, "lookup_key": Text(80), "metadata": Metadata(blank=False), "name": Text(80)},
    ("lookup_key", "name"),
)
UPDATE = Hash({"active": Boolean(), "expand": EXPAND, "metadata": Metadata(), "name": Text(80)})
RETRIEVE = Hash({"expand": EXPAND})
LIST = Hash({**CURSORS, "archived": Boolean(), "lookup_key": Text(80)})


def find(world: World, id: str) -> Record:
    """The feature in a path."""
    record = world.tables["entitlements.feature"].get(id)
    if record is None:
        raise not_found("feature", id)
    return record


@ROUTES.route("post", PATH, CREATE)
def create(world: World, call: Call) -> Answer:
    key = call.params["lookup_key"]
    # An archived feature gives its key free.
    for record in world.tables["entitlements.feature"].having("lookup_key", key):
        if record["active"]:
            raise StripeError(
                f"An active feature (`{record['id']}`) is already using the lookup key '{key}'.",
                "lookup_key",
                "resource_already_exists",
            )
    id = call.forced.id or world.free_id("feat", "entitlements.feature")
    if id in world.tables["entitlements.feature"]:
        raise StripeError("Feature already exists.", "id", "resource_already_exists")
    created = world.now() if call.forced.created is None else call.forced.created
    return add(world, feature.build(world, call.params, id, created))


@ROUTES.route("get", PATH + "/{id}", RETRIEVE)
def retrieve(world: World, call: Call) -> Answer:
    return find(world, call.id)


@ROUTES.route("post", PATH + "/{id}", UPDATE)
def update(world: World, call: Call) -> Answer:
    """Change or archive a feature; what is archived stays as it is for good."""
    before, params = find(world, call.id), call.params
    if not before["active"]:
        raise StripeError(f"The feature `{call.id}` is archived, so it cannot be changed.")
    changes: dict[str, Any] = {name: params[name] for name in ("active", "name") if name in params}
    if "metadata" in params:
        changes["metadata"] = merge(before["metadata"], params["metadata"])
    return replace(world, {**before, **changes})


@ROUTES.route("get", PATH, LIST)
def list_(world: World, call: Call) -> Answer:
    """The active ones, unless the archived ones are asked for: there is no page with both."""
    wanted: dict[str, Any] = {"active": not call.params.get("archived", False)}
    if "lookup_key" in call.params:
        wanted["lookup_key"] = call.params["lookup_key"]
    return page(world, Query("entitlements.feature", PATH, wanted), call.params)
