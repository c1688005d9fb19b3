"""`python -m tests.benchmarks.binding_apply [CUSTOMERS] [live|test]`: an account's customers bound to an application's
users, by the command line, against an emulator that enforces the limits of that mode.

Of 10,000 customers 3% have no e-mail address, and 5% share one with others. The mirror is synced and sorted into
buckets; a CSV of as many users, in no order, names the customers by e-mail address, and those whom that
cannot tell apart by their ids; it is planned, applied at the documented pace, which takes as long as with Stripe, and
planned again.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from reconciler.emulator.clock import FrozenClock
from reconciler.emulator.limits import ENDPOINT_RATE, GLOBAL_RATE, LimitMode
from reconciler.emulator.state import save_worlds
from reconciler.emulator.world import World
from tests.benchmarks.apply import READING_SECONDS
from tests.benchmarks.binding_plan import people
from tests.benchmarks.emulator import KEY_VARIABLE, Emulator, running_emulator
from tests.benchmarks.measure import Command, print_figure, run_command

CUSTOMERS = 10_000
PLAN_SECONDS, SHARE, LATE_SHARE = 5, 95, 1
_LIST, _CUSTOMER = "/v1/customers", "/v1/customers/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A customer as it was put into the account."""

    id: str
    email: str | None


def main() -> None:
    """Bind everybody, and print the figures."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else CUSTOMERS
    mode = LimitMode(sys.argv[2]) if len(sys.argv) > 2 else LimitMode.LIVE
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        persons = _account(folder / "account.json", count)
        _project(folder, persons, mode)
        with running_emulator(rate_limit=mode.value, account=folder / "account.json") as emulator:
            _Bench(folder, emulator, persons, mode).run()


def _account(path: Path, count: int) -> list[Person]:
    # An hour ago, so that a server on the present time continues from it.
    world = World(clock=FrozenClock(int(time.time()) - 3600))
    people(world, count)
    save_worlds([world], path)
    return [Person(id=one["id"], email=one["email"]) for one in world.tables["customer"]]


def _unclear(persons: Sequence[Person]) -> dict[str, str]:
    """Compare everybody with everybody: why an address cannot tell somebody apart, by the customer's id."""
    held = Counter(one.email.lower() for one in persons if one.email is not None)
    reasons = {one.id: "no_email" for one in persons if one.email is None}
    shared = {one.id: "shared_email" for one in persons if one.email is not None and held[one.email.lower()] > 1}
    return reasons | shared


def _project(folder: Path, persons: Sequence[Person], mode: LimitMode) -> None:
    unclear = _unclear(persons)
    rows = [
        f"user-{number},,{one.id}\n" if one.id in unclear else f"user-{number},{str(one.email).upper()},\n"
        for number, one in enumerate(persons)
    ]
    Random(7).shuffle(rows)
    (folder / "specs").mkdir()
    (folder / "users.csv").write_text("id,mail,stripe\n" + "".join(rows), encoding="utf-8")
    columns = "{external_id: id, email: mail, customer: stripe}"
    source = f"customer_binding_sources:\n  app: {{csv: users.csv, columns: {columns}}}\n"
    (folder / "specs" / "users.yaml").write_text(source, encoding="utf-8")
    limits = f"{{global_rps: {GLOBAL_RATE[mode]:.0f}, endpoint_rps: {ENDPOINT_RATE:.0f}, concurrency: 16}}"
    stripe = f"stripe: {{mode: test, api_key: 'env:{KEY_VARIABLE}', limits: {limits}}}"
    text = f"version: 1\nproject: bench\n{stripe}\nstore: sqlite:.billplan/store.db\n"
    (folder / "billplan.yaml").write_text(text, encoding="utf-8")


