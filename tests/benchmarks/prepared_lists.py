"""Lists of an emulated account as they go over the wire: each object is serialised once, a page is bytes put together.

The account has grown by the emulator's own rules and has its shapes. It has no credits, and of its events only so many
as are asked for.
"""

from __future__ import annotations

import json
import time
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from urllib.parse import urlencode

from reconciler.core.mirrored import Lines, Mirrored
from reconciler.core.values import Value
from reconciler.emulator.app import Request, handle
from reconciler.emulator.clock import FrozenClock
from reconciler.emulator.expand import parse_expand, render
from reconciler.emulator.history import grow
from reconciler.emulator.wire import Record, dump_json
from reconciler.emulator.world import World
from reconciler.mirrored import EVENT, MIRRORED
from tests.benchmarks.emulator import KEY

# What says which part of a list is wanted, and how; the rest says which list.
_PAGING = frozenset({"limit", "starting_after", "created", "expand"})


class PreparedList:
    """One list, newest first; any page of any window is found by bisection."""

    def __init__(self, objects: Iterable[tuple[Record, bytes]] = ()) -> None:
        """`objects`: each with its JSON, newest first."""
        both = list(objects)
        self._bodies = [body for _, body in both]
        # Below zero, so that they ascend.
        self._ages = [-int(record.get("created", 0)) for record, _ in both]
        self._places = {str(record["id"]): place for place, (record, _) in enumerate(both)}

    def __len__(self) -> int:
        return len(self._bodies)

    def page(self, query: Mapping[str, str]) -> bytes:
        """The page that a request with these parameters is answered by."""
        first, last = 0, len(self._bodies)
        if "created[lt]" in query:
            first = bisect_right(self._ages, -int(query["created[lt]"]))
        if "created[gte]" in query:
            last = bisect_right(self._ages, -int(query["created[gte]"]))
        if "starting_after" in query:
            first = max(first, self._places[query["starting_after"]] + 1)
        end = min(first + int(query.get("limit", "10")), last)
        more = b"true" if end < last else b"false"
        return b'{"object":"list","has_more":%b,"data":[%b]}' % (more, b",".join(self._bodies[first:end]))


class PreparedAccount:
    """Every list of an account, and the account itself."""

    def __init__(self, customers: int, events: int) -> None:
        # A minute ago, so that all of it has happened by this machine's clock.
        world = World(clock=FrozenClock(int(time.time()) - 60))
        grow(world, customers)
        self._account = _ask(world, "/v1/account")
        self._lists: dict[str, PreparedList] = {}
        for mirrored in MIRRORED:
            if mirrored.path and mirrored.parent is None and not mirrored.single:
                self._prepare(world, mirrored, list(world.tables[mirrored.object])[::-1])
        self._lists["/v1/billing/credit_grants"] = PreparedList()
        self._prepare(world, EVENT, list(world.tables["event"])[::-1][:events])

    def sizes(self) -> dict[str, int]:
        """How many objects each list has, by its path and the parameters that name it; empty ones are left out."""
        return {name: len(prepared) for name, prepared in self._lists.items() if len(prepared)}

    def answer(self, path: str, query: Mapping[str, str]) -> bytes:
        """The body of an answer; a list that nobody prepared is an empty one."""
        if path == "/v1/account":
            return self._account
        return self._lists.get(_named(path, query), PreparedList()).page(query)

    def _prepare(self, world: World, mirrored: Mirrored, records: Sequence[Record]) -> None:
        tree = parse_expand((*mirrored.expand, *mirrored.carries), mirrored.object, False)
        both: list[tuple[Record, bytes]] = []
        for record in records:
            shown = render(world, record, tree)
            both.append((record, dump_json(shown)))
            for lines in mirrored.lines:
                if shown[lines.name]["has_more"]:
                    self._prepare_lines(world, lines, record)
        for listing in mirrored.listings:
            named = _named(mirrored.path, {name: _form(value) for name, value in listing.items()})
            self._lists[named] = PreparedList(one for one in both if _has_part(listing, one[0]))

    def _prepare_lines(self, world: World, lines: Lines, record: Record) -> None:
        """All lines of an object that does not show them all."""
        query = {name: value.format(id=record["id"]) for name, value in lines.params.items()}
        path = lines.path.format(id=record["id"])
        url = f"{path}?{urlencode({**query, 'limit': 100})}"
        rows = json.loads(_ask(world, url))["data"]
        self._lists[_named(path, query)] = PreparedList((row, dump_json(row)) for row in rows)


def _ask(world: World, url: str) -> bytes:
    return handle(world, Request("GET", url, {"Authorization": f"Bearer {KEY}"}, b"")).body


def _named(path: str, query: Mapping[str, str]) -> str:
    """Name a list by its path and what else tells it from others."""
    rest = sorted((name, value) for name, value in query.items() if name.partition("[")[0] not in _PAGING)
    return path + "".join(f" {name}={value}" for name, value in rest)


def _form(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _has_part(listing: Mapping[str, Value], record: Record) -> bool:
    """Say whether a record is in the part of the list with these parameters."""
    wanted = listing.get("active", not listing["archived"] if "archived" in listing else None)
    return wanted is None or record["active"] is wanted
