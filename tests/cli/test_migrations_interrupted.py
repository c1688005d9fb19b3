"""A migration that somebody stops with Ctrl-C in the middle of its apply and rolls back: nothing of it is left, the
customers are what they were, and neither the first job nor a new one brings back what was rolled back."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from reconciler.cli import billplan, run
from reconciler.emulator.faults import Phase
from reconciler.emulator.message import Request
from tests.cli.desk import Desk
from tests.cli.moving import Move

ROWS, STRUCK = 40, 15
SCHEDULES = "/v1/subscription_schedules"
JOB = ("apply", "first.jsonl", "--auto-approve")


class Struck:
    """A migration of 40 rows, each of a customer of its own, whose apply is interrupted at the 15th schedule."""

    def __init__(self, move: Move, phase: Phase) -> None:
        self.desk = move.desk
        self.move = move
        move.rows([move.row(f"sub_{n}") for n in range(ROWS)])
        self.customers = self.desk.live("customer")
        self.desk.done("plan", "--out", "first.jsonl")
        self.told = self._interrupted(phase)
        self.scheduled = set(self.schedules())
        assert STRUCK - 1 <= len(self.scheduled) < ROWS

    def _interrupted(self, phase: Phase) -> str:
        command = [sys.executable, "-m", "reconciler", *JOB]
        running = subprocess.Popen(
            command, cwd=self.desk.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        hooks = self.desk.world.hooks
        hooks.append(_at_the_15th(phase, lambda: os.kill(running.pid, signal.SIGINT)))
        try:
            told, _ = running.communicate(timeout=60)
        finally:
            running.kill()
            hooks.clear()
        assert running.returncode not in (0, -signal.SIGINT), told
        assert "Traceback" not in told, told
        return told

    def schedules(self) -> dict[str, list[str]]:
        """The statuses of all schedules that ever were, by the key of their row."""
        found: dict[str, list[str]] = {}
        for one in self.desk.live("subscription_schedule"):
            found.setdefault(one["metadata"]["old_id"], []).append(one["status"])
        return found

    def assert_rolled_back(self) -> None:
        """Everything that was scheduled is canceled, each row once, and the customers are as they were before."""
        assert self.schedules() == {key: ["canceled"] for key in self.scheduled}
        assert self.desk.live("customer") == self.customers
        assert not self.desk.live("subscription")


def _at_the_15th(phase: Phase, strike: Callable[[], None]) -> Callable[[Phase, Request, int], None]:
    seen = 0

    def hook(at: Phase, request: Request, index: int) -> None:
        nonlocal seen
        if at == phase and request.method == "POST" and request.path == SCHEDULES:
            seen += 1
            if seen == STRUCK:
                strike()

    return hook


@pytest.fixture(params=["received", "committed"])
def struck(request: pytest.FixtureRequest, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Struck:
    desk.write("billplan.yaml", (desk.folder / "billplan.yaml").read_text().replace("1000}", "1000, concurrency: 4}"))
    return Struck(Move(desk, monkeypatch), request.param)


def test_rolled_back_by_the_spec_no_job_schedules_anything_again(struck: Struck) -> None:
    desk = struck.desk
    struck.move.block("state: canceled")
    desk.done("apply", "--auto-approve")
    struck.assert_rolled_back()
    again = desk.run(*JOB)
    assert again.code == 3, again.both
    desk.done("apply", "--auto-approve")
    # A runner that knows nothing of all that.
    shutil.rmtree(desk.folder / ".billplan")
    assert desk.run(*JOB).code == 3
    desk.done("apply", "--auto-approve")
    struck.assert_rolled_back()
    counts = desk.done("migrations", "status", "--format", "json").document["migrations"][0]["counts"]
    assert (counts["canceled"], counts["scheduled"], counts["live"]) == (len(struck.scheduled), 0, 0)


def test_rolled_back_at_once_the_first_job_does_not_bring_it_back(struck: Struck) -> None:
    desk = struck.desk
    ended = desk.done("migrations", "cancel", "zuora", "--auto-approve")
    assert f"Canceled: {len(struck.scheduled)} schedules." in ended.out
    struck.assert_rolled_back()
    again = desk.run(*JOB)
    assert again.code == 3, again.both
    struck.assert_rolled_back()


def test_a_runner_that_knows_nothing_of_the_roll_back_sends_nothing_of_the_first_plan(struck: Struck) -> None:
    desk = struck.desk
    desk.done("migrations", "cancel", "zuora", "--auto-approve")
    shutil.rmtree(desk.folder / ".billplan")
    ended = desk.run(*JOB)
    assert ended.code == 5, ended.both
    assert "made and canceled since the plan was made" in ended.both
    struck.assert_rolled_back()


def test_while_the_spec_still_asks_for_it_a_new_plan_schedules_none_before_attempt_is_raised(struck: Struck) -> None:
    desk = struck.desk
    desk.done("migrations", "cancel", "zuora", "--auto-approve")
    shutil.rmtree(desk.folder / ".billplan")
    ended = desk.done("apply", "--auto-approve")
    told = " ".join(ended.both.split())
    assert f"{ROWS} rows" in told
    assert "rolled back before" in told
    assert "raise attempt: of the block above 1" in told
    struck.assert_rolled_back()
    struck.move.block("attempt: 2")
    desk.done("apply", "--auto-approve")
    found = struck.schedules()
    assert {key: sorted(statuses) for key, statuses in found.items()} == {
        f"sub_{n}": ["canceled", "not_started"] if f"sub_{n}" in struck.scheduled else ["not_started"]
        for n in range(ROWS)
    }
    assert desk.live("customer") == struck.customers


def test_an_interrupt_that_python_lays_an_error_over_is_still_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def waiting(**_: Any) -> None:
        try:
            raise KeyboardInterrupt
        finally:
            threading.Lock().release()

    monkeypatch.setattr(billplan, "main", waiting)
    assert run(["version"]) == 130
    assert capsys.readouterr().err == "interrupted\n"
