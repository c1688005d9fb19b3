"""Stripe to Stripe on the command line: rows drafted from the old account, moved, and rolled back."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import stripe

from reconciler.emulator.clock import SystemClock
from reconciler.emulator.key import Key
from reconciler.emulator.rules.billing import attach_payment_method
from reconciler.emulator.server import Server, serve
from reconciler.emulator.world import World
from tests.cli.desk import Desk

HAND, READ, WRITE = "sk_test_old_hand", "rk_test_old_read", "rk_test_old_write"
READING = ("accounts_kyc_basic", "subscription", "customer", "plan", "coupon", "product", "tax_rate")
BLOCK = """\
subscription_migrations:
  old-account:
    source: internal:Stripe
    csv: migrations/old-account.csv
    key: metadata.old_subscription
    amount_unit: minor
    maps: {price: maps/prices.csv, customer: maps/customers.csv, coupon: maps/coupons.csv}
    source_account: {read: env:OLD_READ_KEY, write: env:OLD_WRITE_KEY}
    end_source: at_start
"""
CATALOGUE = """\
products:
  pro: {name: Pro}
prices:
  monthly: {product: product.pro, currency: usd, unit_amount: 2500, lookup_key: pro_m, recurring: {interval: month}}
coupons:
  tenth: {percent_off: 10, duration: forever}
