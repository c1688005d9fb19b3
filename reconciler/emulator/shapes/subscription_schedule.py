"""The subscription schedule: its record and what an answer shows of it."""

from __future__ import annotations

from typing import Any

from reconciler.emulator.shapes.shape import Beyond, Inside, Link, Shape
from reconciler.emulator.shapes.subscription import OWN_TAX
from reconciler.emulator.shapes.subscription import UNSET as NO_SUBSCRIPTION
from reconciler.emulator.shapes.tax_rate import shown_rates
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World

# What Stripe shows when nothing is set; most of it the emulator never sets.
UNSET: Record = {
    "application": None,
    "billing_mode": {"flexible": {"proration_discounts": "included"}, "type": "flexible", "updated_at": None},
    "canceled_at": None,
    "completed_at": None,
    "customer_account": None,
    "default_settings": {
        "application_fee_percent": None,
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_cycle_anchor": "automatic",
        "billing_thresholds": None,
        "collection_method": "charge_automatically",
        "default_payment_method": None,
        "description": None,
        "invoice_settings": {
            "account_tax_ids": None,
            "custom_fields": None,
            "days_until_due": None,
            "description": None,
            "footer": None,
            "issuer": {"account": None, "type": "self"},
        },
        "on_behalf_of": None,
        "transfer_data": None,
    },
    "end_behavior": "release",
    "metadata": {},
    "pause_schedules": [],
    "released_at": None,
    "released_subscription": None,
    "subscription": None,
    "test_clock": None,
}
PHASE: Record = {
    "add_invoice_items": [],
    "application_fee_percent": None,
    "billing_cycle_anchor": None,
    "billing_thresholds": None,
    "collection_method": None,
    "default_payment_method": None,
    "default_tax_rates": [],
    "description": None,
    "discounts": [],
    "invoice_settings": None,
    "metadata": {},
    "on_behalf_of": None,
    "proration_behavior": "create_prorations",
    "transfer_data": None,
    "trial_end": None,
}
BILLS: Record = {
    "account_tax_ids": None,
    "custom_fields": None,
    "days_until_due": None,
    "description": None,
    "footer": None,
    "issuer": None,
}
ITEM: Record = {"billing_thresholds": None, "discounts": [], "metadata": {}, "tax_rates": []}


def build(world: World, values: dict[str, Any], id: str, created: int) -> Record:
    """A new schedule that has not started: `customer` (id) and `phases`, each with `start_date`, `end_date`,
    `currency` and `items` of `price` and `quantity`; and, if need be, `end_behavior` and `metadata`.
    """
    return {
        "id": id,
        "object": "subscription_schedule",
        "created": created,
        "customer": values["customer"],
        "phases": values["phases"],
        "status": "not_started",
        **{name: values[name] for name in ("end_behavior", "metadata") if values.get(name)},
    }


def current_phase(world: World, record: Record) -> Record | None:
    """The phase that an active schedule is in."""
    if record["status"] != "active":
        return None
    now = world.now()
    for phase in record["phases"]:
        if phase["start_date"] <= now < phase["end_date"]:
            return {"end_date": phase["end_date"], "start_date": phase["start_date"]}
    return None


def present(world: World, record: Record) -> Record:
    shown = {
        **UNSET,
        **record,
        "current_phase": current_phase(world, record),
        "default_settings": _defaults(record.get("default_settings", {})),
        "livemode": world.livemode,
        "phases": [_phase(world, phase) for phase in record["phases"]],
    }
    shown.pop("life", None)
    return shown


def _tax(given: Record) -> Record:
    return OWN_TAX if given["enabled"] else dict(NO_SUBSCRIPTION["automatic_tax"])


def _defaults(given: Record) -> Record:
    shown = {**UNSET["default_settings"], **given}
    if "automatic_tax" in given:
        shown["automatic_tax"] = _tax(given["automatic_tax"])
    bills = UNSET["default_settings"]["invoice_settings"]
    return {**shown, "invoice_settings": {**bills, **given.get("invoice_settings", {})}}


def _phase(world: World, phase: Record) -> Record:
    shown = {**PHASE, **phase, "default_tax_rates": shown_rates(world, phase.get("default_tax_rates", ()))}
    if "automatic_tax" in phase:
        shown["automatic_tax"] = _tax(phase["automatic_tax"])
    if "invoice_settings" in phase:
        shown["invoice_settings"] = {**BILLS, **phase["invoice_settings"]}
    extras = phase.get("add_invoice_items", ())
    shown["add_invoice_items"] = [{**extra, "tax_rates": shown_rates(world, extra["tax_rates"])} for extra in extras]
    shown["items"] = [
        {**ITEM, **item, "plan": item["price"], "tax_rates": shown_rates(world, item.get("tax_rates", ()))}
        for item in phase["items"]
    ]
    return shown


SUBSCRIPTION_SCHEDULE = Shape(
    "subscription_schedule",
    "subscription_schedule",
    present,
    {
        "application": Beyond(),
        "customer": Link("customer"),
        "default_settings": Inside({"default_payment_method": Link("payment_method"), "on_behalf_of": Beyond()}),
        "phases": Beyond(),
        "subscription": Link("subscription"),
        "test_clock": Beyond(),
    },
)
