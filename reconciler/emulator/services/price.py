"""Prices: `/v1/prices`. They are never deleted, and what they cost never changes."""

from __future__ import annotations

from typing import Any

from reconciler.emulator.commit import add, replace
from reconciler.emulator.currency import CURRENCY
from reconciler.emulator.errors import (
    StripeError,
    exclusive_parameters,
    missing_parameter,
    no_such,
    not_found,
)
from reconciler.emulator.listing import CURSORS, SPAN, Query, page, span
from reconciler.emulator.metadata import Metadata, merge
from reconciler.emulator.route import Answer, Call, Routes
from reconciler.emulator.rules.price import (
    AMOUNTS,
    INTERVAL,
    RECURRING,
    TAX_BEHAVIOR,
    TIERS,
    check_options,
    check_price,
    currency_options,
    lookup_key_holder,
)
from reconciler.emulator.schema import EXPAND, Array, Boolean, Choice, Hash, Integer, Kind, Text
from reconciler.emulator.shapes import price, product
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World

ROUTES = Routes("price", "rak_plan")
PATH = "/v1/prices"

PRODUCT_DATA = Hash(
    {
        "active": Boolean(),
        "id": Text(pattern=r"[A-Za-z0-9_.\-]+"),
        "metadata": Metadata(blank=False),
        "name": Text(250),
        "statement_descriptor": Text(22, pattern=r"[^<>\\'\"*]*[A-Za-z][^<>\\'\"*]*"),
        "tax_code": Text(pattern=r"txcd_\d{8}"),
        "tax_details": Hash({"performance_location": Text(), "tax_code": Text(blank=True)}),
        "unit_label": Text(12),
    },
    ("name",),
)
BOTH: dict[str, Kind] = {
    "active": Boolean(),
    "expand": EXPAND,
    "lookup_key": Text(200),
    "nickname": Text(),
    "tax_behavior": TAX_BEHAVIOR,
    "transfer_lookup_key": Boolean(),
}
CREATE = Hash(
    {
        **BOTH,
        **AMOUNTS,
        "billing_scheme": Choice(("per_unit", "tiered")),
        "currency": CURRENCY,
        "currency_options": currency_options(),
        "metadata": Metadata(blank=False),
        "product": Text(),
        "product_data": PRODUCT_DATA,
        "recurring": RECURRING,
        "tiers": TIERS,
        "tiers_mode": Choice(("graduated", "volume")),
        "transform_quantity": Hash({"divide_by": Integer(1), "round": Choice(("down", "up"))}, ("divide_by", "round")),
    },
    ("currency",),
)
UPDATE = Hash({**BOTH, "currency_options": currency_options(blank=True), "metadata": Metadata()})
RETRIEVE = Hash({"expand": EXPAND})
LIST = Hash(
    {
        **CURSORS,
        "active": Boolean(),
        "created": SPAN,
        "currency": CURRENCY,
        "lookup_keys": Array(Text(200), 10),
        "product": Text(),
        "recurring": Hash({"interval": INTERVAL, "meter": Text(), "usage_type": Choice(("licensed", "metered"))}),
        "type": Choice(("one_time", "recurring")),
    }
)


def find(world: World, id: str) -> Record:
    """The price in a path."""
    record = world.tables["price"].get(id)
    if record is None:
        raise not_found("price", id)
    return record


@ROUTES.route("post", PATH, CREATE)
def create(world: World, call: Call) -> Answer:
    params, forced = dict(call.params), call.forced
    if "product" in params and "product_data" in params:
        raise exclusive_parameters(("product", "product_data"))
    if "product" not in params and "product_data" not in params:
        raise missing_parameter("product")
    check_price(world, params)
    created = world.now() if forced.created is None else forced.created
    inline = None
    if "product" in params:
        if params["product"] not in world.tables["product"]:
            raise no_such("product", params["product"], "product")
    else:
        inline = _inline_product(world, params["product_data"], created)
        params["product"] = inline["id"]
    id = forced.id or world.free_id("price", "price")
    if id in world.tables["price"]:
        raise StripeError("Price already exists.", "id", "resource_already_exists")
    record = price.build(world, params, id, created)
    holder = _lookup_key_holder(world, params, id)
    if inline is not None:
        add(world, inline)
    if holder is not None:
        replace(world, {**holder, "lookup_key": None})
    return add(world, record)


