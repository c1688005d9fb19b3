"""The meter: its record and what an answer shows of it."""

from __future__ import annotations

from typing import Any

from reconciler.emulator.shapes.shape import Shape
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World


def build(world: World, params: dict[str, Any], id: str, created: int) -> Record:
    """A new meter from checked parameters. Meters have no metadata."""
    return {
        "id": id,
        "object": "billing.meter",
        "created": created,
        "customer_mapping": params.get(
            "customer_mapping", {"event_payload_key": "stripe_customer_id", "type": "by_id"}
        ),
        "default_aggregation": params["default_aggregation"],
        "display_name": params["display_name"],
        "event_name": params["event_name"],
        "event_time_window": params.get("event_time_window"),
        "livemode": world.livemode,
        "status": "active",
        "status_transitions": {"deactivated_at": None},
        "updated": created,
        "value_settings": params.get("value_settings", {"event_payload_key": "value"}),
    }


def present(world: World, record: Record) -> Record:
    return dict(record)


METER = Shape("billing.meter", "billing.meter", present, {})
