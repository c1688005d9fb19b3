"""The meter event: what was used and when; an answer shows it as it was sent."""

from __future__ import annotations

from typing import Any

from reconciler.emulator.shapes.shape import Shape
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World

# What the record keeps for the emulator alone. A meter event has no id, but its identifier is unique.
OWN = frozenset({"customer", "id", "meter", "value"})


def build(world: World, values: dict[str, Any], created: int) -> Record:
    """A new event: `identifier`, `meter` (its record), `customer` (id), `value` in units, `payload`, `timestamp`."""
    return {
        "id": values["identifier"],
        "object": "billing.meter_event",
        "created": created,
        "customer": values["customer"],
        "event_name": values["meter"]["event_name"],
        "identifier": values["identifier"],
        "livemode": world.livemode,
        "meter": values["meter"]["id"],
        "payload": values["payload"],
        "timestamp": values["timestamp"],
        "value": values["value"],
    }


def present(world: World, record: Record) -> Record:
    return {name: value for name, value in record.items() if name not in OWN}


METER_EVENT = Shape("billing.meter_event", "", present, {})
