"""Lists: filters, cursors and pages, newest first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from reconciler.emulator.errors import exclusive_parameters, no_such
from reconciler.emulator.route import Page
from reconciler.emulator.schema import EXPAND, TIMESTAMP, Either, Hash, Integer, Kind, Text
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World

FAR_PAST = 0
FAR_FUTURE = 253402300799

SPAN = Either(TIMESTAMP, Hash({"gt": TIMESTAMP, "gte": TIMESTAMP, "lt": TIMESTAMP, "lte": TIMESTAMP}))
CURSORS: dict[str, Kind] = {
    "ending_before": Text(),
    "expand": EXPAND,
    "limit": Integer(1, 100),
    "starting_after": Text(),
}


@dataclass(frozen=True)
class Query:
    """What a list is asked for: a table, wanted values that have an index, and further tests."""

    table: str
    url: str
    wanted: Mapping[str, Any] = field(default_factory=dict)
    tests: tuple[Callable[[Record], bool], ...] = ()
    created: tuple[int, int] = (FAR_PAST, FAR_FUTURE)


def span(value: Any) -> tuple[int, int]:
    """The first and last second of `created=N` or `created[gt]=N`; everything if it was not given."""
    if value is None:
        return FAR_PAST, FAR_FUTURE
    if isinstance(value, int):
        return value, value
    first = max(value.get("gte", FAR_PAST), value.get("gt", FAR_PAST - 1) + 1)
    last = min(value.get("lte", FAR_FUTURE), value.get("lt", FAR_FUTURE + 1) - 1)
    return first, last


def page(world: World, query: Query, params: Mapping[str, Any]) -> Page:
    """One page; refuses both cursors at once, and a cursor that names nothing."""
    after, before = params.get("starting_after", ""), params.get("ending_before", "")
    if after and before:
        raise exclusive_parameters(("starting_after", "ending_before"))
    table = world.tables[query.table]
    for name, cursor in (("starting_after", after), ("ending_before", before)):
        if cursor and cursor not in table:
            raise no_such(query.table, cursor, name)
    order = table.narrowest(query.wanted)
    bounds = table.bounds(order, after, before, query.created)

    def passes(record: Record) -> bool:
        return table.matches(record, query.wanted) and all(test(record) for test in query.tests)

    walked = (record for record in table.walk(order, bounds, upward=bool(before)) if passes(record))
    limit = params.get("limit", 10)
    found = list(islice(walked, limit + 1))
    records = found[:limit]
    return Page(records[::-1] if before else records, len(found) > limit, query.url)
