"""Backfill: every object of a type, window by window, and then what the list does not show any more."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from reconciler.core.mirrored import Mirrored, Source
from reconciler.core.standing import Window
from reconciler.engine.reading import Found, Reader, Stopped, StripeTime, rows_in
from reconciler.engine.windows import Windows, divide, rest_of
from reconciler.errors import RemoteError
from reconciler.ports.mirror import Doubt, Kept, Mirror, Page, Put
from reconciler.ports.progress import Progress

# Enough for one endpoint's 25 requests a second where an answer takes a third of a second.
WORKERS = 8
# What the pool has in hand of what is to be read singly: it keeps two kilobytes for each until that is read.
_IN_HAND = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What every part of a sync works with. `floor`: hardly any object is older (epoch seconds, UTC)."""

    reader: Reader
    mirror: Mirror
    time: StripeTime
    progress: Progress
    api_version: str
    floor: int
    stop: threading.Event


Store = Callable[[Found, Sequence[Window]], Kept]


def list_type(mirrored: Mirrored, wanted_after: int | None, resume: bool, tools: Tools, settles: bool = False) -> None:
    """List a type whole, from where an interrupted listing stopped if `resume`; then it is ready, as of its start.

    If it `settles` the doubts about the type, they are struck off as it begins: once it has, it will be ended.
    """
    if not resume:
        windows = _windows(mirrored, wanted_after, tools.mirror)
        tools.mirror.begin(mirrored.name, tools.time.now(), windows, wanted_after, settles)
    run = tools.mirror.standings()[mirrored.name].started_at or 0
    if not mirrored.carried:
        read_windows(mirrored, lambda found, rest: _store(mirrored, found, rest, tools), tools)
    _sweep(mirrored, run, tools)
    tools.mirror.finish(mirrored.name, tools.time.now(), run)


def _windows(mirrored: Mirrored, after: int | None, mirror: Mirror) -> list[Window]:
    """The windows that a listing begins with."""
    if mirrored.carried:
        return []
    parents = [""] if mirrored.parent is None else mirror.parents(mirrored.parent)
    since = after if mirrored.by_created else None
    return [
        Window(listing=listing, parent=parent, since=since)
        for parent in parents
        for listing in range(len(mirrored.listings))
    ]


def read_windows(mirrored: Mirrored, store: Store, tools: Tools, workers: int | None = None) -> None:
    """Read what is left of a type's windows with several threads, and store it page by page."""
    workers = workers or WORKERS
    windows = Windows(tools.mirror.windows(mirrored.name), tools.stop)
    failed = threading.Event()

    def work() -> None:
        while not failed.is_set():
            window = windows.take()
            if window is None:
                return
            rest: Sequence[Window] = ()
            try:
                found = tools.reader.page(mirrored, window)
                rest = store(found, _left(mirrored, found, windows, tools)).rest
                tools.progress.advance(len(found.objects))
            except BaseException:
                failed.set()
                raise
            finally:
                windows.give_back(() if failed.is_set() else rest)

    with ThreadPoolExecutor(workers, thread_name_prefix=mirrored.name) as pool:
        working = [pool.submit(work) for _ in range(workers)]
        try:
            for one in working:
                one.result()
        except KeyboardInterrupt:
            # The threads end with the page that they are at, while the lock is still ours.
            tools.stop.set()
            raise
    if tools.stop.is_set():
        raise Stopped


def _left(mirrored: Mirrored, found: Found, windows: Windows, tools: Tools) -> Sequence[Window]:
    """What is left of a window, cut up for the threads that have nothing to read."""
    if not found.more:
        return ()
    # A list without a filter on `created` would be read whole for each part.
    parts = windows.wanting + 1 if mirrored.by_created else 1
    return divide(rest_of(found.window, found.objects), found.objects, parts, tools.floor)


def _store(mirrored: Mirrored, found: Found, rest: Sequence[Window], tools: Tools) -> Kept:
    rows = rows_in(mirrored, found)
    return tools.mirror.put_page(Page(type=mirrored.name, rows=rows, at=found.at, window=found.window, rest=rest))


def _sweep(mirrored: Mirrored, run: int, tools: Tools) -> None:
    """Read what the listing did not bring: it is gone, or it was missed."""
    unseen = tools.mirror.unseen(mirrored.name, run)
    if mirrored.parent is not None or mirrored.single:
        # The list of a parent shows all that it has.
        tools.mirror.put(
            [Put(type=mirrored.name, id=id, row=None, at=run, source=Source.READ, gone=True) for id in unseen]
        )
        return
    unread = read_singly([Doubt(mirrored.name, id) for id in unseen], {mirrored.name: mirrored}, tools)
    for error in unread.values():
        raise error


def read_singly(doubts: Sequence[Doubt], types: Mapping[str, Mirrored], tools: Tools) -> dict[str, RemoteError]:
    """Read objects one by one, several at a time, and store each as it is; that settles the doubts about them.

    Return, by type, why some could not be read; those of other types are settled nevertheless.
    """
    failed: dict[str, RemoteError] = {}

    def settle(doubt: Doubt) -> None:
        if tools.stop.is_set():
            raise Stopped
        if doubt.type in failed:
            return
        try:
            tools.mirror.put(_answer(types[doubt.type], doubt, tools), [doubt])
        except RemoteError as error:
            failed.setdefault(doubt.type, error)
        tools.progress.advance()

    with ThreadPoolExecutor(WORKERS, thread_name_prefix="single") as pool:
        for first in range(0, len(doubts), _IN_HAND):
            list(pool.map(settle, doubts[first : first + _IN_HAND]))
    return failed


def _answer(mirrored: Mirrored, doubt: Doubt, tools: Tools) -> list[Put]:
    read = tools.reader.one if mirrored.parent is None else tools.reader.all_of
    # What is stored was heard of before the request begins, whatever the clocks say.
    known = tools.mirror.versions(doubt.type, [doubt.id]).get(doubt.id)
    found = read(mirrored, doubt.id)
    at = found.at if known is None else max(found.at, known.at)
    puts = [
        Put(type=type, id=row.id, row=row, at=at if type == doubt.type else found.at, source=Source.READ)
        for type, rows in rows_in(mirrored, found).items()
        for row in rows
    ]
    if not puts and mirrored.parent is None:
        puts.append(Put(type=mirrored.name, id=doubt.id, row=None, at=at, source=Source.READ, gone=True))
    return puts