class _Bench:
    """A project, and the emulated account that it is for."""

    def __init__(self, folder: Path, emulator: Emulator, persons: Sequence[Person], mode: LimitMode) -> None:
        self._folder = folder
        self._emulator = emulator
        self._persons = persons
        self._permitted = min(GLOBAL_RATE[mode], ENDPOINT_RATE)
        self._mode = mode

    def run(self) -> None:
        self._print("sync", self._billplan("sync").seconds, "s")
        self._sort()
        plan = self._billplan("plan", "--out", "plan.jsonl")
        self._print("plan after a sync", plan.seconds, "s", f"must be under {PLAN_SECONDS}")
        self._print("plan: processor time", plan.processor_seconds, "s")
        self._print("plan: steps", self._steps(), "", f"must be {len(self._persons):,}")
        time.sleep(READING_SECONDS)
        earlier = len(self._emulator.log())
        applied = self._billplan("apply", "plan.jsonl", "--auto-approve", "--format", "json")
        self._print_apply(applied, self._emulator.log()[earlier:])
        again = self._billplan("plan", "--out", "plan.jsonl")
        self._print("plan again", again.seconds, "s")
        self._print("plan again: steps", self._steps(), "", "must be 0")
        bound = self._bucket("list")["counts"]
        self._print("bound", bound["bound"], "", f"must be {len(self._persons):,}")
        self._print("neither bound nor deleted", bound["pending"] + bound["attention"], "", "must be 0")

    def _sort(self) -> None:
        unclear = _unclear(self._persons)
        pending = {one["customer"] for one in self._bucket("pending")["pending"]}
        attention = {one["customer"]: one["reason"] for one in self._bucket("attention")["attention"]}
        expected = {one.id for one in self._persons} - unclear.keys()
        wrong = len(pending ^ expected) + len(attention.items() ^ unclear.items())
        self._print("buckets: pending", len(pending), "", f"must be {len(expected):,}")
        self._print("buckets: in need of attention", len(attention), "", f"must be {len(unclear):,}")
        self._print("buckets: not as counted one by one", wrong, "", "must be 0")

    def _print_apply(self, applied: Command, requests: Sequence[dict[str, Any]]) -> None:
        results = [at for at, line in applied.lines if json.loads(line).get("outcome") == "done"]
        seconds = results[-1] - results[0]
        rate, late = (len(results) - 1) / seconds, sum(r["status"] == 429 for r in requests)
        reads = [str(r["path"]).partition("?")[0] for r in requests if r["method"] == "GET"]
        held = f"must be at least {SHARE}" if self._mode is LimitMode.LIVE else "reads have their share in this mode"
        for name, value, unit, bound in (
            ("steps done", len(results), "", f"must be {len(self._persons):,}"),
            ("writes", sum(r["method"] == "POST" for r in requests), "", f"must be {len(self._persons) + late:,}"),
            ("permitted", self._permitted, "writes/s", f"POST {_CUSTOMER}{{id}}"),
            ("achieved, first to last", rate, "writes/s", ""),
            ("share of the permitted rate", 100 * rate / self._permitted, "%", held),
            ("pages of customers read", reads.count(_LIST), "", "the listings before and after included"),
            ("customers read one by one", sum(path.startswith(_CUSTOMER) for path in reads), "", ""),
            ("start to first", results[0], "s", "the listing under the lock"),
            ("last to the end", applied.seconds - results[-1], "s", "a plan that verifies"),
            ("share answered 429", 100 * late / len(requests), "%", f"must be at most {LATE_SHARE}"),
            ("processor time for each", 1000 * applied.processor_seconds / len(results), "ms", ""),
            ("peak memory", applied.megabytes, "MB", ""),
        ):
            self._print(f"apply: {name}", value, unit, bound)

    def _bucket(self, name: str) -> dict[str, Any]:
        told = self._billplan("bindings", name, "--format", "json")
        shown: dict[str, Any] = json.loads("".join(line for _, line in told.lines))
        return shown

    def _steps(self) -> int:
        """Count the steps by the plan file's last line."""
        last = (self._folder / "plan.jsonl").read_text(encoding="ascii").splitlines()[-1]
        return int(json.loads(last)["counts"].get("step", 0))

    def _billplan(self, *arguments: str) -> Command:
        return run_command(arguments, folder=self._folder, environ=self._emulator.environ)

    def _print(self, name: str, value: float, unit: str, bound: str = "") -> None:
        print_figure(f"{len(self._persons):,} bindings, {self._mode} limits: {name}", value, unit, bound)


if __name__ == "__main__":
    main()
