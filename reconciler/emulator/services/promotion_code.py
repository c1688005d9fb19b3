"""Promotion codes: `/v1/promotion_codes`. They are switched off, never deleted."""

from __future__ import annotations

from typing import Any

from reconciler.emulator.commit import add, replace
from reconciler.emulator.currency import CURRENCY
from reconciler.emulator.errors import ParameterError, StripeError, missing_parameter, no_such, not_found
from reconciler.emulator.listing import CURSORS, SPAN, Query, page, span
from reconciler.emulator.metadata import Metadata, merge
from reconciler.emulator.route import Answer, Call, Routes
from reconciler.emulator.schema import EXPAND, GAP, TIMESTAMP, Boolean, Choice, Hash, Integer, Map, Text, nested
from reconciler.emulator.shapes import promotion_code
from reconciler.emulator.shapes.coupon import is_valid
from reconciler.emulator.shapes.promotion_code import is_active
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World

ROUTES = Routes("promotion_code", "rak_promotion_code")
PATH = "/v1/promotion_codes"

OPTIONS = Map(Hash({"minimum_amount": Integer(1)}), CURRENCY)
CREATE = Hash(
    {
        "active": Boolean(),
        "code": Text(500, pattern=r"[A-Za-z0-9\-]+"),
        "customer": Text(),
        "customer_account": GAP,
        "expand": EXPAND,
        "expires_at": TIMESTAMP,
        "max_redemptions": Integer(1),
        "metadata": Metadata(blank=False),
        "promotion": Hash({"coupon": Text(), "type": Choice(("coupon",))}, ("type",)),
        "restrictions": Hash(
            {
                "currency_options": OPTIONS,
                "first_time_transaction": Boolean(),
                "minimum_amount": Integer(1),
                "minimum_amount_currency": CURRENCY,
            }
        ),
    },
    ("promotion",),
)
UPDATE = Hash(
    {
        "active": Boolean(),
        "expand": EXPAND,
        "metadata": Metadata(),
        "restrictions": Hash({"currency_options": OPTIONS}),
    }
)
RETRIEVE = Hash({"expand": EXPAND})
LIST = Hash(
    {
        **CURSORS,
        "active": Boolean(),
        "code": Text(),
        "coupon": Text(),
        "created": SPAN,
        "customer": Text(),
        "customer_account": GAP,
    }
)


def find(world: World, id: str) -> Record:
    """The promotion code in a path."""
    record = world.tables["promotion_code"].get(id)
    if record is None:
        raise not_found("promotion code", id)
    return record


@ROUTES.route("post", PATH, CREATE)
def create(world: World, call: Call) -> Answer:
    params, forced = dict(call.params), call.forced
    created = world.now() if forced.created is None else forced.created
    if "coupon" not in params["promotion"]:
        raise missing_parameter("promotion[coupon]")
    _check_restrictions(params.get("restrictions", {}))
    _check_coupon(world, params["promotion"]["coupon"], "promotion[coupon]")
    if "customer" in params and params["customer"] not in world.tables["customer"]:
        raise no_such("customer", params["customer"], "customer")
    if params.get("expires_at", created + 1) <= created:
        raise ParameterError("`expires_at` must be in the future.", "expires_at")
    _check_coupon_limits(world, params)
    id = forced.id or world.free_id("promo", "promotion_code")
    if id in world.tables["promotion_code"]:
        raise StripeError("Promotion code already exists.", "id", "resource_already_exists")
    params.setdefault("code", world.new_id("CODE").replace("_", ""))
    record = promotion_code.build(world, params, id, created)
    if record["active"]:
        _check_code(world, record)
    return add(world, record)


def _check_coupon(world: World, id: str, param: str) -> None:
    coupon = world.tables["coupon"].get(id)
    if coupon is None:
        raise no_such("coupon", id, param)
    if not is_valid(world, coupon):
        raise StripeError(f"The coupon `{id}` is no longer valid.", param)


def _check_coupon_limits(world: World, params: dict[str, Any]) -> None:
    """A code cannot outlive its coupon, nor be redeemed more often than it."""
    coupon = world.tables["coupon"].get(params["promotion"]["coupon"])
    for name, bound in (("expires_at", "redeem_by"), ("max_redemptions", "max_redemptions")):
        limit = coupon[bound] if coupon else None
        if limit is not None and params.get(name, limit) > limit:
            raise StripeError(f"`{name}` cannot be more than the coupon's `{bound}`, {limit}.", name)


def _check_restrictions(limits: dict[str, Any]) -> None:
    for name, other in (
        ("minimum_amount", "minimum_amount_currency"),
        ("minimum_amount_currency", "minimum_amount"),
        ("currency_options", "minimum_amount"),
    ):
        if name in limits and other not in limits:
            raise missing_parameter(f"restrictions[{other}]")
    _check_options(limits.get("minimum_amount_currency"), limits.get("currency_options", {}))


def _check_options(currency: str | None, options: dict[str, Any]) -> None:
    for name, values in options.items():
        param = nested("restrictions[currency_options]", name)
        if name == currency:
            raise ParameterError(f"`{param}` is the currency of the minimum amount itself.", param)
        if "minimum_amount" not in values:
            raise missing_parameter(nested(param, "minimum_amount"))


def _check_code(world: World, record: Record) -> None:
    """Refuse a code that an active one already has, in any case of letters, for a customer they share."""
    for other in world.tables["promotion_code"].having("code", record["code"].lower()):
        shared = other["customer"] is None or record["customer"] is None or other["customer"] == record["customer"]
        if other["id"] != record["id"] and shared and is_active(world, other):
            raise StripeError(
                f"An active promotion code with `code: {record['code']}` already exists.",
                "code",
                "resource_already_exists",
            )


@ROUTES.route("get", PATH + "/{id}", RETRIEVE)
def retrieve(world: World, call: Call) -> Answer:
    return find(world, call.id)


@ROUTES.route("post", PATH + "/{id}", UPDATE)
def update(world: World, call: Call) -> Answer:
    before, params = find(world, call.id), call.params
    after = {**before, "active": params.get("active", before["active"])}
    if "metadata" in params:
        after["metadata"] = merge(before["metadata"], params["metadata"])
    options = params.get("restrictions", {}).get("currency_options")
    if options is not None:
        limits = before["restrictions"]
        if limits["minimum_amount"] is None:
            raise missing_parameter("restrictions[minimum_amount]")
        _check_options(limits["minimum_amount_currency"], options)
        after["restrictions"] = {**limits, "currency_options": {**limits["currency_options"], **options}}
    if params.get("active", False):
        _check_coupon(world, before["coupon"], "active")
        if not is_active(world, after):
            raise StripeError("This promotion code has expired or was redeemed as often as it may be.", "active")
        _check_code(world, after)
    return replace(world, after)


@ROUTES.route("get", PATH, LIST)
def list_(world: World, call: Call) -> Answer:
    params = call.params
    wanted: dict[str, Any] = {name: params[name] for name in ("coupon", "customer") if name in params}
    if "code" in params:
        wanted["code"] = params["code"].lower()

    def passes(record: Record) -> bool:
        return "active" not in params or is_active(world, record) == params["active"]

    return page(world, Query("promotion_code", PATH, wanted, (passes,), span(params.get("created"))), params)
