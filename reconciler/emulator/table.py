"""A table of one resource's records, kept in creation order so that any page is found by bisection.

Records are never changed in place: an update puts a new record. So a copy of a table shares its records.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Iterator, Mapping
from heapq import heappop, heappush
from typing import Any, cast

from reconciler.emulator.wire import Record

Position = tuple[int, int, str]
Lookup = Callable[[Record], Iterable[Any]]
# When something is next due of a record, and on which test clock: "" is the world's own.
Due = Callable[[Record], tuple[str, int] | None]


class Table:
    """Records by id, in the order (created, arrival), with an index for each thing they are looked up by.

    If `due` says when something happens to a record next, the table knows at any time to which record that is.
    """

    def __init__(self, lookups: Mapping[str, Lookup] | None = None, due: Due | None = None) -> None:
        self._lookups = dict(lookups or {})
        self._due = due
        self._dues: dict[str, tuple[str, int]] = {}
        # A heap a clock. What is no longer due stays in it until it comes up.
        self._agendas: dict[str, list[tuple[int, Position]]] = {}
        self._records: dict[str, Record] = {}
        self._positions: dict[str, Position] = {}
        self._order: list[Position] = []
        self._indexes: dict[tuple[str, Any], list[Position]] = {}
        self._arrivals = 0

    def __len__(self) -> int:
        return len(self._records)

    def __contains__(self, id: str) -> bool:
        return id in self._records

    def __iter__(self) -> Iterator[Record]:
        """Oldest first."""
        return (self._records[position[2]] for position in self._order)

    def __deepcopy__(self, memo: dict[int, Any]) -> Table:
        copied = Table(self._lookups, self._due)
        copied._records = dict(self._records)
        copied._positions = dict(self._positions)
        copied._order = list(self._order)
        copied._indexes = {key: list(order) for key, order in self._indexes.items()}
        copied._arrivals = self._arrivals
        copied._dues = dict(self._dues)
        copied._agendas = {clock: list(agenda) for clock, agenda in self._agendas.items()}
        return copied

    def get(self, id: str) -> Record | None:
        return self._records.get(id)

    def put(self, record: Record) -> None:
        """Add a record, or replace the one of the same id where it stands."""
        id = cast(str, record["id"])
        position = self._positions.get(id)
        if position is None:
            position = (record["created"], self._arrivals, id)
            self._arrivals += 1
            self._positions[id] = position
            insort(self._order, position)
            before = set[tuple[str, Any]]()
        else:
            before = set(self._keys(self._records[id]))
        self._records[id] = record
        after = set(self._keys(record))
        # Most changes leave most of what a record is looked up by as it was.
        for key in before - after:
            self._drop(key, position)
        for key in after - before:
            insort(self._indexes.setdefault(key, []), position)
        if self._due is not None:
            self._note(id, self._due(record), position)

    def soonest(self, clock: str = "") -> tuple[int, Position] | None:
        """The next moment at which something is due by a clock, and of which record; the older of two."""
        agenda = self._agendas.get(clock, [])
        while agenda and self._dues.get(agenda[0][1][2]) != (clock, agenda[0][0]):
            heappop(agenda)
        return agenda[0] if agenda else None

    def remove(self, id: str) -> None:
        position = self._positions.pop(id)
        del self._order[bisect_left(self._order, position)]
        self._unindex(position)
        del self._records[id]
        self._dues.pop(id, None)

    def having(self, lookup: str, value: Any) -> list[Record]:
        """The records that an index names, oldest first."""
        return [self._records[position[2]] for position in self._indexes.get((lookup, value), ())]

    def matches(self, record: Record, wanted: Mapping[str, Any]) -> bool:
        """Whether a record has all the wanted values, looked up as the indexes do."""
        return all(value in self._lookups[name](record) for name, value in wanted.items())

    def narrowest(self, wanted: Mapping[str, Any]) -> list[Position]:
        """The shortest order that still holds every record with all the wanted values."""
        orders = [self._order]
        orders += [self._indexes.get(key, []) for key in wanted.items()]
        return min(orders, key=len)

    def walk(self, order: list[Position], bounds: tuple[int, int], upward: bool) -> Iterator[Record]:
        """The records of part of an order, newest first, or oldest first if `upward`."""
        first, last = bounds
        steps = range(first, last) if upward else range(last - 1, first - 1, -1)
        return (self._records[order[step][2]] for step in steps)

    def bounds(self, order: list[Position], after: str, before: str, created: tuple[int, int]) -> tuple[int, int]:
        """Where in an order lie the records created in a span, older than `after` and newer than `before`."""
        first = bisect_left(order, (created[0], -1, ""))
        last = bisect_left(order, (created[1] + 1, -1, ""))
        if after:
            last = min(last, bisect_left(order, self._positions[after]))
        if before:
            first = max(first, bisect_right(order, self._positions[before]))
        return first, last

    def _keys(self, record: Record) -> Iterator[tuple[str, Any]]:
        for name, lookup in self._lookups.items():
            for value in set(lookup(record)):
                yield name, value

    def _note(self, id: str, due: tuple[str, int] | None, position: Position) -> None:
        if due is None:
            self._dues.pop(id, None)
        elif self._dues.get(id) != due:
            self._dues[id] = due
            heappush(self._agendas.setdefault(due[0], []), (due[1], position))

    def _unindex(self, position: Position) -> None:
        for key in self._keys(self._records[position[2]]):
            self._drop(key, position)

    def _drop(self, key: tuple[str, Any], position: Position) -> None:
        order = self._indexes[key]
        del order[bisect_left(order, position)]
