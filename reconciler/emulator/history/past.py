"""The time over which an account grows. What is long past is written as it ended; events tell of the last 30 days."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from reconciler.emulator.commit import add, replace
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World

HOUR = 60 * 60
DAY = 24 * HOUR
YEARS = 3


@dataclass(frozen=True, slots=True)
class Past:
    """The years before a world's now, and the dice that say what happened in them."""

    world: World
    random: Random
    size: int
    now: int

    @property
    def start(self) -> int:
        return self.now - YEARS * 365 * DAY

    def chance(self, percent: int) -> bool:
        return self.random.randrange(100) < percent

    def between(self, first: int, last: int) -> int:
        """A moment of a span, its last second if the span is empty."""
        return self.random.randint(min(first, last), last)

    def ago(self, days: int) -> int:
        return self.now - days * DAY

    def make(self, record: Record) -> Record:
        """Store a new object."""
        return add(self.world, record)

    def turn(self, record: Record, moment: int, verb: str = "updated") -> Record:
        """Store what became of an object; of one object, the moments ascend."""
        return replace(self.world, record, verb, moment)
