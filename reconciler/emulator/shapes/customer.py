"""The customer: its record and what an answer shows of it."""

from __future__ import annotations

from typing import Any

from reconciler.emulator.metadata import merge
from reconciler.emulator.shapes.shape import Beyond, Inside, Link, Shape
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World

PLAIN = ("business_name", "description", "email", "individual_name", "name", "phone")
ADDRESS = ("city", "country", "line1", "line2", "postal_code", "state")


def build(world: World, params: dict[str, Any], id: str, created: int) -> Record:
    """A new customer from checked parameters; its invoice prefix is in them."""
    return {
        "id": id,
        "object": "customer",
        "address": address(params.get("address")),
        "balance": params.get("balance", 0),
        "created": created,
        "currency": None,
        "customer_account": None,
        "default_source": None,
        "delinquent": False,
        "discount": None,
        "invoice_prefix": params["invoice_prefix"],
        "invoice_settings": invoice_settings(params.get("invoice_settings", {}), {}),
        "livemode": world.livemode,
        "metadata": merge({}, params.get("metadata") or {}),
        "next_invoice_sequence": params.get("next_invoice_sequence", 1),
        "preferred_locales": params.get("preferred_locales", []),
        "shipping": shipping(params.get("shipping")),
        "tax_exempt": params.get("tax_exempt") or "none",
        "test_clock": None,
        **{name: params.get(name) for name in PLAIN},
    }


def address(value: dict[str, Any] | None) -> Record | None:
    """All six lines, whichever were given."""
    return None if value is None else {name: value.get(name) for name in ADDRESS}


def shipping(value: dict[str, Any] | None) -> Record | None:
    if value is None:
        return None
    return {
        "address": address(value["address"]),
        "carrier": None,
        "name": value["name"],
        "phone": value.get("phone"),
        "tracking_number": None,
    }


def invoice_settings(value: dict[str, Any], before: dict[str, Any]) -> Record:
    """The settings after an update: only what was given changes."""
    settings: Record = {"custom_fields": None, "default_payment_method": None, "footer": None}
    settings = {**settings, "rendering_options": None, **before, **value}
    options = settings["rendering_options"]
    if options is not None:
        settings["rendering_options"] = {
            "amount_tax_display": options.get("amount_tax_display"),
            "template": options.get("template"),
        }
    return settings


def present(world: World, record: Record) -> Record:
    return dict(record)


CUSTOMER = Shape(
    "customer",
    "customer",
    present,
    {
        "cash_balance": Beyond(),
        "default_source": Beyond(),
        "invoice_credit_balance": Beyond(),
        "invoice_settings": Inside({"default_payment_method": Link("payment_method")}),
        "sources": Beyond(),
        "subscriptions": Beyond(),
        "tax": Beyond(),
        "tax_ids": Beyond(),
        "test_clock": Beyond(),
    },
)
