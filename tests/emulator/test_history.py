"""Accounts that were grown, and what happens to them: deterministic, complete, and told by events."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
import stripe
from requests import post

from reconciler.emulator.app import ROUTES
from reconciler.emulator.clock import FrozenClock
from reconciler.emulator.commit import RETENTION, remembered
from reconciler.emulator.expand import render
from reconciler.emulator.history import grow, happen
from reconciler.emulator.history.happening import HAPPENINGS
from reconciler.emulator.history.past import DAY, YEARS
from reconciler.emulator.rules import credit
from reconciler.emulator.rules.subscription import ENDED
from reconciler.emulator.server import Server
from reconciler.emulator.shapes.registry import SHAPES
from reconciler.emulator.state import dump_world, parse_world
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World
from tests.emulator.client import Caller
from tests.emulator.conftest import START

SIZE = 120
HIDDEN = ("billing.credit_grant", "ended")
# How all objects of a table are listed, where that takes more than its path.
LISTED: dict[str, tuple[dict[str, Any], ...]] = {
    "price": ({"active": True}, {"active": False}),
    "entitlements.feature": ({}, {"archived": True}),
    "subscription": ({"status": "all"},),
}


def grown(size: int = SIZE, seed: int = 0, now: int = START) -> World:
    """An account of a size, on a clock that stands still."""
    world = World(clock=FrozenClock(now))
    grow(world, size, seed)
    return world


@pytest.fixture(scope="module")
def account() -> World:
    """One grown account for the tests that only read."""
    return grown()


@pytest.fixture(scope="module")
def large() -> World:
    """One large enough that even rare things are in it."""
    return grown(2000)


def told(table: str) -> bool:
    """Whether events tell of a table's objects."""
    return bool(SHAPES[table].event)


def newest_events(world: World) -> dict[tuple[str, str], Record]:
    """The newest event of each object, as a reader of the list of events finds it."""
    found = {}
    for event in world.tables["event"]:
        shown = event["data"]["object"]
        found[shown["object"], shown["id"]] = event
    return found


def everything(world: World) -> dict[tuple[str, str], Record]:
    """Every object but the events, as it is kept; what no answer shows of a credit grant is left out."""
    return {
        (name, record["id"]): {field: value for field, value in record.items() if (name, field) != HIDDEN}
        for name, table in world.tables.items()
        if name != "event"
        for record in table
    }


def test_the_same_size_seed_and_clock_give_the_very_same_account() -> None:
    first, again = json.dumps(dump_world(grown())), json.dumps(dump_world(grown()))
    assert first == again
    assert json.dumps(dump_world(grown(seed=1))) != first
    assert json.dumps(dump_world(grown(now=START + 1))) != first


def test_a_grown_account_can_be_kept_in_a_file(account: World) -> None:
    kept = parse_world(json.loads(json.dumps(dump_world(account))), FrozenClock(START))
    assert everything(kept) == everything(account)


def test_only_an_empty_world_can_be_grown(account: World) -> None:
    with pytest.raises(ValueError, match="only an empty account"):
        grow(account, 1)


@pytest.mark.parametrize("size", [0, 1, 20, 200])
def test_the_catalogue_is_the_same_whatever_the_size(size: int) -> None:
    world = grown(size)
    counts = {name: len(table) for name, table in world.tables.items()}
    assert (counts["customer"], counts["product"], counts["price"]) == (size, 15, 42)
    assert 3 <= counts["coupon"] <= 10
    assert 5 <= counts["promotion_code"] <= 12
    prices = list(world.tables["price"])
    assert {record["currency"] for record in prices} == {"usd", "eur", "gbp", "jpy"}
    assert any(not record["active"] for record in prices)
    assert any(record["recurring"] and record["recurring"]["meter"] for record in prices)
    assert not any(isinstance(value, float) for record in prices for value in record.values())
    for record in world.tables["product"]:
        default = world.tables["price"].get(record["default_price"] or "")
        assert default is None or (default["active"] and default["product"] == record["id"])


def test_the_counts_follow_the_size(large: World) -> None:
    world = large
    counts = {name: len(table) for name, table in world.tables.items()}
    assert 1900 <= counts["subscription"] <= 2100
    assert 5600 <= counts["invoice"] <= 6600
    assert counts["charge"] > 5000
    assert len(world.deleted_customers) == 40
    statuses = Counter(record["status"] for record in world.tables["subscription"])
    known = {"active", "trialing", "past_due", "unpaid", "canceled", "incomplete_expired", "paused"}
    assert known <= statuses.keys() <= known | {"incomplete"}
    assert statuses["active"] > 1000
    assert {record["status"] for record in world.tables["invoice"]} == {
        "draft",
        "open",
        "paid",
        "uncollectible",
        "void",
    }
    assert {record["status"] for record in world.tables["charge"]} == {"failed", "succeeded"}
    assert sum(len(record["items"]) > 10 for record in world.tables["subscription"]) >= 3
    assert any(record.get("amount_refunded") for record in world.tables["charge"])
    schedules = {record["status"] for record in world.tables["subscription_schedule"]}
    assert schedules == {"active", "canceled", "completed", "not_started", "released"}


