"""Charges: what is shown of them, how they are found, and what a price asks for a quantity."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from reconciler.emulator.commit import add
from reconciler.emulator.key import Key
from reconciler.emulator.rules.amount import amount_of, describe
from reconciler.emulator.rules.billing import Bill, Outcome, attach_payment_method, bill
from reconciler.emulator.shapes import charge, payment_method
from reconciler.emulator.world import World
from tests.emulator.client import Caller
from tests.emulator.conftest import START
from tests.emulator.sdk_contract import missing

PATH = "/v1/charges"
# Only there for some accounts, some networks or a single kind of charge.
RARE = {
    "authorization_code",
    "level3",
    "outcome.risk_score",
    "outcome.rule",
    "presentment_details",
    "radar_options",
    "refunds",
    "transfer",
}
RARE_CARD = {
    "capture_before",
    "description",
    "electronic_commerce_indicator",
    "iin",
    "issuer",
    "moto",
    "setup_credential_usage",
    "stored_credential_usage",
}
DETAILS = "payment_method_details"


@pytest.fixture
def call(world: World) -> Caller:
    return Caller(world)


def subscribe(call: Caller, price: dict[str, Any] | None = None, item: dict[str, Any] | None = None) -> str:
    product = call.make("/v1/products", {"name": "Pro"})
    base = {"currency": "usd", "product": product, "recurring": {"interval": "month"}}
    made = call.make("/v1/prices", {**base, **(price or {"unit_amount": 1000})})
    customer = call.make("/v1/customers", {})
    attach_payment_method(call.world, customer, START)
    sent = {"customer": customer, "items": [{"price": made, **(item or {})}], "trial_period_days": 7}
    return call.make("/v1/subscriptions", sent)


def card_fields() -> set[str]:
    others = stripe.Charge.PaymentMethodDetails.__annotations__.keys() - {"card", "type"}
    return {f"{DETAILS}.{name}" for name in others} | {f"{DETAILS}.card.{name}" for name in RARE_CARD}


@pytest.mark.parametrize("outcome", [Outcome.PAID, Outcome.OPEN])
def test_a_charge_has_every_field_of_the_sdk(call: Caller, outcome: Outcome) -> None:
    bill(call.world, subscribe(call), START, Bill(outcome))
    body = call.get(PATH).body["data"][0]
    found = set(missing(stripe.Charge, call.get(f"{PATH}/{body['id']}").body))
    assert found == {f"{name}: absent" for name in RARE | card_fields()} | {
        f"fraud_details.{name}: absent" for name in ("stripe_report", "user_report")
    }


def test_a_charge_by_debit_has_its_own_details(call: Caller) -> None:
    customer = call.make("/v1/customers", {})
    add(call.world, payment_method.build(call.world, {"customer": customer, "type": "sepa_debit"}, "pm_s", START))
    values = {"amount": 5, "currency": "eur", "customer": customer, "payment_intent": "pi_1", "payment_method": "pm_s"}
    add(call.world, charge.build(call.world, {**values, "status": "succeeded"}, "ch_s", START), "succeeded")
    body = call.get(f"{PATH}/ch_s").body
    assert not [line for line in missing(stripe.Charge, body) if not line.endswith(": absent")]
    assert body[DETAILS]["type"] == "sepa_debit"
    assert body[DETAILS]["sepa_debit"]["last4"] == "3000"


def test_success_and_failure_say_so(call: Caller) -> None:
    id = subscribe(call)
    bill(call.world, id, START, Bill(failures=2, settled=START + 5))
    rows = call.get(PATH).body["data"]
    assert [row["status"] for row in rows] == ["succeeded", "failed", "failed"]
    assert [row["created"] for row in rows] == [START + 5, START, START]
    assert len({row["payment_intent"] for row in rows}) == 1
    assert [(row["amount"], row["amount_captured"], row["captured"], row["paid"]) for row in rows] == [
        (1000, 1000, True, True),
        (1000, 0, False, False),
        (1000, 0, False, False),
    ]
    assert [row["failure_code"] for row in rows] == [None, "card_declined", "card_declined"]
    assert [row["outcome"]["type"] for row in rows] == ["authorized", "issuer_declined", "issuer_declined"]
    assert (rows[0]["balance_transaction"], rows[1]["balance_transaction"]) == ("txn_000003", None)
    invoice = call.get("/v1/invoices").body["data"][0]
    assert (invoice["attempt_count"], invoice["status_transitions"]["paid_at"]) == (3, START + 5)
    types = [event["type"] for event in call.world.tables["event"]]
    assert (types.count("charge.failed"), types.count("charge.succeeded"), types.count("charge.created")) == (2, 1, 0)


def test_what_costs_nothing_is_paid_without_a_charge(call: Caller) -> None:
    made = bill(call.world, subscribe(call, {"unit_amount": 0}), START)
    assert made["status"] == "paid"
    assert len(call.world.tables["charge"]) == 0


def test_lists_are_filtered(call: Caller) -> None:
    first, second = subscribe(call), subscribe(call)
    for moment, id in ((START - 9, first), (START - 5, second), (START, first)):
        bill(call.world, id, moment)
    rows = call.get(PATH).body["data"]
    customer = rows[0]["customer"]
    for params, expected in (
        ({"customer": customer}, [0, 2]),
        ({"customer": customer, "created": {"lt": START}}, [2]),
        ({"created": START - 5}, [1]),
        ({"payment_intent": rows[1]["payment_intent"]}, [1]),
        ({"payment_intent": rows[1]["payment_intent"], "customer": customer}, []),
        ({"payment_intent": "pi_x"}, []),
        ({"transfer_group": "g"}, []),
        ({"limit": 1, "starting_after": rows[0]["id"]}, [1]),
        ({"ending_before": rows[1]["id"]}, [0]),
    ):
        assert [row["id"] for row in call.get(PATH, params).body["data"]] == [rows[n]["id"] for n in expected]
    call.send("delete", f"/v1/customers/{customer}")
    assert len(call.get(PATH, {"customer": customer}).body["data"]) == 2


@pytest.mark.parametrize(
    ("params", "status", "code"),
    [
        ({"status": "failed"}, 400, "parameter_unknown"),
        ({"invoice": "in_1"}, 400, "parameter_unknown"),
        ({"customer": "cus_x"}, 400, "resource_missing"),
        ({"ending_before": "ch_x"}, 400, "resource_missing"),
        ({"expand": ["data.invoice"]}, 400, None),
        ({"expand": ["data.balance_transaction"]}, 501, "emulator_gap"),
        ({"expand": ["data.refunds"]}, 501, "emulator_gap"),
    ],
)
def test_what_a_list_cannot_do_is_refused(call: Caller, params: dict[str, Any], status: int, code: str | None) -> None:
    reply = call.get(PATH, params)
    assert (reply.status, reply.code) == (status, code)


def test_only_keys_with_the_permission_read_them(world: World) -> None:
    world.keys |= {"rk_test_a": Key(frozenset({"rak_charge_read"})), "rk_test_b": Key(frozenset({"rak_invoice_read"}))}
    assert Caller(world, "rk_test_a").get(PATH).status == 200
    assert Caller(world, "rk_test_a").get(f"{PATH}/ch_x").status == 404
    assert Caller(world, "rk_test_b").get(PATH).status == 403
    assert Caller(world).post(PATH, {"amount": 1}).code == "emulator_gap"


TIERS = [
    {"up_to": 5, "unit_amount": 500, "flat_amount": 100},
    {"up_to": 10, "unit_amount_decimal": "250.5"},
    {"up_to": "inf", "unit_amount": 100, "flat_amount": 7},
]
GRADUATED = {"billing_scheme": "tiered", "tiers_mode": "graduated", "tiers": TIERS}
VOLUME = {**GRADUATED, "tiers_mode": "volume"}


@pytest.mark.parametrize(
    ("price", "quantity", "amount"),
    [
        ({"unit_amount": 1999}, 3, 5997),
        ({"unit_amount": 1999}, 0, 0),
        ({"unit_amount_decimal": "0.5"}, 1, 1),
        ({"unit_amount_decimal": "0.4"}, 1, 0),
        ({"unit_amount_decimal": "0.012"}, 1000, 12),
        ({"unit_amount": 100, "transform_quantity": {"divide_by": 10, "round": "up"}}, 11, 200),
        ({"unit_amount": 100, "transform_quantity": {"divide_by": 10, "round": "down"}}, 19, 100),
        (GRADUATED, 0, 100),
        (GRADUATED, 5, 2600),
        (GRADUATED, 6, 2851),
        (GRADUATED, 12, 4060),
        (VOLUME, 5, 2600),
        (VOLUME, 6, 1503),
        (VOLUME, 12, 1207),
    ],
)
def test_amounts_are_whole_and_right(call: Caller, price: dict[str, Any], quantity: int, amount: int) -> None:
    base = {"currency": "usd", "product_data": {"name": "P"}, "recurring": {"interval": "month"}}
    record = call.world.tables["price"].get(call.make("/v1/prices", {**base, **price}))
    assert record is not None
    assert amount_of(record, quantity) == amount
    assert isinstance(amount_of(record, quantity), int)


def test_metered_items_are_billed_by_their_usage(call: Caller) -> None:
    sent = {"default_aggregation": {"formula": "sum"}, "display_name": "Calls", "event_name": "calls"}
    recurring = {"interval": "month", "meter": call.make("/v1/billing/meters", sent), "usage_type": "metered"}
    id = subscribe(call, {"recurring": recurring, "unit_amount": 3})
    item = call.get(f"/v1/subscriptions/{id}").body["items"]["data"][0]["id"]
    assert [bill(call.world, id, START, Bill(usage=usage))["lines"][0]["amount"] for usage in ({}, {item: 70})] == [
        0,
        210,
    ]


@pytest.mark.parametrize(
    ("price", "said"),
    [
        ({"currency": "usd", "unit_amount": 1050}, "(at $10.50 / month)"),
        ({"currency": "jpy", "unit_amount": 1050}, "(at \u00a51050 / month)"),
        ({"currency": "chf", "unit_amount_decimal": "0.5"}, "(at CHF 0.005 / month)"),
        ({"currency": "kwd", "unit_amount": 1050}, "(at KWD 1.050 / month)"),
        (
            {"currency": "eur", "unit_amount": 5, "recurring": {"interval": "week", "interval_count": 2}},
            "0.05 / every 2",
        ),
        ({"currency": "eur", **GRADUATED}, "3 \u00d7 Pro"),
    ],
)
def test_lines_say_what_they_are_for(call: Caller, price: dict[str, Any], said: str) -> None:
    base = {"product_data": {"name": "P"}, "recurring": {"interval": "month"}}
    record = call.world.tables["price"].get(call.make("/v1/prices", {**base, **price}))
    assert record is not None
    text = describe(record, "Pro", 3)
    assert text.startswith("3 \u00d7 Pro")
    assert said in text
