"""What a plan shows of a changed row: read from Stripe, it is what was sent, whatever the row begins with."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.changes import Change
from reconciler.core.migrations import AdHoc, Item
from reconciler.core.resources import MARK_DIGEST
from tests.engine.migration_account import CATALOGUE, DAY, GUARDS, KEY, START, MigrationAccount
from tests.engine.migration_sight import PRO, one_row

BEGINNINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "a trial": {"trial_end": START + 10 * DAY},
    "an anchor": {"anchor": START + 10 * DAY},
    "an anchor and a stub": {"anchor": START + 10 * DAY, "prorated": True},
    "an end": {"cancel_at_period_end": True},
    "by invoice": {"collection_method": "send_invoice", "days_until_due": 30},
    "several": {"items": (Item(price=PRO, quantity=7),)},
}


@pytest.fixture
def account(tmp_path: Path) -> Iterator[MigrationAccount]:
    account = MigrationAccount(tmp_path)
    account.converge(CATALOGUE)
    yield account
    account.close()


def shown(account: MigrationAccount, customer: str, **said: Any) -> dict[str, tuple[Any, Any]]:
    change = changed(account, customer, **said)
    return {d.name: (d.before, d.after) for d in change.diffs if d.name != MARK_DIGEST}


def changed(account: MigrationAccount, customer: str, **said: Any) -> Change:
    (change,) = account.plan(one_row(customer, **said), GUARDS).changes
    return change


@pytest.mark.parametrize("said", BEGINNINGS.values(), ids=BEGINNINGS)
def test_what_did_not_change_is_not_shown(account: MigrationAccount, said: dict[str, Any]) -> None:
    customer = account.payer(email="a@example.com")
    account.migrate(one_row(customer, **said))
    assert shown(account, customer, **said, metadata={KEY: "sub_1", "tier": "2"}) == {}


def test_items_end_and_start_are_shown_as_they_were_and_will_be(account: MigrationAccount) -> None:
    customer = account.payer()
    account.migrate(one_row(customer))
    edited = {"items": (Item(price=PRO, quantity=5),), "start": START + DAY, "trial_end": START + 5 * DAY}
    assert shown(account, customer, **edited) == {
        "start_date": ("2026-12-15T00:00:00Z", "2026-12-16T00:00:00Z"),
        "items": ("price.pro", "5 x price.pro"),
        "trial_end": (None, "2026-12-20T00:00:00Z"),
    }


def test_a_price_made_for_a_row_is_shown_as_a_new_one(account: MigrationAccount) -> None:
    customer = account.payer()
    (product,) = (str(one["id"]) for one in account.live("product"))
    made = AdHoc(product=product, amount=1500, currency="usd", interval="month")
    account.migrate(one_row(customer, items=(Item(adhoc=made, quantity=1),)))
    (sent,) = account.schedules("not_started")
    before = sent["phases"][0]["items"][0]["price"]
    more = AdHoc(product=product, amount=1700, currency="usd", interval="month")
    assert shown(account, customer, items=(Item(adhoc=more, quantity=1),)) == {
        "items": (before, f"{product} at 1700 usd per 1 month (a new price, made for it)")
    }


def test_a_row_that_has_started_is_refused_with_what_differs(account: MigrationAccount) -> None:
    customer = account.payer()
    account.migrate(one_row(customer))
    account.world.clock.advance(START + 60 - account.world.now())
    refused = changed(account, customer, items=(Item(price=PRO, quantity=2),)).refused
    assert refused.endswith("is not what was scheduled any more: items was price.pro, is 2 x price.pro")
