"""The charge: its record, which keeps what tells it from others, and what an answer shows of it."""

from __future__ import annotations

from typing import Any

from reconciler.emulator.shapes.payment_method import NOBODY, details_of
from reconciler.emulator.shapes.shape import Beyond, Inside, Link, Shape
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World

# What the emulator never sets, as Stripe shows it when nothing is set.
UNSET: Record = {
    "amount_refunded": 0,
    "application": None,
    "application_fee": None,
    "application_fee_amount": None,
    "balance_transaction": None,
    "calculated_statement_descriptor": None,
    "description": None,
    "disputed": False,
    "failure_balance_transaction": None,
    "failure_code": None,
    "failure_message": None,
    "fraud_details": {},
    "metadata": {},
    "on_behalf_of": None,
    "receipt_email": None,
    "receipt_number": None,
    "receipt_url": None,
    "refunded": False,
    "review": None,
    "shipping": None,
    "source": None,
    "source_transfer": None,
    "statement_descriptor": None,
    "statement_descriptor_suffix": None,
    "transfer_data": None,
    "transfer_group": None,
}
AUTHORIZED: Record = {
    "advice_code": None,
    "network_advice_code": None,
    "network_decline_code": None,
    "network_status": "approved_by_network",
    "reason": None,
    "risk_level": "normal",
    "seller_message": "Payment complete.",
    "type": "authorized",
}
DECLINED: Record = {
    **AUTHORIZED,
    "network_status": "declined_by_network",
    "reason": "generic_decline",
    "seller_message": "The bank did not return any further details with this decline.",
    "type": "issuer_declined",
}
UNAVAILABLE: Record = {"status": "unavailable"}
# Of a card, what the charge repeats and what it says of the payment itself.
_SAME = ("brand", "checks", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4", "regulated_status")
_CARD: Record = {
    "authorization_code": None,
    "extended_authorization": {"status": "disabled"},
    "incremental_authorization": UNAVAILABLE,
    "installments": None,
    "mandate": None,
    "multicapture": UNAVAILABLE,
    "network_token": {"used": False},
    "network_transaction_id": None,
    "three_d_secure": None,
    "transaction_link_id": None,
    "wallet": None,
}


def build(world: World, values: dict[str, Any], id: str, created: int) -> Record:
    """A new charge: `amount`, `currency`, `customer`, `payment_method` and `payment_intent` (ids), `status`
    ("succeeded" or "failed"); and, if need be, `description`, `metadata`, `transfer_group`.
    """
    same = ("amount", "currency", "customer", "payment_intent", "payment_method", "status")
    return {
        "id": id,
        "object": "charge",
        "created": created,
        **{name: values[name] for name in same},
        **{name: values[name] for name in ("description", "metadata", "transfer_group") if values.get(name)},
    }


def present(world: World, record: Record) -> Record:
    """The whole charge; its payment method is shown as it is now, since none ever changes here."""
    method = world.tables["payment_method"].get(record["payment_method"])
    paid = record["status"] == "succeeded"
    amount, number = record["amount"], record["id"].partition("_")[2]
    shown = {
        **UNSET,
        **record,
        "amount_captured": amount if paid else 0,
        "billing_details": {**NOBODY, **((method or {}).get("billing_details") or {})},
        "captured": paid,
        "livemode": world.livemode,
        "outcome": AUTHORIZED if paid else DECLINED,
        "paid": paid,
        "payment_method_details": None if method is None else _details(method, amount),
    }
    if paid:
        shown["balance_transaction"] = f"txn_{number}"
        shown["receipt_url"] = f"https://pay.stripe.com/receipts/{record['id']}"
    else:
        shown["failure_code"], shown["failure_message"] = "card_declined", "Your card was declined."
    return shown


def _details(method: Record, amount: int) -> Record:
    kind, details = method["type"], details_of(method)
    if kind == "sepa_debit":
        same = ("bank_code", "branch_code", "country", "fingerprint", "last4")
        return {"sepa_debit": {**{name: details[name] for name in same}, "mandate": None}, "type": kind}
    card = {
        **{name: details[name] for name in _SAME},
        **_CARD,
        "amount_authorized": amount,
        "network": details["brand"],
        "overcapture": {"maximum_amount_capturable": amount, "status": "unavailable"},
    }
    return {"card": card, "type": kind}


CHARGE = Shape(
    "charge",
    "charge",
    present,
    {
        "application": Beyond(),
        "application_fee": Beyond(),
        "balance_transaction": Beyond(),
        "customer": Link("customer"),
        "failure_balance_transaction": Beyond(),
        "on_behalf_of": Beyond(),
        "payment_intent": Beyond(),
        "payment_method_details": Inside({"card": Inside({"mandate": Beyond()})}),
        "refunds": Beyond(),
        "review": Beyond(),
        "source_transfer": Beyond(),
        "transfer": Beyond(),
        "transfer_data": Inside({"destination": Beyond()}),
    },
)
