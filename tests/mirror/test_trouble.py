"""Bad days of a sync: what it cannot read it says, the rest goes on, and the next run ends what this one began."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest

from reconciler.core.standing import Status
from reconciler.emulator.app import ROUTES
from reconciler.emulator.faults import Fault, FaultKind, Phase
from reconciler.emulator.key import Key
from reconciler.emulator.message import Request
from reconciler.engine.sync import lock_scope
from reconciler.errors import LockHeld, PartialSync, StoreError
from reconciler.mirrored import MIRRORED
from tests.account import Account, api_of
from tests.mirror.likeness import differences
from tests.mirror.restless import small_pages
from tests.mirror.syncing import change, lively_world, mirror_of, move_in, requests, run_sync, standing_of

ALL = frozenset(m.permission for m in MIRRORED) | {"rak_event_read"}
RESTRICTED = "rk_test_restricted"


@pytest.fixture
def account(folder: Path) -> Iterator[Account]:
    """A small account that was never synced."""
    with Account(folder) as account:
        move_in(account, lively_world(Random(0), 70))
        yield account


def assert_true_copy(account: Account) -> None:
    """The next run ends what is left to do."""
    assert not run_sync(account).failed
    assert not differences(account.world, mirror_of(account))
    assert {s.status for s in mirror_of(account).standings().values()} == {Status.READY}


def restricted(account: Account, *without: str) -> None:
    account.world.keys[RESTRICTED] = Key(permissions=ALL - set(without))
    account.api = api_of(account.world, RESTRICTED)


def test_key_without_one_permission_leaves_one_type_out_and_says_which_scope_is_missing(account: Account) -> None:
    whole = account.api
    restricted(account, "rak_coupon_read")
    synced = run_sync(account)
    assert synced.failed == {"coupon": "the key lacks the permission rak_coupon_read"}
    assert "customer" in synced.listed
    standing = standing_of(account, "coupon")
    assert (standing.status, standing.fresh) == (Status.ERROR, False)
    assert "rak_coupon_read" in standing.detail
    with pytest.raises(PartialSync, match="rak_coupon_read"):
        synced.check()
    account.api = whole
    assert_true_copy(account)


def test_permission_lost_after_the_first_sync_is_told_of_the_type_that_lacks_it(account: Account) -> None:
    run_sync(account)
    account.world.clock.advance(100)
    restricted(account, "rak_entitlement_read")
    synced = run_sync(account)
    assert set(synced.failed) == {"feature", "product_feature"}
    assert "rak_entitlement_read" in synced.failed["feature"]
    assert standing_of(account, "customer").as_of == account.world.now()


def test_object_in_doubt_that_may_not_be_read_leaves_its_type_as_it_was(account: Account) -> None:
    whole = account.api
    run_sync(account)
    account.world.clock.advance(100)
    before = standing_of(account, "price").as_of
    price = str(next(iter(account.world.tables["price"]))["id"])
    change(account, "post", f"/v1/prices/{price}", nickname="Another")
    customer = change(account, "post", "/v1/customers", name="New")["id"]
    restricted(account, "rak_plan_read")
    assert run_sync(account).failed == {"price": "the key lacks the permission rak_plan_read"}
    assert standing_of(account, "price").as_of == before
    assert standing_of(account, "customer").as_of == account.world.now()
    assert mirror_of(account).raw("customer", customer)
    account.api = whole
    since = len(account.world.log)
    assert_true_copy(account)
    assert "/v1/prices" not in requests(account.world, since)


def test_type_whose_parent_fails_loses_nothing_of_what_was_listed_before(account: Account) -> None:
    """Its own listing never began, so there is none to go on with, and nothing that it did not bring."""
    for _ in range(2):
        run_sync(account)
        account.world.clock.advance(100)
    had = mirror_of(account).counts()["product_feature"]
    assert had
    account.world.add_fault(Fault(FaultKind.ERROR_BEFORE, path="/v1/products", times=0))
    assert {"product", "product_feature"} <= set(run_sync(account, full=True).failed)
    account.world.faults.registered = []
    assert mirror_of(account).counts()["product_feature"] == had
    assert_true_copy(account)


def test_key_that_may_not_read_events_leaves_the_types_as_of_their_listing(account: Account) -> None:
    restricted(account, "rak_event_read")
    synced = run_sync(account)
    assert synced.failed == {"event": "the key lacks the permission rak_event_read"}
    assert standing_of(account, "customer").fresh
    assert standing_of(account, "event").status is Status.ERROR


def test_feature_that_is_not_enabled_is_told_once_and_found_when_it_is(account: Account) -> None:
    account.world.disabled = {"billing.credit_grant"}
    synced = run_sync(account)
    assert "credit_grant" in synced.skipped
    assert not synced.failed
    assert standing_of(account, "credit_grant").status is Status.SKIPPED
    since = len(account.world.log)
    again = run_sync(account)
    assert not again.skipped
    assert [path for path in requests(account.world, since) if "credit" in path] == ["/v1/billing/credit_grants"]
    account.world.disabled = set()
    assert "credit_grant" in run_sync(account).listed
    assert not differences(account.world, mirror_of(account))


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": FaultKind.RATE_LIMIT, "nth": 3, "times": 6},
        {"kind": FaultKind.LOCK_TIMEOUT, "nth": 3, "times": 2},
        {"kind": FaultKind.ERROR_BEFORE, "nth": 3, "times": 2},
        {"kind": FaultKind.DROP_BEFORE, "nth": 3, "times": 2},
        {"kind": FaultKind.DROP_AFTER, "nth": 3, "times": 2},
        {"kind": FaultKind.TRUNCATE, "nth": 3, "times": 2},
    ],
    ids=lambda fault: str(fault["kind"]),
)
def test_passing_trouble_is_sat_out(account: Account, fault: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    small_pages(monkeypatch, 5)
    account.world.add_fault(Fault(**fault))
    assert not run_sync(account).failed
    assert not differences(account.world, mirror_of(account))


@pytest.mark.parametrize("kind", [FaultKind.RATE_LIMIT, FaultKind.TRUNCATE])
@pytest.mark.parametrize("path", ["/v1/charges", "/v1/events", "/v1/products/*/features"])
def test_lasting_trouble_with_one_list_is_told_and_gone_on_with_later(
    account: Account, kind: FaultKind, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_pages(monkeypatch, 5)
    account.world.add_fault(Fault(kind, path=path, nth=2, times=0))
    synced = run_sync(account)
    (failed,) = synced.failed
    assert standing_of(account, failed).status is Status.ERROR
    assert standing_of(account, failed).detail
    assert standing_of(account, "customer").fresh
    account.world.faults.registered = []
    since = len(account.world.log)
    assert_true_copy(account)
    assert "/v1/customers" not in requests(account.world, since)


@pytest.mark.parametrize("nth", [2, 30])
@pytest.mark.parametrize("phase", ["received", "committed"])
def test_interrupt_in_the_middle_ends_at_once_and_is_gone_on_with(
    account: Account, nth: int, phase: Phase, monkeypatch: pytest.MonkeyPatch
) -> None:
    small_pages(monkeypatch, 5)
    seen = 0

    def interrupt(at: Phase, request: Request, index: int) -> None:
        nonlocal seen
        seen += at == phase
        if seen >= nth:
            raise KeyboardInterrupt

    account.world.hooks.append(interrupt)
    with pytest.raises(KeyboardInterrupt):
        run_sync(account)
    account.world.hooks.clear()
    assert Status.SYNCING in {s.status for s in mirror_of(account).standings().values()}
    assert_true_copy(account)


def test_second_sync_at_once_is_told_who_holds_the_lock(account: Account) -> None:
    with account.locks.acquire(lock_scope("acct_000001", False), "alice@ci"), pytest.raises(LockHeld, match="alice"):
        run_sync(account)
    assert_true_copy(account)


def test_store_that_fails_in_the_middle_is_a_clear_error_and_nothing_is_half_written(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is full: SQLite takes no more pages for a while."""
    small_pages(monkeypatch, 5)
    with account.database.write() as connection:
        size = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    account.database.close()
    full: list[int] = [int(size) + 8]

    def limit(at: Phase, request: Request, index: int) -> None:
        with suppress(StoreError), account.database.read() as connection:
            connection.exec_driver_sql(f"PRAGMA max_page_count = {full[0]}")

    account.world.hooks.append(limit)
    with pytest.raises(StoreError, match="full"):
        run_sync(account)
    account.world.hooks.clear()
    account.database.close()
    assert_true_copy(account)


def test_types_of_two_accounts_in_one_store_do_not_mix(account: Account) -> None:
    first = account.world
    run_sync(account)
    other = lively_world(Random(4), 40, "acct_000002")
    move_in(account, other)
    run_sync(account)
    assert not differences(other, mirror_of(account))
    other.tables["tax_rate"].remove(str(next(iter(other.tables["tax_rate"]))["id"]))
    run_sync(account, full=True)
    assert not differences(other, mirror_of(account))
    move_in(account, first)
    assert not differences(first, mirror_of(account))
    assert_true_copy(account)


def test_every_permission_is_one_that_its_endpoint_asks_for() -> None:
    for mirrored in MIRRORED:
        path = (mirrored.path or mirrored.retrieve).format(id="x")
        found = ROUTES.find("GET", path)
        assert found is not None, path
        assert found[0].permission == mirrored.permission, mirrored.name
