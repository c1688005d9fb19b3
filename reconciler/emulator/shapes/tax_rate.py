"""The tax rate: its record and what an answer shows of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from reconciler.emulator.metadata import merge
from reconciler.emulator.shapes.shape import Shape
from reconciler.emulator.wire import Record, number
from reconciler.emulator.world import World

PLAIN = ("active", "country", "description", "display_name", "jurisdiction", "state", "tax_type")


def build(world: World, params: dict[str, Any], id: str, created: int) -> Record:
    """A new tax rate from checked parameters."""
    return {
        "id": id,
        "object": "tax_rate",
        "created": created,
        # Only rates that Stripe computes itself have these.
        "effective_percentage": None,
        "flat_amount": None,
        "jurisdiction_level": None,
        "inclusive": params["inclusive"],
        "livemode": world.livemode,
        "metadata": merge({}, params.get("metadata", {})),
        "percentage": params["percentage"],
        "rate_type": "percentage",
        **{name: params.get(name) for name in PLAIN},
        "active": params.get("active", True),
    }


def present(world: World, record: Record) -> Record:
    return {**record, "percentage": number(record["percentage"])}


def shown_rates(world: World, ids: Iterable[str]) -> list[Record]:
    """The rates that another object names, whole as Stripe shows them there."""
    found = [world.tables["tax_rate"].get(id) for id in ids]
    return [present(world, record) for record in found if record is not None]


TAX_RATE = Shape("tax_rate", "tax_rate", present, {})
