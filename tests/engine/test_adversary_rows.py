"""What somebody could do to migrated rows between two plans, or before an apply; nobody is billed twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.address import Address
from reconciler.core.changes import Action
from reconciler.core.migrations import AdHoc, Batch, Duration, Item, Missing, Then
from reconciler.core.plan import Plan
from reconciler.core.planfile import read_lines, write_lines
from reconciler.core.results import Outcome
from reconciler.core.values import Ref
from reconciler.engine.look import RefreshMode
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
from tests.engine.test_migration_moves import pass_start

TEAM = Ref(Address("price", "team"))
TWO_PRODUCTS: dict[str, dict[str, Any]] = {
    **CATALOGUE,
    "product.team": {"name": "Team"},
    "price.team": {
        "product": "product.team",
        "currency": "usd",
        "unit_amount": 9900,
        "recurring": {"interval": "month"},
    },
}
DEARER: dict[str, dict[str, Any]] = {**CATALOGUE, "price.pro": {**CATALOGUE["price.pro"], "unit_amount": 3900}}


@pytest.fixture
def account(tmp_path: Path) -> Iterator[MigrationAccount]:
    account = MigrationAccount(tmp_path)
    account.converge(CATALOGUE)
    yield account
    account.close()


def actions(plan: Plan) -> list[Action]:
    return [change.action for change in plan.changes]


def said(plan: Plan) -> str:
    return " ".join(diagnostic.summary for diagnostic in plan.diagnostics)


def another_schedule(account: MigrationAccount, customer: str) -> None:
    """Schedule the key in the Dashboard."""
    account.by_hand(
        "post",
        "/v1/subscription_schedules",
        customer=customer,
        start_date=START,
        phases=[{"items": [{"price": account.price()}], "end_date": START + 40 * DAY}],
        metadata={KEY: "a"},
    )


def another_subscription(account: MigrationAccount, customer: str) -> None:
    """Subscribe the key in the Dashboard."""
    price = account.price()
    account.by_hand("post", "/v1/subscriptions", customer=customer, items=[{"price": price}], metadata={KEY: "a"})


def the_other_branch(account: MigrationAccount, customer: str) -> None:
    """Apply the same rows under another name, with a store that this one's knows nothing of."""
    specs = migrating(migration([row("a", terms(customer, PRO))], name="zuora-2026"))
    account.carry_out(account.plan(specs, GUARDS), specs)


def a_purchase(account: MigrationAccount, customer: str) -> None:
    """Let the customer subscribe by themselves; nothing says that it is the row."""
    account.by_hand("post", "/v1/subscriptions", customer=customer, items=[{"price": account.price()}])


def the_other_branch_without_keys(account: MigrationAccount, customer: str) -> None:
    specs = migrating(migration([row("x", terms(customer, PRO))], name="zuora-2026", key=""))
    account.carry_out(account.plan(specs, GUARDS), specs)


MEANWHILE = [another_schedule, another_subscription, the_other_branch, a_purchase, the_other_branch_without_keys]


@pytest.mark.parametrize("happen", MEANWHILE, ids=lambda one: one.__name__)
def test_a_saved_plan_makes_nothing_for_what_came_since(
    account: MigrationAccount, tmp_path: Path, happen: Callable[[MigrationAccount, str], None]
) -> None:
    customer = account.payer()
    specs = migrating(migration([row("a", terms(customer, PRO))]))
    plan = read_lines(write_lines(account.plan(specs, GUARDS)))
    account.world.clock.advance(60)
    happen(account, customer)
    there = (len(account.schedules()), len(account.live("subscription")))
    account.change_store(tmp_path / "another")
    (result,) = account.carry_out(plan, specs).results
    assert result.outcome is Outcome.STALE
    assert "make a new plan" in result.detail
    assert (len(account.schedules()), len(account.live("subscription"))) == there


def test_a_plan_from_a_mirror_that_lags_makes_nothing_for_a_key_that_is_there(account: MigrationAccount) -> None:
    customer = account.payer()
    account.sync()
    account.world.clock.advance(3 * DAY)
    another_subscription(account, customer)
    account.world.clock.advance(3 * DAY)
    specs = migrating(migration([row("a", terms(customer, PRO))]))
    plan = account.plan(specs, GUARDS, refresh=RefreshMode.NONE)
    (result,) = account.carry_out(plan, specs).results
    assert result.outcome is Outcome.STALE
    assert account.schedules() == []


