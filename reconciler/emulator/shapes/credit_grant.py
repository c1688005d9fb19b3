"""The credit grant: its record and what an answer shows of it."""

from __future__ import annotations

from typing import Any

from reconciler.emulator.metadata import merge
from reconciler.emulator.shapes.shape import Beyond, Link, Shape
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World

# What the record keeps for the emulator alone.
OWN = frozenset({"ended"})


def build(world: World, params: dict[str, Any], id: str, created: int) -> Record:
    """A new grant from checked parameters, effective at once unless they say when.

    `ended` becomes true once nothing is left to take away: it has expired or was voided, and that was recorded.
    """
    return {
        "id": id,
        "object": "billing.credit_grant",
        "amount": params["amount"],
        "applicability_config": params["applicability_config"],
        "category": params.get("category", "paid"),
        "created": created,
        "customer": params["customer"],
        "customer_account": None,
        "effective_at": params.get("effective_at", created),
        "ended": False,
        "expires_at": params.get("expires_at"),
        "livemode": world.livemode,
        "metadata": merge({}, params.get("metadata", {})),
        "name": params.get("name"),
        "priority": params.get("priority", 50),
        "test_clock": None,
        "updated": created,
        "voided_at": None,
    }


def present(world: World, record: Record) -> Record:
    return {name: value for name, value in record.items() if name not in OWN}


CREDIT_GRANT = Shape(
    "billing.credit_grant",
    "billing.credit_grant",
    present,
    {"customer": Link("customer"), "test_clock": Beyond()},
)
