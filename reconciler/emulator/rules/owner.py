"""Whose objects a list is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.emulator.errors import no_such
from reconciler.emulator.world import World


def owned(world: World, params: Mapping[str, Any]) -> dict[str, Any]:
    """The customer that a list names; refuses one that never was. What was billed outlives a deleted customer."""
    if "customer" not in params:
        return {}
    id = params["customer"]
    if id not in world.tables["customer"] and id not in world.deleted_customers:
        raise no_such("customer", id, "customer")
    return {"customer": id}