def test_a_price_made_for_a_scheduled_row_counts_among_what_its_customer_has(account: MigrationAccount) -> None:
    customer, (product,) = account.payer(), [one["id"] for one in account.live("product")]
    adhoc = AdHoc(product=product, amount=1000, currency="usd", interval="month")
    first = row("a", terms(customer, None, items=(Item(adhoc=adhoc, quantity=1),)))
    account.migrate(migrating(migration([first])))
    second = row("b", terms(customer, PRO))
    for specs in (
        migrating(migration([first, second])),
        migrating(migration([first]), migration([second], name="more")),
    ):
        plan = account.plan(specs, GUARDS)
        assert actions(plan) == [Action.REFUSED]
        assert 'gets the same product by subscription_migration.zuora["a"]' in plan.changes[0].refused


def test_what_a_live_row_comes_to_in_a_later_phase_counts_already(account: MigrationAccount) -> None:
    account.converge(TWO_PRODUCTS)
    customer = account.payer()
    then = (Then(duration=Duration(interval="month"), items=(Item(price=TEAM, quantity=1),)),)
    first = migration([row("a", terms(customer, PRO))], then=then)
    account.migrate(migrating(first, bodies=TWO_PRODUCTS))
    pass_start(account)
    second = migration([row("b", terms(customer, TEAM, start=START + 20 * DAY))], name="more")
    plan = account.plan(migrating(first, second, bodies=TWO_PRODUCTS), GUARDS)
    assert actions(plan) == [Action.REFUSED]
    assert "for the same product already" in plan.changes[0].refused


def test_a_subscription_that_a_customer_takes_out_after_the_row_was_scheduled_is_told(
    account: MigrationAccount,
) -> None:
    customer = account.payer()
    rows = [row("a", terms(customer, PRO)), row("b", terms(account.payer(), PRO))]
    account.migrate(migrating(migration(rows)))
    account.by_hand("post", "/v1/subscriptions", customer=customer, items=[{"price": account.price()}])
    plan = account.plan(migrating(migration(rows)), GUARDS)
    assert plan.empty
    assert "1 row (line 2): scheduled, and its customer has the same product by something else" in said(plan)
    waived = [replace(rows[0], waives=frozenset({"existing_subscription"})), rows[1]]
    assert account.plan(migrating(migration(waived)), GUARDS).diagnostics == ()


def test_rows_without_a_key_do_not_come_again_under_another_name(account: MigrationAccount) -> None:
    keyless = [row("a", terms(account.payer(), PRO))]
    account.migrate(migrating(migration(keyless, key="")))
    account.migrate(migrating(migration(keyless, key="", canceled=True)))
    renamed = migration(keyless, key="", name="again")
    plan = account.plan(migrating(renamed), GUARDS)
    assert actions(plan) == [Action.REFUSED]
    assert "moved: [{from: subscription_migration.zuora, to: subscription_migration.again}]" in plan.changes[0].hint
    moved = migrating(renamed, moved=[("subscription_migration.zuora", "subscription_migration.again")])
    assert account.plan(moved, GUARDS).empty


def test_a_replaced_price_that_rows_follow_comes_to_their_schedules_each_time(account: MigrationAccount) -> None:
    rows = [row("a", terms(account.payer(), PRO))]
    account.migrate(migrating(migration(rows, follow_prices=True)))
    for bodies in (DEARER, CATALOGUE, DEARER):
        plan = account.migrate(migrating(migration(rows, follow_prices=True), bodies=bodies))
        assert Action.UPDATE in actions(plan)
        (schedule,) = account.schedules()
        assert schedule["phases"][0]["items"][0]["price"] == account.price()


def test_a_start_that_was_moved_by_hand_is_seen_and_set_back(account: MigrationAccount) -> None:
    specs = migrating(migration([row("a", terms(account.payer(), PRO))]))
    account.migrate(specs)
    (schedule,) = account.schedules()
    phase = {"items": [{"price": account.price()}], "start_date": START + 10 * DAY, "end_date": START + 60 * DAY}
    account.by_hand("post", f"/v1/subscription_schedules/{schedule['id']}", phases=[phase])
    plan = account.migrate(specs)
    assert actions(plan) == [Action.UPDATE]
    assert "by another hand" in plan.changes[0].reason
    assert account.schedules()[0]["phases"][0]["start_date"] == START