def _inline_product(world: World, params: dict[str, Any], created: int) -> Record:
    id = params.get("id") or world.free_id("prod", "product")
    if id in world.tables["product"]:
        raise StripeError("Product already exists.", "product_data[id]", "resource_already_exists")
    return product.build(world, params, id, created)


def _lookup_key_holder(world: World, params: dict[str, Any], id: str) -> Record | None:
    """The other price that must give up the key; refuses if it may not be taken away."""
    if "lookup_key" not in params:
        return None
    holder = lookup_key_holder(world, params["lookup_key"])
    if holder is None or holder["id"] == id:
        return None
    if not params.get("transfer_lookup_key", False):
        raise StripeError(
            f"A price (`{holder['id']}`) is already using that lookup key.", "lookup_key", "resource_already_exists"
        )
    return holder


@ROUTES.route("get", PATH + "/{id}", RETRIEVE)
def retrieve(world: World, call: Call) -> Answer:
    return find(world, call.id)


@ROUTES.route("post", PATH + "/{id}", UPDATE)
def update(world: World, call: Call) -> Answer:
    before, params = find(world, call.id), call.params
    plain = ("active", "lookup_key", "nickname", "tax_behavior")
    changes: dict[str, Any] = {name: params[name] for name in plain if name in params}
    if "metadata" in params:
        changes["metadata"] = merge(before["metadata"], params["metadata"])
    if "currency_options" in params:
        changes["currency_options"] = _changed_options(before, params["currency_options"])
    _check_archive(world, before, params)
    tax_behavior = changes.get("tax_behavior", before["tax_behavior"])
    if before["tax_behavior"] != "unspecified" and tax_behavior != before["tax_behavior"]:
        raise StripeError(
            f"You cannot change the `tax_behavior` of a price once it is `{before['tax_behavior']}`.", "tax_behavior"
        )
    holder = _lookup_key_holder(world, params, call.id)
    if holder is not None:
        replace(world, {**holder, "lookup_key": None})
    return replace(world, {**before, **changes})


def _changed_options(before: Record, options: dict[str, Any] | None) -> Record:
    if options is None:
        return {}
    check_options(options, before, before["billing_scheme"] == "tiered")
    added = {currency: price.option(values, before["tax_behavior"]) for currency, values in options.items()}
    return {**before["currency_options"], **added}


def _check_archive(world: World, record: Record, params: dict[str, Any]) -> None:
    owner = world.tables["product"].get(record["product"])
    if params.get("active", True) or owner is None or owner["default_price"] != record["id"]:
        return
    raise StripeError("This price cannot be archived because it is the default price of its product.", "active")


@ROUTES.route("get", PATH, LIST)
def list_(world: World, call: Call) -> Answer:
    params = call.params
    # Only active prices unless `active` says otherwise, as Stripe's reference has it.
    wanted = {"active": params.get("active", True)}
    if "product" in params:
        wanted["product"] = params["product"]
    keys = params.get("lookup_keys")
    if keys is not None and len(keys) == 1:
        wanted["lookup_key"] = keys[0]
    plain = {name: params[name] for name in ("currency", "type") if name in params}
    cycle = params.get("recurring", {})

    def passes(record: Record) -> bool:
        # Stripe lists no price that was made within another request.
        if record.get("inline"):
            return False
        if keys is not None and record["lookup_key"] not in keys:
            return False
        if cycle and any((record["recurring"] or {}).get(name) != value for name, value in cycle.items()):
            return False
        return all(record[name] == value for name, value in plain.items())

    return page(world, Query("price", PATH, wanted, (passes,), span(params.get("created"))), params)