def test_customers_are_as_mixed_as_real_ones_and_nobody_is_real(large: World) -> None:
    customers = list(large.tables["customer"])
    emails = [record["email"] for record in customers if record["email"] is not None]
    assert all(email.rpartition("@")[2].lower() in ("example.com", "example.org", "example.net") for email in emails)
    assert 10 <= len(customers) - len(emails) <= 100
    holders = Counter(email.lower() for email in emails)
    assert 15 <= sum(count > 1 for count in holders.values()) <= 100
    assert len({email for email in emails if holders[email.lower()] > 1}) > sum(c > 1 for c in holders.values())
    assert any("+" in email for email in emails)
    assert any(not record["name"].isascii() for record in customers)
    assert any("user_id" in record["metadata"] for record in customers)


def test_dates_fit_together(account: World) -> None:
    now, first = account.now(), account.now() - YEARS * 365 * DAY
    for (table, id), record in everything(account).items():
        assert first <= record["created"] <= now, (table, id)
    for record in account.tables["subscription"]:
        start, end = (record["items"][0][f"current_period_{name}"] for name in ("start", "end"))
        assert record["created"] <= start < end
        assert (record["status"] in ENDED) == (record["ended_at"] is not None)
        if record["status"] in ENDED:
            assert record["created"] <= record["ended_at"] <= now
        elif record["status"] in ("active", "past_due", "unpaid", "trialing"):
            assert start <= now < end
        if record["status"] == "trialing":
            assert now < record["trial_end"]
        for line in record["items"]:
            price = account.tables["price"].get(line["price"])
            assert price is not None
            assert price["created"] <= record["created"]
            assert price["currency"] == record["currency"]


def paged(call: Caller, path: str, params: dict[str, Any]) -> Iterator[str]:
    """The ids of a whole list, a few a page."""
    cursor: dict[str, str] = {}
    while True:
        reply = call.get(path, {**params, **cursor, "limit": 41})
        assert reply.status == 200, reply.body
        yield from (row["id"] for row in reply.body["data"])
        if not reply.body["has_more"]:
            return
        cursor = {"starting_after": reply.body["data"][-1]["id"]}


ROOTS = {
    route.resource: route.path
    for route in ROUTES.routes.values()
    if route.lists and "{" not in route.path and not route.schema.required
}
# Lists of what belongs to something: the table of the owners, and how the list is asked for.
INSIDE: dict[str, tuple[str, str, str]] = {
    "billing.credit_balance_transaction": ("customer", "/v1/billing/credit_balance_transactions", "customer"),
    "product_feature": ("product", "/v1/products/{id}/features", ""),
}


# Nobody in a history lives by another time than everybody else.
@pytest.mark.parametrize("table", sorted(ROOTS.keys() - INSIDE.keys() - {"test_helpers.test_clock"}))
def test_every_object_is_listed_once_and_can_be_retrieved(account: World, table: str) -> None:
    call, path = Caller(account), ROOTS[table]
    ids = [id for params in LISTED.get(table, ({},)) for id in paged(call, path, params)]
    assert sorted(ids) == sorted(record["id"] for record in account.tables[table])
    assert ids
    for id in ids:
        reply = call.get(f"{path}/{id}")
        assert (reply.status, reply.body["id"]) == (200, id)


@pytest.mark.parametrize("table", INSIDE)
def test_what_belongs_to_something_is_listed_with_it(account: World, table: str) -> None:
    owners, path, param = INSIDE[table]
    call, ids = Caller(account), list[str]()
    for owner in account.tables[owners]:
        ids += paged(call, path.replace("{id}", owner["id"]), {param: owner["id"]} if param else {})
    assert sorted(ids) == sorted(record["id"] for record in account.tables[table])
    assert ids


def test_long_subscriptions_and_invoices_page_their_lines(account: World) -> None:
    call = Caller(account)
    record = max(account.tables["subscription"], key=lambda record: len(record["items"]))
    assert len(record["items"]) > 10
    listed = list(paged(call, "/v1/subscription_items", {"subscription": record["id"]}))
    assert sorted(listed) == sorted(line["id"] for line in record["items"])
    shown = call.get(f"/v1/invoices/{record['latest_invoice']}").body
    assert shown["lines"]["has_more"]
    assert len(list(paged(call, f"/v1/invoices/{shown['id']}/lines", {}))) == len(record["items"])


def test_every_table_has_a_list() -> None:
    # Discounts are only seen through what they reduce, and what was used through what it costs.
    listed = {route.resource for route in ROUTES.routes.values() if route.lists}
    assert listed >= set(World().tables) - {"billing.meter_event", "discount"}


