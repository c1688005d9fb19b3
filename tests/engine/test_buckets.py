"""The buckets from the store alone, on both databases: who is where and why, and what tells customers apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from reconciler.core.binding_targets import BindingsSeen
from reconciler.core.bindings import Bound, BoundBy, Customer, Customers
from reconciler.core.buckets import Reason, sort_into_buckets
from reconciler.core.customer_standing import CustomerStanding
from reconciler.core.email_address import email_key
from reconciler.core.idempotency import Scope
from reconciler.emulator.history import grow
from reconciler.engine.buckets import look_at_buckets
from reconciler.errors import BillplanError
from tests.engine.binding_account import KEY, BindingAccount, row, wanted

ACTIVE = ("active", "trialing", "past_due", "unpaid")


@pytest.fixture(params=["sqlite", "postgresql"])
def account(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[BindingAccount]:
    store = tmp_path if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    account = BindingAccount(store)
    yield account
    account.close()


def test_what_tells_customers_apart_is_as_stripe_has_it(account: BindingAccount) -> None:
    grow(account.world, 40, 5)
    account.sync()
    seen = look_at_buckets(account.outside, account.pins)
    active = Counter(s["customer"] for s in account.live("subscription") if s["status"] in ACTIVE)
    last: dict[str, int] = {}
    for invoice in account.live("invoice"):
        last[invoice["customer"]] = max(last.get(invoice["customer"], 0), invoice["created"])
    there = {one["id"] for one in account.live("customer")}
    assert seen.standings is not None
    for id in there:
        expected = CustomerStanding(subscriptions=active[id], last_invoice=last.get(id))
        assert seen.standings.get(id, CustomerStanding()) == expected


def test_emails_of_deleted_customers_are_known_and_those_of_others_are_not(account: BindingAccount) -> None:
    account.customer("There@example.com")
    account.by_hand("delete", f"/v1/customers/{account.customer('early@example.com')}")
    late = account.customer("Gone@example.com")
    account.sync()
    account.world.clock.advance(60)
    account.by_hand("delete", f"/v1/customers/{late}")
    account.sync()
    facts = account.outside.facts(Scope(account=account.world.account_id, livemode=False, project="acme"))
    assert facts is not None
    keys = [email_key(f"{name}@example.com") for name in ("there", "gone", "never")]
    assert facts.gone(keys * 400) == {email_key("gone@example.com")}


def test_without_subscriptions_in_the_mirror_nothing_is_said_of_them(account: BindingAccount) -> None:
    account.customer("a@example.com")
    account.sync("customer")
    seen = look_at_buckets(account.outside, account.pins)
    assert seen.standings is None
    assert len(seen.buckets.pending) == 1


def test_a_mirror_without_all_customers_has_no_buckets(account: BindingAccount) -> None:
    account.sync("product")
    with pytest.raises(BillplanError, match="has not all customers"):
        look_at_buckets(account.outside, account.pins)


def customer(id: str, email: str | None = None, bound: str | None = None) -> Customer:
    return Customer(id=id, created=1, as_of=9, email=email, metadata={KEY: bound} if bound else {})


def test_each_customer_is_in_one_bucket_for_one_reason() -> None:
    customers = (
        customer("cus_1", "a@example.com", "u1"),
        customer("cus_2", "A@example.com"),
        customer("cus_3", "b@example.com"),
        customer("cus_4", " "),
        customer("cus_5", bound="twice"),
        customer("cus_6", bound="twice"),
        customer("cus_7", "c@example.com"),
        customer("cus_8", "d@example.com", "u7"),
        customer("cus_90", "long@example.com", "x" * 201),
        customer("cus_91", "blank@example.com", "  "),
        customer("cus_92", "blanks@example.com", "u92 "),
    )
    stored = {
        id: Bound(external_id=id, customer=whom, by=BoundBy.TOUCH, at=3)
        for id, whom in (("u7", "cus_7"), ("gone", "cus_9"))
    }
    buckets = sort_into_buckets(BindingsSeen(customers=Customers(customers), bound=stored), "acme")
    assert [(b.external_id, b.customer_id, b.customer is not None, b.written) for b in buckets.bound] == [
        ("gone", "cus_9", False, False),
        ("u1", "cus_1", True, True),
        ("u7", "cus_7", True, False),
    ]
    assert [one.id for one in buckets.pending] == ["cus_3"]
    assert [(u.customer.id, u.reason, [c.id for c in u.candidates]) for u in buckets.attention] == [
        ("cus_2", Reason.SHARED_EMAIL, ["cus_1", "cus_2"]),
        ("cus_4", Reason.NO_EMAIL, ["cus_4"]),
        ("cus_5", Reason.SHARED_ID, ["cus_5", "cus_6"]),
        ("cus_6", Reason.SHARED_ID, ["cus_5", "cus_6"]),
        ("cus_8", Reason.SHARED_ID, ["cus_8", "cus_7"]),
        ("cus_90", Reason.UNUSABLE_ID, ["cus_90"]),
        ("cus_91", Reason.UNUSABLE_ID, ["cus_91"]),
        ("cus_92", Reason.UNUSABLE_ID, ["cus_92"]),
    ]


def test_what_cannot_be_an_external_id_is_replaced_by_a_declared_binding(account: BindingAccount) -> None:
    odd = account.customer("jane@example.com", metadata={KEY: "x" * 201})
    account.sync()
    assert [one.reason for one in look_at_buckets(account.outside, account.pins).buckets.attention] == [
        Reason.UNUSABLE_ID
    ]
    specs = wanted([row("u1", customer=odd)])
    assert account.carry_out(account.plan(specs), specs).complete
    assert account.held(odd) == "u1"
    assert account.plan(specs).empty
