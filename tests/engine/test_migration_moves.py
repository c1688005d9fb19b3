"""Migrated rows on the emulator through their life: changed, renamed, adopted, let go; and none is ever doubled."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.changes import Action
from reconciler.core.migrations import Duration, Item, Then
from tests.engine.migration_account import (
    CATALOGUE,
    DAY,
    GUARDS,
    KEY,
    START,
    MigrationAccount,
    migrating,
    migration,
    row,
    terms,
)
from tests.engine.migration_sight import PRO

NEW = "subscription_migration.new"


@pytest.fixture
def account(tmp_path: Path) -> Iterator[MigrationAccount]:
    account = MigrationAccount(tmp_path)
    account.converge(CATALOGUE)
    yield account
    account.close()


def pass_days(account: MigrationAccount, days: int) -> None:
    """Let time pass; what falls due in it happens with the next request."""
    account.world.clock.advance(days * DAY)
    account.by_hand("get", "/v1/subscriptions")


def pass_start(account: MigrationAccount) -> None:
    """Let the start of all rows pass, and most of a day more."""
    pass_days(account, (START - account.world.now()) // DAY + 1)


def only(account: MigrationAccount, kind: str) -> dict[str, Any]:
    (one,) = account.live(kind)
    return one


EDITS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a later start": ({"start": START + DAY}, {}),
    "a quantity": ({"items": (Item(price=PRO, quantity=3),)}, {}),
    "an anchor": ({"anchor": START + 10 * DAY}, {}),
    "a trial": ({"trial_end": START + 20 * DAY}, {}),
    "an end": ({"cancel_at_period_end": True}, {}),
    "a further phase": (
        {},
        {"then": (Then(duration=Duration(interval="month"), items=(Item(price=PRO, quantity=2),)),)},
    ),
    "what is sent": ({"collection_method": "send_invoice", "days_until_due": 14}, {}),
}


@pytest.mark.parametrize(("cells", "block"), EDITS.values(), ids=EDITS)
def test_an_edit_comes_to_the_schedule_that_a_first_plan_of_it_makes(
    account: MigrationAccount, tmp_path: Path, cells: dict[str, Any], block: dict[str, Any]
) -> None:
    customer = account.payer(email="a@example.com")
    account.migrate(migrating(migration([row("a", terms(customer, PRO))])))
    edited = migrating(migration([row("a", terms(customer, PRO, **cells))], **block))
    plan = account.migrate(edited)
    assert [change.action for change in plan.changes] == [Action.UPDATE]
    schedule = only(account, "subscription_schedule")
    other = MigrationAccount(tmp_path / "other")
    other.converge(CATALOGUE)
    twin = other.payer(email="a@example.com")
    other.migrate(migrating(migration([row("a", terms(twin, PRO, **cells))], **block)))
    fresh = only(other, "subscription_schedule")
    other.close()
    for phase, wanted in zip(schedule["phases"], fresh["phases"], strict=True):
        theirs = {**wanted, "items": [{**item, "price": ""} for item in wanted["items"]]}
        assert {**phase, "items": [{**item, "price": ""} for item in phase["items"]]} == theirs
    assert schedule["end_behavior"] == fresh["end_behavior"]
    assert schedule["metadata"]["billplan_digest"] == fresh["metadata"]["billplan_digest"]


def test_a_renamed_migration_keeps_its_schedules_before_and_after_their_start(account: MigrationAccount) -> None:
    rows = [row("a", terms(account.payer(), PRO)), row("b", terms(account.payer(), PRO, start=START + 30 * DAY))]
    account.migrate(migrating(migration(rows)))
    pass_start(account)
    moved = [("subscription_migration.zuora", NEW)]
    plan = account.migrate(migrating(migration(rows, name="new"), moved=moved))
    assert {change.address.name for change in plan.changes} == {"new"}
    # The entry may go once it is applied.
    after = account.plan(migrating(migration(rows, name="new")), GUARDS)
    assert after.empty
    assert after.diagnostics == ()
    pass_days(account, 40)
    marked = {one["metadata"]["billplan_address"] for one in account.live("subscription")}
    assert marked == {f'{NEW}["a"]', f'{NEW}["b"]'}
    assert account.plan(migrating(migration(rows, name="new")), GUARDS).empty
    assert len(account.schedules()) == 2


def test_a_schedule_by_another_hand_is_adopted_and_starts_as_the_row_says(account: MigrationAccount) -> None:
    customer = account.payer()
    made = account.by_hand(
        "post",
        "/v1/subscription_schedules",
        customer=customer,
        start_date=START - DAY,
        phases=[{"items": [{"price": account.price()}], "end_date": START + 90 * DAY}],
        metadata={KEY: "a"},
    )
    said = terms(customer, PRO)
    stopped = account.plan(migrating(migration([row("a", said)])), GUARDS)
    assert [change.action for change in stopped.changes] == [Action.REFUSED]
    assert f"set adopt to {made['id']}" in stopped.changes[0].hint
    specs = migrating(migration([row("a", said, adopt=made["id"])]))
    assert [change.action for change in account.migrate(specs).changes] == [Action.ADOPT]
    pass_start(account)
    subscription = only(account, "subscription")
    assert subscription["start_date"] == START
    assert subscription["metadata"]["billplan_address"] == 'subscription_migration.zuora["a"]'
    assert account.plan(specs, GUARDS).empty


def test_a_subscription_by_another_hand_is_adopted_and_left_as_it_is(account: MigrationAccount) -> None:
    customer = account.payer()
    made = account.by_hand(
        "post", "/v1/subscriptions", customer=customer, items=[{"price": account.price()}], metadata={KEY: "a"}
    )
    specs = migrating(migration([row("a", terms(customer, PRO), adopt=made["id"])]))
    account.migrate(specs)
    assert account.schedules() == []
    after = account.by_hand("get", f"/v1/subscriptions/{made['id']}")
    assert {name for name in made if after[name] != made[name]} == {"metadata"}
    account.by_hand("delete", f"/v1/subscriptions/{made['id']}")
    raised = migrating(migration([row("a", terms(customer, PRO), adopt=made["id"])], attempt=3))
    assert account.plan(raised, GUARDS).empty


def test_a_rolled_back_row_comes_again_only_with_another_attempt(account: MigrationAccount) -> None:
    rows = [row("a", terms(account.payer(), PRO))]
    account.migrate(migrating(migration(rows)))
    rolled = account.migrate(migrating(migration(rows, canceled=True)))
    assert [change.verb for change in rolled.changes] == ["cancel"]
    at_rest = account.plan(migrating(migration(rows)), GUARDS)
    assert at_rest.empty
    assert "rolled back" in at_rest.diagnostics[0].summary
    account.migrate(migrating(migration(rows, attempt=2)))
    assert account.by_key() == {"a": ["canceled", "not_started"]}


def test_removed_cancels_forgets_and_releases(account: MigrationAccount) -> None:
    then = (Then(duration=Duration(interval="month"), items=(Item(price=PRO, quantity=2),)),)
    rows = [row(key, terms(account.payer(), PRO)) for key in ("stays", "freed", "forgotten")]
    rows.append(row("off", terms(account.payer(), PRO, start=START + 30 * DAY)))
    account.migrate(migrating(migration(rows, then=then)))
    pass_start(account)
    left = migrating(migration(rows[:1], then=then))
    lost = account.plan(left, GUARDS)
    assert lost.empty
    assert "3 schedules of subscription_migration.zuora" in lost.diagnostics[0].summary
    actions = {"freed": "release", "forgotten": "forget", "off": "cancel"}
    entries = {f'subscription_migration.zuora["{key}"]': action for key, action in actions.items()}
    account.migrate(migrating(migration(rows[:1], then=then), removed=entries))
    assert account.by_key() == {
        "stays": ["active"], "freed": ["released"], "forgotten": ["active"], "off": ["canceled"],
    }  # fmt: skip
    assert {one["status"] for one in account.live("subscription")} == {"active"}
    unmarked = [one for one in account.live("subscription") if "billplan_address" not in one["metadata"]]
    assert [one["metadata"][KEY] for one in unmarked] == ["forgotten"]


def test_a_lost_marker_does_not_make_a_second_subscription(account: MigrationAccount) -> None:
    rows = [row("a", terms(account.payer(), PRO))]
    account.migrate(migrating(migration(rows)))
    id = account.schedules()[0]["id"]
    account.by_hand(
        "post", f"/v1/subscription_schedules/{id}", metadata={"billplan_address": "", "billplan_project": ""}
    )
    plan = account.plan(migrating(migration(rows)), GUARDS)
    assert [change.action for change in plan.changes] == [Action.REFUSED]
    assert id in plan.changes[0].refused
