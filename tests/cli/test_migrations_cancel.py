"""`billplan migrations cancel` over HTTP: what has not started is rolled back, and nothing else; then it stays so."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from reconciler.emulator.clock import SystemClock as WorldClock
from reconciler.emulator.rules.billing import attach_payment_method
from reconciler.emulator.world import World
from reconciler.project import Project
from tests.cli.desk import PROJECT, Desk
from tests.cli.moving import DAY, Move


@pytest.fixture
def move(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Move:
    return Move(desk, monkeypatch)


def statuses(move: Move) -> dict[str, str]:
    return {one["metadata"]["old_id"]: one["status"] for one in move.desk.live("subscription_schedule")}


def test_all_that_waits_is_canceled_and_no_later_plan_schedules_it_again(move: Move) -> None:
    move.scheduled("a", "b")
    plan = move.desk.folder / "first.jsonl"
    ended = move.desk.done("migrations", "cancel", "zuora", "--auto-approve")
    assert "2 schedules to cancel before they start." in ended.out
    assert "First charges that will not be made: 200.00 USD (2 rows)." in ended.out
    assert "Revenue a month that stays where it is: 200.00 USD (2 rows)." in ended.out
    assert "Canceled: 2 schedules." in ended.out
    assert "write  state: canceled  in the block zuora" in ended.out
    assert "until  attempt:  of the block is above 1" in ended.out
    assert statuses(move) == {"a": "canceled", "b": "canceled"}
    again = move.desk.done("plan", "--out", plan, "--detailed-exitcode")
    assert "raise attempt: of the block" in " ".join(again.out.split())
    assert "Nothing can be canceled" in move.desk.done("migrations", "cancel", "zuora", "--auto-approve").out
    move.block("attempt: 2")
    move.desk.done("apply", "--auto-approve")
    assert Counter(one["status"] for one in move.desk.live("subscription_schedule")) == {
        "canceled": 2,
        "not_started": 2,
    }


def test_a_batch_or_single_rows_can_be_canceled_and_the_rest_stays(move: Move) -> None:
    move.block("batches: [{name: canary, rows: 2}, {name: rest}]\nreleased: [canary, rest]\n")
    move.scheduled("a", "b", "c", "d")
    move.desk.done("migrations", "cancel", "zuora", "--row", "c", "--auto-approve")
    assert statuses(move) == {"a": "not_started", "b": "not_started", "c": "canceled", "d": "not_started"}
    ended = move.desk.done("migrations", "cancel", "zuora", "--batch", "canary", "--auto-approve")
    assert "state: canceled  in the block" not in ended.out
    assert statuses(move) == {"a": "canceled", "b": "canceled", "c": "canceled", "d": "not_started"}


def test_rows_that_no_spec_declares_are_canceled_with_the_whole_and_by_their_keys(move: Move) -> None:
    move.scheduled("a", "b", "c")
    (held,) = (one for one in move.desk.live("subscription_schedule") if one["metadata"]["old_id"] == "a")
    move.rows([move.row("a", customer=held["customer"])])
    move.desk.done("migrations", "cancel", "zuora", "--row", "b", "--auto-approve")
    assert statuses(move) == {"a": "not_started", "b": "canceled", "c": "not_started"}
    move.desk.done("migrations", "cancel", "zuora", "--auto-approve")
    assert set(statuses(move).values()) == {"canceled"}


def test_what_has_started_is_told_and_left_alone(move: Move) -> None:
    move.rows([move.row("early"), move.row("late", start_date=move.start + 5 * DAY)])
    move.desk.done("apply", "--auto-approve")
    move.until(move.start + 60)
    ended = move.desk.done("migrations", "cancel", "zuora", "--auto-approve", "--format", "json")
    summary = ended.events[-1]
    assert summary["canceled"] == 1
    assert summary["not_canceled"] == []
    assert [one["address"] for one in summary["started"]] == ['subscription_migration.zuora["early"]']
    assert summary["first_charges"] == [{"currency": "usd", "amount": 10000, "rows": 1, "unknown": 0}]
    assert statuses(move) == {"early": "active", "late": "canceled"}
    asked = move.desk.run("migrations", "cancel", "zuora", "--row", "early", "--auto-approve")
    assert asked.code == 5
    assert "it has started: sub_" in asked.out


def test_what_is_about_to_start_is_too_late(move: Move) -> None:
    move.scheduled("a")
    move.until(move.start - 200)
    ended = move.desk.run("migrations", "cancel", "zuora", "--auto-approve")
    assert ended.code == 5
    # Told once, and no word of what stays canceled: nothing was.
    assert ended.out.count("less than 5 minutes from now") == 1
    assert "what starts all the same is canceled as a subscription" in ended.out
    assert "attempt:" not in ended.out
    assert statuses(move) == {"a": "not_started"}


def test_what_others_change_between_plan_and_send_is_told_and_the_rest_is_canceled(
    move: Move, monkeypatch: pytest.MonkeyPatch
) -> None:
    move.scheduled("a", "b")
    check = Project.check

    def meddled(project: Project, plan: Any, **more: Any) -> None:
        check(project, plan, **more)
        (held,) = (one for one in move.desk.live("subscription_schedule") if one["metadata"]["old_id"] == "a")
        move.desk.client().subscription_schedules.update(held["id"], {"metadata": {"billplan_digest": "1:x:y"}})

    monkeypatch.setattr(Project, "check", meddled)
    ended = move.desk.run("migrations", "cancel", "zuora", "--auto-approve")
    assert ended.code == 5
    assert "1 row could not be canceled:" in ended.out
    assert "the same command again" in ended.out
    assert statuses(move) == {"a": "not_started", "b": "canceled"}
    monkeypatch.setattr(Project, "check", check)
    move.desk.done("migrations", "cancel", "zuora", "--auto-approve")
    assert statuses(move) == {"a": "canceled", "b": "canceled"}


def test_it_asks_and_without_a_yes_nothing_is_sent(move: Move) -> None:
    move.scheduled("a")
    ended = move.desk.run("migrations", "cancel", "zuora", typed="no\n")
    assert ended.code == 1
    assert statuses(move) == {"a": "not_started"}
    move.desk.done("migrations", "cancel", "zuora", typed="yes\n")
    assert statuses(move) == {"a": "canceled"}


def test_on_a_live_account_it_asks_for_the_projects_name(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.server.worlds[:] = [World("acct_live", livemode=True, clock=WorldClock())]
    desk.environ(STRIPE_API_KEY="sk_live_emulator")
    desk.write("billplan.yaml", PROJECT.replace("mode: test", "mode: live") + "lock: external\n")
    move = Move(desk, monkeypatch)
    customer = desk.client("sk_live_emulator").customers.create({"name": "Kim"}).id
    attach_payment_method(desk.world, str(customer), desk.world.now())
    move.rows([move.row("a", customer=customer)])
    desk.done("apply", "--auto-approve")
    ended = desk.run("migrations", "cancel", "zuora", typed="yes\n")
    assert ended.code == 1
    assert "This is LIVE mode. Type the project's name (acme)" in ended.both
    assert statuses(move) == {"a": "not_started"}
    desk.done("migrations", "cancel", "zuora", typed="acme\n")
    assert statuses(move) == {"a": "canceled"}


def test_guards_count_what_is_canceled_and_name_the_way_out(move: Move) -> None:
    move.desk.write("billplan.yaml", (move.desk.folder / "billplan.yaml").read_text() + "guards: {max_changes: 5}\n")
    move.scheduled("a", "b")
    move.desk.write(
        "billplan.yaml", (move.desk.folder / "billplan.yaml").read_text().replace("max_changes: 5", "max_changes: 1")
    )
    ended = move.desk.run("migrations", "cancel", "zuora", "--auto-approve")
    assert ended.code == 4
    assert statuses(move) == {"a": "not_started", "b": "not_started"}
    move.desk.done("migrations", "cancel", "zuora", "--auto-approve", "--max-changes", "2")
    assert statuses(move) == {"a": "canceled", "b": "canceled"}


def test_other_changes_of_the_specs_are_no_part_of_it(move: Move) -> None:
    move.scheduled("a")
    move.desk.write("specs/new.yaml", "products: {new: {name: New}}\n")
    before = len(move.desk.live("product"))
    move.desk.done("migrations", "cancel", "zuora", "--auto-approve")
    assert len(move.desk.live("product")) == before
