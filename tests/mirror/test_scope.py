"""What a sync is asked for, and odd objects: only some types, only recent objects, many lines, strange texts."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest

from reconciler.core.mirrored import Source, read_row
from reconciler.core.standing import Status, Window
from reconciler.emulator.history import grow
from reconciler.mirrored import BY_NAME
from reconciler.ports.mirror import Page, Put
from tests.account import Account, new_world
from tests.crash.real_time import lease_in_real_time
from tests.mirror.likeness import differences
from tests.mirror.restless import small_pages
from tests.mirror.syncing import change, lively_world, mirror_of, move_in, requests, run_sync, standing_of
from tests.postgres import PostgresServer

DAY = 86_400
LONG = "x" * 3000


@pytest.fixture
def account(folder: Path) -> Iterator[Account]:
    with Account(folder) as account:
        move_in(account, lively_world(Random(0), 70))
        yield account


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest, folder: Path) -> Iterator[Account]:
    """An empty account with a store in either database."""
    store: Path | str = folder
    if request.param == "postgresql":
        _: PostgresServer = request.getfixturevalue("postgres")
        store = request.getfixturevalue("postgres_url")
    with Account(store) as account:
        lease_in_real_time(account)
        yield account


def test_objects_of_some_types_are_read_and_no_others(account: Account) -> None:
    synced = run_sync(account, objects=("price", "product"))
    assert synced.listed == ("product", "price")
    assert set(requests(account.world)) <= {"/v1/account", "/v1/events", "/v1/products", "/v1/prices"} | {
        path for path in requests(account.world) if path.startswith(("/v1/products/", "/v1/prices/"))
    }
    assert standing_of(account, "customer").status is Status.PENDING
    run_sync(account)
    assert not differences(account.world, mirror_of(account))


def test_type_whose_parent_was_never_listed_brings_its_parent_along(account: Account) -> None:
    synced = run_sync(account, objects=("credit_balance_summary", "product_feature"))
    assert set(synced.listed) == {"credit_grant", "credit_balance_summary", "product", "product_feature"}
    counts = mirror_of(account).counts()
    assert counts["product_feature"] == len(account.world.tables["product_feature"])
    assert counts["customer"] == 0


def test_only_recent_objects_and_then_all(account: Account) -> None:
    tables = account.world.tables
    border = sorted(record["created"] for record in tables["customer"])[5]
    run_sync(account, created_after=border)
    kept = {raw["id"] for raw in mirror_of(account).raws("customer")}
    assert kept == {record["id"] for record in tables["customer"] if record["created"] >= border}
    assert standing_of(account, "customer").created_after == border
    again = run_sync(account, created_after=border)
    assert "customer" not in again.listed
    assert "customer" in run_sync(account).listed
    assert standing_of(account, "customer").created_after is None
    assert not differences(account.world, mirror_of(account))


def test_interrupted_listing_of_recent_objects_is_not_taken_for_a_whole_one(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_pages(monkeypatch, 2)
    border = account.world.now() - DAY
    account.world.hooks.append(_interrupt_at(account, 20))
    with pytest.raises(KeyboardInterrupt):
        run_sync(account, created_after=border)
    account.world.hooks.clear()
    run_sync(account)
    assert not differences(account.world, mirror_of(account))


def _interrupt_at(account: Account, nth: int) -> Any:
    def interrupt(phase: str, request: object, index: int) -> None:
        if len(account.world.log) >= nth:
            raise KeyboardInterrupt

    return interrupt


def test_cursor_that_is_deleted_between_two_pages_costs_no_object(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_pages(monkeypatch, 2)
    struck: list[str] = []

    def delete(phase: str, request: Any, index: int) -> None:
        _, _, cursor = str(request.path).partition("starting_after=")
        if phase == "received" and request.path.startswith("/v1/customers?") and cursor and len(struck) < 3:
            struck.append(cursor.partition("&")[0])
            account.world.tables["customer"].remove(struck[-1])
            account.world.deleted_customers.add(struck[-1])

    account.world.hooks.append(delete)
    before = {record["id"] for record in account.world.tables["customer"]}
    assert not run_sync(account).failed
    account.world.hooks.clear()
    assert struck
    kept = {raw["id"] for raw in mirror_of(account).raws("customer")}
    assert kept >= before - set(struck)


def test_all_lines_of_long_invoices_and_subscriptions_are_kept(folder: Path) -> None:
    world = new_world()
    grow(world, 30)
    subscription = max(world.tables["subscription"], key=lambda record: len(record["items"]))
    assert len(subscription["items"]) > 10
    with Account(folder, world=world) as account:
        lease_in_real_time(account)
        run_sync(account, objects=("subscription", "invoice"))
        mirror = mirror_of(account)
        kept = mirror.raw("subscription", str(subscription["id"]))
        assert kept is not None
        assert len(kept["items"]["data"]) == len(subscription["items"])
        assert max(len(raw["lines"]["data"]) for raw in mirror.raws("invoice")) > 10
        prices = [line["price"] for line in subscription["items"]]
        assert all(count >= 1 for count in mirror.subscriptions_by_price(prices).values())


@pytest.mark.parametrize(
    "odd",
    [
        {"name": "nul \0 inside"},
        {"name": LONG, "email": "ü\u2028\u202e🦄@x"},
        {"metadata": {"nul\0": "\0"}},
        {"name": "half \ud800", "metadata": {"half": "\ud800"}},
        {"balance": 2**53},
        {"balance": -(2**62)},
    ],
    ids=["nul", "long", "metadata", "surrogate", "wide", "wider"],
)
def test_strange_values_are_stored_and_found_unchanged_the_next_time(either: Account, odd: dict[str, Any]) -> None:
    made = {"id": f"cus_{LONG}", "object": "customer", "created": 1, "balance": 0, **odd}
    mirror = mirror_of(either)
    row = read_row(BY_NAME["customer"], made)
    page = Page(type="customer", rows={"customer": [row]}, at=100, window=Window())
    assert mirror.put_page(page).changed == 1
    assert mirror.put_page(page).changed == 0
    kept = mirror.raw("customer", made["id"])
    assert kept is not None
    assert kept["balance"] == made["balance"]
    assert mirror.value("customer", made["id"], "balance") == made["balance"]
    assert len(list(mirror.raws("customer"))) == 1


def test_decimals_are_decimals_and_whole_numbers_whole(either: Account) -> None:
    raw = {"id": "price_1", "object": "price", "unit_amount": 5, "unit_amount_decimal": "4.50", "x": Decimal("0.10")}
    mirror = mirror_of(either)
    mirror.put([Put(type="price", id="price_1", row=read_row(BY_NAME["price"], raw), at=1, source=Source.READ)])
    kept = mirror.raw("price", "price_1")
    assert kept is not None
    assert (kept["unit_amount"], kept["x"], type(kept["x"])) == (5, Decimal("0.1"), Decimal)
    assert mirror.value("price", "price_1", "unit_amount_decimal") == "4.5"


@pytest.mark.parametrize("seen", [50, 100, 150])
def test_late_page_never_overwrites_a_newer_event(either: Account, seen: int) -> None:
    """The page was asked for at 50 or 100, an event of 100 was stored, and only then did the page come."""
    customer = BY_NAME["customer"]
    mirror = mirror_of(either)
    new = {"id": "cus_1", "object": "customer", "name": "New"}
    mirror.put([Put(type="customer", id="cus_1", row=read_row(customer, new), at=100, source=Source.EVENT)])
    old = read_row(customer, {**new, "name": "Old"})
    mirror.put_page(Page(type="customer", rows={"customer": [old]}, at=seen, window=Window()))
    assert mirror.value("customer", "cus_1", "name") == "New"
    # From close after the event on, what differs is looked at again.
    assert [doubt.id for doubt in mirror.doubts()] == ([] if seen < 100 else ["cus_1"])


def test_deleted_row_is_not_revived_by_a_list_and_is_by_a_single_read(either: Account) -> None:
    customer, mirror = BY_NAME["customer"], mirror_of(either)
    row = read_row(customer, {"id": "cus_1", "object": "customer"})
    mirror.put([Put(type="customer", id="cus_1", row=None, at=100, source=Source.EVENT, gone=True)])
    mirror.put_page(Page(type="customer", rows={"customer": [row]}, at=500, window=Window()))
    assert mirror.versions("customer", ["cus_1"])["cus_1"].deleted
    mirror.put([Put(type="customer", id="cus_1", row=row, at=501, source=Source.READ)], mirror.doubts())
    assert not mirror.versions("customer", ["cus_1"])["cus_1"].deleted
    assert not mirror.doubts()


def test_change_made_by_hand_while_the_whole_is_read_is_in_the_mirror(account: Account) -> None:
    made = change(account, "post", "/v1/customers", name="Before")["id"]
    run_sync(account)
    change(account, "post", f"/v1/customers/{made}", name="After")
    run_sync(account, full=True)
    assert mirror_of(account).value("customer", made, "name") == "After"
