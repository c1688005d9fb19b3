"""The only way in which a record changes: its table and the event that tells of it, together."""

from __future__ import annotations

from typing import Any

from reconciler.emulator.expand import render
from reconciler.emulator.shapes.registry import SHAPES
from reconciler.emulator.wire import Record
from reconciler.emulator.world import API_VERSION, World

# For how long Stripe keeps events.
RETENTION = 30 * 24 * 60 * 60


def remembered(world: World, moment: int) -> bool:
    """Whether Stripe would still have an event of that moment. Nothing is told, nor kept, of what is older."""
    return moment >= world.real_now() - RETENTION


def add(world: World, record: Record, verb: str = "created", moment: int | None = None) -> Record:
    """Store a new record and tell of its creation, at the time it was created or at another `moment`."""
    world.tables[record["object"]].put(record)
    _emit(world, record, verb, None, record["created"] if moment is None else moment)
    return record


def advance(world: World, record: Record, verb: str, moment: int | None = None) -> Record:
    """Store a record that came to its next stage, and tell of that, now or at a `moment` in the past.

    Unlike an update, a stage is told without what the record was before, and even if the record is the same.
    """
    world.tables[record["object"]].put(record)
    _emit(world, record, verb, None, world.now() if moment is None else moment)
    return record


def replace(world: World, record: Record, verb: str = "updated", moment: int | None = None) -> Record:
    """Store a changed record and tell what it was before, now or at a `moment` in the past.

    An update that changes nothing leaves no trace.
    """
    table = world.tables[record["object"]]
    before = table.get(record["id"])
    if before == record:
        return record
    told = world.now() if moment is None else moment
    if not remembered(world, told):
        table.put(record)
        _forget(world, record)
        return record
    # Presented first, since the presentation of the old record may look at the table.
    was = {} if before is None else render(world, before, {})
    table.put(record)
    previous = difference(was, render(world, record, {}))
    _emit(world, record, verb, previous, told)
    return record


def remove(world: World, record: Record) -> None:
    """Delete a record and tell of it."""
    _emit(world, record, "deleted", None, world.now())
    world.tables[record["object"]].remove(record["id"])


def difference(before: Record, after: Record) -> Record:
    """What an update changed, as it was: nested hashes show only the keys that differ, null if they were absent."""
    changed: Record = {}
    for name in [*before, *(name for name in after if name not in before)]:
        old, new = before.get(name), after.get(name)
        if isinstance(old, dict) and isinstance(new, dict):
            inner = difference(old, new)
            if inner:
                changed[name] = inner
        elif old != new:
            changed[name] = old
    return changed


def _forget(world: World, record: Record) -> None:
    """Pass over an event that is too old to be kept.

    While time is made up for it still takes its id, so that a year in one go leaves the same ids as a year day by day.
    """
    if world.moment is not None and SHAPES[record["object"]].event:
        world.new_id("evt")


def _emit(world: World, record: Record, verb: str, previous: Record | None, created: int) -> None:
    stem = SHAPES[record["object"]].event
    if not stem:
        return
    if not remembered(world, created):
        _forget(world, record)
        return
    content: dict[str, Any] = {"object": render(world, record, {})}
    if previous is not None:
        content["previous_attributes"] = previous
    world.tables["event"].put(
        {
            "id": world.new_id("evt"),
            "object": "event",
            "api_version": API_VERSION,
            "created": created,
            "data": content,
            "livemode": world.livemode,
            "pending_webhooks": 0,
            "request": {"id": world.cause.request_id, "idempotency_key": world.cause.idempotency_key},
            "type": f"{stem}.{verb}",
        }
    )
