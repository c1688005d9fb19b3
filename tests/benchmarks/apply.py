"""`python -m tests.benchmarks.apply [CREATES]`: how near an apply comes to the rate that Stripe permits.

Without an argument 2,000 creates: at the documented pace against an emulator that enforces the test mode's limits,
which takes as long as with Stripe, and then without limits on either side, for what a create costs by itself.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconciler.emulator.limits import GLOBAL_RATE, LimitMode
from tests.benchmarks.catalogue import UNPACED, Limits, write_products, write_project
from tests.benchmarks.emulator import running_emulator
from tests.benchmarks.measure import Command, print_figure, run_command

CREATES = 2_000
PERMITTED = GLOBAL_RATE[LimitMode.TEST]
# Stripe's bucket has filled up again by the time a person has read the plan.
READING_SECONDS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A finished apply: the command, when each step's result came, and what the emulator logged of it."""

    command: Command
    results: Sequence[float]
    requests: Sequence[dict[str, Any]]

    @property
    def seconds(self) -> float:
        """From the first result to the last."""
        return self.results[-1] - self.results[0]

    @property
    def rate(self) -> float:
        """Creates a second from the first result to the last."""
        return (len(self.results) - 1) / self.seconds

    @property
    def steady_rate(self) -> float:
        """Creates a second in the middle eight tenths."""
        tenth = len(self.results) // 10
        middle = self.results[tenth : len(self.results) - tenth]
        return (len(middle) - 1) / (middle[-1] - middle[0])

    @property
    def writes(self) -> int:
        return sum(r["method"] == "POST" for r in self.requests)

    @property
    def turned_away(self) -> int:
        return sum(r["status"] == 429 for r in self.requests)


def main() -> None:
    """Measure both ways."""
    creates = int(sys.argv[1]) if len(sys.argv) > 1 else CREATES
    _print_paced(_measure(creates, "test", None), creates)
    _print_unpaced(_measure(creates, "off", UNPACED), creates)


def _measure(creates: int, rate_limit: str, limits: Limits | None) -> Measured:
    with tempfile.TemporaryDirectory() as name, running_emulator(rate_limit=rate_limit) as emulator:
        folder = Path(name)
        write_project(folder, limits)
        write_products(folder, creates)
        run_command(["plan", "--out", "plan.jsonl"], folder=folder, environ=emulator.environ)
        time.sleep(READING_SECONDS)
        before = len(emulator.log())
        arguments = ["apply", "plan.jsonl", "--auto-approve", "--format", "json"]
        applied = run_command(arguments, folder=folder, environ=emulator.environ)
        results = [at for at, line in applied.lines if json.loads(line).get("outcome") == "done"]
        return Measured(command=applied, results=results, requests=emulator.log()[before:])


def _print_paced(apply: Measured, creates: int) -> None:
    requests, late = len(apply.requests), apply.turned_away
    for name, value, unit, bound in (
        ("steps done", len(apply.results), "", ""),
        ("permitted", PERMITTED, "requests/s", ""),
        ("achieved, first to last create", apply.rate, "creates/s", ""),
        ("share of the permitted rate", 100 * apply.rate / PERMITTED, "%", "at least 95%"),
        ("achieved, middle of the run", apply.steady_rate, "creates/s", ""),
        ("start to first create", apply.results[0], "s", ""),
        ("first to last create", apply.seconds, "s", f"{creates / PERMITTED:.0f} s at the permitted rate"),
        ("last create to the end (a plan that verifies)", apply.command.seconds - apply.results[-1], "s", ""),
        ("whole command", apply.command.seconds, "s", ""),
        ("requests", requests, "", ""),
        ("writes", apply.writes, "", ""),
        ("answered 429", late, "", ""),
        ("share answered 429", 100 * late / requests, "%", "at most 1%"),
    ):
        print_figure(f"apply of {creates:,} creates, test limits: {name}", value, unit, bound)


def _print_unpaced(apply: Measured, creates: int) -> None:
    for name, value, unit in (
        ("achieved, first to last create", apply.rate, "creates/s"),
        ("each create", 1000 * apply.seconds / creates, "ms"),
        ("processor time of the whole command for each", 1000 * apply.command.processor_seconds / creates, "ms"),
        ("whole command", apply.command.seconds, "s"),
        ("peak memory", apply.command.megabytes, "MB"),
    ):
        print_figure(f"apply of {creates:,} creates, no limits: {name}", value, unit)


if __name__ == "__main__":
    main()
