"""Progress: a bar where somebody watches, a line now and then in a log, and results that stay where they belong."""

from __future__ import annotations

import io
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from reconciler.cli.progress import Lines, LiveBar, Pace, progress_for


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_a_log_gets_a_line_every_few_seconds_with_the_pace_since_the_last(clock: list[float]) -> None:
    stream = io.StringIO()
    progress = progress_for(stream)
    assert isinstance(progress, Lines)
    progress.start("reading Stripe", None)
    progress.advance(100)
    assert stream.getvalue() == ""
    clock[0] += 5
    progress.advance(1_100)
    clock[0] += 1
    progress.advance(100)
    clock[0] += 4
    progress.advance(400)
    assert stream.getvalue() == "reading Stripe: 1,200, 240/s\nreading Stripe: 1,700, 100/s\n"


def test_a_total_gives_the_remaining_time_and_so_does_an_estimate(clock: list[float]) -> None:
    stream = io.StringIO()
    progress = progress_for(stream)
    progress.start("applying", 1000)
    clock[0] += 10
    progress.advance(100)
    progress.start("reading Stripe", None)
    progress.expect(5_000)
    clock[0] += 10
    progress.advance(2_000)
    clock[0] += 10
    progress.advance(4_000)
    progress.start("reading events", None)
    clock[0] += 10
    progress.advance(5)
    progress.finish()
    assert stream.getvalue().splitlines() == [
        "applying: 100 of 1,000, 10/s, 2 min left",
        "reading Stripe: 2,000 of about 5,000, 200/s, 15 s left",
        "reading Stripe: 6,000, 400/s",
        "reading events: 5, 30/min",
    ]


@pytest.mark.parametrize(
    ("pace", "words"),
    [
        (Pace(0, None, None, None), "0"),
        (Pace(0, 10, None, None), "0 of 10"),
        (Pace(7, 10, None, 0.0), "7 of 10"),
        (Pace(10, 10, None, 2.0), "10 of 10, 2/s"),
        (Pace(1, None, 1_000_000, 25.0), "1 of about 1,000,000, 25/s, 11 h 07 min left"),
    ],
)
def test_what_is_not_known_is_left_out(pace: Pace, words: str) -> None:
    assert pace.words() == words


def test_threads_count_together() -> None:
    progress = Lines(io.StringIO())
    progress.start("reading Stripe", None)
    with ThreadPoolExecutor(8) as pool:
        for _ in range(2_000):
            pool.submit(progress.advance)
    assert progress.done == 2_000


def test_the_bar_tells_the_estimate_until_it_is_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    stream = Terminal()
    bar = progress_for(stream)
    bar.start("reading Stripe", None)
    bar.expect(300)
    bar.advance(200)
    bar.finish()
    assert "200 of about 300" in stream.getvalue()
    stream.truncate(0)
    bar.start("reading Stripe", None)
    bar.expect(300)
    bar.advance(301)
    bar.finish()
    last = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", stream.getvalue()).rstrip().splitlines()[-1]
    assert "301" in last
    assert "about" not in last


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
