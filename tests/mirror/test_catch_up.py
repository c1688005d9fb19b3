"""Catching up: what events tell, what they leave out, and what is found without them."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import cast

import pytest

from reconciler.core.standing import Status
from reconciler.emulator.faults import Fault, FaultKind
from reconciler.ports.billing import BillingApi
from reconciler.ports.clock import Clock
from tests.account import Account, WorldClock
from tests.mirror.likeness import differences
from tests.mirror.syncing import change, lively_world, mirror_of, move_in, requests, run_sync, standing_of

DAY = 86_400


@pytest.fixture
def account(folder: Path) -> Iterator[Account]:
    """A small account that was synced a while ago."""
    with Account(folder) as account:
        move_in(account, lively_world(Random(0), 70))
        run_sync(account)
        account.world.clock.advance(1000)
        yield account


def caught_up(account: Account) -> None:
    """Sync, and see that the mirror equals the account."""
    assert not run_sync(account).failed
    assert not differences(account.world, mirror_of(account))


def test_second_sync_lists_nothing_and_writes_nothing(account: Account) -> None:
    since = len(account.world.log)
    assert run_sync(account).listed == ()
    paths = set(requests(account.world, since))
    assert "/v1/customers" not in paths
    assert "/v1/events" in paths


@pytest.mark.parametrize(
    ("make", "path", "type"),
    [
        ({"name": "Kit", "id": "kit"}, "/v1/products", "product"),
        ({"percent_off": 10, "duration": "once", "id": "kit"}, "/v1/coupons", "coupon"),
    ],
)
@pytest.mark.parametrize("pause", [0, 5])
def test_deleted_object_is_a_tombstone_until_it_is_created_again(
    account: Account, make: dict[str, object], path: str, type: str, pause: int
) -> None:
    mirror = mirror_of(account)
    change(account, "post", path, **make)
    caught_up(account)
    for turn in range(3):
        account.world.clock.advance(pause)
        change(account, "delete", f"{path}/kit")
        if turn < 2:
            caught_up(account)
            assert mirror.versions(type, ["kit"])["kit"].deleted
        account.world.clock.advance(pause)
        change(account, "post", path, **make)
        caught_up(account)
        assert not mirror.versions(type, ["kit"])["kit"].deleted


def test_deleted_customer_is_a_tombstone_with_its_last_self(account: Account) -> None:
    made = change(account, "post", "/v1/customers", name="Passing")
    caught_up(account)
    change(account, "delete", f"/v1/customers/{made['id']}")
    caught_up(account)
    kept = mirror_of(account).raw("customer", made["id"])
    assert kept is not None
    assert kept["name"] == "Passing"


def test_object_that_came_and_went_between_two_syncs_never_lives(account: Account) -> None:
    made = change(account, "post", "/v1/customers", name="Ghost")
    change(account, "delete", f"/v1/customers/{made['id']}")
    caught_up(account)


def test_what_vanished_without_an_event_is_found_by_a_full_sync_alone(account: Account) -> None:
    tables = account.world.tables
    gone = {table: str(next(iter(tables[table]))["id"]) for table in ("customer", "coupon", "tax_rate")}
    for table, id in gone.items():
        tables[table].remove(id)
    run_sync(account)
    assert not mirror_of(account).versions("coupon", [gone["coupon"]])[gone["coupon"]].deleted
    run_sync(account, full=True)
    for table in gone:
        assert mirror_of(account).versions(table, [gone[table]])[gone[table]].deleted


def test_change_without_an_event_is_found_by_a_full_sync(account: Account) -> None:
    table = account.world.tables["customer"]
    record = next(iter(table))
    table.put({**record, "name": "Whispered"})
    run_sync(account)
    assert differences(account.world, mirror_of(account))
    run_sync(account, full=True)
    assert not differences(account.world, mirror_of(account))


@pytest.mark.parametrize("days", [24, 26, 45])
def test_long_gap_falls_back_to_listing_and_a_shorter_one_does_not(account: Account, days: int) -> None:
    made = change(account, "post", "/v1/customers", name="Early")
    gone = str(next(iter(account.world.tables["coupon"]))["id"])
    change(account, "delete", f"/v1/coupons/{gone}")
    account.world.clock.advance(days * DAY)
    synced = run_sync(account)
    assert ("customer" in synced.listed) == (days > 25)
    assert not differences(account.world, mirror_of(account))
    assert mirror_of(account).raw("customer", made["id"])
    assert mirror_of(account).versions("coupon", [gone])[gone].deleted


def test_events_are_forgotten_when_stripe_forgets_them(account: Account) -> None:
    assert mirror_of(account).counts()["event"] > 0
    change(account, "post", "/v1/customers", name="Late")
    for _ in range(3):
        account.world.clock.advance(20 * DAY)
        run_sync(account)
    assert mirror_of(account).counts()["event"] == 0
    assert not differences(account.world, mirror_of(account))


def test_events_about_what_the_mirror_does_not_keep_are_stored_and_let_be(account: Account) -> None:
    account.world.tables["event"].put(
        {
            **next(iter(account.world.tables["event"])),
            "id": "evt_strange",
            "created": account.world.now(),
            "type": "terminal.reader.created",
            "data": {"object": {"id": "tmr_1", "object": "terminal.reader"}},
        }
    )
    preview = {**next(iter(account.world.tables["event"])), "id": "evt_preview", "type": "invoice.upcoming"}
    preview |= {"created": account.world.now(), "data": {"object": {"object": "invoice"}}}
    account.world.tables["event"].put(preview)
    caught_up(account)
    assert {"evt_strange", "evt_preview"} <= mirror_of(account).known_events(["evt_strange", "evt_preview"])


def test_old_event_that_is_listed_late_does_not_undo_what_came_after_it(account: Account) -> None:
    made = change(account, "post", "/v1/customers", name="One")
    late = list(account.world.tables["event"])[-1]
    account.world.tables["event"].remove(str(late["id"]))
    account.world.clock.advance(20)
    change(account, "post", f"/v1/customers/{made['id']}", name="Two")
    caught_up(account)
    account.world.tables["event"].put(late)
    account.world.clock.advance(20)
    caught_up(account)


def test_lost_event_between_two_known_ones_costs_nothing(account: Account) -> None:
    made = change(account, "post", "/v1/customers", name="One")
    account.world.tables["event"].remove(str(list(account.world.tables["event"])[-1]["id"]))
    change(account, "post", f"/v1/customers/{made['id']}", name="Two")
    caught_up(account)


def test_list_that_lags_does_not_bring_back_what_an_event_changed_or_deleted(account: Account) -> None:
    world = account.world
    kept = change(account, "post", "/v1/customers", name="Before")
    gone = change(account, "post", "/v1/customers", name="Doomed")
    caught_up(account)
    for path in ("/v1/customers", "/v1/products", "/v1/coupons"):
        world.add_fault(Fault(FaultKind.STALE_READ, path=path, times=0))
    world.clock.advance(10)
    change(account, "post", f"/v1/customers/{kept['id']}", name="After")
    change(account, "delete", f"/v1/customers/{gone['id']}")
    change(account, "post", "/v1/customers", name="New")
    world.faults.registered, lagging = [], world.faults.registered
    caught_up(account)
    world.faults.registered = lagging
    world.clock.advance(10)
    run_sync(account, full=True)
    assert not differences(world, mirror_of(account))


def test_what_changes_by_the_mere_passing_of_time_is_read_when_it_is_due(account: Account) -> None:
    world = account.world
    customer = change(account, "post", "/v1/customers", name="Rich")["id"]
    grant = {
        "customer": customer,
        "amount": {"type": "monetary", "monetary": {"currency": "usd", "value": 500}},
        "applicability_config": {"scope": {"price_type": "metered"}},
        "category": "paid",
    }
    now = world.now()
    change(account, "post", "/v1/billing/credit_grants", **grant, effective_at=now + 100, expires_at=now + 200)
    coupon = change(account, "post", "/v1/coupons", percent_off=5, duration="once", redeem_by=now + 100)["id"]
    promotion = {"type": "coupon", "coupon": coupon}
    change(account, "post", "/v1/promotion_codes", promotion=promotion, code="SOON")
    change(account, "post", "/v1/promotion_codes", promotion=promotion, code="SOONER", expires_at=now + 50)
    caught_up(account)
    for _ in range(3):
        world.clock.advance(75)
        caught_up(account)
    assert standing_of(account, "credit_grant").status is Status.READY


class OfAnotherVersion:
    """An API whose events have the shape of another version: none of their payloads can be taken."""

    api_version = "2020-08-27"

    def __init__(self, inner: BillingApi) -> None:
        self.livemode = inner.livemode
        self.request = inner.request


@pytest.mark.parametrize(("changed", "singly"), [(20, True), (230, False)])
def test_much_in_doubt_of_one_type_is_listed_and_little_is_read_one_by_one(
    account: Account, changed: int, singly: bool
) -> None:
    made = [change(account, "post", "/v1/customers", name="Ann")["id"] for _ in range(changed)]
    run_sync(account)
    account.world.clock.advance(1000)
    for id in made:
        change(account, "post", f"/v1/customers/{id}", name="Bea")
    change(account, "delete", f"/v1/customers/{made[0]}")
    since = len(account.world.log)
    assert not run_sync(account, OfAnotherVersion(account.api)).failed
    asked = requests(account.world, since)
    assert asked[f"/v1/customers/{made[-1]}"] == (1 if singly else 0)
    assert bool(asked["/v1/customers"]) is not singly
    assert not mirror_of(account).doubts()
    assert not differences(account.world, mirror_of(account))


class Jumping:
    """A clock that somebody sets two hours ahead after a few looks at it; the monotonic one knows nothing of it."""

    def __init__(self, inner: Clock) -> None:
        self._inner, self._looks = inner, 0
        self.monotonic, self.sleep = inner.monotonic, inner.sleep

    def now(self) -> int:
        self._looks += 1
        return self._inner.now() + (7200 if self._looks > 3 else 0)


def test_clock_that_is_set_during_a_sync_loses_nothing(folder: Path) -> None:
    with Account(folder) as account:
        move_in(account, lively_world(Random(1), 40))
        upright = account.clock
        made = change(account, "post", "/v1/customers", name="Before")["id"]
        account.clock = cast(WorldClock, Jumping(upright))
        run_sync(account)
        account.clock = upright
        account.world.clock.advance(300)
        change(account, "post", f"/v1/customers/{made}", name="After")
        caught_up(account)


def test_event_stored_before_its_type_was_kept_counts_when_the_list_of_it_lags(folder: Path) -> None:
    with Account(folder) as account:
        move_in(account, lively_world(Random(2), 40))
        made = change(account, "post", "/v1/products", name="Before")["id"]
        account.world.clock.advance(1000)
        before = copy.deepcopy(account.world.tables)
        change(account, "post", f"/v1/products/{made}", name="After")
        run_sync(account, objects=("customer",))
        account.world.clock.advance(5)
        account.world.add_fault(Fault(FaultKind.STALE_READ, path="/v1/products", times=1))
        account.world.faults.registered[-1].snapshot = before
        assert not run_sync(account).failed
        assert not differences(account.world, mirror_of(account))


def test_dispute_puts_its_charge_in_doubt(account: Account) -> None:
    charge = next(iter(account.world.tables["charge"]))
    account.world.tables["charge"].put({**charge, "disputed": True})
    dispute = {"id": "dp_1", "object": "dispute", "charge": charge["id"]}
    account.world.tables["event"].put(
        {
            "id": "evt_dispute",
            "object": "event",
            "api_version": "2026-10-28.endive",
            "created": account.world.now(),
            "data": {"object": dispute},
            "livemode": False,
            "pending_webhooks": 0,
            "request": {"id": None, "idempotency_key": None},
            "type": "charge.dispute.created",
        }
    )
    caught_up(account)
    assert mirror_of(account).value("charge", charge["id"], "disputed") is True
