"""The emulator takes what the SDK names and nothing else, and answers with every field that the SDK names."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator
from typing import Any

import pytest
import stripe
import stripe.params
import stripe.params.billing
from pydantic import ValidationError

from reconciler.emulator.app import ROUTES
from reconciler.emulator.metadata import Metadata
from reconciler.emulator.schema import GAP, Array, Either, Hash, Kind, Map, WordOr
from reconciler.emulator.world import World
from tests.emulator.client import Caller
from tests.emulator.refused import REFUSED
from tests.emulator.sdk_contract import missing, paths, required, validator

CONTRACT = {
    ("post", "/v1/products"): "ProductCreateParams",
    ("post", "/v1/products/{id}"): "ProductUpdateParams",
    ("get", "/v1/products/{id}"): "ProductRetrieveParams",
    ("get", "/v1/products"): "ProductListParams",
    ("delete", "/v1/products/{id}"): "ProductDeleteParams",
    ("post", "/v1/prices"): "PriceCreateParams",
    ("post", "/v1/prices/{id}"): "PriceUpdateParams",
    ("get", "/v1/prices/{id}"): "PriceRetrieveParams",
    ("get", "/v1/prices"): "PriceListParams",
    ("post", "/v1/coupons"): "CouponCreateParams",
    ("post", "/v1/coupons/{id}"): "CouponUpdateParams",
    ("get", "/v1/coupons/{id}"): "CouponRetrieveParams",
    ("get", "/v1/coupons"): "CouponListParams",
    ("delete", "/v1/coupons/{id}"): "CouponDeleteParams",
    ("post", "/v1/promotion_codes"): "PromotionCodeCreateParams",
    ("post", "/v1/promotion_codes/{id}"): "PromotionCodeUpdateParams",
    ("get", "/v1/promotion_codes/{id}"): "PromotionCodeRetrieveParams",
    ("get", "/v1/promotion_codes"): "PromotionCodeListParams",
    ("post", "/v1/tax_rates"): "TaxRateCreateParams",
    ("post", "/v1/tax_rates/{id}"): "TaxRateUpdateParams",
    ("get", "/v1/tax_rates/{id}"): "TaxRateRetrieveParams",
    ("get", "/v1/tax_rates"): "TaxRateListParams",
    ("get", "/v1/tax/settings"): "tax.SettingsRetrieveParams",
    ("post", "/v1/billing/meters"): "billing.MeterCreateParams",
    ("post", "/v1/billing/meters/{id}"): "billing.MeterUpdateParams",
    ("get", "/v1/billing/meters/{id}"): "billing.MeterRetrieveParams",
    ("get", "/v1/billing/meters"): "billing.MeterListParams",
    ("post", "/v1/billing/meters/{id}/deactivate"): "billing.MeterDeactivateParams",
    ("post", "/v1/billing/meters/{id}/reactivate"): "billing.MeterReactivateParams",
    ("post", "/v1/billing/meter_events"): "billing.MeterEventCreateParams",
    ("post", "/v1/customers"): "CustomerCreateParams",
    ("post", "/v1/customers/{id}"): "CustomerUpdateParams",
    ("get", "/v1/customers/{id}"): "CustomerRetrieveParams",
    ("get", "/v1/customers"): "CustomerListParams",
    ("delete", "/v1/customers/{id}"): "CustomerDeleteParams",
    ("post", "/v1/subscriptions"): "SubscriptionCreateParams",
    ("post", "/v1/subscriptions/{id}"): "SubscriptionUpdateParams",
    ("get", "/v1/subscriptions/{id}"): "SubscriptionRetrieveParams",
    ("get", "/v1/subscriptions"): "SubscriptionListParams",
    ("delete", "/v1/subscriptions/{id}"): "SubscriptionCancelParams",
    ("post", "/v1/subscription_schedules"): "SubscriptionScheduleCreateParams",
    ("post", "/v1/subscription_schedules/{id}"): "SubscriptionScheduleUpdateParams",
    ("post", "/v1/subscription_schedules/{id}/cancel"): "SubscriptionScheduleCancelParams",
    ("post", "/v1/subscription_schedules/{id}/release"): "SubscriptionScheduleReleaseParams",
    ("post", "/v1/test_helpers/test_clocks"): "test_helpers.TestClockCreateParams",
    ("post", "/v1/test_helpers/test_clocks/{id}/advance"): "test_helpers.TestClockAdvanceParams",
    ("get", "/v1/test_helpers/test_clocks/{id}"): "test_helpers.TestClockRetrieveParams",
    ("get", "/v1/test_helpers/test_clocks"): "test_helpers.TestClockListParams",
    ("delete", "/v1/test_helpers/test_clocks/{id}"): "test_helpers.TestClockDeleteParams",
    ("get", "/v1/subscription_items/{id}"): "SubscriptionItemRetrieveParams",
    ("get", "/v1/subscription_items"): "SubscriptionItemListParams",
    ("get", "/v1/subscription_schedules/{id}"): "SubscriptionScheduleRetrieveParams",
    ("get", "/v1/subscription_schedules"): "SubscriptionScheduleListParams",
    ("get", "/v1/invoices/{id}"): "InvoiceRetrieveParams",
    ("get", "/v1/invoices"): "InvoiceListParams",
    ("post", "/v1/invoices/{id}/void"): "InvoiceVoidInvoiceParams",
    ("get", "/v1/invoices/{id}/lines"): "InvoiceLineItemListParams",
    ("get", "/v1/charges/{id}"): "ChargeRetrieveParams",
    ("get", "/v1/charges"): "ChargeListParams",
    ("get", "/v1/payment_methods/{id}"): "PaymentMethodRetrieveParams",
    ("get", "/v1/payment_methods"): "PaymentMethodListParams",
    ("get", "/v1/customers/{id}/payment_methods"): "CustomerPaymentMethodListParams",
    ("post", "/v1/entitlements/features"): "entitlements.FeatureCreateParams",
    ("post", "/v1/entitlements/features/{id}"): "entitlements.FeatureUpdateParams",
    ("get", "/v1/entitlements/features/{id}"): "entitlements.FeatureRetrieveParams",
    ("get", "/v1/entitlements/features"): "entitlements.FeatureListParams",
    ("post", "/v1/products/{id}/features"): "ProductCreateFeatureParams",
    ("get", "/v1/products/{id}/features/{inner}"): "ProductRetrieveFeatureParams",
    ("delete", "/v1/products/{id}/features/{inner}"): "ProductDeleteFeatureParams",
    ("get", "/v1/products/{id}/features"): "ProductListFeaturesParams",
    ("post", "/v1/billing/credit_grants"): "billing.CreditGrantCreateParams",
    ("post", "/v1/billing/credit_grants/{id}"): "billing.CreditGrantUpdateParams",
    ("get", "/v1/billing/credit_grants/{id}"): "billing.CreditGrantRetrieveParams",
    ("post", "/v1/billing/credit_grants/{id}/expire"): "billing.CreditGrantExpireParams",
    ("post", "/v1/billing/credit_grants/{id}/void"): "billing.CreditGrantVoidGrantParams",
    ("get", "/v1/billing/credit_grants"): "billing.CreditGrantListParams",
    ("get", "/v1/billing/credit_balance_transactions/{id}"): "billing.CreditBalanceTransactionRetrieveParams",
    ("get", "/v1/billing/credit_balance_transactions"): "billing.CreditBalanceTransactionListParams",
    ("get", "/v1/billing/credit_balance_summary"): "billing.CreditBalanceSummaryRetrieveParams",
    ("get", "/v1/events/{id}"): "EventRetrieveParams",
    ("get", "/v1/events"): "EventListParams",
    ("get", "/v1/account"): "AccountRetrieveCurrentParams",
    ("get", "/v1/accounts/{id}"): "AccountRetrieveParams",
}


def params_class(name: str) -> type[Any]:
    module, _, bare = name.rpartition(".")
    found: type[Any] = getattr(importlib.import_module("stripe.params" + (f".{module}" if module else "")), bare)
    return found


def schema_paths(kind: Kind, prefix: str = "") -> Iterator[tuple[str, bool]]:
    """Every parameter of a schema, and whether it is answered with 501."""
    match kind:
        case Hash():
            for name, inner in kind.fields.items():
                path = f"{prefix}.{name}" if prefix else name
                yield path, inner == GAP
                yield from schema_paths(inner, path)
        case Array():
            yield from schema_paths(kind.element, f"{prefix}.[]")
        case Map():
            yield from schema_paths(kind.value, f"{prefix}.{{}}")
        case Either():
            yield from schema_paths(kind.hashed, prefix)
        case WordOr():
            yield from schema_paths(kind.other, prefix)
        case _:
            assert not isinstance(kind, Metadata) or prefix.endswith("metadata")


def test_every_route_is_held_to_the_sdk() -> None:
    assert set(ROUTES.routes) == set(CONTRACT)


@pytest.mark.parametrize("key", CONTRACT, ids=" ".join)
def test_parameters_are_those_of_the_sdk(key: tuple[str, str]) -> None:
    params = params_class(CONTRACT[key])
    known = set(paths(params))
    taken = dict(schema_paths(ROUTES.routes[key].schema))
    assert not set(taken) - known, "taken by the emulator, unknown to the SDK"
    gaps = {path for path, gap in taken.items() if gap}
    assert not gaps - REFUSED
    beyond = {path for path in known if not any(path == gap or path.startswith(f"{gap}.") for gap in gaps)}
    assert not beyond - set(taken), "named by the SDK, unknown to the emulator"


@pytest.mark.parametrize("key", CONTRACT, ids=" ".join)
def test_what_the_sdk_requires_is_required(key: tuple[str, str]) -> None:
    assert set(required(params_class(CONTRACT[key]))) <= set(ROUTES.routes[key].schema.required)


def test_refused_parameters_are_all_in_use() -> None:
    used = {path for route in ROUTES.routes.values() for path, gap in schema_paths(route.schema) if gap}
    assert used == REFUSED


def test_the_contract_itself_refuses_unknown_parameters() -> None:
    contract = validator(params_class("PriceCreateParams"))
    contract.validate_python({"currency": "usd", "recurring": {"interval": "month"}}, strict=True)
    for bad in ({"currency": "usd", "bogus": 1}, {}, {"currency": "usd", "recurring": {"interval": "month", "x": 1}}):
        with pytest.raises(ValidationError):
            contract.validate_python(bad, strict=True)


# Left out by Stripe unless expanded, or only there for Connect and organizations.
OMITTED = {
    "price": {"tiers", "currency_options"},
    "coupon": {"applies_to", "currency_options"},
    "promotion_code": {"restrictions.currency_options"},
    "customer": {"cash_balance", "invoice_credit_balance", "sources", "subscriptions", "tax", "tax_ids"},
    "event": {"account", "context", "data.previous_attributes"},
}


def one_of_each(call: Caller) -> dict[str, str]:
    """A path to one object of each resource, with as many of its fields set as there are."""
    meter = call.make(
        "/v1/billing/meters",
        {"default_aggregation": {"formula": "sum"}, "display_name": "Calls", "event_name": "calls"},
    )
    product = call.make(
        "/v1/products",
        {
            "name": "Pro",
            "marketing_features": [{"name": "fast"}],
            "package_dimensions": {"height": 1, "length": 1, "weight": 1, "width": "1.5"},
            "tax_details": {"performance_location": "x"},
        },
    )
    price = call.make(
        "/v1/prices",
        {
            "currency": "usd",
            "product": product,
            "recurring": {"interval": "month"},
            "transform_quantity": {"divide_by": 5, "round": "up"},
            "unit_amount": 500,
        },
    )
    call.make(
        "/v1/prices",
        {
            "currency": "usd",
            "product": product,
            "recurring": {"interval": "month", "meter": meter, "usage_type": "metered"},
            "unit_amount_decimal": "0.01",
        },
    )
    catalog = {"product": f"/v1/products/{product}", "price": f"/v1/prices/{price}"}
    return {**catalog, "billing.meter": f"/v1/billing/meters/{meter}", **one_of_each_beside(call, price)}


def one_of_each_beside(call: Caller, price: str) -> dict[str, str]:
    """The rest, of which a subscription needs the price."""
    coupon = call.make("/v1/coupons", {"percent_off": "12.5", "duration": "forever"})
    code = call.make("/v1/promotion_codes", {"promotion": {"type": "coupon", "coupon": coupon}})
    rate = call.make("/v1/tax_rates", {"display_name": "VAT", "inclusive": False, "percentage": "19"})
    customer = call.make(
        "/v1/customers",
        {
            "address": {"city": "Bonn"},
            "invoice_settings": {
                "custom_fields": [{"name": "a", "value": "b"}],
                "rendering_options": {"template": "t"},
            },
            "shipping": {"address": {"city": "Bonn"}, "name": "N"},
        },
    )
    subscription = call.make(
        "/v1/subscriptions",
        {"customer": customer, "items": [{"price": price}], "trial_period_days": 7},
    )
    return {
        "coupon": f"/v1/coupons/{coupon}",
        "promotion_code": f"/v1/promotion_codes/{code}",
        "tax_rate": f"/v1/tax_rates/{rate}",
        "customer": f"/v1/customers/{customer}",
        "subscription": f"/v1/subscriptions/{subscription}",
        "event": "/v1/events/evt_000001",
    }


CLASSES: dict[str, type[Any]] = {
    "product": stripe.Product,
    "price": stripe.Price,
    "coupon": stripe.Coupon,
    "promotion_code": stripe.PromotionCode,
    "tax_rate": stripe.TaxRate,
    "billing.meter": stripe.billing.Meter,
    "customer": stripe.Customer,
    "subscription": stripe.Subscription,
    "event": stripe.Event,
}


def test_answers_hold_every_field_of_the_sdk(world: World) -> None:
    call = Caller(world)
    for name, path in one_of_each(call).items():
        found = set(missing(CLASSES[name], call.get(path).body))
        assert found == {f"{field}: absent" for field in OMITTED.get(name, set())}, name


def test_subscription_items_hold_every_field_of_the_sdk(world: World) -> None:
    call = Caller(world)
    path = one_of_each(call)["subscription"]
    for row in call.get(path).body["items"]["data"]:
        absent = {"price.tiers: absent", "price.currency_options: absent", "plan.tiers: absent"}
        assert set(missing(stripe.SubscriptionItem, row)) == absent


def test_account_answer_has_no_field_that_the_sdk_lacks(world: World) -> None:
    body = Caller(world).get("/v1/account").body
    assert set(body) <= set(inspect.get_annotations(stripe.Account))
    assert body["id"] == "acct_000001"
