"""Progress on stderr: a live bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from reconciler.ports.progress import Progress

# Quick work stays silent; long work in a CI log says every so often that it lives.
_LINE_SECONDS = 5.0


def progress_for(stream: TextIO) -> Progress:
    """Choose a bar or lines by what the stream is."""
    return LiveBar(stream) if stream.isatty() else Lines(stream)


class LiveBar:
    """A bar that goes away when the work is done."""

    def __init__(self, stream: TextIO) -> None:
        self._console = Console(file=stream)
        self._bar: Bar | None = None
        self._task: TaskID | None = None

    def start(self, what: str, total: int | None) -> None:
        """Show a bar, or a spinner with a count where the total is not known."""
        self.finish()
        columns = [SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()]
        # On the same terminal, results are written above the bar; into a file or a pipe they must not be led away.
        shared = sys.stdout.isatty()
        self._bar = Bar(*columns, TimeRemainingColumn(), console=self._console, transient=True, redirect_stdout=shared)
        self._task = self._bar.add_task(what, total=total)
        self._bar.start()

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
        self._what, self._total, self._done = "", None, 0  # type: str, int | None, int
        self._told = 0.0

    def start(self, what: str, total: int | None) -> None:
        """Begin to count."""
        self._what, self._total, self._done = what, total, 0
        self._told = time.monotonic()

    def advance(self, count: int = 1) -> None:
        """Count on, and tell now and then."""
        self._done += count
        if time.monotonic() - self._told >= _LINE_SECONDS:
            self._told = time.monotonic()
            of = "" if self._total is None else f" of {self._total}"
            print(f"{self._what}: {self._done}{of}", file=self._stream, flush=True)

    def finish(self) -> None:
        """Say nothing more."""
