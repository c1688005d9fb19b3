"""Stretches: objects in the order of their creation, cut so that a page of a list shows a stretch whole."""

from __future__ import annotations

import math
import threading
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from reconciler.engine.listing import PAGE


@dataclass(slots=True, kw_only=True)
class Stretch:
    """Objects created one after the other. `since` and `until` are epoch seconds, UTC, both included; `pages` is how
    many pages show them, more than one only where a single second has that many.

    Who asks for one of them when it is not fresh has `turn` and counts in `asked`; `read_at` is when they were read
    together last, by the monotonic clock.
    """

    since: int
    until: int
    pages: int
    turn: threading.Lock = field(default_factory=threading.Lock)
    asked: int = 0
    read_at: float = -math.inf


class Stretches:
    """The stretches of a kind. What is created later is in none of them."""

    def __init__(self, created: Iterable[int]) -> None:
        """`created` are the moments at which the objects were created, in any order: epoch seconds, UTC."""
        self._stretches: list[Stretch] = []
        held = 0
        for moment, count in sorted(Counter(created).items()):
            if not self._stretches or held + count > PAGE:
                self._stretches.append(Stretch(since=moment, until=moment, pages=math.ceil(count / PAGE)))
                held = 0
            self._stretches[-1].until = moment
            held += count
        self._starts = [one.since for one in self._stretches]

    def of(self, created: int) -> Stretch | None:
        """The stretch that holds what was created then."""
        place = bisect_right(self._starts, created) - 1
        found = self._stretches[place] if place >= 0 else None
        return found if found is not None and created <= found.until else None
