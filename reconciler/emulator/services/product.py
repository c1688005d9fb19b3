"""Products: `/v1/products`."""

from __future__ import annotations

from decimal import Decimal

from reconciler.emulator.commit import add, remove, replace
from reconciler.emulator.errors import StripeError, not_found
from reconciler.emulator.listing import CURSORS, SPAN, Query, page, span
from reconciler.emulator.metadata import Metadata, merge
from reconciler.emulator.route import Answer, Call, Deleted, Routes
from reconciler.emulator.rules.price import PRICE_DATA, check_price
from reconciler.emulator.schema import EXPAND, Array, Boolean, Choice, Hash, Kind, Number, Text
from reconciler.emulator.shapes import price, product
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World

ROUTES = Routes("product", "rak_product")
PATH = "/v1/products"

_SIDE = Number(2, Decimal(0), Decimal(100000), above_minimum=True)
_SIDES: dict[str, Kind] = {"height": _SIDE, "length": _SIDE, "weight": _SIDE, "width": _SIDE}


def _fields(blank: bool) -> dict[str, Kind]:
    """What create and update share; an update may unset what a create may only leave out."""
    tax: dict[str, Kind] = {"performance_location": Text(), "tax_code": Text(blank=True)}
    return {
        "active": Boolean(),
        "description": Text(40000, blank=blank),
        "expand": EXPAND,
        "images": Array(Text(2048), 8, blank=blank),
        "marketing_features": Array(Hash({"name": Text(80)}, ("name",)), 15, blank=blank),
        "metadata": Metadata(blank=blank),
        "name": Text(250),
        "package_dimensions": Hash(_SIDES, tuple(_SIDES), blank=blank),
        "shippable": Boolean(),
        "statement_descriptor": Text(22, pattern=r"[^<>\\'\"*]*[A-Za-z][^<>\\'\"*]*"),
        "tax_code": Text(pattern=r"txcd_\d{8}", blank=blank),
        "tax_details": Hash(tax, blank=blank),
        "unit_label": Text(12, blank=blank),
        "url": Text(2048, pattern=r"https?://\S+", blank=blank),
    }


CREATE = Hash(
    {
        **_fields(blank=False),
        "default_price_data": PRICE_DATA,
        "id": Text(pattern=r"[A-Za-z0-9_.\-]+"),
        "type": Choice(("good", "service")),
    },
    ("name",),
)
# An empty default_price unsets it: https://github.com/stripe/stripe-python/issues/658
UPDATE = Hash({**_fields(blank=True), "default_price": Text(blank=True)})
RETRIEVE = Hash({"expand": EXPAND})
LIST = Hash(
    {
        **CURSORS,
        "active": Boolean(),
        "created": SPAN,
        "ids": Array(Text()),
        "shippable": Boolean(),
        "type": Choice(("good", "service")),
        "url": Text(),
    }
)


def find(world: World, id: str) -> Record:
    """The product in a path."""
    record = world.tables["product"].get(id)
    if record is None:
        raise not_found("product", id)
    return record


@ROUTES.route("post", PATH, CREATE)
def create(world: World, call: Call) -> Answer:
    params, forced = call.params, call.forced
    id = forced.id or params.get("id") or world.free_id("prod", "product")
    if id in world.tables["product"]:
        raise StripeError("Product already exists.", "id", "resource_already_exists")
    created = world.now() if forced.created is None else forced.created
    record = product.build(world, params, id, created)
    default = params.get("default_price_data")
    if default is None:
        return add(world, record)
    default = {**default, "product": id}
    check_price(world, default)
    built = price.build(world, default, world.free_id("price", "price"), created)
    # The product is told of first, since the price refers to it; both events come from one request.
    record = add(world, {**record, "default_price": built["id"]})
    add(world, built)
    return record


@ROUTES.route("get", PATH + "/{id}", RETRIEVE)
def retrieve(world: World, call: Call) -> Answer:
    return find(world, call.id)


@ROUTES.route("post", PATH + "/{id}", UPDATE)
def update(world: World, call: Call) -> Answer:
    before, params = find(world, call.id), call.params
    changes = {name: params[name] for name in product.PLAIN if name in params}
    for name in ("images", "marketing_features"):
        if name in changes and changes[name] is None:
            changes[name] = []
    if "tax_details" in changes:
        changes["tax_details"] = product.tax_details(changes["tax_details"])
    if "metadata" in params:
        changes["metadata"] = merge(before["metadata"], params["metadata"])
    if "default_price" in params:
        if params["default_price"] is not None:
            _check_default_price(world, before, params["default_price"])
        changes["default_price"] = params["default_price"]
    after = {**before, **changes}
    return replace(world, before if after == before else {**after, "updated": world.now()})


def _check_default_price(world: World, record: Record, id: str) -> None:
    found = world.tables["price"].get(id)
    if found is None:
        raise StripeError(f"No such price: '{id}'", "default_price", "resource_missing")
    if found["product"] != record["id"]:
        raise StripeError(
            f"The price `{id}` belongs to the product `{found['product']}`, so it cannot be the default price of "
            f"`{record['id']}`.",
            "default_price",
        )
    if not found["active"]:
        raise StripeError("The default price must be active.", "default_price")


@ROUTES.route("delete", PATH + "/{id}", Hash({}))
def delete(world: World, call: Call) -> Answer:
    record = find(world, call.id)
    if world.tables["price"].having("product", call.id):
        raise StripeError("This product cannot be deleted because it has one or more user-created prices.")
    # Its features go along; they would come back with another product of the same id otherwise.
    for attached in world.tables["product_feature"].having("product", call.id):
        remove(world, attached)
    remove(world, record)
    return Deleted(record)


@ROUTES.route("get", PATH, LIST)
def list_(world: World, call: Call) -> Answer:
    params = call.params
    wanted = {"active": params["active"]} if "active" in params else {}
    plain = {name: params[name] for name in ("shippable", "type", "url") if name in params}

    def passes(record: Record) -> bool:
        if "ids" in params and record["id"] not in params["ids"]:
            return False
        return all(record[name] == value for name, value in plain.items())

    return page(world, Query("product", PATH, wanted, (passes,), span(params.get("created"))), params)
