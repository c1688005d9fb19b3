"""Progress: a bar where somebody watches, a line now and then in a log, and results that stay where they belong."""

from __future__ import annotations

import io
import sys
import time

import pytest

from reconciler.cli.progress import Lines, LiveBar, progress_for


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_log_gets_a_line_every_few_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    stream = io.StringIO()
    progress = progress_for(stream)
    assert isinstance(progress, Lines)
    progress.start("reading Stripe", None)
    progress.advance(100)
    assert stream.getvalue() == ""
    now[0] += 6
    progress.advance(100)
    now[0] += 1
    progress.advance(100)
    assert stream.getvalue() == "reading Stripe: 200\n"
    progress.start("applying", 10)
    now[0] += 6
    progress.advance()
    progress.finish()
    assert stream.getvalue() == "reading Stripe: 200\napplying: 1 of 10\n"


@pytest.mark.parametrize("stdout", [Terminal(), io.StringIO()], ids=["a terminal", "a pipe"])
def test_results_are_not_led_to_stderr_by_the_bar(stdout: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    stderr = Terminal()
    monkeypatch.setattr(sys, "stdout", stdout)
    bar = progress_for(stderr)
    assert isinstance(bar, LiveBar)
    bar.start("applying", 3)
    bar.advance()
    print("done  create product.pro", flush=True)
    bar.finish()
    assert sys.stdout is stdout
    shown = stderr.getvalue() if stdout.isatty() else stdout.getvalue()
    assert "done  create product.pro" in shown
    assert "applying" in stderr.getvalue()
    assert stdout.isatty() or "done" not in stderr.getvalue()