@pytest.mark.parametrize("edited", [False, True], ids=["rolled back", "edited"])
def test_the_newest_card_is_found_again_for_a_row_that_was_scheduled_before(
    account: MigrationAccount, edited: bool
) -> None:
    customer = account.payer()
    rows = [row("a", terms(customer, PRO))]
    settings: dict[str, Any] = {"missing_method": Missing.SET_LATEST}
    account.migrate(migrating(migration(rows, **settings)))
    if edited:
        rows = [row("a", terms(customer, PRO, items=(Item(price=PRO, quantity=2),)))]
    else:
        account.migrate(migrating(migration(rows, canceled=True, **settings)))
        settings["attempt"] = 2
    account.by_hand("post", f"/v1/customers/{customer}", invoice_settings={"default_payment_method": ""})
    plan = account.migrate(migrating(migration(rows, **settings)))
    assert [change.address.kind for change in plan.changes] == ["payer", "subscription_migration"]


def test_a_row_that_is_made_once_more_finds_a_batch_where_its_own_is_gone(account: MigrationAccount) -> None:
    rows = [row("a", terms(account.payer(), PRO))]
    canary, pilot = (Batch(name="canary"),), (Batch(name="pilot"),)
    account.migrate(migrating(migration(rows, batches=canary, released=("canary",))))
    account.migrate(migrating(migration(rows, batches=canary, released=("canary",), canceled=True)))
    account.migrate(migrating(migration(rows, batches=pilot, released=("pilot",), attempt=2)))
    assert account.by_key() == {"a": ["canceled", "not_started"]}


def test_a_quantity_that_was_changed_by_hand_is_told(account: MigrationAccount) -> None:
    rows = [row("a", terms(account.payer(), PRO, items=(Item(price=PRO, quantity=2),)))]
    account.migrate(migrating(migration(rows)))
    assert account.plan(migrating(migration(rows)), GUARDS).diagnostics == ()
    (schedule,) = account.schedules()
    phase = {
        "items": [{"price": account.price(), "quantity": 1}],
        "start_date": START,
        "end_date": schedule["phases"][0]["end_date"],
    }
    account.by_hand("post", f"/v1/subscription_schedules/{schedule['id']}", phases=[phase])
    plan = account.plan(migrating(migration(rows)), GUARDS)
    assert plan.empty
    assert "its phases are not those of its row" in said(plan)


def test_what_an_interrupted_apply_left_over_is_not_made_after_a_roll_back(
    account: MigrationAccount, tmp_path: Path
) -> None:
    rows = [row(key, terms(account.payer(), PRO)) for key in "abcd"]
    specs = migrating(migration(rows))
    plan = account.plan(specs, GUARDS)
    account.carry_out(replace(plan, steps=plan.steps[:2]), specs)
    account.change_store(tmp_path / "of the roll back")
    account.migrate(migrating(migration(rows, canceled=True)))
    account.change_store(tmp_path / "of the first job")
    results = account.carry_out(plan, specs).results
    assert [one.outcome for one in results][2:] == [Outcome.STALE, Outcome.STALE]
    assert account.by_key() == {"a": ["canceled"], "b": ["canceled"]}


def test_two_rows_of_one_customer_do_not_stop_each_other_when_a_plan_is_applied_again(
    account: MigrationAccount, tmp_path: Path
) -> None:
    customer, waives = account.payer(), frozenset({"existing_subscription"})
    specs = migrating(migration([row(key, terms(customer, PRO), waives=waives) for key in "ab"]))
    plan = account.plan(specs, GUARDS)
    account.carry_out(replace(plan, steps=plan.steps[:1]), specs)
    account.change_store(tmp_path / "another")
    results = account.carry_out(plan, specs).results
    assert [one.outcome for one in results] == [Outcome.ALREADY, Outcome.DONE]
    assert account.by_key() == {"a": ["not_started"], "b": ["not_started"]}
