"""Progress on stderr: a live bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import dataclass
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, SpinnerColumn, Task, TaskID, TextColumn
from rich.progress import Progress as Bar
from rich.text import Text

from reconciler.ports.progress import Progress
from reconciler.views.moments import span

# Quick work stays silent; long work in a CI log says every so often that it lives.
_LINE_SECONDS = 5.0
_REFRESHES = 4


@dataclass(frozen=True, slots=True)
class Pace:
    """How far work is, and how fast it goes: `about` is an estimate of the total, `rate` is a second's work."""

    done: int
    total: int | None
    about: int | None
    rate: float | None

    def words(self) -> str:
        """Say "1,200 of about 5,000, 812/s, 5 s left"; what is not known is left out."""
        of = ""
        if self.total is not None:
            of = f" of {self.total:,}"
        elif self.about is not None and self.about > self.done:
            of = f" of about {self.about:,}"
        rate = "" if not self.rate else f", {self.rate:,.0f}/s" if self.rate >= 1 else f", {self.rate * 60:,.0f}/min"
        left = self._left()
        return f"{self.done:,}{of}{rate}" + ("" if left is None else f", {span(max(1, left))} left")

    def _left(self) -> float | None:
        whole = self.about if self.total is None else self.total
        # An estimate that was passed says nothing any more.
        if whole is None or not self.rate or whole <= self.done:
            return None
        return (whole - self.done) / self.rate


def progress_for(stream: TextIO) -> Progress:
    """Choose a bar or lines by what the stream is."""
    return LiveBar(stream) if stream.isatty() else Lines(stream)


class _Words(ProgressColumn):
    """The figures of a bar."""

    def render(self, task: Task) -> Text:
        known = None if task.fields["about"] else _whole(task.total)
        pace = Pace(int(task.completed), known, _whole(task.fields["about"]), task.speed)
        return Text(pace.words())


def _whole(number: float | None) -> int | None:
    return None if number is None else int(number)


class LiveBar:
    """A bar that goes away when the work is done."""

    def __init__(self, stream: TextIO) -> None:
        self._console = Console(file=stream)
        self._bar: Bar | None = None
        self._task: TaskID | None = None

    def start(self, what: str, total: int | None) -> None:
        """Show a bar; where the total is not known, it only says that there is life."""
        self.finish()
        columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=24), _Words())
        # On the same terminal, results are written above the bar; into a file or a pipe they must not be led away.
        shared = sys.stdout.isatty()
        self._bar = Bar(
            *columns,
            console=self._console,
            transient=True,
            redirect_stdout=shared,
            refresh_per_second=_REFRESHES,
        )
        self._task = self._bar.add_task(what, total=total, about=None)
        self._bar.start()

    def expect(self, about: int) -> None:
        """Let the bar run to an estimate."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, total=about, about=about)

    def advance(self, count: int = 1) -> None:
        """Count on."""
        if self._bar is not None and self._task is not None:
            self._bar.advance(self._task, count)

    def finish(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


class Lines:
    """A line every few seconds."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self.start("", None)

    def start(self, what: str, total: int | None) -> None:
        """Begin to count."""
        with self._lock:
            self._what, self._total, self._about = what, total, None  # type: str, int | None, int | None
            self.done = self._told_done = 0
            self._told = time.monotonic()

    def expect(self, about: int) -> None:
        """Remember an estimate."""
        with self._lock:
            self._about = about

    def advance(self, count: int = 1) -> None:
        """Count on, and tell now and then how far it is and how fast it went since the last line."""
        with self._lock:
            self.done += count
            now = time.monotonic()
            if now - self._told < _LINE_SECONDS:
                return
            rate = (self.done - self._told_done) / (now - self._told)
            self._told, self._told_done = now, self.done
            words = Pace(self.done, self._total, self._about, rate).words()
            print(f"{self._what}: {words}", file=self._stream, flush=True)

    def finish(self) -> None:
        """Say nothing more."""
