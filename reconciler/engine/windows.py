"""Windows: a list cut into parts by the time of creation, so that several requests at once read one type."""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace

from reconciler.core.standing import Window
from reconciler.core.values import Value

PAGE = 100
# A part with fewer pages than this is not worth a window: its last page would be half empty.
_LEAST_PAGES = 8
# As a guess, so many parts at most: each that turns out to be empty cost a request.
_GUESSED_PARTS = 4


def rest_of(window: Window, objects: Sequence[Mapping[str, Value]]) -> Window:
    """What is left of a window after a page that was not its last."""
    last = objects[-1]
    return replace(window, cursor=str(last["id"]), reached=last.get("created"))


def divide(window: Window, objects: Sequence[Mapping[str, Value]], parts: int, floor: int) -> list[Window]:
    """Cut what is left of a window into at most so many parts, newest first.

    `objects` is the window's last page: how close they lie tells how many more there may be. The parts of a window with
    an end are of equal time. Where one without an end stops, nobody knows: each of its parts is so many times as long
    as the one before, down to `floor`, than which hardly anything is older, and few of them turn out to be empty.
    """
    top = window.reached
    if parts < 2 or top is None:
        return [window]
    bottom = max(window.since or 0, floor)
    page = max(1, int(objects[0]["created"]) - top) * PAGE // len(objects)
    parts = min(parts, (top - bottom) // page // _LEAST_PAGES, top - bottom)
    if parts < 2:
        return [window]
    whole, least = top - bottom, _LEAST_PAGES * page
    if window.since is None:
        parts = min(parts, _GUESSED_PARTS)
        depths = [round(least * (whole / least) ** (part / (parts - 1))) for part in range(parts - 1)]
    else:
        depths = [whole * part // parts for part in range(1, parts)]
    cuts = sorted({top - depth for depth in depths if 0 < depth < whole})
    newest = replace(window, since=cuts[-1])
    between = [
        replace(window, id=None, since=low, until=high, cursor="", reached=None)
        for low, high in itertools.pairwise(cuts)
    ]
    oldest = replace(window, id=None, until=cuts[0], cursor="", reached=None)
    return [newest, *reversed(between), oldest]


class Windows:
    """The windows of one listing, handed out to the threads that read it."""

    def __init__(self, windows: Sequence[Window], stop: threading.Event) -> None:
        self._open = deque(windows)
        self._stop = stop
        self._running = 0
        self._waiting = 0
        self._changed = threading.Condition()

    def take(self) -> Window | None:
        """Wait for a window to read; None when there is none left and none can come."""
        with self._changed:
            while not self._stop.is_set():
                if self._open:
                    self._running += 1
                    return self._open.popleft()
                if not self._running:
                    break
                self._waiting += 1
                # Not for ever: a stop is told to all listings at once.
                self._changed.wait(1)
                self._waiting -= 1
            return None

    def give_back(self, rest: Sequence[Window]) -> None:
        """End a turn, with what is left of the window."""
        with self._changed:
            self._running -= 1
            self._open.extend(rest)
            if self._running or self._open:
                # The thread that gives back takes one itself: to wake another for it would cost two changes of threads.
                self._changed.notify(max(0, len(self._open) - 1))
            else:
                self._changed.notify_all()

    @property
    def wanting(self) -> int:
        """How many threads have nothing to read."""
        with self._changed:
            return max(0, self._waiting - len(self._open))
