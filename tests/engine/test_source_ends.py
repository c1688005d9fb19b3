"""A subscription ends in the old account when the one here begins: nobody pays twice, and nobody is left out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.address import parse_address
from reconciler.core.changes import Action
from reconciler.core.migrations import Batch, Row
from reconciler.core.plan import Plan
from reconciler.core.resources import Specs
from reconciler.core.results import Outcome
from reconciler.core.values import Ref
from reconciler.errors import OutcomeUnknown
from tests.engine.two_accounts import DAY, TwoAccounts, migrating, moving, pair
from tests.relay import Relay

PRO = Ref(parse_address("price.pro"))
HOUR = 3600


@pytest.fixture
def account(tmp_path: Path) -> Iterator[TwoAccounts]:
    with TwoAccounts(tmp_path) as account:
        yield account


def start_of(row: Row) -> int:
    assert row.terms is not None
    return row.terms.start


def source_of(row: Row) -> str:
    return str(row.source_subscription)


def moved(account: TwoAccounts, *keys: str) -> tuple[Specs, list[Row]]:
    """Schedule rows, and see that their sources end when they start."""
    rows = [pair(account, key, PRO) for key in keys or ("a",)]
    specs = migrating(moving(rows))
    account.migrate(specs)
    assert [account.old.ends(source_of(row)) for row in rows] == [start_of(row) for row in rows]
    return specs, rows


def until(account: TwoAccounts, moment: int) -> None:
    account.world.clock.advance(moment - account.world.now())


def changes(plan: Plan) -> list[tuple[str, Action, str]]:
    return [(str(c.address.key), c.action, c.reason) for c in plan.changes]


def only(plan: Plan) -> tuple[Action, str]:
    ((_, action, reason),) = changes(plan)
    return action, reason


def apply(account: TwoAccounts, plan: Plan) -> None:
    applied = account.apply(plan)
    assert applied.complete, [(r.step.id, r.detail) for r in applied.results if not r.good]


def billed(account: TwoAccounts, start: int) -> tuple[list[int], list[int]]:
    """What was invoiced from a moment on, in the old account and in the new one."""
    for api in (account.old.hand, account.api):
        api.request("get", "/v1/subscriptions", {"limit": 1})
    old, new = ([i for i in w.tables["invoice"] if i["created"] >= start] for w in (account.old.world, account.world))
    return [i["created"] for i in old], [i["created"] for i in new]


def test_the_old_one_ends_and_the_new_one_begins_at_the_same_moment(account: TwoAccounts) -> None:
    specs, (row,) = moved(account)
    until(account, start_of(row) + 20 * DAY)
    old, new = billed(account, start_of(row))
    assert (len(old), len(new)) == (0, 1)
    assert account.old.subscription(source_of(row))["status"] == "canceled"
    assert account.old.subscription(source_of(row))["ended_at"] == start_of(row)
    assert account.statuses("a") == ["active"]
    plan = account.plan(specs)
    assert plan.empty
    assert not plan.diagnostics


def test_the_new_one_is_scheduled_before_the_old_one_is_told_to_end(account: TwoAccounts) -> None:
    rows = [pair(account, key, PRO) for key in ("a", "b")]
    plan = account.plan(migrating(moving(rows)))
    applied = account.apply(plan, concurrency=4)
    order = [r.step.id for r in applied.results]
    assert applied.complete
    for key, row in zip(("a", "b"), rows, strict=True):
        own = f'subscription_migration.old["{key}"]'
        assert order.index(f"{own}/create") < order.index(
            f"{own}/end_source acct_old/v1/subscriptions/{source_of(row)}"
        )


class CutShort(Relay):
    """A billing API that fails at requests to the old account."""

    @contextmanager
    def around(self, method: str, path: str) -> Iterator[None]:
        if method == "post" and path.startswith("/source/"):
            raise OutcomeUnknown("no answer in time")
        yield


def test_a_source_that_was_not_reached_is_set_to_end_by_the_next_plan(account: TwoAccounts) -> None:
    row = pair(account, "a", PRO)
    specs = migrating(moving([row]))
    plan = account.plan(specs)
    account.around = CutShort
    assert not account.apply(plan).complete
    account.around = lambda api: api
    assert account.old.ends(source_of(row)) is None
    again = account.plan(specs)
    assert only(again) == (Action.UPDATE, f"its source {source_of(row)} goes on")
    account.migrate(specs)
    assert account.old.ends(source_of(row)) == start_of(row)
    assert account.statuses("a") == ["not_started"]


def cancel_now(account: TwoAccounts, row: Row) -> None:
    account.old.hand.request("delete", f"/v1/subscriptions/{source_of(row)}", {})


def end_early(account: TwoAccounts, row: Row) -> None:
    account.old.post(
        f"/v1/subscriptions/{source_of(row)}", cancel_at=start_of(row) - 5 * DAY, proration_behavior="none"
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [(cancel_now, "has ended (canceled)"), (end_early, "was set to end at 2026-12-13T11:06:40Z by somebody else")],
)
def test_a_source_that_ends_early_takes_the_new_one_along(account: TwoAccounts, change: Any, words: str) -> None:
    specs, (row,) = moved(account)
    change(account, row)
    plan = account.plan(specs)
    action, reason = only(plan)
    assert action is Action.RETIRE
    assert words in reason
    account.migrate(specs)
    assert account.statuses("a") == ["canceled"]


def test_an_end_that_somebody_set_between_the_two_requests_cancels_the_new_one(account: TwoAccounts) -> None:
    row = pair(account, "a", PRO)
    specs = migrating(moving([row]))
    plan = account.plan(specs)
    account.old.post(f"/v1/subscriptions/{source_of(row)}", cancel_at_period_end=True)
    applied = account.apply(plan)
    assert [r.outcome for r in applied.results][-1] is Outcome.STALE
    assert only(account.plan(specs))[0] is Action.RETIRE
    account.migrate(specs)
    assert account.statuses("a") == ["canceled"]


def test_a_source_whose_end_was_taken_back_is_set_to_end_again(account: TwoAccounts) -> None:
    specs, (row,) = moved(account)
    account.old.post(f"/v1/subscriptions/{source_of(row)}", cancel_at="")
    assert only(account.plan(specs))[0] is Action.UPDATE
    account.migrate(specs)
    assert account.old.ends(source_of(row)) == start_of(row)


def test_a_source_whose_end_was_put_off_is_set_to_end_again(account: TwoAccounts) -> None:
    specs, (row,) = moved(account)
    # A month later, on the day.
    account.old.post(
        f"/v1/subscriptions/{source_of(row)}", cancel_at=start_of(row) + 31 * DAY, proration_behavior="none"
    )
    account.migrate(specs)
    assert account.old.ends(source_of(row)) == start_of(row)


def test_a_row_that_asks_for_another_day_is_refused(account: TwoAccounts) -> None:
    _, (row,) = moved(account)
    assert row.terms is not None
    later = replace(row, terms=replace(row.terms, start=start_of(row) + DAY))
    (change,) = account.plan(migrating(moving([later]))).changes
    assert "is not when the period of sub_000001 ends" in change.refused


def test_a_start_is_not_changed_while_nobody_looks_at_the_source(account: TwoAccounts) -> None:
    _, (row,) = moved(account)
    assert row.terms is not None
    later = replace(row, terms=replace(row.terms, start=start_of(row) + DAY))
    (change,) = account.plan(migrating(moving([later], end_source=False, source_account=None))).changes
    assert "acct_old/sub_000001 is set to end for it, and the source account was not looked at" in change.refused


def test_a_changed_row_keeps_its_end_at_the_source(account: TwoAccounts) -> None:
    _, (row,) = moved(account)
    assert row.terms is not None
    more = replace(row, terms=replace(row.terms, metadata={**row.terms.metadata, "tier": "2"}))
    account.migrate(migrating(moving([more])))
    assert account.old.ends(source_of(row)) == start_of(row)


def test_a_row_cannot_be_made_to_replace_another_one_later(account: TwoAccounts) -> None:
    _, (row,) = moved(account)
    other = replace(row, source_subscription=account.old.subscribe(account.old.price()))
    (change,) = account.plan(migrating(moving([other]))).changes
    assert "is not what" in change.refused
    assert "was scheduled to replace, acct_old/sub_000001" in change.refused


def test_a_renamed_row_is_renamed_at_its_source(account: TwoAccounts) -> None:
    _, (row,) = moved(account)
    name = 'subscription_migration.new["a"]'
    specs = migrating(moving([row], name="new"), moved=[("subscription_migration.old", "subscription_migration.new")])
    account.migrate(specs)
    marks = account.old.subscription(source_of(row))["metadata"]
    assert marks["billplan_moved_to"] == name
    account.migrate(migrating(moving([row], name="new")))


def test_a_roll_back_cancels_the_new_one_and_then_lets_the_old_one_go_on(account: TwoAccounts) -> None:
    _, rows = moved(account, "a", "b")
    back = migrating(moving(rows, canceled=True))
    plan = account.plan(back)
    assert [s.kind for s in plan.steps] == ["subscription_migration", "source_subscription"] * 2
    assert plan.steps[1].needs == (plan.steps[0].id,)
    assert [c.notes for c in plan.changes] == [(f"{source_of(row)} in acct_old goes on",) for row in rows]
    account.migrate(back)
    assert account.statuses("a") == account.statuses("b") == ["canceled"]
    for row in rows:
        found = account.old.subscription(source_of(row))
        assert (found["cancel_at"], found["metadata"], found["status"]) == (None, {}, "active")
    until(account, start_of(rows[0]) + DAY)
    old, new = billed(account, start_of(rows[0]))
    assert (len(old), new) == (2, [])


def test_a_roll_back_that_was_cut_short_is_finished_by_the_next_plan(account: TwoAccounts) -> None:
    specs, (row,) = moved(account)
    back = migrating(moving([row], canceled=True))
    plan = account.plan(back)
    account.around = CutShort
    assert not account.apply(plan).complete
    account.around = lambda api: api
    assert account.statuses("a") == ["canceled"]
    assert account.old.ends(source_of(row)) == start_of(row)
    # Also where the block says nothing of a roll back.
    for said in (back, specs):
        assert only(account.plan(said)) == (Action.UPDATE, "it was rolled back, and its source would end all the same")
    account.migrate(back)
    assert account.old.ends(source_of(row)) is None


def test_what_was_canceled_by_hand_goes_on_at_its_source(account: TwoAccounts) -> None:
    specs, (row,) = moved(account)
    (schedule,) = account.schedules()
    account.api.request("post", f"/v1/subscription_schedules/{schedule['id']}/cancel", {}, idempotency_key="hand")
    account.migrate(specs)
    assert account.old.ends(source_of(row)) is None


def test_a_roll_back_within_an_hour_of_the_start_is_refused(account: TwoAccounts) -> None:
    _, (row,) = moved(account)
    back = migrating(moving([row], canceled=True))
    until(account, start_of(row) - HOUR)
    (change,) = account.plan(back).changes
    assert "within an hour, and its source ends then" in change.refused
    assert account.old.ends(source_of(row)) == start_of(row)


def test_a_roll_back_that_comes_late_is_not_sent(account: TwoAccounts) -> None:
    _, (row,) = moved(account)
    until(account, start_of(row) - HOUR - 15)
    plan = account.plan(migrating(moving([row], canceled=True)))
    until(account, start_of(row) - HOUR)
    cancel, keep = account.apply(plan).results
    assert cancel.outcome is Outcome.STALE
    assert "less than an hour ahead or has passed" in cancel.detail
    assert keep.outcome is Outcome.SKIPPED
    assert account.old.ends(source_of(row)) == start_of(row)


def test_what_was_rolled_back_may_be_scheduled_again(account: TwoAccounts) -> None:
    _, (row,) = moved(account)
    account.migrate(migrating(moving([row], canceled=True)))
    account.migrate(migrating(moving([row], attempt=2)))
    assert account.statuses("a") == ["canceled", "not_started"]
    assert account.old.ends(source_of(row)) == start_of(row)


def test_an_orphan_that_removed_cancels_goes_on_at_its_source(account: TwoAccounts) -> None:
    _, (row, other) = moved(account, "a", "b")
    gone = migrating(moving([other]), removed={'subscription_migration.old["a"]': "cancel"})
    plan = account.plan(gone)
    account.around = CutShort
    assert not account.apply(plan).complete
    account.around = lambda api: api
    # The schedule is canceled, and no row speaks of it any more.
    account.migrate(gone)
    assert account.statuses("a") == ["canceled"]
    assert account.old.ends(source_of(row)) is None
    assert account.old.ends(source_of(other)) == start_of(other)


def test_nothing_is_canceled_whose_source_nobody_can_let_go_on(account: TwoAccounts) -> None:
    _, (row,) = moved(account)
    blind = moving([row], canceled=True, end_source=False, source_account=None)
    (change,) = account.plan(migrating(blind)).changes
    assert "acct_old/sub_000001 is set to end for it, and the source account was not looked at" in change.refused
    gone = migrating(
        moving([], end_source=False, source_account=None), removed={'subscription_migration.old["a"]': "cancel"}
    )
    plan = account.plan(gone)
    assert not plan.steps
    assert any("was not looked at" in d.summary for d in plan.diagnostics)


def test_a_row_that_has_begun_while_its_source_goes_on_is_told(account: TwoAccounts) -> None:
    specs, (row,) = moved(account)
    account.old.post(f"/v1/subscriptions/{source_of(row)}", cancel_at="")
    until(account, start_of(row) - 60)
    (change,) = account.plan(specs).changes
    assert "it starts within 5 minutes, and sub_000001 in acct_old does not end then" in change.refused
    until(account, start_of(row) + HOUR)
    plan = account.plan(specs)
    assert plan.empty
    assert any("the customer pays twice" in d.summary for d in plan.diagnostics)


def test_a_period_that_was_moved_at_the_source_cancels_the_new_one(account: TwoAccounts) -> None:
    row = pair(account, "a", PRO)
    specs = migrating(moving([row]))
    plan = account.plan(specs)
    account.around = CutShort
    account.apply(plan)
    account.around = lambda api: api
    table = account.old.world.tables["subscription"]
    found = dict(table.get(source_of(row)) or {})
    items = [{**item, "current_period_end": item["current_period_end"] + DAY} for item in found["items"]]
    table.put({**found, "items": items})
    action, reason = only(account.plan(specs))
    assert action is Action.RETIRE
    assert "is not when the period of sub_000001 ends" in reason
    account.migrate(specs)
    assert account.statuses("a") == ["canceled"]


def test_rows_of_batches_that_are_not_released_end_nothing(account: TwoAccounts) -> None:
    rows = [pair(account, key, PRO) for key in ("a", "b")]
    batches = (Batch(name="canary", rows=1), Batch(name="rest"))
    account.migrate(migrating(moving(rows, batches=batches, released=("canary",))))
    assert [account.old.ends(source_of(row)) for row in rows] == [start_of(rows[0]), None]


def test_what_migrated_before_its_source_was_to_end_is_set_to_end_later(account: TwoAccounts) -> None:
    row = pair(account, "a", PRO)
    account.migrate(migrating(moving([row], end_source=False)))
    assert account.old.ends(source_of(row)) is None
    account.migrate(migrating(moving([row])))
    assert account.old.ends(source_of(row)) == start_of(row)
    account.migrate(migrating(moving([row], canceled=True)))
    assert account.old.ends(source_of(row)) is None
