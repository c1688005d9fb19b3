"""The parameters with which subscriptions are created, changed, canceled and listed."""

from __future__ import annotations

from reconciler.emulator.currency import CURRENCY
from reconciler.emulator.listing import CURSORS, SPAN
from reconciler.emulator.metadata import Metadata
from reconciler.emulator.rules.terms import (
    AUTOMATIC_TAX,
    COLLECTION,
    DISCOUNTS,
    EXTRAS,
    ITEM,
    MAX_ITEMS,
    PRORATION,
    TAX_RATES,
)
from reconciler.emulator.schema import EXPAND, GAP, TIMESTAMP, Array, Boolean, Choice, Hash, Integer, Kind, Text, WordOr

STATUSES = (
    "active",
    "canceled",
    "incomplete",
    "incomplete_expired",
    "past_due",
    "paused",
    "trialing",
    "unpaid",
)
PERIOD_ENDS = ("max_period_end", "min_period_end")
_BOTH_GAPS = (
    "application_fee_percent",
    "billing_schedules",
    "billing_thresholds",
    "default_source",
    "invoice_settings",
    "off_session",
    "on_behalf_of",
    "payment_settings",
    "pending_invoice_item_interval",
    "transfer_data",
    "trial_from_plan",
    "trial_settings",
)
_CREATE_GAPS = ("billing_cycle_anchor_config", "billing_mode", "customer_account")
_UPDATE_GAPS = (
    "add_invoice_items",
    "automatic_tax",
    "billing_cycle_anchor",
    "cancellation_details",
    "items",
    "pause_collection",
    "proration_date",
    "trial_end",
)
_BOTH: dict[str, Kind] = {
    **dict.fromkeys(_BOTH_GAPS, GAP),
    "cancel_at_period_end": Boolean(),
    "collection_method": COLLECTION,
    "days_until_due": Integer(0),
    "default_payment_method": Text(),
    "default_tax_rates": TAX_RATES,
    "discounts": DISCOUNTS,
    "expand": EXPAND,
    "metadata": Metadata(),
    "payment_behavior": Choice(
        ("allow_incomplete", "default_incomplete", "error_if_incomplete", "pending_if_incomplete")
    ),
    "proration_behavior": PRORATION,
}
# `max_billed_until` is of subscriptions that are billed ahead, which are not modelled.
_CANCEL_AT = WordOr((*PERIOD_ENDS, "max_billed_until"), TIMESTAMP)
CREATE = Hash(
    {
        **_BOTH,
        **dict.fromkeys(_CREATE_GAPS, GAP),
        "add_invoice_items": EXTRAS,
        "automatic_tax": AUTOMATIC_TAX,
        "backdate_start_date": TIMESTAMP,
        "billing_cycle_anchor": TIMESTAMP,
        "cancel_at": _CANCEL_AT,
        "currency": CURRENCY,
        "customer": Text(),
        "description": Text(500),
        "items": Array(Hash({**ITEM, "current_trial": GAP}), MAX_ITEMS),
        "trial_end": WordOr(("now",), TIMESTAMP),
        "trial_period_days": Integer(1, 730),
    },
    ("customer", "items"),
)
UPDATE = Hash(
    {
        **_BOTH,
        **dict.fromkeys(_UPDATE_GAPS, GAP),
        "cancel_at": WordOr((*PERIOD_ENDS, "max_billed_until", ""), TIMESTAMP),
        "description": Text(500, blank=True),
    }
)
RETRIEVE = Hash({"expand": EXPAND})
_FEEDBACK = (
    "customer_service",
    "low_quality",
    "missing_features",
    "other",
    "switched_service",
    "too_complex",
    "too_expensive",
    "unused",
)
CANCEL = Hash(
    {
        "cancellation_details": Hash(
            {"comment": Text(blank=True), "feedback": Choice(_FEEDBACK, blank=True), "feedback_option": GAP}
        ),
        "expand": EXPAND,
        "invoice_now": Boolean(),
        "prorate": Boolean(),
    }
)
LIST = Hash(
    {
        **CURSORS,
        "automatic_tax": Hash({"enabled": Boolean()}, ("enabled",)),
        "collection_method": COLLECTION,
        "created": SPAN,
        "current_period_end": SPAN,
        "current_period_start": SPAN,
        "customer": Text(),
        "customer_account": GAP,
        "plan": GAP,
        "price": Text(),
        "status": Choice(("all", "ended", *STATUSES)),
        "test_clock": Text(),
    }
)
