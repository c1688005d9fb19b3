"""`python -m tests.benchmarks.mirror_plan [SUBSCRIPTIONS]`: what a plan of nothing costs that is made from the mirror.

Of 1,000 prices, and 100,000 subscriptions with an item and a customer each, which stand in the mirror alone: after a
sync that caught up with 200 changes; from the mirror as it is; from live lists; and after 200 more changes, with which
the plan itself catches up. No limits on the traffic, and the store is SQLite.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import cycle, islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from reconciler.adapters.sql_mirror import SqlMirror, mirrored_accounts
from reconciler.core.mirrored import Row, read_row
from reconciler.core.standing import Window
from reconciler.mirrored import BY_NAME
from reconciler.ports.mirror import Page
from reconciler.store.database import open_database
from tests.benchmarks.catalogue import UNPACED, write_catalogue, write_project
from tests.benchmarks.emulator import KEY, Emulator, running_emulator
from tests.benchmarks.measure import Command, print_figure, run_command

PRICES, SUBSCRIPTIONS, CHANGES = 1_000, 100_000, 200
MOST_CALLS = 20
_STORE = "sqlite:.billplan/store.db"
_ROWS_OF_A_PAGE = 1_000
Raw = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One plan to measure: its name, its mode, and the most calls that it may make, if that is held against a bound."""

    name: str
    refresh: str
    most_calls: int | None = None


AFTER_SYNC = (
    Case(name="after a catch-up", refresh="auto", most_calls=MOST_CALLS),
    Case(name="--refresh none", refresh="none", most_calls=0),
    Case(name="--refresh live", refresh="live"),
)
AFTER_CHANGES = Case(name=f"catching up with {CHANGES} changes", refresh="auto")


def main() -> None:
    """Fill a mirror, and measure every case."""
    subscriptions = int(sys.argv[1]) if len(sys.argv) > 1 else SUBSCRIPTIONS
    with tempfile.TemporaryDirectory() as name:
        folder, account = Path(name) / "project", Path(name) / "account.json"
        write_project(folder, UNPACED)
        write_catalogue(folder, PRICES)
        # In a process of its own, which keeps its memory to itself.
        command = [sys.executable, "-m", "tests.benchmarks.account_file", str(folder), str(account)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        with running_emulator(account=account) as emulator:
            bench = _Bench(folder, emulator)
            bench.fill(subscriptions)
            bench.change(1)
            bench.sync()
            for case in AFTER_SYNC:
                bench.plan(case)
            bench.change(2)
            bench.plan(AFTER_CHANGES)


class _Bench:
    """A project folder that was applied to an emulated account."""

    def __init__(self, folder: Path, emulator: Emulator) -> None:
        self._folder = folder
        self._emulator = emulator
        self._customers: list[str] = []

    def fill(self, subscriptions: int) -> None:
        """Sync the account for the first time, and multiply in the mirror what it sells."""
        self._customers = [self._post("/v1/customers", name=f"Customer {n}") for n in range(CHANGES)]
        self._run("sync")
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
            counts = pool.submit(fill_mirror, self._folder, subscriptions).result()
        for type in ("price", "subscription", "customer"):
            print_figure(f"mirror: live rows of type {type}", counts[type], "")

    def change(self, round: int) -> None:
        """Change 200 objects of the account, none of which the specs declare."""
        for number, id in enumerate(self._customers):
            self._post(f"/v1/customers/{id}", name=f"Customer {number}, renamed {round}")

    def sync(self) -> None:
        """Catch up, and print what that took."""
        command, calls = self._run("sync")
        self._print(f"sync that catches up with {CHANGES} changes", command, calls, None)

    def plan(self, case: Case) -> None:
        """Run one plan, see where it comes from, and print its figures."""
        command, calls = self._run("plan", "--refresh", case.refresh, "--out", "plan.jsonl")
        lines = (self._folder / "plan.jsonl").read_text(encoding="ascii").splitlines()
        header, footer = json.loads(lines[0]), json.loads(lines[-1])
        as_of = header["mirror_as_of"]
        if (as_of is None) != (case.refresh == "live"):
            raise SystemExit(f"plan {case.name}: mirror_as_of is {as_of}: {(self._folder / 'stderr.txt').read_text()}")
        self._print(f"no-op plan, {case.name}", command, calls, case.most_calls)
        print_figure(f"no-op plan, {case.name}: changes", int(footer["counts"]["change"]), "", "0")
        if as_of is not None:
            print_figure(f"no-op plan, {case.name}: age of the mirror", int(header["created_at"]) - int(as_of), "s")

    def _run(self, *arguments: str) -> tuple[Command, int]:
        """Run a command, and count the requests that it made."""
        earlier = len(self._emulator.log())
        command = run_command(arguments, folder=self._folder, environ=self._emulator.environ)
        return command, len(self._emulator.log()) - earlier

    def _print(self, name: str, command: Command, calls: int, most_calls: int | None) -> None:
        print_figure(f"{name}: API calls", calls, "", "" if most_calls is None else f"at most {most_calls}")
        print_figure(f"{name}: wall", command.seconds, "s")
        print_figure(f"{name}: peak memory", command.megabytes, "MB")

    def _post(self, path: str, **params: str) -> str:
        """Make or change an object of the account, and return its id."""
        body = urlencode(params).encode()
        request = Request(f"{self._emulator.url}{path}", body, {"Authorization": f"Bearer {KEY}"}, method="POST")
        with urlopen(request) as answer:
            return str(json.load(answer)["id"])


def fill_mirror(folder: Path, subscriptions: int) -> dict[str, int]:
    """Add so many subscriptions and their customers to the mirror in a project's store, and count what it has then."""
    with open_database(_STORE, base_folder=folder) as database:
        (account,) = mirrored_accounts(database, False)
        mirror = SqlMirror(database, account, False)
        makers = {"customer": _customers(mirror), "subscription": _subscriptions(mirror)}
        for type, rows in makers.items():
            wanted = islice(rows, subscriptions)
            for _ in range(math.ceil(subscriptions / _ROWS_OF_A_PAGE)):
                page = list(islice(wanted, _ROWS_OF_A_PAGE))
                mirror.put_page(Page(type=type, rows={type: page}, at=int(time.time()), window=Window()))
        return dict(mirror.counts())


def _customers(mirror: SqlMirror) -> Iterator[Row]:
    """Read customers without end, each like one that the account has."""
    for number, raw in enumerate(cycle(list(mirror.raws("customer")))):
        named = {"name": f"Customer {number}", "email": f"customer-{number}@example.com"}
        yield read_row(BY_NAME["customer"], {**raw, **named, "id": _customer_id(number)})


def _subscriptions(mirror: SqlMirror) -> Iterator[Row]:
    """Read subscriptions without end, each like one that the account has: they spread over the prices as those do."""
    for number, raw in enumerate(cycle(list(mirror.raws("subscription")))):
        yield read_row(BY_NAME["subscription"], _subscription(raw, number))


def _subscription(raw: Raw, number: int) -> dict[str, Any]:
    id = f"sub_bench{number:012d}"
    items = [{**item, "id": f"si_bench{number:012d}", "subscription": id} for item in raw["items"]["data"][:1]]
    listed = {**raw["items"], "data": items, "url": f"/v1/subscription_items?subscription={id}"}
    return {**raw, "id": id, "customer": _customer_id(number), "items": listed}


def _customer_id(number: int) -> str:
    return f"cus_bench{number:012d}"


if __name__ == "__main__":
    main()
