"""The feature of entitlements: its record and what an answer shows of it."""

from __future__ import annotations

from typing import Any

from reconciler.emulator.metadata import merge
from reconciler.emulator.shapes.shape import Shape
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World


def build(world: World, params: dict[str, Any], id: str, created: int) -> Record:
    """A new feature from checked parameters. Its time of creation only sorts it: no answer tells it."""
    return {
        "id": id,
        "object": "entitlements.feature",
        "active": True,
        "created": created,
        "livemode": world.livemode,
        "lookup_key": params["lookup_key"],
        "metadata": merge({}, params.get("metadata", {})),
        "name": params["name"],
    }


def present(world: World, record: Record) -> Record:
    return {name: value for name, value in record.items() if name != "created"}


# Without a stem of event types: Stripe tells nothing of features.
FEATURE = Shape("entitlements.feature", "", present, {})
