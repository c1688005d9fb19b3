"""A plan of migrations in money, from the account to the guards and back from the plan file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.guards import Guards
from reconciler.core.migration_money import AgainstSource, BatchRows, ChargeDay, Lot, MissingCards, Total
from reconciler.core.migrations import Batch, Check, Item
from reconciler.core.planfile import read_lines, write_lines
from reconciler.core.resources import Specs
from reconciler.kinds import BY_NAME, MIGRATING
from reconciler.views.document import json_chunks
from reconciler.views.markdown import render_markdown
from reconciler.views.text import render_text
from tests.engine.migration_account import CATALOGUE, DAY, START, MigrationAccount, migrating, migration, row, terms

KINDS = {**BY_NAME, **MIGRATING}
YEAR = {"product": "product.pro", "currency": "usd", "unit_amount": 34_800, "recurring": {"interval": "year"}}
BODIES = {**CATALOGUE, "price.annual": YEAR}


@pytest.fixture
def account(tmp_path: Path) -> Iterator[MigrationAccount]:
    with closing(MigrationAccount(tmp_path)) as opened:
        opened.converge(BODIES)
        yield opened


def declared(account: MigrationAccount, **block: Any) -> Specs:
    """Declare four rows of 58.00 USD a month, the last of them by the year, twelve hours apart; the first customer
    cannot pay. Two rows are in the canary."""
    monthly, annual = account.price(), account.price("annual")
    customers = [account.customer(), *(account.payer() for _ in range(3))]
    rows = [
        row(
            f"sub_{n}",
            terms(
                customer,
                None,
                start=START + n * DAY // 2,
                items=(Item(price=annual if n == 3 else monthly, quantity=2),),
                source_amount=5_000 if n < 2 else None,
            ),
        )
        for n, customer in enumerate(customers)
    ]
    batches = (Batch(name="canary", rows=2), Batch(name="rest"))
    settings = {"released": ("canary",), "checks": {"default_payment_method": Check.WARNING}, **block}
    return migrating(migration(rows, batches=batches, **settings), bodies=BODIES)


def usd(amount: int, rows: int) -> Total:
    return Total(currency="usd", amount=amount, rows=rows)


def test_a_plan_says_what_its_rows_come_to(account: MigrationAccount) -> None:
    plan = account.plan(declared(account))
    (money,) = plan.migrations
    assert money.batches == (
        BatchRows(name="canary", released=True, rows={Lot.SCHEDULE: 2}),
        BatchRows(name="rest", released=False, rows={Lot.NOT_RELEASED: 2}),
    )
    assert (money.moved, money.in_all) == ((usd(11_600, 2),), (usd(23_200, 4),))
    assert money.charges == (ChargeDay(day="2026-12-15", total=usd(11_600, 2)),)
    assert (money.first_start, money.last_start) == (START, START + DAY // 2)
    assert money.cards == MissingCards(without=1)
    assert money.compared == (AgainstSource(currency="usd", more=2, less=0, same=0, source=10_000, here=11_600),)
    assert read_lines(list(write_lines(plan))) == plan


def test_a_row_that_fails_is_counted_and_moves_nothing(account: MigrationAccount) -> None:
    plan = account.plan(declared(account, checks={}))
    (money,) = plan.migrations
    assert (money.failed, money.faults) == (1, {"default_payment_method": 1})
    assert (money.moved, money.cards) == ((usd(5_800, 1),), MissingCards(failed=1))
    assert not plan.applicable


def test_what_was_not_asked_for_is_left_out(account: MigrationAccount) -> None:
    plan = account.plan(declared(account), select=('subscription_migration.zuora["sub_1"]',))
    (money,) = plan.migrations
    assert money.lots == {Lot.SCHEDULE: 1, Lot.LEFT_OUT: 1, Lot.NOT_RELEASED: 2}
    assert (money.moved, money.in_all) == ((usd(5_800, 1),), (usd(23_200, 4),))


def test_what_is_scheduled_is_there_and_moves_no_more(account: MigrationAccount) -> None:
    specs = declared(account)
    account.migrate(specs)
    (money,) = account.plan(specs).migrations
    assert money.lots == {Lot.NOT_RELEASED: 2, Lot.SCHEDULED: 2}
    assert (money.moved, money.charges, money.in_all) == ((), (), (usd(23_200, 4),))


def test_what_is_rolled_back_moves_nothing(account: MigrationAccount) -> None:
    specs = declared(account)
    account.migrate(specs)
    (block,) = specs.migrations.migrations
    back = migrating(replace(block, canceled=True), bodies=BODIES)
    (money,) = account.migrate(back).migrations
    assert money.lots == {Lot.CANCEL: 2, Lot.NOT_RELEASED: 2}
    assert (money.moved, money.in_all, money.not_laid, money.charges) == ((), (), 0, ())
    (money,) = account.plan(back).migrations
    assert money.lots == {Lot.NOT_RELEASED: 2, Lot.CANCELED: 2}


def test_guards_hold_their_ceilings_against_a_plan(account: MigrationAccount) -> None:
    specs = declared(account, released=("canary", "rest"))
    plan = account.plan(specs, Guards(max_first_charges={"usd": 10_000}, max_mrr_moved={"usd": 23_199}))
    # Three months at 58.00 and a year at 696.00 are charged at first.
    assert plan.refusals == (
        "first charges of 870.00 USD are over guards.max_first_charges.usd: 10000 (100.00 USD); "
        "if they are meant, raise it to 87000 in billplan.yaml",
        "moved revenue of 232.00 USD a month is over guards.max_mrr_moved.usd: 23199 (231.99 USD); "
        "if they are meant, raise it to 23200 in billplan.yaml",
    )
    assert account.plan(specs, Guards(max_first_charges={"usd": 87_000}, max_mrr_moved={"usd": 23_200})).applicable


def test_the_plan_reads_as_a_calendar_of_first_charges(account: MigrationAccount) -> None:
    plan = account.plan(declared(account, released=("canary", "rest")))
    shown = render_text(plan, KINDS, color=False, width=250)
    for line in (
        "Migration zuora: 4 rows",
        "    canary  yes          2            2",
        "    this plan  232.00 USD     4",
        "  First charges of this plan: 870.00 USD",
        "    2026-12-15     2  116.00 USD",
        "    2026-12-16     2  754.00 USD",
    ):
        assert line in shown.splitlines()
    assert shown.count('  +   create subscription_migration.zuora["sub_') == 4
    assert "| 2026-12-16 | 2 | 754.00 USD |" in render_markdown(plan, KINDS)
    document = json.loads("".join(json_chunks(plan, KINDS)))
    assert document["migrations"][0]["moved"] == [{"currency": "usd", "amount": 23_200, "rows": 4, "unknown": 0}]
