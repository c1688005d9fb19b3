"""What every resource's shape says: how a record is presented, and what of it can be expanded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from reconciler.emulator.wire import Record
from reconciler.emulator.world import World


@dataclass(frozen=True)
class Link:
    """An id that can be expanded to the object it names, of a table."""

    table: str


@dataclass(frozen=True)
class Part:
    """A field that is left out unless it is asked for."""


@dataclass(frozen=True)
class Inside:
    """A hash with expandable fields."""

    expansions: Mapping[str, Expansion]


@dataclass(frozen=True)
class Rows:
    """A list object whose `data` has expandable fields."""

    expansions: Mapping[str, Expansion]


@dataclass(frozen=True)
class Beyond:
    """A field that Stripe expands and the emulator answers with 501 when it is asked to."""


Expansion = Link | Part | Inside | Rows | Beyond


@dataclass(frozen=True)
class Shape:
    """A resource: its table, the stem of its event types if any tell of it, what it shows, what expands."""

    table: str
    event: str
    present: Callable[[World, Record], Record]
    expansions: Mapping[str, Expansion]
