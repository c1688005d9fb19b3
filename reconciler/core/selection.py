"""The part of a plan that was asked for: the selected addresses, and what they need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from reconciler.core.address import Address
from reconciler.core.plan import Step

if TYPE_CHECKING:
    from reconciler.core.planner import Draft


def select(draft: Draft, globs: Sequence[str]) -> Draft:
    """Keep the changes that any glob names, with every step that theirs need; no globs keep everything."""
    if not globs:
        return draft
    chosen = {c.address for c in draft.changes if any(c.address.matches(g) for g in globs)}
    _take_in_needs(draft.steps, chosen)
    return replace(
        draft,
        changes=tuple(c for c in draft.changes if c.address in chosen),
        steps=tuple(s for s in draft.steps if s.address in chosen),
        drift=tuple(d for d in draft.drift if d.address in chosen or any(d.address.matches(g) for g in globs)),
    )


def _take_in_needs(steps: Sequence[Step], chosen: set[Address]) -> None:
    """Add the addresses of every step that a chosen one needs, and of what that needs."""
    waiting = [s for s in steps if s.needs and s.address in chosen]
    if not waiting:
        return
    by_id = {s.id: s for s in steps}
    by_address: dict[Address, list[Step]] = {}
    for step in steps:
        by_address.setdefault(step.address, []).append(step)
    while waiting:
        for need in waiting.pop().needs:
            address = by_id[need].address
            if address not in chosen:
                chosen.add(address)
                waiting += by_address[address]
