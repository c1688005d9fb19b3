"""The credit balance transaction: its record and what an answer shows of it."""

from __future__ import annotations

from typing import Any

from reconciler.emulator.shapes.shape import Beyond, Inside, Link, Shape
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World


def build(world: World, values: dict[str, Any], id: str, created: int) -> Record:
    """A new transaction of a `grant` (its record): `side` (credit or debit), `reason`, `value` in minor units,
    `effective_at` if it is not effective at once; and, for what an invoice took, `invoice` and `invoice_line_item`.
    """
    grant, side, reason = values["grant"], values["side"], values["reason"]
    amount = {"monetary": {**grant["amount"]["monetary"], "value": values["value"]}, "type": "monetary"}
    billed = None
    if values.get("invoice") is not None:
        billed = {"invoice": values["invoice"], "invoice_line_item": values["invoice_line_item"]}
    told = "credits_application_invoice_voided" if side == "credit" else "credits_applied"
    movement = {"amount": amount, told: billed, "type": reason}
    return {
        "id": id,
        "object": "billing.credit_balance_transaction",
        "created": created,
        "credit": movement if side == "credit" else None,
        "credit_grant": grant["id"],
        "customer": grant["customer"],
        "debit": movement if side == "debit" else None,
        "effective_at": values.get("effective_at", created),
        "livemode": world.livemode,
        "test_clock": grant["test_clock"],
        "type": side,
    }


def value_of(record: Record) -> int:
    """What a transaction adds to the balance of its grant, in minor units."""
    movement = record["credit"] or record["debit"]
    value: int = movement["amount"]["monetary"]["value"]
    return value if record["type"] == "credit" else -value


def present(world: World, record: Record) -> Record:
    """Without the customer, whom only the grant names."""
    return {name: value for name, value in record.items() if name != "customer"}


CREDIT_BALANCE_TRANSACTION = Shape(
    "billing.credit_balance_transaction",
    "billing.credit_balance_transaction",
    present,
    {
        "credit": Inside({"credits_application_invoice_voided": Inside({"invoice": Link("invoice")})}),
        "credit_grant": Link("billing.credit_grant"),
        "debit": Inside({"credits_applied": Inside({"invoice": Link("invoice")})}),
        "test_clock": Beyond(),
    },
)
