"""The part of a plan that was asked for: the selected addresses, and what they need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.core.planner import Draft


def select(draft: Draft, globs: Sequence[str]) -> Draft:
    """Keep the changes that any glob names, with every step that theirs need; no globs keep everything."""
    if not globs:
        return draft
    chosen = {c.address for c in draft.changes if any(c.address.matches(g) for g in globs)}
    by_id = {s.id: s for s in draft.steps}
    waiting = [s for s in draft.steps if s.address in chosen]
    while waiting:
        step = waiting.pop()
        for need in step.needs:
            other = by_id[need]
            if other.address not in chosen:
                chosen.add(other.address)
                waiting += [s for s in draft.steps if s.address == other.address]
    return replace(
        draft,
        changes=tuple(c for c in draft.changes if c.address in chosen),
        steps=tuple(s for s in draft.steps if s.address in chosen),
        drift=tuple(d for d in draft.drift if d.address in chosen or any(d.address.matches(g) for g in globs)),
    )
