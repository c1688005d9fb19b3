"""Reads for the mirror: one page of a window, or one object, whole, and when its request began."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from reconciler.core.mirrored import Lines, Mirrored, Row, carried_in, read_row, shortened
from reconciler.core.standing import Window
from reconciler.core.unread import Sheet
from reconciler.core.values import Value
from reconciler.engine.listing import list_pages
from reconciler.engine.refresh import missing
from reconciler.engine.windows import PAGE, rest_of
from reconciler.errors import RemoteRejected
from reconciler.mirrored import BY_NAME
from reconciler.ports.billing import BillingApi
from reconciler.ports.clock import Clock
from reconciler.ports.lock import HeldLock

_CURSOR = "starting_after"
_LINES_TRIES = 5


@dataclass(frozen=True, slots=True)
class StripeTime:
    """Stripe's time: as it was told at `known`, and what has passed since by the monotonic clock.

    Never later than it really is, give or take a second, even if somebody sets this machine's clock meanwhile.
    """

    clock: Clock
    told: int
    known: float

    def now(self) -> int:
        """Epoch seconds, UTC."""
        return self.told + int(self.clock.monotonic() - self.known)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The raw objects of an answer, when it was asked for, and whether there are more; `window` as it was read."""

    objects: Sequence[Mapping[str, Value]]
    at: int
    more: bool
    window: Window


class Stopped(Exception):
    """The sync is ending before its work is done. Seen by its own threads alone."""


class OverBudget(Exception):
    """More would have to be read than was allowed."""


class Reader:
    """Reads what the mirror keeps. Safe from several threads.

    Once `stop` is set it raises Stopped, LockLost once the lock of the mirror is somebody else's, and OverBudget after
    so many requests as `budget` allows.
    """

    def __init__(
        self, api: BillingApi, time: StripeTime, stop: threading.Event, lock: HeldLock, budget: int | None = None
    ) -> None:
        self._api = api
        self._time = time
        self._stop = stop
        self._lock = lock
        self._budget = None if budget is None else iter(range(budget))

    def _get(self, path: str, params: Mapping[str, Value]) -> Mapping[str, Value]:
        if self._budget is not None and next(self._budget, None) is None:
            raise OverBudget
        return self._api.request("get", path, params, before_send=self._go_on).body

    def _go_on(self) -> None:
        """Before each try: a stop must not wait for an endless row of them."""
        if self._stop.is_set():
            raise Stopped
        self._lock.check()

    def page(self, mirrored: Mirrored, window: Window) -> Found:
        """Read the next page of a window; one whose cursor was deleted meanwhile is taken up from where it stood."""
        try:
            return self._page(mirrored, window)
        except RemoteRejected as error:
            if mirrored.parent is not None and error.param != _CURSOR and missing(error):
                # The parent was deleted after it was listed.
                return Found(objects=(), at=self._time.now(), more=False, window=window)
            if not window.cursor or error.param != _CURSOR:
                raise
        until = window.until if window.reached is None else window.reached + 1
        return self._page(mirrored, replace(window, cursor="", until=until))

    def _page(self, mirrored: Mirrored, window: Window) -> Found:
        path = mirrored.path.format(id=window.parent)
        params: dict[str, Value] = dict(mirrored.listings[window.listing])
        if mirrored.parent is not None and mirrored.parent.param:
            params[mirrored.parent.param] = window.parent
        at = self._time.now()
        if mirrored.single:
            body = self._get(path, params)
            return Found(objects=[body], at=at, more=False, window=window)
        body = self._get(path, {**params, **_bounds(mirrored, window)})
        data = body["data"]
        objects = [self._whole(mirrored, raw) for raw in (data.unread if isinstance(data, Sheet) else data)]
        return Found(objects=objects, at=at, more=bool(body["has_more"]) and bool(objects), window=window)

    def one(self, mirrored: Mirrored, id: str) -> Found:
        """Read one object; no objects where it does not exist, or not any more."""
        path, params = mirrored.one(id)
        at = self._time.now()
        nothing = Found(objects=(), at=at, more=False, window=Window())
        try:
            body = self._get(path, params)
        except RemoteRejected as error:
            if missing(error):
                return nothing
            raise
        return nothing if body.get("deleted") else replace(nothing, objects=[self._whole(mirrored, body)])

    def all_of(self, mirrored: Mirrored, parent: str) -> Found:
        """Read the whole list of one parent."""
        objects: list[Mapping[str, Value]] = []
        at = self._time.now()
        for listing in range(len(mirrored.listings)):
            window = Window(listing=listing, parent=parent)
            while True:
                found = self.page(mirrored, window)
                objects.extend(found.objects)
                if not found.more:
                    break
                window = rest_of(found.window, found.objects)
        return Found(objects=objects, at=at, more=False, window=Window(parent=parent))

    def _whole(self, mirrored: Mirrored, raw: Mapping[str, Value]) -> Mapping[str, Value]:
        """Fetch the lines that an answer left out; of an object that was deleted meanwhile, an event will tell that."""
        for lines in shortened(mirrored, raw):
            try:
                rows = self._lines(lines, str(raw["id"]))
            except RemoteRejected as error:
                if error.param != _CURSOR and missing(error):
                    continue
                raise
            raw = {**raw, lines.name: {**raw[lines.name], "data": rows, "has_more": False}}
        return raw

    def _lines(self, lines: Lines, id: str) -> list[Mapping[str, Value]]:
        params = {name: value.format(id=id) for name, value in lines.params.items()}
        tries = 0
        while True:
            tries += 1
            try:
                pages = list_pages(self._api, lines.path.format(id=id), params)
                return [row for page, _ in pages for row in page]
            except RemoteRejected as error:
                # The line that a page ended with was removed meanwhile: from the beginning.
                if error.param != _CURSOR or tries == _LINES_TRIES:
                    raise


def rows_in(mirrored: Mirrored, found: Found) -> dict[str, list[Row]]:
    """Read the rows of raw objects, by type: what they carry has a row of its own."""
    rows = {mirrored.name: [read_row(mirrored, raw, found.window.parent) for raw in found.objects]}
    for raw in found.objects if mirrored.carries else ():
        for type, carried in carried_in(mirrored, raw):
            rows.setdefault(type, []).append(read_row(BY_NAME[type], carried))
    return rows


def _bounds(mirrored: Mirrored, window: Window) -> dict[str, Value]:
    created = {name: at for name, at in (("gte", window.since), ("lt", window.until)) if at is not None}
    expand = [f"data.{path}" for path in (*mirrored.expand, *mirrored.carries)]
    return {
        "limit": PAGE,
        **({"created": created} if created and mirrored.by_created else {}),
        **({"starting_after": window.cursor} if window.cursor else {}),
        **({"expand": expand} if expand else {}),
    }
