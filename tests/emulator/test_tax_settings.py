"""The settings of Stripe Tax: on once the account collects taxes somewhere."""

from __future__ import annotations

import stripe

from reconciler.emulator.key import Key
from reconciler.emulator.world import World
from tests.emulator.client import Caller
from tests.emulator.sdk_contract import missing

PATH = "/v1/tax/settings"


def test_stripe_tax_is_pending_until_the_account_says_where_it_is(world: World) -> None:
    body = Caller(world).get(PATH).body
    assert body["status"] == "pending"
    assert body["status_details"] == {"active": None, "pending": {"missing_fields": ["head_office"]}}
    assert body["head_office"] is None


def test_stripe_tax_is_active_where_taxes_are_collected(world: World) -> None:
    world.tax_places = {"DE": "19"}
    body = Caller(world).get(PATH).body
    assert body["status"] == "active"
    assert body["head_office"]["address"]["country"] == world.country
    assert not list(missing(stripe.tax.Settings, body))


def test_a_key_needs_the_permission_to_read_them(world: World) -> None:
    world.keys["rk_test_plan"] = Key(frozenset({"rak_customer_read"}))
    assert Caller(world, key="rk_test_plan").get(PATH).status == 403
