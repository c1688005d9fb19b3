"""The account of the key: `/v1/account`."""

from __future__ import annotations

from reconciler.emulator.errors import EmulatorGap
from reconciler.emulator.route import Answer, Call, Routes
from reconciler.emulator.schema import EXPAND, Hash
from reconciler.emulator.world import World

ROUTES = Routes("account", "rak_accounts_kyc_basic_read")
RETRIEVE = Hash({"expand": EXPAND})


@ROUTES.route("get", "/v1/account", RETRIEVE)
def retrieve(world: World, call: Call) -> Answer:
    url = f"/v1/accounts/{world.account_id}/external_accounts"
    return {
        "id": world.account_id,
        "object": "account",
        "business_profile": None,
        "business_type": None,
        "capabilities": {"card_payments": "active", "transfers": "active"},
        "charges_enabled": True,
        "controller": {"type": "account"},
        "country": world.country,
        "created": world.created,
        "default_currency": world.default_currency,
        "details_submitted": True,
        "email": None,
        "external_accounts": {"object": "list", "data": [], "has_more": False, "url": url},
        "metadata": {},
        "payouts_enabled": True,
        "settings": {"dashboard": {"display_name": None, "timezone": "Etc/UTC"}},
        "tos_acceptance": {"date": None, "ip": None, "user_agent": None},
        "type": "standard",
    }


@ROUTES.route("get", "/v1/accounts/{id}", RETRIEVE)
def retrieve_by_id(world: World, call: Call) -> Answer:
    """The own account under its id; others would need Connect."""
    if call.id != world.account_id:
        raise EmulatorGap("accounts other than the key's own")
    return retrieve(world, call)
