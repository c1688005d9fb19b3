"""`python -m tests.benchmarks.plan [PRICES ...]`: what a plan over prices that exist already costs.

Without arguments for 1,000 and 10,000 prices: a plan of nothing, one that renames 1% of the prices, one that replaces
1% of them, and the plan of nothing once more at the pace that Stripe documents.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from reconciler.kinds import STRIPE_KINDS
from tests.benchmarks.catalogue import UNPACED, Edit, Limits, rename, reprice, write_catalogue, write_project
from tests.benchmarks.emulator import running_emulator
from tests.benchmarks.measure import print_figure, run_command

SIZES = (1_000, 10_000)
PAGE = 100
SECONDS, MEGABYTES = 10, 300
# The account is asked for once, and each kind's last page may hold one object only.
CONSTANT = 1 + sum(len(kind.lookup.listings) for kind in STRIPE_KINDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One plan to measure."""

    name: str
    edit: Edit | None = None
    limits: Limits | None = UNPACED


CASES = (
    Case(name="no-op"),
    Case(name="1% renamed", edit=rename),
    Case(name="1% repriced", edit=reprice),
    Case(name="no-op, default pace", limits=None),
)


def main() -> None:
    """Measure every case at every size."""
    for prices in [int(size) for size in sys.argv[1:]] or SIZES:
        with tempfile.TemporaryDirectory() as name:
            bench = _Bench(Path(name), prices)
            for case in CASES:
                bench.measure(case)


class _Bench:
    """An account to which a catalogue of one size was applied."""

    def __init__(self, folder: Path, prices: int) -> None:
        self._folder = folder / "project"
        self._prices = prices
        self._account = folder / "account.json"
        made = folder / "made"
        write_project(made)
        write_catalogue(made, prices)
        # In a process of its own, which keeps its memory to itself.
        command = [sys.executable, "-m", "tests.benchmarks.account_file", str(made), str(self._account)]
        self._counts: dict[str, int] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)

    def measure(self, case: Case) -> None:
        """Run one plan, and print its figures."""
        write_project(self._folder, case.limits)
        write_catalogue(self._folder, self._prices, case.edit)
        with running_emulator(account=self._account) as emulator:
            earlier = len(emulator.log())
            command = run_command(["plan", "--out", "plan.jsonl"], folder=self._folder, environ=emulator.environ)
            calls = len(emulator.log()) - earlier
        held = self._prices == SIZES[-1]
        for name, value, unit, bound in (
            ("wall", command.seconds, "s", f"under {SECONDS} s" if held else ""),
            ("peak memory", command.megabytes, "MB", f"under {MEGABYTES} MB" if held else ""),
            ("API calls", calls, "", f"at most {self._most_calls(case)}"),
            ("changes", self._changes(), "", ""),
        ):
            print_figure(f"plan of {self._prices:,} prices, {case.name}: {name}", value, unit, bound)

    def _most_calls(self, case: Case) -> int:
        """One list call for each 100 objects of a kind, plus a constant; repricing also counts subscriptions."""
        listed = ["product", "price", *(["subscription"] if case.edit is reprice else [])]
        return CONSTANT + sum(math.ceil(self._counts[table] / PAGE) for table in listed)

    def _changes(self) -> int:
        """Count the changes by the plan file's last line."""
        last = (self._folder / "plan.jsonl").read_text(encoding="ascii").splitlines()[-1]
        return int(json.loads(last)["counts"]["change"])


if __name__ == "__main__":
    main()
