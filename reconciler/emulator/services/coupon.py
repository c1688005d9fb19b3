"""Coupons: `/v1/coupons`. Only the name, the metadata and further currencies can change."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from reconciler.emulator.commit import add, remove, replace
from reconciler.emulator.currency import CURRENCY
from reconciler.emulator.errors import (
    EmulatorGap,
    ParameterError,
    StripeError,
    exclusive_parameters,
    missing_parameter,
    no_such,
    not_found,
)
from reconciler.emulator.listing import CURSORS, SPAN, Query, page, span
from reconciler.emulator.metadata import Metadata, merge
from reconciler.emulator.route import Answer, Call, Deleted, Routes
from reconciler.emulator.schema import EXPAND, TIMESTAMP, Array, Choice, Hash, Integer, Map, Number, Text, nested
from reconciler.emulator.shapes import coupon
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World

ROUTES = Routes("coupon", "rak_coupon")
PATH = "/v1/coupons"

AMOUNT = Integer(1, 99_999_999)
OPTIONS = Map(Hash({"amount_off": AMOUNT}, ("amount_off",)), CURRENCY)
CREATE = Hash(
    {
        "amount_off": AMOUNT,
        "applies_to": Hash({"products": Array(Text())}),
        "currency": CURRENCY,
        "currency_options": OPTIONS,
        "duration": Choice(("forever", "once", "repeating")),
        "duration_in_months": Integer(1),
        "expand": EXPAND,
        "id": Text(200, pattern=r"[A-Za-z0-9_.\-]+"),
        "max_redemptions": Integer(1),
        "metadata": Metadata(),
        "name": Text(40),
        "percent_off": Number(2, Decimal(0), Decimal(100), above_minimum=True),
        "redeem_by": TIMESTAMP,
    }
)
UPDATE = Hash({"currency_options": OPTIONS, "expand": EXPAND, "metadata": Metadata(), "name": Text(40)})
RETRIEVE = Hash({"expand": EXPAND})
LIST = Hash({**CURSORS, "created": SPAN})


def find(world: World, id: str) -> Record:
    """The coupon in a path."""
    record = world.tables["coupon"].get(id)
    if record is None:
        raise not_found("coupon", id)
    return record


@ROUTES.route("post", PATH, CREATE)
def create(world: World, call: Call) -> Answer:
    params, forced = call.params, call.forced
    created = world.now() if forced.created is None else forced.created
    _check(params)
    # A seed may bring a coupon that has expired since; a request may not.
    if params.get("redeem_by", created + 1) <= created:
        raise ParameterError("`redeem_by` must be in the future.", "redeem_by")
    for position, id in enumerate(params.get("applies_to", {}).get("products", ())):
        if id not in world.tables["product"]:
            raise no_such("product", id, f"applies_to[products][{position}]")
    id = forced.id or params.get("id") or world.free_id("coupon", "coupon")
    if id in world.tables["coupon"]:
        raise StripeError("Coupon already exists.", "id", "resource_already_exists")
    return add(world, coupon.build(world, params, id, created))


def _check(params: dict[str, Any]) -> None:
    if "percent_off" in params and "amount_off" in params:
        raise exclusive_parameters(("percent_off", "amount_off"))
    if "percent_off" not in params and "amount_off" not in params:
        raise missing_parameter("percent_off")
    if "amount_off" in params and "currency" not in params:
        raise missing_parameter("currency")
    for name in ("currency", "currency_options"):
        if "percent_off" in params and name in params:
            raise ParameterError(f"`{name}` can only be set with `amount_off`.", name)
    repeating = params.get("duration", "once") == "repeating"
    if repeating and "duration_in_months" not in params:
        raise missing_parameter("duration_in_months")
    if not repeating and "duration_in_months" in params:
        raise ParameterError("`duration_in_months` can only be set when `duration=repeating`.", "duration_in_months")
    _check_options(params.get("currency"), params.get("currency_options", {}))
    if "applies_to" in params and not params["applies_to"].get("products"):
        raise missing_parameter("applies_to[products]")


def _check_options(currency: str | None, options: dict[str, Any]) -> None:
    if currency in options:
        name = nested("currency_options", str(currency))
        raise ParameterError(f"`{name}` is the currency of the coupon itself.", name)


@ROUTES.route("get", PATH + "/{id}", RETRIEVE)
def retrieve(world: World, call: Call) -> Answer:
    return find(world, call.id)


@ROUTES.route("post", PATH + "/{id}", UPDATE)
def update(world: World, call: Call) -> Answer:
    before, params = find(world, call.id), call.params
    changes = {name: params[name] for name in ("name",) if name in params}
    if "metadata" in params:
        changes["metadata"] = merge(before["metadata"], params["metadata"])
    if "currency_options" in params:
        if before["amount_off"] is None:
            raise ParameterError("`currency_options` can only be set with `amount_off`.", "currency_options")
        _check_options(before["currency"], params["currency_options"])
        changes["currency_options"] = {**before["currency_options"], **params["currency_options"]}
    return replace(world, {**before, **changes})


@ROUTES.route("delete", PATH + "/{id}", Hash({}))
def delete(world: World, call: Call) -> Answer:
    record = find(world, call.id)
    # What Stripe makes of a phase whose coupon is gone is not known.
    for plan in world.tables["subscription_schedule"]:
        at = plan.get("life", {}).get("at", -1) + 1
        ahead = plan["phases"][at:] if "life" in plan and plan["status"] in ("active", "not_started") else ()
        if any(one["coupon"] == call.id for phase in ahead for one in phase["discounts"]):
            raise EmulatorGap(f"the deletion of a coupon that the schedule {plan['id']} is to apply")
    remove(world, record)
    return Deleted(record)


@ROUTES.route("get", PATH, LIST)
def list_(world: World, call: Call) -> Answer:
    return page(world, Query("coupon", PATH, created=span(call.params.get("created"))), call.params)
