"""Every check of a row against the account: what it finds, at which column, and what a block may turn down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import pytest

from reconciler.core.address import Address
from reconciler.core.changes import Action
from reconciler.core.migration_facts import AccountFacts, CouponFacts, Held, Payer, RateFacts
from reconciler.core.migrations import AdHoc, Check, Duration, Fault, Fee, Item, Missing, Then
from reconciler.core.values import Ref
from tests.core.migration_account import (
    DAY,
    HOUR,
    MINUTE,
    NOW,
    START,
    account,
    address,
    applied,
    foreign,
    migration,
    only,
    payer,
    planned,
    price,
    reasons,
    refusal,
    row,
    started,
    told,
)


@dataclass(frozen=True, kw_only=True)
class Case:
    """A row that is not as it should be, in an account that may not be either."""

    reason: str
    column: str
    words: str
    row: Mapping[str, Any] = field(default_factory=dict)
    block: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    payer: Payer | None = None


ADHOC = AdHoc(product="prod_pro", amount=500, currency="usd", interval="month")
SENT = {"collection_method": "send_invoice", "days_until_due": 30}
THEN = Then(duration=Duration(interval="month"), items=(Item(price="price_x"),))
CASES: dict[str, Case] = {
    "a customer that is not there": Case(
        reason="unknown_customer", column="customer", words="no customer cus_9", row={"customer": "cus_9"}
    ),
    "a customer of the source account": Case(
        reason="unknown_customer",
        column="customer",
        words="maps: {customer:",
        row={"customer": "cus_9"},
        block={"origin": "internal:Stripe"},
    ),
    "a deleted customer": Case(
        reason="deleted_customer", column="customer", words="was deleted", payer=payer(deleted=True)
    ),
    "a customer on a test clock": Case(
        reason="test_clock_customer", column="customer", words="test clock", payer=payer(clocked=True)
    ),
    "a customer of another currency": Case(
        reason="customer_currency", column="price", words="billed in eur for good", payer=payer(currency="eur")
    ),
    "a customer whose currency the price has too": Case(
        reason="customer_currency",
        column="price",
        words="set currency to eur",
        payer=payer(currency="eur"),
        facts={"prices": {"price_pro": price(amounts={"usd": Decimal(2900), "eur": Decimal(2700)})}},
    ),
    "no default payment method": Case(
        reason="default_payment_method",
        column="customer",
        words="default_payment_method: set_latest",
        payer=payer(method=False),
    ),
    "no payment method at all": Case(
        reason="default_payment_method",
        column="customer",
        words="no payment method at all",
        payer=payer(method=False),
        block={"missing_method": Missing.SET_LATEST},
    ),
    "an invoice to nobody": Case(
        reason="invoice_email", column="collection_method", words="no e-mail", row=SENT, payer=payer(email=False)
    ),
    "no address for the tax": Case(
        reason="tax_location",
        column="automatic_tax",
        words="no address",
        row={"automatic_tax": True},
        payer=payer(located=False),
    ),
    "no Stripe Tax": Case(
        reason="tax_inactive",
        column="automatic_tax",
        words="not active",
        row={"automatic_tax": True},
        facts={"tax_active": False},
    ),
    "a price that is not there": Case(
        reason="unknown_price", column="price", words="no price price_x", row={"price": "price_x"}
    ),
    "one of several prices that is not there": Case(
        reason="unknown_price",
        column="items.1.price",
        words="price_x",
        row={"items": (Item(price="price_pro"), Item(adhoc=ADHOC), Item(price="price_x"))},
    ),
    "a price that nobody declares": Case(
        reason="unknown_price",
        column="price",
        words="there is no price.gone",
        row={"price": Ref(Address("price", "gone"))},
    ),
    "an archived price": Case(
        reason="inactive_price",
        column="price",
        words="price_pro is archived",
        facts={"prices": {"price_pro": price(active=False)}},
    ),
    "a price of an archived product": Case(
        reason="archived_product",
        column="price",
        words="prod_old, which is archived",
        facts={"prices": {"price_pro": price(product="prod_old")}},
    ),
    "a one-time price": Case(
        reason="price_one_time", column="price", words="one-time", facts={"prices": {"price_pro": price(interval="")}}
    ),
    "a price of further phases that is not there": Case(
        reason="unknown_price", column="then[0].items.0.price", words="price_x", block={"then": (THEN,)}
    ),
    "an ad-hoc product that is not there": Case(
        reason="unknown_product",
        column="adhoc_items.0.product",
        words="prod_x",
        row={"items": (Item(adhoc=replace(ADHOC, product="prod_x")),)},
    ),
    "an archived ad-hoc product": Case(
        reason="archived_product",
        column="adhoc_items.0.product",
        words="prod_old is archived",
        row={"items": (Item(adhoc=replace(ADHOC, product="prod_old")),)},
    ),
    "a fee of no product": Case(
        reason="unknown_product",
        column="add_invoice_items.0.product",
        words="prod_x",
        row={"fees": (Fee(product="prod_x", amount=100, currency="usd"),)},
    ),
    "a coupon that is not there": Case(
        reason="unknown_coupon", column="coupon", words="no coupon FIVE", row={"coupon": "FIVE"}
    ),
    "a coupon that has expired": Case(
        reason="invalid_coupon",
        column="coupon",
        words="redeemed no more",
        row={"coupon": "OLD"},
        facts={"coupons": {"OLD": CouponFacts(id="OLD", percent_off=Decimal(10), valid=False)}},
    ),
    "a tax rate that is not there": Case(
        reason="unknown_tax_rate", column="default_tax_rate", words="txr_9", row={"default_tax_rate": "txr_9"}
    ),
    "an archived tax rate": Case(
        reason="inactive_tax_rate",
        column="default_tax_rate",
        words="txr_1 is archived",
        row={"default_tax_rate": "txr_1"},
        facts={"rates": {"txr_1": RateFacts(id="txr_1", percentage=Decimal(10), inclusive=False, active=False)}},
    ),
    "a start that has passed": Case(
        reason="start_passed", column="start_date", words="3 h 20 min ago", row={"start": NOW - 3 * HOUR - 20 * MINUTE}
    ),
    "a start that is too near": Case(
        reason="start_too_soon",
        column="start_date",
        words="is in 23 h 59 min from now (2026-12-01T00:00:00Z), and the migration's lead_time asks for 24 h",
        row={"start": NOW + DAY - MINUTE},
    ),
    "a start within an hour, whatever the block says": Case(
        reason="start_too_soon",
        column="start_date",
        words="in 59 min",
        row={"start": NOW + HOUR - MINUTE},
        block={"lead_time": 60},
    ),
    "a beginning that is still to come": Case(
        reason="backdate_ahead",
        column="backdate_start_date",
        words="no moment in the past",
        row={"backdate": NOW + DAY, "anchor": START + DAY},
    ),
}


def _facts(case: Case) -> AccountFacts:
    return account(payers=[case.payer] if case.payer is not None else [], **case.facts)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_row_that_does_not_fit_is_refused_with_its_reason_and_column(case: Case) -> None:
    draft = planned(migration(row(**case.row), **case.block), facts=_facts(case))
    change = refusal(draft)
    (fault,) = draft.planned[0].faults
    assert (fault.reason, fault.column) == (case.reason, case.column)
    assert case.words in f"{change.refused} {change.hint}"
    assert change.refused.startswith(f"{case.column}: ") or change.refused.startswith(case.column)


# What is wrong with the account or the block is wrong for every row.
OWN = {name: case for name, case in CASES.items() if not case.facts and not case.block}


@pytest.mark.parametrize("case", OWN.values(), ids=OWN)
def test_only_the_row_that_does_not_fit_is_told(case: Case) -> None:
    draft = planned(migration(row(**case.row), row("sub_b", 3, customer="cus_2")), facts=_facts(case))
    assert draft.planned[0].faults
    assert draft.planned[1].faults == ()
    assert [step.address.key for step in draft.draft.steps] == ["sub_b"]


def test_all_faults_of_a_row_are_told_together() -> None:
    bad = row(customer="cus_9", price="price_x", coupon="FIVE", start=NOW + HOUR)
    offline = Fault(reason="bad_key", column="metadata", summary="bad", hint="mend it")
    draft = planned(migration(replace(bad, faults=(offline,))))
    assert reasons(draft) == ["bad_key", "unknown_price", "unknown_coupon", "start_too_soon", "unknown_customer"]


DOUBLE: dict[str, Any] = {"products": frozenset(("prod_pro",))}
TURNED: dict[str, tuple[str, Mapping[str, Any], tuple[Held, ...], Payer | None]] = {
    "default_payment_method": ("default_payment_method", {}, (), payer(method=False)),
    "tax_location": ("tax_location", {"automatic_tax": True}, (), payer(located=False)),
    "invoice_email": ("invoice_email", SENT, (), payer(email=False)),
    "existing_subscription": ("existing_subscription", {}, (foreign(**DOUBLE),), None),
}


@pytest.mark.parametrize(("name", "cells", "held", "whose"), TURNED.values(), ids=TURNED)
def test_a_block_turns_a_check_down_and_a_row_waives_it(
    name: str, cells: Mapping[str, Any], held: tuple[Held, ...], whose: Payer | None
) -> None:
    facts = account(*held, payers=[whose] if whose is not None else [])
    assert reasons(planned(migration(row(**cells)), facts=facts)) == [name]
    warned = planned(migration(row(**cells), checks={name: Check.WARNING}), facts=facts)
    assert only(warned).action is Action.CREATE
    assert told(warned)[0].startswith(f"subscription_migration.zuora: 1 row (line 2): {name} (a warning here): cus_1 ")
    assert [fault.reason for fault in warned.planned[0].warnings] == [name]
    for block in (
        migration(row(**cells), checks={name: Check.OFF}),
        migration(row(**cells, waives=frozenset((name,)))),
    ):
        quiet = planned(block, facts=facts)
        assert (only(quiet).action, told(quiet)) == (Action.CREATE, [])


def test_warnings_are_counted_into_one_line_a_check() -> None:
    rows = [row(f"sub_{n}", n, customer=f"cus_{n}") for n in range(10, 47)]
    payers = [payer(f"cus_{n}", method=False) for n in range(10, 47)]
    draft = planned(migration(*rows, checks={"default_payment_method": Check.WARNING}), facts=account(payers=payers))
    assert told(draft) == [
        "subscription_migration.zuora: 37 rows (lines 10, 11, 12, ...): default_payment_method (a warning here): "
        "cus_10 has no default payment method, and others alike"
    ]


@pytest.mark.parametrize("status", ["active", "trialing", "past_due", "unpaid", "paused", "incomplete"])
def test_a_customer_that_has_the_product_already_is_refused(status: str) -> None:
    draft = planned(migration(row()), facts=account(foreign(status=status, **DOUBLE)))
    assert reasons(draft) == ["existing_subscription"]
    assert "set adopt to sub_9" in refusal(draft).hint
    theirs = planned(migration(row()), facts=account(foreign(status=status, project="other", **DOUBLE)))
    assert "of the billplan project 'other'" in refusal(theirs).refused


@pytest.mark.parametrize(
    "held",
    [
        foreign(status="canceled", **DOUBLE),
        foreign(status="incomplete_expired", **DOUBLE),
        foreign(customer="cus_2", **DOUBLE),
        foreign(products=frozenset(("prod_team",))),
        foreign("sub_sched_9", status="released", **DOUBLE),
    ],
)
def test_what_does_not_bill_the_customer_for_the_product_is_no_obstacle(held: Held) -> None:
    assert only(planned(migration(row()), facts=account(held))).action is Action.CREATE


def test_a_schedule_and_the_subscription_that_it_has_are_told_once() -> None:
    schedule, subscription = started(foreign("sub_sched_9", **DOUBLE))
    draft = planned(migration(row()), facts=account(schedule, replace(subscription, products=DOUBLE["products"])))
    assert reasons(draft) == ["existing_subscription"]


def test_two_rows_of_one_customer_and_product_are_both_refused() -> None:
    one, two, team = row(), row("sub_b", 3), row("sub_c", 4, price="price_team")
    draft = planned(migration(one, two, team))
    assert [[f.reason for f in p.faults] for p in draft.planned] == [
        ["existing_subscription"], ["existing_subscription"], [],
    ]  # fmt: skip
    first, second = draft.draft.changes[:2]
    assert str(address("sub_b")) in first.refused
    assert str(address()) in second.refused
    other = planned(migration(one), migration(two, name="other"))
    assert reasons(other) == ["existing_subscription"] * 2
    waived = frozenset(("existing_subscription",))
    both = planned(migration(replace(one, waives=waived), replace(two, waives=waived)))
    assert reasons(both) == []


def test_a_product_by_address_and_by_id_is_one() -> None:
    pro = Ref(Address("product", "pro"))
    facts = account(
        foreign(**DOUBLE), prices={"price_pro": price(product=pro)}, products={pro: True}, ids={pro: "prod_pro"}
    )
    assert reasons(planned(migration(row()), facts=facts)) == ["existing_subscription"]


def test_a_row_that_is_scheduled_stands_in_the_way_of_another() -> None:
    held = applied(planned(migration(row())))
    draft = planned(migration(row(), row("sub_b", 3)), facts=account(*held))
    assert reasons(draft) == ["existing_subscription"]
    assert f"which is {address()}" in only(draft).refused


def test_a_customer_gets_no_more_subscriptions_than_stripe_takes() -> None:
    full = [foreign(f"sub_{n}") for n in range(498)]
    schedule, subscription = started(foreign("sub_sched_9"), subscription="sub_own")
    waived = frozenset(("existing_subscription",))
    rows = [row(f"sub_r{n}", n, waives=waived) for n in range(3)]
    draft = planned(migration(*rows), facts=account(*full, schedule, subscription))
    assert [[f.reason for f in p.faults] for p in draft.planned] == [
        [], ["too_many_subscriptions"], ["too_many_subscriptions"],
    ]  # fmt: skip


def test_checks_do_not_run_for_rows_that_are_scheduled_and_as_they_should_be() -> None:
    held = applied(planned(migration(row())))
    poor = account(*held, payers=[payer(method=False, currency="eur")], now=START - MINUTE)
    assert planned(migration(row()), facts=poor).draft.changes == ()


def test_checks_run_for_edits() -> None:
    held = applied(planned(migration(row())))
    draft = planned(migration(row(coupon="FIVE")), facts=account(*held, payers=[payer(method=False)]))
    assert reasons(draft) == ["unknown_coupon", "default_payment_method"]
