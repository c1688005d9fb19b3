"""The account that a world is, as `GET /v1/account` shows it."""

from __future__ import annotations

from reconciler.emulator.shapes.shape import Shape
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World


def present(world: World, record: Record) -> Record:
    return dict(record)


ACCOUNT = Shape("account", "account", present, {})
