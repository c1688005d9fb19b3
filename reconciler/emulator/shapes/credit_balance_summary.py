"""The credit balance summary: reckoned for each answer and kept nowhere."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.emulator.shapes.shape import Link, Shape
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World


def build(world: World, customer: str, balances: Mapping[str, tuple[int, int]]) -> Record:
    """A summary of what is available and what the ledger says, by currency."""
    return {
        "object": "billing.credit_balance_summary",
        "balances": [
            {"available_balance": _money(currency, available), "ledger_balance": _money(currency, ledger)}
            for currency, (available, ledger) in sorted(balances.items())
        ],
        "customer": customer,
        "customer_account": None,
        "livemode": world.livemode,
    }


def _money(currency: str, value: int) -> Record:
    return {"monetary": {"currency": currency, "value": value}, "type": "monetary"}


def present(world: World, record: Record) -> Record:
    return dict(record)


CREDIT_BALANCE_SUMMARY = Shape("billing.credit_balance_summary", "", present, {"customer": Link("customer")})
