"""Routes: which function answers a method and path, under which permission, with which parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from reconciler.emulator.schema import Hash
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World

# Stripe has search endpoints beside the ids; the emulator has none, and "search" is not an id.
RESERVED = frozenset({"search"})

# The id in a path, and the id of what the first one holds inside: `/v1/products/{id}/features/{inner}`.
Ids = tuple[str, str]
NO_IDS: Ids = ("", "")


@dataclass(frozen=True)
class Forced:
    """What a seed sets and no request can: a given id, a time of creation, a status."""

    id: str = ""
    created: int | None = None
    status: str = ""


NOT_FORCED = Forced()


@dataclass(frozen=True)
class Call:
    """The parsed parameters of a request, the id in its path, and the id of what it holds inside."""

    params: dict[str, Any] = field(default_factory=dict)
    id: str = ""
    forced: Forced = NOT_FORCED
    inner: str = ""


@dataclass(frozen=True)
class Page:
    """One page of a list, newest first."""

    records: list[Record]
    has_more: bool
    url: str


@dataclass(frozen=True)
class Deleted:
    """What is left of a deleted object."""

    record: Record


Answer = Record | Page | Deleted
Handler = Callable[[World, Call], Answer]


@dataclass(frozen=True)
class Route:
    """An endpoint. `resource` names what it answers with, so that expansions are checked before it runs."""

    method: str
    path: str
    permission: str
    schema: Hash
    resource: str
    handler: Handler

    @property
    def endpoint(self) -> str:
        """The name that Stripe's limits count by: each operation is its own endpoint."""
        return f"{self.method.upper()} {self.path}"

    @property
    def lists(self) -> bool:
        """Whether it answers with pages, whose expansions start with `data.`."""
        return "starting_after" in self.schema.fields

    def match(self, method: str, path: str) -> Ids | None:
        """The ids in the path, empty where it has none; None if this is another endpoint."""
        if method.lower() != self.method or not path.startswith(self.path.partition("{")[0]):
            return None
        wanted, given = self.path.split("/"), path.split("/")
        if len(wanted) != len(given):
            return None
        found = {"{id}": "", "{inner}": ""}
        for part, text in zip(wanted, given, strict=True):
            if part in found and text and text not in RESERVED:
                found[part] = unquote(text)
            elif part != text:
                return None
        return found["{id}"], found["{inner}"]


class Routes:
    """The routes of one resource, added by decorating the functions that answer them."""

    def __init__(self, resource: str, permission: str) -> None:
        self.resource = resource
        self.permission = permission
        self.routes: list[Route] = []

    def route(self, method: str, path: str, schema: Hash) -> Callable[[Handler], Handler]:
        def register(handler: Handler) -> Handler:
            access = "read" if method == "get" else "write"
            permission = f"{self.permission}_{access}" if not self.permission.endswith("_read") else self.permission
            self.routes.append(Route(method, path, permission, schema, self.resource, handler))
            return handler

        return register


class RouteTable:
    """All routes; refuses two for one endpoint."""

    def __init__(self, resources: Iterable[Routes]) -> None:
        self.routes: dict[tuple[str, str], Route] = {}
        for routes in resources:
            for route in routes.routes:
                key = (route.method, route.path)
                if key in self.routes:
                    owner = self.routes[key].handler.__module__
                    raise ValueError(f"{route.endpoint} is already answered by {owner}")
                self.routes[key] = route

    def find(self, method: str, path: str) -> tuple[Route, Ids] | None:
        """The route of a request and the ids in its path."""
        exact = self.routes.get((method.lower(), path))
        if exact is not None and "{" not in path:
            return exact, NO_IDS
        for route in self.routes.values():
            ids = route.match(method, path)
            if ids is not None and ids != NO_IDS:
                return route, ids
        return None
