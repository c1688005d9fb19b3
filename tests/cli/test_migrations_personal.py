"""E-mail addresses in the metadata of rows: they reach Stripe, and no plan file, whatever a row does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.desk import Desk
from tests.cli.moving import COLUMNS, Move

THEN = "then: [{duration: {interval: month}, metadata: {owner: owner@example.com}}]"


@pytest.fixture
def move(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Move:
    monkeypatch.setattr("tests.cli.moving.COLUMNS", (*COLUMNS, "metadata.login"))
    return Move(desk, monkeypatch)


def phases(desk: Desk) -> list[dict[str, Any]]:
    (one,) = desk.live("subscription_schedule")
    found: list[dict[str, Any]] = one["phases"]
    return found


def planned(desk: Desk, name: str) -> str:
    desk.done("plan", "--out", name)
    return Path(desk.folder / name).read_text(encoding="utf-8")


def test_an_address_reaches_stripe_and_no_plan_file(move: Move) -> None:
    desk = move.desk
    move.block(THEN)
    row = move.row("sub_1", **{"metadata.login": "joe@example.com"})
    move.rows([row])
    saved = planned(desk, "first.jsonl")
    assert "@example.com" not in saved
    desk.done("apply", "first.jsonl", "--auto-approve")
    assert [one["metadata"]["login"] for one in phases(desk)] == ["joe@example.com"] * 2
    assert [one["metadata"].get("owner") for one in phases(desk)] == [None, "owner@example.com"]
    desk.done("plan", "--detailed-exitcode")

    move.rows([{**row, "metadata.login": "kim@example.com"}])
    saved = planned(desk, "second.jsonl")
    assert "@example.com" not in saved
    desk.done("apply", "second.jsonl", "--auto-approve")
    assert [one["metadata"]["login"] for one in phases(desk)] == ["kim@example.com"] * 2
    desk.done("plan", "--detailed-exitcode")


def test_a_subscription_in_the_middle_of_its_period_has_its_address_too(move: Move) -> None:
    desk = move.desk
    move.block("mid_cycle: subscription")
    ends = move.start + 20 * 86400
    move.rows([move.row("sub_1", billing_cycle_anchor=ends, **{"metadata.login": "joe@example.com"})])
    move.until(move.start + 60)
    assert "@example.com" not in planned(desk, "first.jsonl")
    desk.done("apply", "first.jsonl", "--auto-approve")
    (made,) = desk.live("subscription")
    assert made["metadata"]["login"] == "joe@example.com"


def test_a_schedule_that_was_canceled_since_is_not_told_for_done(move: Move) -> None:
    desk = move.desk
    move.rows([move.row("sub_1"), move.row("sub_2")])
    desk.done("plan", "--out", "first.jsonl")
    desk.done("apply", "first.jsonl", "--auto-approve")
    desk.done("migrations", "cancel", "zuora", "--auto-approve")
    for file in (desk.folder / ".billplan").iterdir():
        file.unlink()
    again = desk.run("apply", "first.jsonl", "--auto-approve")
    assert again.code == 5, again.both
    assert "canceled" in again.both
    assert [one["status"] for one in desk.live("subscription_schedule")] == ["canceled"] * 2
