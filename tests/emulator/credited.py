"""An account that can grant credits: what to send, and what its ledger says."""

from __future__ import annotations

from typing import Any

from reconciler.emulator.world import World
from tests.emulator.client import Caller

GRANTS, SUMMARY = "/v1/billing/credit_grants", "/v1/billing/credit_balance_summary"
TRANSACTIONS = "/v1/billing/credit_balance_transactions"
DAY = 86400
METERED: dict[str, Any] = {"scope": {"price_type": "metered"}}
ANY_PRICE = {"type": "applicability_scope", "applicability_scope": {"price_type": "metered"}}


def money(value: Any = 1000, currency: str = "usd") -> dict[str, Any]:
    return {"type": "monetary", "monetary": {"currency": currency, "value": value}}


def values(customer: str = "cus_000001", **more: Any) -> dict[str, Any]:
    """What a grant is created with."""
    return {"amount": money(), "applicability_config": METERED, "customer": customer, **more}


def stocked(world: World) -> Caller:
    """A customer; a metered price with its meter, and a licensed one."""
    caller = Caller(world)
    caller.make("/v1/customers", {})
    meter = {"default_aggregation": {"formula": "sum"}, "display_name": "M", "event_name": "m"}
    recurring = {"interval": "month", "usage_type": "metered", "meter": caller.make("/v1/billing/meters", meter)}
    base = {"currency": "usd", "product": caller.make("/v1/products", {"name": "P"}), "unit_amount": 5}
    caller.make("/v1/prices", {**base, "recurring": recurring})
    caller.make("/v1/prices", {**base, "recurring": {"interval": "month"}})
    return caller


def balance(call: Caller, **chosen: Any) -> dict[str, tuple[int, int]]:
    """What is available and what the ledger says, by currency."""
    reply = call.get(SUMMARY, {"customer": "cus_000001", "filter": chosen or ANY_PRICE})
    assert reply.status == 200, reply.body
    read = [
        [row[name]["monetary"] for name in ("available_balance", "ledger_balance")] for row in reply.body["balances"]
    ]
    return {available["currency"]: (available["value"], ledger["value"]) for available, ledger in read}


def movements(call: Caller, **params: Any) -> list[tuple[str, int]]:
    """Why the ledger moved and by how much, newest first."""
    rows = call.get(TRANSACTIONS, {"customer": "cus_000001", **params}).body["data"]
    sides = [row["credit"] or row["debit"] for row in rows]
    return [(side["type"], side["amount"]["monetary"]["value"]) for side in sides]


def told(call: Caller) -> list[tuple[str, int]]:
    """The newest events of credits: of what, and how long ago."""
    rows = call.get("/v1/events", {"limit": 100}).body["data"]
    return [
        (row["type"].removeprefix("billing.credit_"), call.world.now() - row["created"])
        for row in rows
        if row["type"].startswith("billing.credit_")
    ]
