"""The settings of Stripe Tax, as `GET /v1/tax/settings` shows them. They have no id."""

from __future__ import annotations

from reconciler.emulator.shapes.shape import Shape
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World


def present(world: World, record: Record) -> Record:
    return {**record, "livemode": world.livemode}


TAX_SETTINGS = Shape("tax.settings", "tax.settings", present, {})
