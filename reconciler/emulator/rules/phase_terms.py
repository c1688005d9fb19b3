"""The parameters of a schedule's phases and of its default settings."""

from __future__ import annotations

from reconciler.emulator.currency import CURRENCY
from reconciler.emulator.metadata import Metadata
from reconciler.emulator.rules.price import INTERVAL
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
from reconciler.emulator.schema import GAP, TIMESTAMP, Array, Boolean, Choice, Hash, Integer, Kind, Text, WordOr

# As many current and future phases as Stripe's guide allows.
MAX_PHASES = 10
_ANCHOR = Choice(("automatic", "phase_start"))
_INVOICES = Hash(
    {
        **dict.fromkeys(("account_tax_ids", "custom_fields", "description", "footer", "issuer"), GAP),
        "days_until_due": Integer(0),
    }
)
_BOTH: dict[str, Kind] = {
    "application_fee_percent": GAP,
    "automatic_tax": AUTOMATIC_TAX,
    "billing_cycle_anchor": _ANCHOR,
    "billing_thresholds": GAP,
    "collection_method": COLLECTION,
    "default_payment_method": Text(),
    "description": Text(500, blank=True),
    "invoice_settings": _INVOICES,
    "on_behalf_of": GAP,
    "transfer_data": GAP,
}
DEFAULT_SETTINGS = Hash(_BOTH)
_PHASE: dict[str, Kind] = {
    **_BOTH,
    "add_invoice_items": EXTRAS,
    "currency": CURRENCY,
    "default_tax_rates": TAX_RATES,
    "discounts": DISCOUNTS,
    "duration": Hash({"interval": INTERVAL, "interval_count": Integer(1)}, ("interval",)),
    "end_date": TIMESTAMP,
    "items": Array(Hash(ITEM), MAX_ITEMS),
    "metadata": Metadata(blank=False),
    "proration_behavior": PRORATION,
    "trial": Boolean(),
    "trial_end": TIMESTAMP,
}
PHASES = Array(Hash(_PHASE, ("items",)), MAX_PHASES)
_LATER = WordOr(("now",), TIMESTAMP)
CHANGED_PHASES = Array(
    Hash({**_PHASE, "end_date": _LATER, "start_date": _LATER, "trial_end": _LATER}, ("items",)), MAX_PHASES
)