def test_credits_come_to_every_end(large: World) -> None:
    world = large
    grants = list(world.tables["billing.credit_grant"])
    assert 60 <= len({record["customer"] for record in grants}) <= 140
    assert {record["category"] for record in grants} == {"paid", "promotional"}
    assert len({record["priority"] for record in grants}) > 3
    full = {record["id"]: record["amount"]["monetary"]["value"] for record in grants}
    left = {id: credit.remaining(world, id) for id in full}
    assert all(0 <= left[id] <= full[id] for id in full)
    ends = Counter(
        "voided"
        if record["voided_at"]
        else "expired"
        if record["ended"]
        else "used"
        if not left[record["id"]]
        else "open"
        for record in grants
    )
    assert min(ends[end] for end in ("voided", "expired", "used", "open")) >= 3
    assert any(0 < left[id] < full[id] for id in full)
    taken = [record["debit"] for record in world.tables["billing.credit_balance_transaction"] if record["debit"]]
    assert any((debit["credits_applied"] or {}).get("invoice") for debit in taken if "credits_applied" in debit)


@pytest.mark.parametrize("seed", range(8))
def test_the_newest_event_shows_the_object_as_it_is(seed: int) -> None:
    world = grown(seed=seed, now=START + seed * 11 * DAY)
    newest = newest_events(world)
    assert all(event["created"] >= world.now() - RETENTION for event in newest.values())
    for (table, id), record in everything(world).items():
        event = newest.get((table, id))
        if event is not None:
            assert event["data"]["object"] == render(world, record, {}), (table, id)
        else:
            assert not (told(table) and remembered(world, record["created"])), (table, id)
    for (table, id), event in newest.items():
        assert id in world.tables[table] or event["type"].endswith(".deleted")
    assert not [id for id in world.deleted_customers if id in world.tables["customer"]]


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happens_is_told(seed: int) -> None:
    """Half of the worlds begin empty; in the others the clock moves now and then."""
    world, random = World(clock=FrozenClock(START)), Random(seed)
    if seed % 2:
        grow(world, 12, seed)
    before = everything(world)
    for step in range(300):
        if seed % 2 and step % 10 == 0:
            world.clock.advance(3 * DAY)
        known = len(world.tables["event"])
        name = happen(world, random)
        after = everything(world)
        events = list(world.tables["event"])[known:]
        shown = {(event["data"]["object"]["object"], event["data"]["object"]["id"]): event for event in events}
        changed = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
        assert changed, name
        for table, id in changed:
            if not told(table):
                continue
            assert (table, id) in shown, (name, table, id)
            event = shown[table, id]
            if (table, id) not in after:
                assert event["type"].endswith(".deleted")
            else:
                assert event["data"]["object"] == render(world, after[table, id], {}), (name, event["type"])
            # That credits expire is told as of when they did.
            assert event["created"] == world.now() or table.startswith("billing.credit")
        before = after


def test_everything_that_can_happen_does() -> None:
    world, random = grown(30), Random(5)
    happened = {happen(world, random) for _ in range(3000)}
    assert happened == {function.__name__ for function in HAPPENINGS}


def test_the_same_dice_do_the_same() -> None:
    worlds = grown(20), grown(20)
    dice = Random(3), Random(3)
    assert [happen(worlds[0], dice[0]) for _ in range(200)] == [happen(worlds[1], dice[1]) for _ in range(200)]
    assert dump_world(worlds[0]) == dump_world(worlds[1])


def test_happenings_are_asked_for_over_http(world: World, server: Server) -> None:
    url = f"{server.url}/_emulator/happenings"
    answer = post(url, json={"count": 25, "seed": 4}, timeout=30).json()["happenings"]
    assert sum(answer.values()) == 25
    twin = World(clock=FrozenClock(START))
    dice = Random(4)
    assert answer == Counter(happen(twin, dice) for _ in range(25))
    assert everything(twin) == everything(world)


@pytest.mark.parametrize("body", [[], {"count": -1}, {"count": "1"}, {"count": True}, {"seed": "x"}, {"much": 1}])
def test_happenings_that_make_no_sense_are_refused(server: Server, body: Any) -> None:
    answer = post(f"{server.url}/_emulator/happenings", json=body, timeout=5)
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]


def emulator(*args: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "reconciler", "emulator", "--port", "0", *args]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_the_command_grows_an_account_and_says_what_it_made(tmp_path: Path) -> None:
    args = ("--format", "json", "--seed-size", "30", "--seed-number", "2", "--state", str(tmp_path / "state.json"))
    seen: list[list[str]] = []
    said = []
    for _ in range(2):
        with emulator(*args) as process:
            assert process.stdout is not None
            line = json.loads(process.stdout.readline())
            v1 = stripe.StripeClient(line["key"], base_addresses={"api": line["url"]}).v1
            seen.append([customer.id for customer in v1.customers.list({"limit": 100}).data])
            process.send_signal(signal.SIGTERM)
            said.append(process.communicate(timeout=20)[1])
    assert len(seen[0]) == 30
    assert "30 customer" in said[0]
    assert "42 price" in said[0]
    assert seen[1] == seen[0]
    assert "the seed is not used" in said[1]


@pytest.mark.parametrize("args", [("--seed", "seed.json", "--seed-size", "3"), ("--seed-size", "-1")])
def test_the_command_refuses_what_contradicts_itself(args: tuple[str, ...]) -> None:
    with emulator(*args) as process:
        message = process.communicate(timeout=20)[1]
    assert process.returncode == 64
    assert "--seed" in message
