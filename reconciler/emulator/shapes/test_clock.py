"""The test clock: a time of its own for some customers, which only moves when it is told to."""

from __future__ import annotations

from reconciler.emulator.shapes.shape import Shape
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World

# For how long Stripe keeps a test clock.
LIFETIME = 30 * 24 * 60 * 60


def build(world: World, values: dict[str, object], id: str, created: int) -> Record:
    """A new clock that stands at its `frozen_time`."""
    return {
        "id": id,
        "object": "test_helpers.test_clock",
        "created": created,
        "deletes_after": created + LIFETIME,
        "frozen_time": values["frozen_time"],
        "livemode": world.livemode,
        "name": values.get("name"),
    }


def present(world: World, record: Record) -> Record:
    # An advance is over when it is answered; Stripe's takes a while, and says `advancing` until then.
    return {**record, "status": "ready", "status_details": {}}


TEST_CLOCK = Shape("test_helpers.test_clock", "test_helpers.test_clock", present, {})
