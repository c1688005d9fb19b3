"""What Stripe writes otherwise than a spec does is no difference."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.core.changes import Action
from tests.account import Account
from tests.kinds.plans import PRICE, PRODUCT, by_hand, change, ids

GROUND: dict[str, Any] = {"product.pro": PRODUCT, "product.team": {"name": "Team"}}
ONCE: dict[str, Any] = {"product": "product.pro", "currency": "usd", "unit_amount": 1000}
TIERED: dict[str, Any] = {
    "product": "product.pro",
    "currency": "usd",
    "recurring": {"interval": "month"},
    "billing_scheme": "tiered",
    "tiers_mode": "graduated",
}
LAUNCH: dict[str, Any] = {"percent_off": 20}
SIZES: dict[str, Any] = {"height": "1.50", "length": 2, "weight": "3.0", "width": 4}

# Two ways to write the same resource: the first is applied, the second is then planned.
SAME: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "interval_count is 1 unless declared": (
        "price.x",
        {**ONCE, "recurring": {"interval": "month"}},
        {**ONCE, "recurring": {"interval": "month", "interval_count": 1, "usage_type": "licensed"}},
    ),
    "billing_scheme is per_unit unless declared": ("price.x", ONCE, {**ONCE, "billing_scheme": "per_unit"}),
    "tax_behavior is unspecified unless declared": ("price.x", ONCE, {**ONCE, "tax_behavior": "unspecified"}),
    "active is true unless declared": ("product.x", PRODUCT, {**PRODUCT, "active": True}),
    "a coupon lasts once unless declared": ("coupon.x", LAUNCH, {**LAUNCH, "duration": "once"}),
    "null is a field that is left out": ("product.x", PRODUCT, {**PRODUCT, "description": None}),
    "null inside a mapping is a field that is left out": (
        "price.x",
        {**ONCE, "recurring": {"interval": "month"}},
        {**ONCE, "recurring": {"interval": "month", "trial_period_days": None, "meter": None}},
    ),
    "the products of a coupon have no order": (
        "coupon.x",
        {**LAUNCH, "applies_to": {"products": ["product.pro", "product.team"]}},
        {**LAUNCH, "applies_to": {"products": ["product.team", "product.pro"]}},
    ),
    "trailing zeros of a percentage": ("coupon.x", {"percent_off": "12.50"}, {"percent_off": "12.5"}),
    "a whole percentage as a text": (
        "tax_rate.x",
        {"display_name": "VAT", "percentage": 19, "inclusive": False},
        {"display_name": "VAT", "percentage": "19.00", "inclusive": False},
    ),
    "an amount in either spelling": (
        "price.x",
        {**ONCE, "unit_amount": 2900},
        {"product": "product.pro", "currency": "usd", "unit_amount_decimal": "2900.0"},
    ),
    "a decimal amount with zeros at its end": (
        "price.x",
        {"product": "product.pro", "currency": "usd", "unit_amount_decimal": "0.10"},
        {"product": "product.pro", "currency": "usd", "unit_amount_decimal": "0.1"},
    ),
    "a currency in capitals": ("price.x", ONCE, {**ONCE, "currency": "USD"}),
    "amounts of tiers in either spelling": (
        "price.x",
        {**TIERED, "tiers": [{"up_to": 5, "unit_amount": 100}, {"up_to": "inf", "flat_amount": 0}]},
        {
            **TIERED,
            "tiers": [{"up_to": 5, "unit_amount_decimal": "100.0"}, {"up_to": "inf", "flat_amount_decimal": "0"}],
        },
    ),
    "a moment in epoch seconds": (
        "coupon.x",
        {**LAUNCH, "redeem_by": "2028-01-01T00:00:00Z"},
        {**LAUNCH, "redeem_by": 1830297600},
    ),
    "a moment in another zone": (
        "coupon.x",
        {**LAUNCH, "redeem_by": "2028-01-01T00:00:00Z"},
        {**LAUNCH, "redeem_by": "2028-01-01T02:00:00+02:00"},
    ),
    "decimals of a package": (
        "product.x",
        {**PRODUCT, "package_dimensions": SIZES},
        {**PRODUCT, "package_dimensions": {**SIZES, "height": "1.5", "weight": 3}},
    ),
}


@pytest.mark.parametrize("name", SAME)
def test_two_ways_to_write_one_thing(account: Account, name: str) -> None:
    address, one, other = SAME[name]
    account.converge({**GROUND, address: one})
    account.world.clock.advance(100)
    plan = account.plan({**GROUND, address: other})
    # A field that is declared at last becomes billplan's own: the marker says so, and nothing else is written.
    assert all(c.action is Action.UPDATE and not c.diffs for c in plan.changes)
    assert all(not step.params.keys() - {"metadata", "expand"} for step in plan.steps)
    account.converge({**GROUND, address: other})
    account.converge({**GROUND, address: one})


def test_metadata_that_others_add_is_theirs(account: Account) -> None:
    specs = {"product.pro": {**PRODUCT, "metadata": {"tier": "2"}}}
    account.converge(specs)
    by_hand(account, "/v1/products/acme-pro", metadata={"salesforce": "0012"})
    assert account.plan(specs).empty
    account.converge({"product.pro": {**PRODUCT, "metadata": {"tier": "3"}}})
    assert account.live("product")[0]["metadata"]["salesforce"] == "0012"


def test_a_metadata_key_that_others_change_is_set_back_and_shown_as_drift(account: Account) -> None:
    specs = {"product.pro": {**PRODUCT, "metadata": {"tier": "2"}}}
    account.converge(specs)
    by_hand(account, "/v1/products/acme-pro", metadata={"tier": "9"})
    plan = account.plan(specs)
    assert [(d.name, d.applied, d.live) for d in plan.drift] == [("metadata[tier]", "2", "9")]
    account.converge(specs)
    assert account.live("product")[0]["metadata"]["tier"] == "2"


def test_a_metadata_key_that_somebody_took_over_stays_when_the_spec_drops_it(account: Account) -> None:
    account.converge({"product.pro": {**PRODUCT, "metadata": {"tier": "2"}}})
    by_hand(account, "/v1/products/acme-pro", metadata={"tier": "9"})
    account.converge({"product.pro": PRODUCT})
    assert account.live("product")[0]["metadata"]["tier"] == "9"


def test_fields_that_nobody_declared_are_left_to_others(account: Account) -> None:
    specs = {"product.pro": PRODUCT, "price.pro": PRICE}
    account.converge(specs)
    by_hand(account, "/v1/products/acme-pro", description="From the Dashboard", unit_label="seat")
    by_hand(account, f"/v1/prices/{ids(account, 'price')[0]}", nickname="By hand")
    assert account.plan(specs).empty


def test_what_stripe_adds_to_the_options_of_a_price_is_no_difference(account: Account) -> None:
    specs = {"product.pro": PRODUCT, "price.pro": {**PRICE, "currency_options": {"eur": {"unit_amount": 2700}}}}
    account.converge(specs)
    shown = account.api.request("get", f"/v1/prices/{ids(account, 'price')[0]}", {"expand": ["currency_options"]})
    assert set(shown.body["currency_options"]) == {"usd", "eur"}
    assert account.plan(specs).empty


def test_a_reference_by_id_and_one_by_address_are_the_same(account: Account) -> None:
    account.converge({"product.pro": PRODUCT, "price.pro": PRICE})
    by_id = {"product.pro": PRODUCT, "price.pro": {**PRICE, "product": "acme-pro"}}
    assert account.plan(by_id).empty


def test_a_reference_outlives_the_declaration_of_what_it_names(account: Account) -> None:
    by_hand(account, "/v1/products", id="legacy", name="Legacy")
    by_id = {"price.pro": {**PRICE, "product": "legacy"}}
    account.converge(by_id)
    adopted = {
        "product.legacy": {"name": "Legacy", "adopt": "legacy"},
        "price.pro": {**PRICE, "product": "product.legacy"},
    }
    plan = account.plan(adopted)
    assert not plan.drift
    assert change(plan, "price.pro").diffs == ()
    account.converge(adopted)


def test_a_field_that_is_taken_out_and_cannot_be_unset_is_told_of_once(account: Account) -> None:
    account.converge({"product.pro": PRODUCT, "price.pro": {**PRICE, "nickname": "Monthly"}})
    specs = {"product.pro": PRODUCT, "price.pro": PRICE}
    plan = account.plan(specs)
    said = change(plan, "price.pro")
    assert said.notes == ("nickname is no longer declared; Stripe cannot unset it, so it stays",)
    assert said.reason == "only billplan's own marker is brought up to date"
    account.converge(specs)
