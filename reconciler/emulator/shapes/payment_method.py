"""The payment method: its record, which keeps what tells it from others, and what an answer shows of it."""

from __future__ import annotations

from typing import Any

from reconciler.emulator.shapes.shape import Beyond, Inside, Link, Shape
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World

UNSET: Record = {"allow_redisplay": "unspecified", "customer_account": None, "metadata": {}}
NOBODY: Record = {
    "address": {"city": None, "country": None, "line1": None, "line2": None, "postal_code": None, "state": None},
    "email": None,
    "name": None,
    "phone": None,
    "tax_id": None,
}
# What a payment method of a type shows where its record says nothing else. Other types are not implemented.
DETAILS: dict[str, Record] = {
    "card": {
        "brand": "visa",
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
        "country": "US",
        "display_brand": "visa",
        "exp_month": 12,
        "exp_year": 2034,
        "fingerprint": None,
        "funding": "credit",
        "generated_from": None,
        "last4": "4242",
        "networks": {"available": ["visa"], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    },
    "sepa_debit": {
        "bank_code": "37040044",
        "branch_code": "",
        "country": "DE",
        "fingerprint": None,
        "generated_from": {"charge": None, "setup_attempt": None},
        "last4": "3000",
    },
}


def build(world: World, values: dict[str, Any], id: str, created: int) -> Record:
    """A new payment method. `values` holds its `customer`, its `type` ("card" if left out) and what is special
    about it under the name of the type, as {"card": {"brand": "amex", "last4": "0005"}}; and, if need be,
    `allow_redisplay`, `billing_details` and `metadata`.
    """
    kind = values.get("type", "card")
    details = values.get(kind) or {}
    unknown = details.keys() - DETAILS[kind].keys()
    if unknown:
        raise ValueError(f"a payment method of type {kind} has no {', '.join(sorted(unknown))}")
    given = ("allow_redisplay", "billing_details", "metadata")
    return {
        "id": id,
        "object": "payment_method",
        "created": created,
        "customer": values.get("customer"),
        "type": kind,
        **({kind: details} if details else {}),
        **{name: values[name] for name in given if values.get(name)},
    }


def details_of(record: Record) -> Record:
    """What the payment method is made of: the card, the bank account."""
    kind = record["type"]
    shown = {**DETAILS[kind], **record.get(kind, {})}
    brand = shown.get("brand", "visa")
    if brand != "visa":
        shown.update(display_brand=brand, networks={"available": [brand], "preferred": None})
    return shown


def present(world: World, record: Record) -> Record:
    return {
        **UNSET,
        **record,
        "billing_details": {**NOBODY, **record.get("billing_details", {})},
        "livemode": world.livemode,
        record["type"]: details_of(record),
    }


_SETUP = {"setup_attempt": Beyond()}
PAYMENT_METHOD = Shape(
    "payment_method",
    "payment_method",
    present,
    {
        "card": Inside({"generated_from": Inside(_SETUP)}),
        "customer": Link("customer"),
        "sepa_debit": Inside({"generated_from": Inside({**_SETUP, "charge": Link("charge")})}),
    },
)
