"""Batches: in declared order, by number, share or filter, and stable whatever becomes of the file."""

from __future__ import annotations

from decimal import Decimal

import pytest

from reconciler.core.batches import assign_batches, is_released
from reconciler.core.migrations import Batch, Row
from tests.core.migration_account import migration, row

REST = Batch(name="rest")


def rows(*keys: str, filters: str = "") -> list[Row]:
    passing = frozenset((filters,)) if filters else frozenset()
    return [row(key, line, filters=passing) for line, key in enumerate(keys, 2)]


def test_the_first_rows_of_the_file_and_the_rest() -> None:
    block = migration(*rows("a", "b", "c"), batches=(Batch(name="canary", rows=2), REST))
    assert assign_batches(block, {}) == ("canary", "canary", "rest")


def test_recorded_rows_stay_and_the_number_fills_up_with_them_counted() -> None:
    block = migration(*rows("x", "y", "a", "b"), batches=(Batch(name="canary", rows=3), REST))
    assert assign_batches(block, {"a": "canary", "b": "canary"}) == ("canary", "rest", "canary", "canary")
    assert assign_batches(block, {"a": "rest", "b": "gone"}) == ("canary", "canary", "rest", "gone")
    assert assign_batches(block, {"a": "", "b": ""}) == ("canary", "canary", "", "")


def test_a_number_that_was_lowered_takes_nobody_more_and_keeps_whom_it_has() -> None:
    block = migration(*rows("a", "b", "c"), batches=(Batch(name="canary", rows=1), REST))
    assert assign_batches(block, {"b": "canary", "c": "canary"}) == ("rest", "canary", "canary")


def test_a_filter_takes_those_that_pass_it() -> None:
    german = Batch(name="german", where={"country": ("DE",)})
    block = migration(*rows("a"), *rows("b", filters="german"), *rows("c"), batches=(german, REST))
    assert assign_batches(block, {}) == ("rest", "german", "rest")
    first = Batch(name="german", where={"country": ("DE",)}, rows=1)
    block = migration(*rows("a", "b", filters="german"), batches=(first, REST))
    assert assign_batches(block, {}) == ("german", "rest")


def test_what_no_batch_takes_is_in_none_and_not_released() -> None:
    block = migration(*rows("a", "b"), batches=(Batch(name="canary", rows=1),), released=("canary",))
    assert assign_batches(block, {}) == ("canary", "")
    assert [is_released(block, batch) for batch in ("canary", "", "gone")] == [True, False, False]


def test_without_batches_all_is_released() -> None:
    block = migration(*rows("a"))
    assert assign_batches(block, {}) == ("",)
    assert is_released(block, "")


def _members(percents: list[str], keys: list[str]) -> dict[str, set[str]]:
    batches = [Batch(name=f"b{n}", percent=Decimal(percent)) for n, percent in enumerate(percents)]
    block = migration(*rows(*keys), batches=(*batches, REST))
    names = assign_batches(block, {})
    return {name: {key for key, its in zip(keys, names, strict=True) if its == name} for name in set(names)}


def test_a_share_is_about_as_large_as_it_says_and_shares_do_not_eat_each_other() -> None:
    keys = [f"sub_{n}" for n in range(5000)]
    found = _members(["10", "30"], keys)
    assert len(found["b0"]) == pytest.approx(500, rel=0.15)
    assert len(found["b1"]) == pytest.approx(1500, rel=0.15)


def test_a_share_grows_with_its_percentage_and_with_the_file_and_loses_nobody() -> None:
    keys = [f"sub_{n}" for n in range(2000)]
    small, large = _members(["5"], keys)["b0"], _members(["12.5"], keys)["b0"]
    assert small < large
    grown = _members(["5"], [f"new_{n}" for n in range(500)] + keys)["b0"]
    assert {key for key in grown if key.startswith("sub_")} == small


@pytest.mark.parametrize(("percent", "count"), [("0", 0), ("100", 300)])
def test_none_and_all_are_shares_too(percent: str, count: int) -> None:
    assert len(_members([percent], [f"sub_{n}" for n in range(300)]).get("b0", ())) == count
