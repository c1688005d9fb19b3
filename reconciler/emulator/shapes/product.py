"""The product: its record and what an answer shows of it."""

from __future__ import annotations

from typing import Any

from reconciler.emulator.metadata import merge
from reconciler.emulator.shapes.shape import Beyond, Link, Shape
from reconciler.emulator.wire import Record, number
from reconciler.emulator.world import World

PLAIN = (
    "active",
    "description",
    "images",
    "marketing_features",
    "name",
    "package_dimensions",
    "shippable",
    "statement_descriptor",
    "tax_code",
    "tax_details",
    "unit_label",
    "url",
)


def build(world: World, params: dict[str, Any], id: str, created: int) -> Record:
    """A new product from checked parameters."""
    given = {name: params.get(name) for name in PLAIN}
    return {
        "id": id,
        "object": "product",
        "created": created,
        "updated": created,
        "livemode": world.livemode,
        "default_price": None,
        "type": params.get("type", "service"),
        **given,
        "active": params.get("active", True),
        "images": params.get("images", []),
        "marketing_features": params.get("marketing_features", []),
        "metadata": merge({}, params.get("metadata", {})),
        "tax_details": tax_details(params.get("tax_details")),
    }


def tax_details(value: dict[str, Any] | None) -> Record | None:
    """Both fields, whichever was given."""
    if value is None:
        return None
    return {"performance_location": value.get("performance_location"), "tax_code": value.get("tax_code")}


def present(world: World, record: Record) -> Record:
    sides = record["package_dimensions"]
    if sides is None:
        return dict(record)
    return {**record, "package_dimensions": {name: number(value) for name, value in sides.items()}}


PRODUCT = Shape("product", "product", present, {"default_price": Link("price"), "tax_code": Beyond()})
