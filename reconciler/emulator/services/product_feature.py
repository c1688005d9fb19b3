"""The features of a product: `/v1/products/{id}/features`. No events tell of them."""

from __future__ import annotations

from reconciler.emulator.commit import add
from reconciler.emulator.errors import StripeError, no_such, not_found
from reconciler.emulator.listing import CURSORS, Query, page
from reconciler.emulator.route import Answer, Call, Deleted, Routes
from reconciler.emulator.schema import EXPAND, Hash, Text
from reconciler.emulator.shapes import product_feature
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World

# Inferred: Stripe publishes no permission for attachments, so it is taken to be the one for features.
ROUTES = Routes("product_feature", "rak_entitlement")
PATH = "/v1/products/{id}/features"

CREATE = Hash({"entitlement_feature": Text(), "expand": EXPAND}, ("entitlement_feature",))
RETRIEVE = Hash({"expand": EXPAND})


def find(world: World, call: Call) -> Record:
    """The attachment in a path; refuses one of another product."""
    _check_product(world, call.id)
    record = world.tables["product_feature"].get(call.inner)
    if record is None or record["product"] != call.id:
        raise not_found("product_feature", call.inner)
    return record


def _check_product(world: World, id: str) -> None:
    if id not in world.tables["product"]:
        raise not_found("product", id)


@ROUTES.route("post", PATH, CREATE)
def create(world: World, call: Call) -> Answer:
    """Attach an active feature, once."""
    _check_product(world, call.id)
    id = call.params["entitlement_feature"]
    feature = world.tables["entitlements.feature"].get(id)
    if feature is None:
        raise no_such("feature", id, "entitlement_feature")
    if not feature["active"]:
        raise StripeError(f"The feature `{id}` is archived, so it cannot be attached.", "entitlement_feature")
    for attached in world.tables["product_feature"].having("entitlement_feature", id):
        if attached["product"] == call.id:
            raise StripeError(
                f"The feature `{id}` is already attached to the product `{call.id}` (`{attached['id']}`).",
                "entitlement_feature",
                "resource_already_exists",
            )
    values = {"entitlement_feature": id, "product": call.id}
    new_id = world.free_id("prodft", "product_feature")
    return add(world, product_feature.build(world, values, new_id, world.now()))


@ROUTES.route("get", PATH + "/{inner}", RETRIEVE)
def retrieve(world: World, call: Call) -> Answer:
    return find(world, call)


@ROUTES.route("delete", PATH + "/{inner}", Hash({}))
def delete(world: World, call: Call) -> Answer:
    record = find(world, call)
    world.tables["product_feature"].remove(record["id"])
    return Deleted(record)


@ROUTES.route("get", PATH, Hash(CURSORS))
def list_(world: World, call: Call) -> Answer:
    _check_product(world, call.id)
    url = f"/v1/products/{call.id}/features"
    return page(world, Query("product_feature", url, {"product": call.id}), call.params)
