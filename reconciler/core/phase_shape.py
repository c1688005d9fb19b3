"""The shape of a schedule: when its phases begin and end, and how much of each item they have. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reconciler.core.values import Value


def phase_shape(start: int, phases: Sequence[Mapping[str, Value]]) -> int:
    """Name the shape of phases, as they are sent or as Stripe shows them: a hash that holds within one process.

    Prices are no part of it, since those that are made for a row get their ids from Stripe.
    """
    ends: list[Value] = [start]
    for phase in phases:
        quantities = sorted(1 if item.get("quantity") is None else int(item["quantity"]) for item in phase["items"])
        ends.append((int(phase["end_date"]), tuple(quantities)))
    return hash(tuple(ends))
