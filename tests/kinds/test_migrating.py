"""What migrations act on: schedules, subscriptions and payers, as an apply sees them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.address import parse_address
from reconciler.core.migrations import row_address
from reconciler.core.resources import Observed
from reconciler.core.values import Ref
from reconciler.engine.refresh import list_kind, snapshot_of
from reconciler.kinds import BY_NAME, KINDS, MIGRATING
from reconciler.kinds.migrated_subscription import MIGRATED_SUBSCRIPTION
from reconciler.kinds.payer import PAYER
from reconciler.kinds.subscription_migration import SUBSCRIPTION_MIGRATION
from tests.engine.migration_account import CATALOGUE, DAY, START, MigrationAccount, migrating, migration, row, terms

ADDRESS = row_address("zuora", "sub_1")
METHOD = "invoice_settings[default_payment_method]"


@pytest.fixture
def account(tmp_path: Path) -> Iterator[MigrationAccount]:
    account = MigrationAccount(tmp_path)
    account.converge(CATALOGUE)
    yield account
    account.close()


def scheduled(account: MigrationAccount, **said: Any) -> str:
    """Migrate one row; return its customer."""
    customer = account.payer(email="a@example.com")
    account.migrate(migrating(migration([row("sub_1", terms(customer, Ref(parse_address("price.pro")), **said))])))
    return customer


def seen(account: MigrationAccount, name: str) -> list[Observed]:
    return list_kind(account.api, MIGRATING[name], {})


def only(account: MigrationAccount, name: str) -> Observed:
    (one,) = seen(account, name)
    return one


def start(account: MigrationAccount) -> None:
    account.world.clock.advance(START + 60 - account.world.now())


def test_they_are_no_kinds_of_the_specs() -> None:
    assert not MIGRATING.keys() & BY_NAME.keys()
    assert all(kind.bulk and not kind.retire_unasked for kind in MIGRATING.values())
    assert {kind.lookup.path for kind in KINDS}.isdisjoint(kind.lookup.path for kind in MIGRATING.values())


def test_a_schedule_shows_who_when_and_whose_it_is(account: MigrationAccount) -> None:
    customer = scheduled(account)
    one = only(account, SUBSCRIPTION_MIGRATION.name)
    assert (one.alive, one.attrs["status"], one.attrs["end_behavior"]) == (True, "not_started", "release")
    assert (one.attrs["customer"], one.attrs["start_date"]) == (customer, START)
    assert one.owner is not None
    assert (one.owner.project, one.owner.address) == ("acme", ADDRESS)
    assert one.attrs["metadata[billplan_digest]"] == one.owner.digest


@pytest.mark.parametrize(("action", "status"), [("cancel", "canceled"), ("release", "released")])
def test_a_schedule_that_has_ended_is_not_alive_and_still_seen(
    account: MigrationAccount, action: str, status: str
) -> None:
    scheduled(account)
    account.by_hand("post", f"/v1/subscription_schedules/{account.schedules()[0]['id']}/{action}")
    one = only(account, SUBSCRIPTION_MIGRATION.name)
    assert (one.alive, one.attrs["status"]) == (False, status)


def test_a_subscription_that_a_schedule_started_has_the_marker_of_its_row(account: MigrationAccount) -> None:
    customer = scheduled(account)
    start(account)
    one = only(account, MIGRATED_SUBSCRIPTION.name)
    assert (one.alive, one.attrs["status"], one.attrs["customer"]) == (True, "active", customer)
    assert one.owner is not None
    assert one.owner.address == ADDRESS


def test_a_subscription_that_was_canceled_is_seen_and_not_alive(account: MigrationAccount) -> None:
    scheduled(account)
    start(account)
    subscription = only(account, MIGRATED_SUBSCRIPTION.name).remote_id
    account.by_hand("post", f"/v1/subscription_schedules/{account.schedules()[0]['id']}/release")
    account.by_hand("delete", f"/v1/subscriptions/{subscription}")
    one = only(account, MIGRATED_SUBSCRIPTION.name)
    assert (one.alive, one.attrs["status"]) == (False, "canceled")


def test_a_row_has_become_its_schedule_and_its_subscription(account: MigrationAccount) -> None:
    scheduled(account, anchor=START + 9 * DAY)
    start(account)
    kinds = [SUBSCRIPTION_MIGRATION, MIGRATED_SUBSCRIPTION]
    observed = [one for kind in kinds for one in seen(account, kind.name)]
    found = snapshot_of(observed, kinds, "acme").incarnations(ADDRESS, None)
    assert {one.kind for one in found} == {SUBSCRIPTION_MIGRATION.name, MIGRATED_SUBSCRIPTION.name}
    assert len(found) == 2
    assert not snapshot_of(observed, kinds, "other").incarnations(ADDRESS, None)


def test_a_marker_on_a_subscription_that_names_another_kind_stands_for_nothing(account: MigrationAccount) -> None:
    marks = {"billplan_project": "acme", "billplan_address": "price.pro"}
    items = [{"price": account.price()}]
    account.by_hand("post", "/v1/subscriptions", customer=account.payer(), items=items, metadata=marks)
    one = only(account, MIGRATED_SUBSCRIPTION.name)
    found = snapshot_of([one], [MIGRATED_SUBSCRIPTION], "acme")
    assert not found.incarnations(parse_address("price.pro"), None)


def test_a_payer_shows_what_it_pays_with(account: MigrationAccount) -> None:
    able, bare = account.payer(), account.customer()
    attrs = {one.remote_id: one.attrs for one in seen(account, PAYER.name)}
    assert attrs[able][METHOD].startswith("pm_")
    assert METHOD not in attrs[bare]
    assert "default_source" not in attrs[bare]
    whole = {"id": "cus_1", "object": "customer", "created": 1, "default_source": {"id": "card_1"}}
    whole["invoice_settings"] = {"default_payment_method": {"id": "pm_9", "object": "payment_method"}}
    one = PAYER.observe(whole, 1)
    assert (one.attrs[METHOD], one.attrs["default_source"], one.alive) == ("pm_9", "card_1", True)
    assert not PAYER.observe({**whole, "deleted": True}, 1).alive
