"""The discount: a coupon as it was applied to a subscription, which outlives the coupon."""

from __future__ import annotations

from typing import Any

from reconciler.emulator.shapes.shape import Inside, Link, Shape
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World

# Of the coupon, what the discount needs when the coupon has been deleted.
TERMS = ("amount_off", "applies_to", "currency", "currency_options", "duration", "percent_off")


def build(world: World, values: dict[str, Any], id: str, created: int) -> Record:
    """A new discount: `coupon` (its record), `customer`, `subscription` (ids), `end` (null: for ever)."""
    coupon = values["coupon"]
    return {
        "id": id,
        "object": "discount",
        "coupon": coupon["id"],
        "created": created,
        "customer": values["customer"],
        "end": values["end"],
        "start": created,
        "subscription": values["subscription"],
        "terms": {name: coupon[name] for name in TERMS},
    }


def present(world: World, record: Record) -> Record:
    return {
        "id": record["id"],
        "object": "discount",
        "checkout_session": None,
        "customer": record["customer"],
        "customer_account": None,
        "end": record["end"],
        "invoice": None,
        "invoice_item": None,
        "promotion_code": None,
        "source": {"coupon": record["coupon"], "type": "coupon"},
        "start": record["start"],
        "subscription": record["subscription"],
        "subscription_item": None,
    }


DISCOUNT = Shape(
    "discount",
    "customer.discount",
    present,
    {"customer": Link("customer"), "source": Inside({"coupon": Link("coupon")}), "subscription": Link("subscription")},
)
