"""A file of 2,000 rows of which 200 are broken in 57 ways, 27 of which only the account tells: every one is told with
its line and its reason, and no good one; the corrected file is clean."""

from __future__ import annotations

import csv
from typing import Any

import pytest

from reconciler.emulator.rules.billing import attach_payment_method
from tests.cli.broken_rows import (
    COLUMNS,
    KEY,
    SPECS,
    Way,
    account_ways,
    customer_of,
    fill_account,
    good_row,
    offline_ways,
)
from tests.cli.desk import Desk
from tests.cli.moving import Move

ROWS, BROKEN_EVERY = 2_000, 10
Rows = list[dict[str, str]]


class Broken:
    """A desk with such a file."""

    def __init__(self, desk: Desk, start: int) -> None:
        self.desk = desk
        ways = (*account_ways(start, desk.world.now()), *offline_ways(start))
        self.offline = {way.reason for way in offline_ways(start)}
        self.ways: dict[int, Way] = {n: ways[m % len(ways)] for m, n in enumerate(range(0, ROWS, BROKEN_EVERY))}
        self.good: Rows = [good_row(n, start) for n in range(ROWS)]
        self.rows = [self._broken(n, row, start) for n, row in enumerate(self.good)]
        others: dict[int, Way | None] = {ROWS + n: None for n in self.ways}
        fill_account(desk.world, {n: self.ways.get(n) for n in range(ROWS)} | others)
        for n, way in self.ways.items():
            self._give(n, way)
        # Nothing but the migration: what it names was made by hand.
        desk.remove("specs/catalogue.yaml")
        desk.write("specs/migration.yaml", SPECS)

    def _broken(self, n: int, row: dict[str, str], start: int) -> dict[str, str]:
        way = self.ways.get(n)
        if way is None:
            return row
        # Which of the toolkit's cases it was is of no matter to what is broken about it.
        return {**good_row(0, start), "customer": row["customer"], KEY: row[KEY], **way.cells}

    def _give(self, n: int, way: Way) -> None:
        """Let a customer have what stands in a row's way."""
        hand, id = self.desk.client(), customer_of(n)
        match way.has:
            case "gone":
                hand.customers.delete(id)
            case "subscription":
                hand.subscriptions.create({"customer": id, "items": [{"price": "price_pro"}]})
            case "key":
                named = {"third_party_sub_id": f"sub_{n:05d}"}
                hand.subscriptions.create({"customer": id, "items": [{"price": "price_other"}], "metadata": named})
            case "euros":
                hand.subscriptions.create({"customer": id, "items": [{"price": "price_other_eur"}]})
            case "clock":
                clock = hand.test_helpers.test_clocks.create({"frozen_time": self.desk.world.now()}).id
                made = str(hand.customers.create({"test_clock": clock, "name": "Timeless"}).id)
                attach_payment_method(self.desk.world, made, self.desk.world.now())
                self.rows[n]["customer"] = made
            case "no account":
                self.rows[n]["customer"] = f"cus_nobody_{n}"

    def write(self, rows: Rows) -> None:
        with (self.desk.folder / "rows.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(rows)

    def failing(self, *more: str) -> dict[int, list[str]]:
        """Check the file; list the reasons by line."""
        ended = self.desk.run("migrations", "check", "--format", "json", *more)
        (one,) = ended.document["migrations"]
        assert ended.code == (1 if one["bad"] else 0)
        assert (one["rows"], one["good"] + one["bad"]) == (ROWS, ROWS)
        told: list[dict[str, Any]] = one["failing"]
        assert all(fault["hint"] and fault["summary"] for row in told for fault in row["faults"])
        assert {row["file"] for row in told} <= {"rows.csv"}
        return {row["line"]: [fault["reason"] for fault in row["faults"]] for row in told}


@pytest.fixture
def broken(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Broken:
    return Broken(desk, Move(desk, monkeypatch).start)


def test_every_broken_row_is_told_and_no_good_one(broken: Broken) -> None:
    reasons = {way.reason for way in broken.ways.values()}
    assert (len(broken.ways), len(reasons), len(reasons - broken.offline)) == (200, 57, 27)
    broken.write(broken.rows)
    expected = {n + 2: [way.reason] for n, way in broken.ways.items()}
    assert broken.failing() == expected
    by_itself = {line: told for line, told in expected.items() if told[0] in broken.offline}
    assert broken.failing("--offline") == by_itself
    assert not broken.desk.live("subscription_schedule")


def test_what_comes_back_is_the_broken_rows_and_once_corrected_the_file_is_clean(broken: Broken) -> None:
    broken.write(broken.rows)
    assert broken.desk.run("migrations", "check", "--out", "failed.csv").code == 1
    with (broken.desk.folder / "failed.csv").open(encoding="utf-8", newline="") as file:
        back = list(csv.DictReader(file))
    assert [{name: row[name] for name in COLUMNS} for row in back] == [broken.rows[n] for n in broken.ways]
    assert all(row["processing_error"] for row in back)
    # What a row says is mended in the file; where its customer was in the way, or the key, it has another one.
    mended = {n: {"customer": customer_of(ROWS + n), KEY: f"sub_{n:05d}_b"} for n in broken.ways}
    broken.write([{**row, **mended.get(n, {})} for n, row in enumerate(broken.good)])
    assert broken.failing() == broken.failing("--offline") == {}
    assert "zuora: 2,000 rows, all good" in broken.desk.done("migrations", "check").out
