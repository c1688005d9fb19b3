"""A world on disk: one JSON file, replaced atomically. Faults, hooks and what is running are not kept."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from reconciler.emulator.clock import Clock
from reconciler.emulator.idempotency import Recorded
from reconciler.emulator.key import Key
from reconciler.emulator.limits import LimitMode
from reconciler.emulator.world import World

FORMAT = 1


def dump_world(world: World) -> dict[str, Any]:
    """Everything of a world that outlives a process, as JSON values."""
    with world.lock:
        return {
            "account_id": world.account_id,
            "country": world.country,
            "created": world.created,
            "default_currency": world.default_currency,
            "deleted_customers": sorted(world.deleted_customers),
            "disabled": sorted(world.disabled),
            "idempotency": {key: asdict(answer) for key, answer in world.idempotency.recorded.items()},
            "keys": {text: _dump_key(key) for text, key in world.keys.items()},
            "limits": world.limits.mode.value,
            "livemode": world.livemode,
            "log": list(world.log),
            "now": world.now(),
            "sequence": dict(world.sequence),
            "tax_places": dict(world.tax_places),
            "tables": {name: list(table) for name, table in world.tables.items()},
        }


def parse_world(document: dict[str, Any], clock: Clock | None = None) -> World:
    """The world that `dump_world` wrote, on a clock of its own."""
    keys = {text: _parse_key(key) for text, key in document["keys"].items()}
    world = World(document["account_id"], document["livemode"], clock, keys)
    world.country, world.default_currency = document["country"], document["default_currency"]
    world.created = document["created"]
    world.deleted_customers = set(document["deleted_customers"])
    # States that were written before there was such a switch lack it.
    world.disabled = set(document.get("disabled", ()))
    world.idempotency.recorded = {key: Recorded(**answer) for key, answer in document["idempotency"].items()}
    world.limit(LimitMode(document["limits"]))
    world.log = list(document["log"])
    world.sequence = dict(document["sequence"])
    world.tax_places = dict(document.get("tax_places", {}))
    # A clock that was advanced before must not stand behind what was created since.
    world.clock.advance(max(document["now"] - world.clock(), 0))
    for name, records in document["tables"].items():
        for record in records:
            world.tables[name].put(record)
    return world


def save_worlds(worlds: list[World], path: Path) -> None:
    """Write all worlds to a file beside it and then take its place, so that no reader sees half of one."""
    document = {"format": FORMAT, "worlds": [dump_world(world) for world in worlds]}
    part = path.with_name(f".{path.name}.{os.getpid()}")
    with part.open("w", encoding="utf-8") as file:
        json.dump(document, file, ensure_ascii=False, separators=(",", ":"))
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def load_worlds(path: Path, clock: Clock | None = None) -> list[World]:
    """The worlds of a file; refuses one of another format."""
    document = json.loads(path.read_text(encoding="utf-8"))
    if document.get("format") != FORMAT:
        raise ValueError(f"{path} is not a state file of format {FORMAT}: {document.get('format')!r}")
    return [parse_world(world, clock) for world in document["worlds"]]


def _dump_key(key: Key) -> dict[str, Any]:
    permissions = None if key.permissions is None else sorted(key.permissions)
    return {"permissions": permissions, "revoked": key.revoked}


def _parse_key(document: dict[str, Any]) -> Key:
    permissions = document["permissions"]
    return Key(None if permissions is None else frozenset(permissions), document["revoked"])
