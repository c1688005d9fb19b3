"""`python -m tests.benchmarks.migration [--rows N] [--paced-rows N] [--only bulk|plan|paced] [--settle SECONDS]`.

Subscriptions that migrate: first 100,000 rows of all the toolkit's cases, by the command line against an emulated
account that holds their customers, with limits on neither side: checked offline; planned after a sync; applied; and
planned once more after another sync, which finds nothing to do. Then 5,000 rows applied at the pace of a live account,
which takes as long as with Stripe. Each command is a process of its own, and so is the emulator.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from reconciler.emulator.limits import ENDPOINT_RATE, GLOBAL_RATE, LimitMode
from tests.benchmarks.apply import READING_SECONDS
from tests.benchmarks.emulator import KEY_VARIABLE
from tests.benchmarks.measure import Command, print_figure, run_command
from tests.benchmarks.migration_account import SCHEDULES, MigrationAccount, Requests, customer_id, running_account

ROWS, PACED_ROWS = 100_000, 5_000
# A sync reads the events of the last ten minutes again, and what changed in them. With Stripe those are a few thousand
# of a migration's rows; here, where nothing holds the apply back, they would be most of them.
SETTLE_SECONDS = 660
CHECK_SECONDS, PLAN_SECONDS, PLAN_MEGABYTES = 15, 60, 1_500
OBJECTS_OF_A_CALL = 100
SHARE, LATE_SHARE = 95, 1
# What the documents say of the toolkit: https://docs.stripe.com/billing/subscriptions/import-subscriptions-toolkit
TOOLKIT_ROWS, TOOLKIT_MINUTES = 100_000, 30
UNPACED: Mapping[str, int] = {"global_rps": 1_000, "endpoint_rps": 1_000, "concurrency": 16}
LIVE: Mapping[str, int] = {
    "global_rps": int(GLOBAL_RATE[LimitMode.LIVE]),
    "endpoint_rps": int(ENDPOINT_RATE),
    "concurrency": 16,
}
COLUMNS = (
    "customer", "start_date", "price", "quantity", "metadata.third_party_sub_id", "metadata.region",
    "billing_cycle_anchor", "trial_end", "coupon", "proration_behavior", "collection_method", "days_until_due",
    "source_amount",
)  # fmt: skip
_DAY = 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """How many rows, and how many seconds lie between their apply and the sync after it."""

    rows: int
    settle: int


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--paced-rows", type=int, default=PACED_ROWS)
    parser.add_argument("--only", choices=["bulk", "plan", "paced"])
    parser.add_argument("--settle", type=int, default=SETTLE_SECONDS)
    given = parser.parse_args()
    if given.only != "paced":
        asked = Asked(rows=given.rows, settle=given.settle)
        with tempfile.TemporaryDirectory() as name, running_account(asked.rows, "off") as account:
            bench = _Bench(Path(name), account, asked, UNPACED)
            bench.run_first() if given.only == "plan" else bench.run()
    if given.only in (None, "paced"):
        asked = Asked(rows=given.paced_rows, settle=0)
        with tempfile.TemporaryDirectory() as name, running_account(asked.rows, "live") as account:
            _Bench(Path(name), account, asked, LIVE).run_paced()


def _catalogue() -> dict[str, object]:
    month, year = {"interval": "month"}, {"interval": "year"}
    prices = {
        **{f"monthly_{n}": {"unit_amount": 1000 + 900 * n, "recurring": month} for n in range(6)},
        **{f"yearly_{n}": {"unit_amount": 10_000 + 9000 * n, "recurring": year} for n in range(4)},
    }
    priced = {
        name: {"product": f"product.plan_{name[-1]}", "currency": "usd", "tax_behavior": "exclusive", **body}
        for name, body in prices.items()
    }
    return {
        "products": {f"plan_{n}": {"name": f"Plan {n}"} for n in range(6)},
        "prices": priced,
        "coupons": {"tenth": {"percent_off": 10, "duration": "forever"}},
    }


def _block() -> dict[str, object]:
    return {
        "source": "external:zuora",
        "csv": "rows.csv",
        "key": "metadata.third_party_sub_id",
        "amount_unit": "minor",
        "defaults": {"proration_behavior": "none"},
    }


def _rows(count: int, now: int) -> Iterator[dict[str, object]]:
    """Every twentieth is on trial, has a coupon, is sent invoices, or pays for a part; every fifth is in mid-cycle."""
    for n in range(count):
        start = (now // _DAY + 30 + n % 28) * _DAY
        price, anchor = f"price.monthly_{n % 6}", start + (1 + n % 20) * _DAY
        yield {
            "customer": customer_id(n),
            "start_date": start,
            "price": price,
            "quantity": 1 + n % 7,
            "metadata.third_party_sub_id": f"A-S{n:08d}",
            "metadata.region": ("emea", "amer", "apac")[n % 3],
            "source_amount": (1000 + 900 * (n % 6)) * (1 + n % 7),
            **_case(n, price, start, anchor),
        }


def _case(n: int, price: str, start: int, anchor: int) -> dict[str, object]:
    match n % 20:
        case 1 | 6 | 11 | 16:
            return {"billing_cycle_anchor": anchor}
        case 2:
            return {"trial_end": anchor}
        case 3:
            return {"coupon": "coupon.tenth"}
        case 4:
            sent = {"collection_method": "send_invoice", "days_until_due": 30}
            return {"price": price.replace("monthly", "yearly").replace("5", "0").replace("_4", "_1"), **sent}
        case 5:
            return {"billing_cycle_anchor": anchor, "proration_behavior": "create_prorations"}
    return {}


class _Bench:
    """A project, and the emulated account that it is for."""

    def __init__(self, folder: Path, account: MigrationAccount, asked: Asked, limits: Mapping[str, int]) -> None:
        self._folder = folder
        self._settle = asked.settle
        self._account = account
        self._rows = rows = asked.rows
        stripe = {"mode": "test", "api_key": f"env:{KEY_VARIABLE}", "limits": dict(limits)}
        self._write("billplan.yaml", {"version": 1, "project": "bench", "stripe": stripe, "store": "sqlite:store.db"})
        self._write("specs/catalogue.yaml", _catalogue())
        self._billplan("apply", "--auto-approve")
        self._write("specs/migration.yaml", {"subscription_migrations": {"zuora": _block()}})
        with (folder / "rows.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(_rows(rows, int(time.time())))

    def run(self) -> None:
        """Measure everything that takes no pace."""
        self.run_first()
        self._applied(self._billplan(*_APPLY))
        time.sleep(self._settle)
        synced, asked = self._billplan("sync")
        self._told("sync after the apply", synced, asked, None)
        self._plan("plan again", 0, 2 * self._rows)

    def run_first(self) -> None:
        """Measure what comes before the apply."""
        self._print("file", (self._folder / "rows.csv").stat().st_size / 1_000_000, "MB")
        check, asked = self._billplan("migrations", "check", "--offline")
        self._told("offline check", check, asked, (CHECK_SECONDS, 0))
        synced, asked = self._billplan("sync")
        self._told("sync", synced, asked, None)
        self._plan("plan", self._rows, self._rows)

    def run_paced(self) -> None:
        """Measure an apply at the documented pace."""
        self._billplan("sync")
        self._billplan("plan", "--out", "plan.jsonl")
        time.sleep(READING_SECONDS)
        command, asked = self._billplan(*_APPLY)
        done = _done(command)
        seconds, permitted = done[-1] - done[0], LIVE["endpoint_rps"]
        rate = (len(done) - 1) / seconds
        projected = (
            f"{TOOLKIT_ROWS / permitted / 60:.0f} at the permitted rate; Stripe's own toolkit: {TOOLKIT_MINUTES}"
        )
        for name, value, unit, bound in (
            ("rows scheduled", asked.schedules, "", f"must be {self._rows:,}"),
            ("permitted", permitted, "rows/s", f"POST {SCHEDULES}"),
            ("achieved, first to last", rate, "rows/s", ""),
            ("share of the permitted rate", 100 * rate / permitted, "%", f"must be at least {SHARE}"),
            (f"{TOOLKIT_ROWS:,} rows would take", TOOLKIT_ROWS / rate / 60, "min", projected),
            ("share answered 429", 100 * asked.late / asked.calls, "%", f"must be at most {LATE_SHARE}"),
            ("requests that read", asked.gets, "", ""),
            ("start to first", done[0], "s", "the listings under the lock"),
            ("last to the end", command.seconds - done[-1], "s", "a plan that verifies"),
            ("processor time of a row", 1000 * command.processor_seconds / len(done), "ms", ""),
            ("peak memory", command.megabytes, "MB", ""),
        ):
            print_figure(f"apply of {self._rows:,} rows, live limits: {name}", value, unit, bound)

    def _plan(self, name: str, steps: int, objects: int) -> None:
        """Measure a plan that is to have so many steps. `objects` are those of the account that it must know of."""
        command, asked = self._billplan("plan", "--out", "plan.jsonl")
        self._told(f"{name} --out", command, asked, (PLAN_SECONDS, max(objects // OBJECTS_OF_A_CALL, 1)))
        self._print(f"{name} --out: plan file", (self._folder / "plan.jsonl").stat().st_size / 1_000_000, "MB")
        self._print(f"{name} --out: steps", self._steps(), "", f"must be {steps:,}")
        shown, _ = self._billplan("show", "plan.jsonl")
        self._print(f"{name}: show", shown.seconds, "s")
        self._print(f"{name}: show: peak memory", shown.megabytes, "MB")

    def _applied(self, ended: tuple[Command, Requests]) -> None:
        command, asked = ended
        done = _done(command)
        seconds = done[-1] - done[0]
        for name, value, unit, bound in (
            ("rows scheduled", asked.scheduled, "", f"must be {self._rows:,}"),
            ("schedules in the account", asked.schedules, "", f"must be {self._rows:,}"),
            ("first to last", seconds, "s", ""),
            ("achieved", len(done) / seconds, "rows/s", "as fast as both can: no limits"),
            ("start to first", done[0], "s", ""),
            ("last to the end", command.seconds - done[-1], "s", "a plan that verifies"),
            ("processor time of a row", 1000 * command.processor_seconds / len(done), "ms", ""),
            ("peak memory", command.megabytes, "MB", ""),
        ):
            self._print(f"apply: {name}", value, unit, bound)

    def _told(self, name: str, command: Command, asked: Requests, bounds: tuple[int, int] | None) -> None:
        """Print what a command took; `bounds` are the most seconds and calls."""
        seconds, memory, calls = ("", "", "")
        if bounds is not None:
            seconds, calls = f"must be under {bounds[0]}", f"must be at most {bounds[1]:,}"
            memory = f"must be under {PLAN_MEGABYTES:,}"
        self._print(name, command.seconds, "s", seconds)
        self._print(f"{name}: processor time", command.processor_seconds, "s")
        self._print(f"{name}: peak memory", command.megabytes, "MB", memory)
        self._print(f"{name}: API calls", asked.calls, "", calls)

    def _steps(self) -> int:
        """Count the steps by the plan file's last line."""
        with (self._folder / "plan.jsonl").open(encoding="ascii") as lines:
            for line in lines:
                last = line
        return int(json.loads(last)["counts"].get("step", 0))

    def _billplan(self, *arguments: str) -> tuple[Command, Requests]:
        self._account.requests()
        command = run_command(arguments, folder=self._folder, environ=self._account.emulator.environ)
        return command, self._account.requests()

    def _write(self, name: str, document: object) -> None:
        path = self._folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")

    def _print(self, name: str, value: float, unit: str, bound: str = "") -> None:
        print_figure(f"{self._rows:,} rows: {name}", value, unit, bound)


_APPLY = ("apply", "plan.jsonl", "--auto-approve", "--format", "json")


def _done(command: Command) -> list[float]:
    """List when each step was done, in seconds since the command began."""
    return [at for at, line in command.lines if '"outcome": "done"' in line or '"outcome":"done"' in line]


if __name__ == "__main__":
    main()
