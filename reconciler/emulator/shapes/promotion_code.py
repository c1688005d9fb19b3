"""The promotion code: its record and what an answer shows of it."""

from __future__ import annotations

from typing import Any

from reconciler.emulator.metadata import merge
from reconciler.emulator.shapes.coupon import is_valid
from reconciler.emulator.shapes.shape import Inside, Link, Part, Shape
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World


def build(world: World, params: dict[str, Any], id: str, created: int) -> Record:
    """A new promotion code from checked parameters; its code is in them."""
    limits = params.get("restrictions", {})
    return {
        "id": id,
        "object": "promotion_code",
        "active": params.get("active", True),
        "code": params["code"],
        "coupon": params["promotion"]["coupon"],
        "created": created,
        "customer": params.get("customer"),
        "customer_account": None,
        "expires_at": params.get("expires_at"),
        "livemode": world.livemode,
        "max_redemptions": params.get("max_redemptions"),
        "metadata": merge({}, params.get("metadata", {})),
        "restrictions": {
            "currency_options": limits.get("currency_options", {}),
            "first_time_transaction": limits.get("first_time_transaction", False),
            "minimum_amount": limits.get("minimum_amount"),
            "minimum_amount_currency": limits.get("minimum_amount_currency"),
        },
        "times_redeemed": 0,
    }


def is_active(world: World, record: Record) -> bool:
    """Whether a code can be used: switched on, not expired nor spent, and its coupon still valid."""
    coupon = world.tables["coupon"].get(record["coupon"])
    expired = record["expires_at"] is not None and record["expires_at"] <= world.now()
    spent = record["max_redemptions"] is not None and record["times_redeemed"] >= record["max_redemptions"]
    return bool(record["active"]) and not expired and not spent and coupon is not None and is_valid(world, coupon)


def present(world: World, record: Record) -> Record:
    shown = {name: value for name, value in record.items() if name != "coupon"}
    limits = dict(record["restrictions"])
    options = dict(limits["currency_options"])
    if limits["minimum_amount_currency"] is not None:
        own = {limits["minimum_amount_currency"]: {"minimum_amount": limits["minimum_amount"]}}
        options = {**own, **options}
    return {
        **shown,
        "active": is_active(world, record),
        "promotion": {"coupon": record["coupon"], "type": "coupon"},
        "restrictions": {**limits, "currency_options": options},
    }


PROMOTION_CODE = Shape(
    "promotion_code",
    "promotion_code",
    present,
    {
        "customer": Link("customer"),
        "promotion": Inside({"coupon": Link("coupon")}),
        "restrictions": Inside({"currency_options": Part()}),
    },
)
