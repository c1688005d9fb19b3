"""Expansion: which ids an answer replaces by objects, and which left-out fields it includes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, assert_never

from reconciler.emulator.errors import EmulatorGap, ParameterError
from reconciler.emulator.shapes.registry import SHAPES
from reconciler.emulator.shapes.shape import Beyond, Expansion, Inside, Link, Part, Rows
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World

MAX_DEPTH = 4

Tree = dict[str, "Tree"]


def parse_expand(paths: Sequence[str], resource: str, lists: bool) -> Tree:
    """The requested expansions as a tree; refuses what is too deep or cannot be expanded."""
    tree: Tree = {}
    for path in paths:
        parts = path.split(".")
        if len(parts) > MAX_DEPTH:
            raise ParameterError(f"You cannot expand more than {MAX_DEPTH} levels of a property: {path}.", "expand")
        if lists and parts[0] != "data":
            raise ParameterError(
                f"This property cannot be expanded ({path}). You may want to try expanding 'data.{path}' instead.",
                "expand",
            )
        _check(parts[1:] if lists else parts, resource, path)
        node = tree
        for part in parts[1:] if lists else parts:
            node = node.setdefault(part, {})
    return tree


def _check(parts: Sequence[str], resource: str, path: str) -> None:
    shape = SHAPES.get(resource)
    expansions: Mapping[str, Expansion] = shape.expansions if shape else {}
    waiting = list(parts)
    while waiting:
        found = expansions.get(waiting.pop(0))
        match found:
            case Link(table):
                expansions = SHAPES[table].expansions
            case Inside(inner):
                expansions = inner
            case Rows(inner):
                expansions = inner
                if waiting and waiting.pop(0) != "data":
                    raise ParameterError(f"This property cannot be expanded ({path}).", "expand")
            case Part():
                expansions = {}
            case Beyond():
                raise EmulatorGap(f"the expansion of `{path}`", "expand")
            case None:
                raise ParameterError(f"This property cannot be expanded ({path}).", "expand")
            case _:
                assert_never(found)


def render(world: World, record: Record, tree: Tree) -> Record:
    """A record as an answer shows it, expanded as asked."""
    shape = SHAPES[record["object"]]
    return _expand(world, shape.present(world, record), shape.expansions, tree)


def _expand(world: World, body: Record, expansions: Mapping[str, Expansion], tree: Tree) -> Record:
    body = dict(body)
    for name, expansion in expansions.items():
        wanted, value = tree.get(name), body.get(name)
        match expansion:
            case Part() if wanted is None:
                body.pop(name, None)
            case Link(table) if wanted is not None and isinstance(value, list):
                body[name] = [_linked(world, table, id, wanted) for id in value]
            case Link(table) if wanted is not None and value is not None:
                body[name] = _linked(world, table, value, wanted)
            case Inside(inner) if isinstance(value, dict):
                body[name] = _expand(world, value, inner, wanted or {})
            case Rows(inner) if isinstance(value, dict):
                branch = (wanted or {}).get("data", {})
                rows = [_expand(world, row, inner, branch) for row in value["data"]]
                body[name] = {**value, "data": rows}
            case _:
                pass
    return body


def _linked(world: World, table: str, id: Any, tree: Tree) -> Record:
    record = world.tables[table].get(id)
    if record is None:
        return {"id": id, "object": table, "deleted": True}
    return render(world, record, tree)
