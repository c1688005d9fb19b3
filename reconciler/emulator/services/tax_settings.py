"""The settings of Stripe Tax: `/v1/tax/settings`. It is on once the account says where taxes are collected."""

from __future__ import annotations

from reconciler.emulator.route import Answer, Call, Routes
from reconciler.emulator.schema import EXPAND, Hash
from reconciler.emulator.world import World

ROUTES = Routes("tax.settings", "rak_tax_settings")
RETRIEVE = Hash({"expand": EXPAND})


@ROUTES.route("get", "/v1/tax/settings", RETRIEVE)
def retrieve(world: World, call: Call) -> Answer:
    active = bool(world.tax_places)
    office = {"city": None, "country": world.country, "line1": None, "line2": None, "postal_code": None, "state": None}
    return {
        "object": "tax.settings",
        "defaults": {"provider": "stripe", "tax_behavior": None, "tax_code": None},
        "head_office": {"address": office} if active else None,
        "status": "active" if active else "pending",
        "status_details": {
            "active": {} if active else None,
            "pending": None if active else {"missing_fields": ["head_office"]},
        },
    }
