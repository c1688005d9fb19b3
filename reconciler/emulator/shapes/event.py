"""The event: its record is written whole when something changes, and shown as it is."""

from __future__ import annotations

from reconciler.emulator.shapes.shape import Shape
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World


def present(world: World, record: Record) -> Record:
    return dict(record)


EVENT = Shape("event", "event", present, {})
