"""The attachment of a feature to a product: its record and what an answer shows of it."""

from __future__ import annotations

from typing import Any

from reconciler.emulator.shapes import feature
from reconciler.emulator.shapes.shape import Shape
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World


def build(world: World, values: dict[str, Any], id: str, created: int) -> Record:
    """A new attachment: `product` and `entitlement_feature` (ids). An answer tells neither product nor creation."""
    return {
        "id": id,
        "object": "product_feature",
        "created": created,
        "entitlement_feature": values["entitlement_feature"],
        "livemode": world.livemode,
        "product": values["product"],
    }


def present(world: World, record: Record) -> Record:
    """With the whole feature as it is now: it is no id that could be expanded."""
    attached = world.tables["entitlements.feature"].get(record["entitlement_feature"])
    assert attached is not None, "features are never deleted"
    return {
        "id": record["id"],
        "object": "product_feature",
        "entitlement_feature": feature.present(world, attached),
        "livemode": record["livemode"],
    }


# Without a stem of event types: Stripe tells nothing of attachments.
PRODUCT_FEATURE = Shape("product_feature", "", present, {})
