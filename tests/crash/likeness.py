"""Two accounts compared: what there is, whatever its ids and times, and what was done to it, each thing once."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from reconciler.emulator.world import World

_TIMES = ("created", "updated", "status_transitions")
_GENERATED = re.compile(r"[a-z]+_\d{6}")

Effect = tuple[str, str, tuple[str, ...]]


def likeness(world: World) -> dict[str, Any]:
    """Describe every object of a world under the name of what it is."""
    names = _names(world)
    return {
        f"{record['object']} {names.get(record['id'], record['id'])}": _renamed(
            {k: v for k, v in record.items() if k not in _TIMES}, names
        )
        for record in _objects(world)
    }


def effects(world: World, since: World) -> Counter[Effect]:
    """Count what was done in a world since: the kind of event, the object, and the fields that changed."""
    names = _names(world)
    done: Counter[Effect] = Counter()
    for event in list(world.tables["event"])[len(since.tables["event"]) :]:
        one = event["data"]["object"]
        changed = event["data"].get("previous_attributes") or {}
        fields = tuple(sorted(set(changed) - set(_TIMES)))
        done[(event["type"], names.get(one["id"], one["id"]), fields)] += 1
    return done


def made_and_deleted(done: Counter[Effect]) -> Counter[Effect]:
    """Keep what cannot be repeated without harm."""
    return Counter({e: n for e, n in done.items() if e[0].endswith((".created", ".deleted"))})


def assert_single_markers(world: World) -> None:
    """See that no address has two live objects."""
    live = Counter(_marker(o) for o in _objects(world) if o.get("active", True) and _marker(o))
    assert max(live.values(), default=0) <= 1, [m for m, n in live.items() if n > 1]


def _objects(world: World) -> list[dict[str, Any]]:
    return [dict(record) for name, table in world.tables.items() if name != "event" for record in table]


def _marker(record: Mapping[str, Any]) -> str:
    return str((record.get("metadata") or {}).get("billplan_address", ""))


def _names(world: World) -> dict[str, str]:
    """Name each object whose id Stripe chose, by its marker or event name, and its turn among those that have it."""
    names: dict[str, str] = {}
    turns: Counter[str] = Counter()
    for record in _objects(world):
        name = _marker(record) or record.get("event_name")
        if name and _GENERATED.fullmatch(record["id"]):
            turns[name] += 1
            names[record["id"]] = f"{name}/{turns[name]}"
    return names


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {k: _renamed(v, names) for k, v in value.items()}
    if isinstance(value, list):
        return [_renamed(v, names) for v in value]
    return names.get(value, value) if isinstance(value, str) else value
