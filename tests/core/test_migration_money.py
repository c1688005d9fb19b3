"""Migrations in money as values: they are spelled and read back, and the guards hold their ceilings against them."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.guards import Guards, refusals
from reconciler.core.migration_money import (
    BatchRows,
    ChargeDay,
    Lot,
    MigrationMoney,
    Total,
    money_record,
    read_money,
    totalled,
)
from tests.core.moneys import MONEYS

SOME = MigrationMoney(
    migration="zuora",
    batches=(BatchRows(name="canary", released=True, rows={Lot.SCHEDULE: 1, Lot.LIVE: 2, Lot.CHANGE: 4}),),
)


@given(MONEYS)
def test_what_json_spells_is_read_back(money: MigrationMoney) -> None:
    assert read_money(json.loads(json.dumps(money_record(money)))) == money


@pytest.mark.parametrize("damage", [{"batches": None}, {"cards": {"x": 1}}, {"biggest": [{}]}, {"charges": [{}]}])
def test_what_is_damaged_is_not_read(damage: dict[str, object]) -> None:
    record = money_record(SOME)
    with pytest.raises((KeyError, TypeError, ValueError)):
        read_money({**record, **damage})
    with pytest.raises(KeyError):
        read_money({})


def test_every_field_is_a_part_of_the_json() -> None:
    record = money_record(SOME)
    assert set(record) == {one.name for one in fields(MigrationMoney)}


def of(first: Total | None = None, moved: Total | None = None) -> MigrationMoney:
    return MigrationMoney(
        migration="zuora",
        batches=(),
        moved=() if moved is None else (moved,),
        charges=() if first is None else (ChargeDay(day="2027-01-01", total=first),),
    )


def usd(amount: int, unknown: int = 0) -> Total:
    return Total(currency="usd", amount=amount, rows=9, unknown=unknown)


FIRST, MOVED = Guards(max_first_charges={"usd": 100_000}), Guards(max_mrr_moved={"usd": 0, "jpy": 5})
CEILINGS: dict[str, tuple[list[MigrationMoney], Guards, tuple[str, ...]]] = {
    "at the ceiling": ([of(usd(100_000))], FIRST, ()),
    "over it": (
        [of(usd(100_001))],
        FIRST,
        (
            "first charges of 1,000.01 USD are over guards.max_first_charges.usd: 100000 (1,000.00 USD); "
            "if they are meant, raise it to 100001 in billplan.yaml",
        ),
    ),
    "of all migrations together": (
        [of(usd(60_000)), of(usd(60_000, unknown=2))],
        FIRST,
        (
            "first charges of 1,200.00 USD (and what 2 rows use) are over guards.max_first_charges.usd: "
            "100000 (1,000.00 USD); if they are meant, raise it to 120000 in billplan.yaml",
        ),
    ),
    "another currency": ([of(replace(usd(10**9), currency="eur"))], FIRST, ()),
    "revenue and not charges": ([of(usd(10**9), moved=None)], MOVED, ()),
    "a ceiling of nothing": (
        [of(moved=usd(1))],
        MOVED,
        (
            "moved revenue of 0.01 USD a month is over guards.max_mrr_moved.usd: 0 (0.00 USD); "
            "if they are meant, raise it to 1 in billplan.yaml",
        ),
    ),
    "no ceiling": ([of(usd(10**9), usd(10**9))], Guards(), ()),
}


@pytest.mark.parametrize("name", CEILINGS)
def test_ceilings(name: str) -> None:
    money, guards, words = CEILINGS[name]
    assert refusals([], {}, guards, money) == words


@given(st.lists(MONEYS, max_size=3))
def test_a_ceiling_that_is_raised_as_told_lets_the_plan_pass(money: list[MigrationMoney]) -> None:
    none = dict.fromkeys(("usd", "jpy", "kwd"), 0)
    first = {one.currency: one.amount for one in totalled(t for m in money for t in m.first_charges)}
    moved = {one.currency: one.amount for one in totalled(t for m in money for t in m.moved)}
    over = sum(first.get(currency, 0) > 0 for currency in none) + sum(moved.get(currency, 0) > 0 for currency in none)
    tight = Guards(max_first_charges=none, max_mrr_moved=none)
    assert len(refusals([], {}, tight, money)) == over
    assert refusals([], {}, Guards(max_first_charges={**none, **first}, max_mrr_moved={**none, **moved}), money) == ()


def test_the_rows_are_counted_by_what_becomes_of_them() -> None:
    assert (SOME.rows, SOME.failed) == (7, 0)
    assert SOME.lots == {Lot.SCHEDULE: 1, Lot.CHANGE: 4, Lot.LIVE: 2}
