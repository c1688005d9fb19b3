"""A block that is taken out of the specs while its schedules wait: they are told of, and can be rolled back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from reconciler.adapters.stripe_api import StripeApi
from reconciler.errors import RemoteRejected
from tests.cli.desk import Desk
from tests.cli.moving import Move

SCHEDULES = "/v1/subscription_schedules"


@pytest.fixture
def move(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Move:
    move = Move(desk, monkeypatch)
    move.scheduled("a", "b")
    (desk.folder / "specs" / "migration.yaml").unlink()
    return move


def statuses(move: Move) -> dict[str, str]:
    return {one["metadata"]["old_id"]: one["status"] for one in move.desk.live("subscription_schedule")}


def warned(move: Move, *options: str) -> list[str]:
    plan = move.desk.done("plan", "--format", "json", *options).document
    return [one["code"] for one in plan["diagnostics"]]


@pytest.mark.parametrize("mode", ["live", "auto"])
def test_a_plan_without_the_block_says_what_will_start(move: Move, mode: str) -> None:
    text = " ".join(move.desk.done("plan", "--refresh", mode).both.split())
    assert "2 schedules of subscription_migration.zuora that no row declares any more: 2 will start all the" in text
    assert warned(move, "--refresh", mode) == ["BP1717"]


def test_a_mirror_of_before_the_apply_hides_nothing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    move = Move(desk, monkeypatch)
    move.rows([])
    desk.done("apply", "--auto-approve")
    desk.done("sync")
    move.scheduled("a")
    (desk.folder / "specs" / "migration.yaml").unlink()
    assert warned(move) == ["BP1717"]
    assert warned(move, "--refresh", "live") == ["BP1717"]


def test_once_all_is_rolled_back_nothing_is_asked_and_nothing_told(move: Move) -> None:
    move.desk.done("migrations", "cancel", "zuora", "--auto-approve")
    assert statuses(move) == {"a": "canceled", "b": "canceled"}
    before = len(move.desk.requests)
    assert warned(move, "--refresh", "live") == []
    assert not any(SCHEDULES in str(one) for one in move.desk.requests[before:])


def test_what_has_started_is_one_request_and_no_warning(move: Move) -> None:
    move.until(move.start + 60)
    before = len(move.desk.requests)
    assert warned(move, "--refresh", "live") == []
    assert sum(SCHEDULES in str(one) for one in move.desk.requests[before:]) == 1


def test_offline_it_is_said_that_nobody_looked(move: Move) -> None:
    move.desk.done("sync", "--objects", "product,price,coupon,promotion_code,tax_rate,meter")
    move.desk.environ(STRIPE_API_KEY="")
    assert "BP1735" in warned(move, "--refresh", "none")


def test_a_key_that_may_not_list_them_is_told(move: Move, monkeypatch: pytest.MonkeyPatch) -> None:
    request = StripeApi.request

    def forbidden(api: StripeApi, method: Any, path: str, params: Mapping[str, Any], *more: Any, **named: Any) -> Any:
        if path == SCHEDULES:
            raise RemoteRejected("the key lacks the permission", status=403)
        return request(api, method, path, params, *more, **named)

    monkeypatch.setattr(StripeApi, "request", forbidden)
    assert warned(move, "--refresh", "live") == ["BP1735"]
    ended = move.desk.done("migrations", "status", "--refresh", "live")
    assert "could not be looked for" in " ".join(ended.both.split())


def test_status_shows_what_is_left_with_and_without_the_name(move: Move) -> None:
    left = {"zuora": ['subscription_migration.zuora["a"]', 'subscription_migration.zuora["b"]']}
    for names in ((), ("zuora",)):
        found = move.desk.done("migrations", "status", *names, "--format", "json").document
        assert (found["migrations"], found["orphans"]) == ([], left)
    assert "zuora: declared no more" in move.desk.done("migrations", "status").out
    assert move.desk.run("migrations", "status", "zuroa").code == 1


def test_status_of_a_project_that_never_had_a_migration_is_an_error(desk: Desk) -> None:
    desk.write("specs/new.yaml", "products: {new: {name: New}}\n")
    ended = desk.run("migrations", "status")
    assert ended.code == 1
    assert "the specs declare no subscription migrations" in ended.both


def test_cancel_rolls_back_what_is_left_whole_or_by_row(move: Move) -> None:
    move.desk.done("migrations", "cancel", "zuora", "--row", "a", "--auto-approve")
    assert statuses(move) == {"a": "canceled", "b": "not_started"}
    ended = move.desk.done("migrations", "cancel", "zuora", "--auto-approve")
    assert "Canceled: 1 schedule." in ended.out
    assert "attempt:" not in ended.out
    assert statuses(move) == {"a": "canceled", "b": "canceled"}


def test_cancel_of_a_name_that_nothing_has_is_an_error(move: Move) -> None:
    ended = move.desk.run("migrations", "cancel", "zuroa", "--auto-approve")
    assert ended.code == 1
    assert "nothing that can be canceled is left" in " ".join(ended.both.split())
    assert set(statuses(move).values()) == {"not_started"}


def test_what_starts_too_soon_is_not_called_gone(move: Move) -> None:
    move.until(move.start - 200)
    ended = move.desk.run("migrations", "cancel", "zuora", "--auto-approve")
    assert ended.code == 1
    assert "migrations status zuora" in " ".join(ended.both.split())
