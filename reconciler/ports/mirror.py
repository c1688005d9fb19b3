"""The mirror as a port: a copy of one account in one mode, and how old each part of it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from reconciler.core.mirrored import Parent, Row, Source, Version
from reconciler.core.standing import Standing, Status, Window
from reconciler.core.values import Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What one request brought: rows by type, read at `at`, and what is left to list of the window it was made for."""

    type: str
    rows: Mapping[str, Sequence[Row]]
    at: int
    window: Window
    rest: Sequence[Window] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What came of storing a page: how many rows changed, and the rest of its window, numbered by the store."""

    changed: int
    rest: tuple[Window, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """A row to store or, if `gone`, to mark as deleted; `row` is None where nothing is known but the id."""

    type: str
    id: str
    row: Row | None
    at: int
    source: Source
    gone: bool = False


@dataclass(frozen=True, slots=True)
class Doubt:
    """An object whose row may be wrong until it is read; of types listed by parent, the parent's id."""

    type: str
    id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPage:
    """A page of events that the mirror did not have, and what they say."""

    rows: Sequence[Row]
    at: int
    window: Window
    rest: Sequence[Window] = ()
    puts: Sequence[Put] = ()
    doubts: Sequence[Doubt] = field(default_factory=tuple)


class Mirror(Protocol):
    """Reads and writes the copy; each write is one transaction, unless it says otherwise.

    Every method raises StoreError if the store fails.
    """

    def standings(self) -> Mapping[str, Standing]:
        """How far each type is, by name; all types are there."""
        ...

    def counts(self) -> Mapping[str, int]:
        """How many live objects each type has."""
        ...

    def begin(
        self, type: str, run: int, windows: Sequence[Window], wanted_after: int | None, settles: bool = False
    ) -> None:
        """Begin a listing of a type at `run`; windows left over from another one are dropped.

        If it `settles` the doubts about this type, all that there are now are struck off.
        """
        ...

    def windows(self, type: str) -> Sequence[Window]:
        """What is left of the listing under way."""
        ...

    def listing(self) -> AbstractContextManager[None]:
        """Expect many pages until the block ends: the mirror may then use more of the machine to store them."""
        ...

    def put_page(self, page: Page) -> Kept:
        """Store a page's newer rows and its window's progress, together."""
        ...

    def put_events(self, page: EventPage) -> Kept:
        """Store events, what they say, and their window's progress, together."""
        ...

    def put(self, puts: Sequence[Put], settled: Sequence[Doubt] = ()) -> None:
        """Store rows that were read singly, and strike off the doubts that this settles."""
        ...

    def unseen(self, type: str, run: int) -> Sequence[str]:
        """The ids of live rows that the listing begun at `run` did not bring."""
        ...

    def finish(self, type: str, listed_at: int, as_of: int) -> None:
        """End a listing: the type is ready."""
        ...

    def fail(self, type: str, status: Status, detail: str) -> None:
        """Say why a type is not ready; its windows stay, for the next run to go on with."""
        ...

    def advance(self, types: Sequence[str], as_of: int) -> None:
        """Say that these types are caught up as of then."""
        ...

    def cursor(self) -> int | None:
        """From when on events must be read, by Stripe's clock; None before the first listing."""
        ...

    def move_cursor(self, to: int) -> None:
        """Move it."""
        ...

    def known_events(self, ids: Sequence[str]) -> set[str]:
        """Which of these events are stored already."""
        ...

    def forget_events(self, before: int) -> None:
        """Drop events created before then, in one transaction after another."""
        ...

    def versions(self, type: str, ids: Sequence[str]) -> Mapping[str, Version]:
        """How new the rows with these ids are; those that do not exist are left out."""
        ...

    def parents(self, parent: Parent) -> Sequence[str]:
        """The ids of all parents that have not been deleted, in order."""
        ...

    def ids_where(self, type: str, column: str, value: Value) -> Sequence[str]:
        """The ids of live rows with this value in a column."""
        ...

    def value(self, type: str, id: str, column: str) -> Value:
        """One column of one row; None where there is no such row."""
        ...

    def due(self, type: str, column: str, after: int, until: int) -> Sequence[str]:
        """The ids of live rows whose moment in a column lies after `after` and not after `until`."""
        ...

    def doubt(self, doubts: Sequence[Doubt]) -> None:
        """Note what must be read again."""
        ...

    def doubts(self) -> Sequence[Doubt]:
        """What must be read again."""
        ...

    def doubt_counts(self) -> Mapping[str, int]:
        """How many objects of each type must be read again; types without any may be left out."""
        ...

    def events_of(self, ids: Sequence[str]) -> Iterator[Mapping[str, Value]]:
        """The stored events about these objects, newest first."""
        ...

    def subscriptions_by_price(self, prices: Sequence[str]) -> Mapping[str, int]:
        """How many subscriptions that have not been canceled each of these prices has."""
        ...

    def subscribed(self, statuses: Sequence[str]) -> Iterator[tuple[str, str, str]]:
        """(subscription, customer, product) of every entry of a subscription that has one of these statuses."""
        ...

    def raws(self, type: str) -> Iterator[Mapping[str, Value]]:
        """Every live object of a type, decimals as Decimal."""
        ...

    def raw(self, type: str, id: str) -> Mapping[str, Value] | None:
        """One object, deleted or not; None where there is no such row."""
        ...