"""


@pytest.fixture
def server() -> Iterator[Server]:
    """A server for both accounts, told apart by their keys."""
    clock = SystemClock()
    keys = {
        HAND: Key(),
        READ: Key(frozenset(f"rak_{name}_read" for name in READING)),
        WRITE: Key(frozenset({"rak_accounts_kyc_basic_read", "rak_subscription_write"})),
    }
    with serve([World(clock=clock), World(account_id="acct_old", clock=clock, keys=keys)]) as running:
        yield running


class Old:
    """The old account, as people work in it by hand."""

    def __init__(self, desk: Desk) -> None:
        self.world = desk.server.worlds[1]
        self.v1 = desk.client(HAND)
        self.product = self.v1.products.create({"name": "Pro"}).id

    def price(self, **params: Any) -> str:
        said = {"product": self.product, "currency": "usd", "unit_amount": 2500, "recurring": {"interval": "month"}}
        return str(self.v1.prices.create({**said, **params}).id)

    def subscribe(self, price: str, **params: Any) -> stripe.Subscription:
        customer = self.v1.customers.create({"name": "Kim", "email": "kim@example.com"}).id
        attach_payment_method(self.world, customer, self.world.now())
        items = params.pop("items", [{"price": price, "quantity": 2}])
        made: stripe.Subscription = self.v1.subscriptions.create({"customer": customer, "items": items, **params})
        return made


@pytest.fixture
def old(desk: Desk) -> Old:
    desk.environ(OLD_READ_KEY=READ, OLD_WRITE_KEY=WRITE)
    desk.write("specs/catalogue.yaml", CATALOGUE)
    desk.done("apply", "--auto-approve")
    desk.write("specs/migration.yaml", BLOCK)
    return Old(desk)


def table(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(path.read_text())))


def period_end(one: stripe.Subscription) -> int:
    return int(one["items"].data[0].current_period_end)


def shown(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_rows_and_maps_are_drafted(desk: Desk, old: Old) -> None:
    monthly, seat = old.price(lookup_key="pro_m"), old.price(unit_amount=700)
    old.v1.coupons.create({"id": "TENTH", "percent_off": 10, "duration": "forever"})
    plain = old.subscribe(monthly)
    several = old.subscribe(monthly, items=[{"price": monthly}, {"price": seat, "quantity": 3}])
    less = old.subscribe(monthly, discounts=[{"coupon": "TENTH"}], metadata={"crm": "7"})
    sent = old.subscribe(monthly, collection_method="send_invoice", days_until_due=14)
    trial = old.subscribe(monthly, trial_period_days=10)
    ended = desk.done("migrations", "draft", "old-account")
    rows = {row["metadata.old_subscription"]: row for row in table(desk.folder / "migrations" / "old-account.csv")}
    assert set(rows) == {one.id for one in (plain, several, less, sent, trial)}
    one = rows[plain.id]
    assert (one["customer"], one["start_date"]) == (plain.customer, shown(period_end(plain)))
    assert (one["items.0.price"], one["items.0.quantity"]) == ("", "")
    assert (one["price"], one["quantity"], one["source_amount"]) == (monthly, "2", "5000")
    assert (one["proration_behavior"], one["source_subscription"]) == ("none", plain.id)
    two = rows[several.id]
    assert [two[f"items.{n}.{name}"] for n in (0, 1) for name in ("price", "quantity")] == [monthly, "1", seat, "3"]
    assert two["source_amount"] == "4600"
    assert (rows[less.id]["coupon"], rows[less.id]["source_amount"]) == ("TENTH", "4500")
    assert (rows[sent.id]["collection_method"], rows[sent.id]["days_until_due"]) == ("send_invoice", "14")
    # Its first charge is due when the trial ends, and so does its period.
    assert (rows[trial.id]["start_date"], rows[trial.id].get("trial_end")) == (shown(period_end(trial)), None)
    prices = {row["old_id"]: row for row in table(desk.folder / "maps" / "prices.csv")}
    new = next(p for p in desk.world.tables["price"] if p["lookup_key"] == "pro_m")
    assert (prices[monthly]["new_id"], prices[seat]["new_id"]) == (new["id"], "")
    assert "25.00 USD every month, lookup_key pro_m" in prices[monthly]["about"]
    assert table(desk.folder / "maps" / "coupons.csv") == [{"old_id": "TENTH", "new_id": "", "about": "10% off"}]
    assert len(table(desk.folder / "maps" / "customers.csv")) == 5
    assert "5 rows, 0 left out" in ended.out
    assert "1 row with metadata, which is not carried over" in ended.out
    assert "Next: fill in the new ids" in ended.out


def test_no_e_mail_address_is_written(desk: Desk, old: Old) -> None:
    old.subscribe(old.price())
    ended = desk.done("migrations", "draft", "old-account", "--out", "drafted")
    written = "".join(path.read_text() for path in (desk.folder / "drafted").rglob("*.csv"))
    assert "@" not in written + ended.both
    assert "Kim" not in written + ended.both


def test_what_cannot_be_carried_over_is_told_one_by_one(desk: Desk, old: Old) -> None:
    price = old.price()
    old.v1.coupons.create({"id": "ONCE", "percent_off": 10, "duration": "repeating", "duration_in_months": 3})
    meter = old.v1.billing.meters.create(
        {"display_name": "Calls", "event_name": "calls", "default_aggregation": {"formula": "sum"}}
    )
    used = old.price(recurring={"interval": "month", "usage_type": "metered", "meter": meter.id})
    metered = old.subscribe(price, items=[{"price": used}])
    ending = old.subscribe(price, cancel_at_period_end=True)
    repeating = old.subscribe(price, discounts=[{"coupon": "ONCE"}])
    managed = old.subscribe(price)
    old.v1.subscription_schedules.create({"from_subscription": managed.id})
    gone = old.subscribe(price)
    old.v1.subscriptions.cancel(gone.id)
    table_of = old.world.tables["subscription"]
    paused = old.subscribe(price)
    table_of.put({**(table_of.get(paused.id) or {}), "pause_collection": {"behavior": "void", "resumes_at": None}})
    several = old.subscribe(price)
    old.v1.coupons.create({"id": "A", "percent_off": 10, "duration": "forever"})
    old.v1.coupons.create({"id": "B", "percent_off": 20, "duration": "forever"})
    old.v1.subscriptions.update(several.id, {"discounts": [{"coupon": "A"}, {"coupon": "B"}]})
    document = desk.done("migrations", "draft", "old-account", "--format", "json").document
    reasons = {one["id"]: one["reasons"] for one in document["left_out"]}
    assert reasons == {
        metered.id: ["metered"],
        ending.id: ["ends"],
        repeating.id: ["discount_ends"],
        managed.id: ["scheduled"],
        paused.id: ["paused"],
        several.id: ["discounts"],
    }
    assert document["rows"] == 0
    assert document["source_account"] == "acct_old"


def test_nothing_is_overwritten(desk: Desk, old: Old) -> None:
    old.subscribe(old.price())
    desk.write("maps/customers.csv", "old_id,new_id\n")
    ended = desk.run("migrations", "draft", "old-account")
    assert ended.code == 1
    assert "maps/customers.csv exists already" in ended.err
    assert not (desk.folder / "migrations").exists()


@pytest.mark.parametrize(
    ("name", "key", "words"),
    [
        ("other", READ, "no migration 'other' is declared"),
        ("old-account", "", "OLD_READ_KEY is not set"),
        ("old-account", "sk_test_emulator", "the account that subscriptions are to move to"),
        ("old-account", "rk_test_unknown_key", "the key at env:OLD_READ_KEY was refused"),
        ("old-account", "pk_test_old", "source_account: env:OLD_READ_KEY: the API key is publishable"),
    ],
)
def test_what_cannot_be_drafted_from_is_told(desk: Desk, old: Old, name: str, key: str, words: str) -> None:
    desk.environ(OLD_READ_KEY=key)
    ended = desk.run("migrations", "draft", name)
    assert ended.code in (1, 3)
    assert words in ended.err
    assert "unknown_key" not in ended.both


def test_a_migration_without_a_source_account_has_nothing_to_draft_from(desk: Desk, old: Old) -> None:
    lines = [line for line in BLOCK.splitlines() if "source_account" not in line and "end_source" not in line]
    desk.write("specs/migration.yaml", "\n".join(lines) + "\n")
    desk.write("maps/prices.csv", "old_id,new_id\n")
    ended = desk.run("migrations", "draft", "old-account")
    assert ended.code == 1
    assert "source_account: {read: env:OLD_READ_KEY}" in ended.err
    # Files in the way are another matter, of migrations that could be drafted.
    assert "exist" not in desk.run("migrations", "draft", "old-acount").err


def here(desk: Desk, name: str) -> str:
    """Make somebody in the new account who can pay."""
    id = str(desk.client().customers.create({"name": name}).id)
    attach_payment_method(desk.world, id, desk.world.now())
    return id


def fill_in(desk: Desk, name: str, ids: dict[str, str]) -> None:
    """Write new ids into a map, as a person does."""
    path = desk.folder / "maps" / name
    lines = [",".join((row["old_id"], row["new_id"] or ids.get(row["old_id"], ""))) for row in table(path)]
    path.write_text("\n".join(["old_id,new_id", *lines]) + "\n")


def test_what_was_drafted_moves_and_is_rolled_back(desk: Desk, old: Old) -> None:
    one = old.subscribe(old.price(lookup_key="pro_m"))
    desk.done("migrations", "draft", "old-account")
    failing = desk.run("migrations", "check")
    assert failing.code == 1
    assert "has no new id in maps/customers.csv" in failing.out
    fill_in(desk, "customers.csv", {str(one.customer): here(desk, "Kim")})
    desk.done("migrations", "check")
    plan = desk.done("plan", "--out", "plan.bin")
    assert f"{one.id} in acct_old ends then" in plan.out
    desk.environ(OLD_WRITE_KEY="")
    assert "OLD_WRITE_KEY is not set" in desk.run("apply", "plan.bin", "--auto-approve").err
    desk.environ(OLD_WRITE_KEY="sk_test_emulator")
    assert desk.run("apply", "plan.bin", "--auto-approve").code == 3
    desk.environ(OLD_WRITE_KEY=WRITE)
    desk.done("apply", "plan.bin", "--auto-approve")
    assert old.v1.subscriptions.retrieve(one.id).cancel_at == period_end(one)
    assert desk.run("plan", "--detailed-exitcode").code == 0
    canceled = desk.done("migrations", "cancel", "old-account", "--auto-approve")
    assert old.v1.subscriptions.retrieve(one.id).cancel_at is None, canceled.both
    (schedule,) = desk.world.tables["subscription_schedule"]
    assert schedule["status"] == "canceled"
    for key in (READ, WRITE):
        assert key not in plan.both + canceled.both + (desk.folder / "plan.bin").read_text(errors="replace")


def test_an_id_of_the_old_account_fails_the_check_as_such(desk: Desk, old: Old) -> None:
    one = old.subscribe(old.price(lookup_key="pro_m"))
    old.subscribe(old.price())
    desk.done("migrations", "draft", "old-account")
    desk.write("specs/migration.yaml", BLOCK.replace(", customer: maps/customers.csv", ""))
    ended = desk.run("migrations", "check", "--format", "json")
    assert ended.code == 1
    assert "source_account_id" in ended.out
    assert f"{one.customer} is an id of the source account acct_old" in ended.out
