"""The coupon: its record and what an answer shows of it."""

from __future__ import annotations

from typing import Any

from reconciler.emulator.metadata import merge
from reconciler.emulator.shapes.shape import Part, Shape
from reconciler.emulator.wire import Record, number
from reconciler.emulator.world import World


def build(world: World, params: dict[str, Any], id: str, created: int) -> Record:
    """A new coupon from checked parameters."""
    given = (
        "amount_off",
        "applies_to",
        "currency",
        "duration_in_months",
        "max_redemptions",
        "name",
        "percent_off",
        "redeem_by",
    )
    return {
        "id": id,
        "object": "coupon",
        "created": created,
        "livemode": world.livemode,
        "duration": params.get("duration", "once"),
        "times_redeemed": 0,
        "currency_options": params.get("currency_options", {}),
        "metadata": merge({}, params.get("metadata", {})),
        **{name: params.get(name) for name in given},
    }


def is_valid(world: World, record: Record) -> bool:
    """Whether a coupon can still be applied."""
    expired = record["redeem_by"] is not None and record["redeem_by"] <= world.now()
    spent = record["max_redemptions"] is not None and record["times_redeemed"] >= record["max_redemptions"]
    return not expired and not spent


def present(world: World, record: Record) -> Record:
    options = dict(record["currency_options"])
    if record["currency"] is not None:
        options = {record["currency"]: {"amount_off": record["amount_off"]}, **options}
    return {
        **record,
        "currency_options": options,
        "percent_off": number(record["percent_off"]),
        "valid": is_valid(world, record),
    }


COUPON = Shape("coupon", "coupon", present, {"applies_to": Part(), "currency_options": Part()})
