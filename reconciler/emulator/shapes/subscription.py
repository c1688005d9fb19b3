"""The subscription: its record and what an answer shows of it."""

from __future__ import annotations

from typing import Any

from reconciler.emulator.metadata import merge
from reconciler.emulator.shapes.price import PRICE
from reconciler.emulator.shapes.price import present as present_price
from reconciler.emulator.shapes.shape import Beyond, Expansion, Inside, Link, Rows, Shape
from reconciler.emulator.shapes.tax_rate import shown_rates
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World

SHOWN_ITEMS = 10
OWN_TAX: Record = {"disabled_reason": None, "enabled": True, "liability": {"account": None, "type": "self"}}
# What Stripe shows when nothing is set; most of it the emulator never sets.
UNSET: Record = {
    "application": None,
    "application_fee_percent": None,
    "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
    "billing_cycle_anchor_config": None,
    "billing_mode": {"flexible": {"proration_discounts": "included"}, "type": "flexible", "updated_at": None},
    "billing_schedules": [],
    "billing_thresholds": None,
    "customer_account": None,
    "default_payment_method": None,
    "default_source": None,
    "default_tax_rates": [],
    "discounts": [],
    "invoice_settings": {
        "account_tax_ids": None,
        "custom_fields": None,
        "description": None,
        "footer": None,
        "issuer": {"account": None, "type": "self"},
    },
    "latest_invoice": None,
    "managed_payments": None,
    "next_pending_invoice_item_invoice": None,
    "on_behalf_of": None,
    "pause_collection": None,
    "payment_settings": {
        "payment_method_options": None,
        "payment_method_types": None,
        "save_default_payment_method": "off",
    },
    "pending_invoice_item_interval": None,
    "pending_setup_intent": None,
    "pending_update": None,
    "presentment_details": None,
    "schedule": None,
    "status_details": None,
    "test_clock": None,
    "transfer_data": None,
    "trial_settings": {"end_behavior": {"billing_cycle_anchor": None, "missing_payment_method": "create_invoice"}},
}


def build(world: World, params: dict[str, Any], id: str, created: int) -> Record:
    """A new subscription from checked parameters, but for its lines, its status and what follows from them."""
    ends = params.get("cancel_at_period_end", False)
    return {
        "id": id,
        "object": "subscription",
        "cancel_at_period_end": ends,
        "canceled_at": created if ends else None,
        "cancellation_details": {
            "comment": None,
            "feedback": None,
            "feedback_option": None,
            "reason": "cancellation_requested" if ends else None,
        },
        "collection_method": params.get("collection_method", "charge_automatically"),
        "created": created,
        "customer": params["customer"],
        "days_until_due": params.get("days_until_due"),
        "description": params.get("description"),
        "livemode": world.livemode,
        "metadata": merge({}, params.get("metadata") or {}),
        "start_date": created,
    }


def build_line(world: World, values: dict[str, Any], start: int, end: int) -> Record:
    """One line; a metered price has no quantity."""
    price = world.tables["price"].get(values["price"])
    metered = price is not None and price["recurring"]["usage_type"] == "metered"
    return {
        "id": world.new_id("si"),
        "created": start,
        "current_period_start": start,
        "current_period_end": end,
        "metadata": merge({}, values.get("metadata", {})),
        "price": values["price"],
        "quantity": None if metered else values.get("quantity", 1),
        **({"tax_rates": values["tax_rates"]} if values.get("tax_rates") else {}),
    }


def present(world: World, record: Record) -> Record:
    """The record with its first lines as a list object, each with its whole price and the plan it stands for."""
    rows = [present_line(world, row) for row in rows_of(record)[:SHOWN_ITEMS]]
    url = f"/v1/subscription_items?subscription={record['id']}"
    lines = {"object": "list", "data": rows, "has_more": len(record["items"]) > SHOWN_ITEMS, "url": url}
    rates = shown_rates(world, record.get("default_tax_rates", ()))
    shown = {**UNSET, **record, "default_tax_rates": rates, "items": lines}
    shown.pop("life", None)
    return shown


def rows_of(record: Record) -> list[Record]:
    """The lines as records of their own, which know their subscription."""
    return [{"object": "subscription_item", "subscription": record["id"], **line} for line in record["items"]]


def present_line(world: World, line: Record) -> Record:
    """One line, as `rows_of` gives it."""
    price = world.tables["price"].get(line["price"])
    assert price is not None, "prices are never deleted"
    shown = {
        "id": line["id"],
        "object": "subscription_item",
        "billed_until": line["current_period_end"],
        "billing_thresholds": None,
        "created": line["created"],
        "current_period_end": line["current_period_end"],
        "current_period_start": line["current_period_start"],
        "current_trial": None,
        "discounts": [],
        "metadata": line["metadata"],
        "plan": _plan(price),
        "price": present_price(world, price),
        "subscription": line["subscription"],
        "tax_rates": shown_rates(world, line.get("tax_rates", ())),
    }
    # Metered lines have no quantity at all.
    return shown if line["quantity"] is None else {**shown, "quantity": line["quantity"]}


def _plan(price: Record) -> Record:
    recurring = price["recurring"]
    same = ("id", "active", "billing_scheme", "created", "currency", "livemode", "metadata", "nickname", "product")
    return {
        **{name: price[name] for name in same},
        "object": "plan",
        "amount": price["unit_amount"],
        "amount_decimal": price["unit_amount_decimal"],
        "interval": recurring["interval"],
        "interval_count": recurring["interval_count"],
        "meter": recurring["meter"],
        "tiers_mode": price["tiers_mode"],
        "transform_usage": price["transform_quantity"],
        "trial_period_days": recurring["trial_period_days"],
        "usage_type": recurring["usage_type"],
    }


_LINE: dict[str, Expansion] = {"price": Inside(PRICE.expansions), "plan": Inside({"product": Link("product")})}
SUBSCRIPTION_ITEM = Shape("subscription_item", "subscription_item", present_line, _LINE)
SUBSCRIPTION = Shape(
    "subscription",
    "customer.subscription",
    present,
    {
        "customer": Link("customer"),
        "default_payment_method": Link("payment_method"),
        "default_source": Beyond(),
        "discounts": Link("discount"),
        "items": Rows(_LINE),
        "latest_invoice": Link("invoice"),
        "pending_setup_intent": Beyond(),
        "schedule": Link("subscription_schedule"),
        "test_clock": Beyond(),
    },
)
