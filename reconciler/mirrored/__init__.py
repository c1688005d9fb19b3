"""The types of Stripe object that the mirror keeps, in the order in which they are told of."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.core.mirrored import Mirrored
from reconciler.mirrored import catalogue, credits, customers, invoices, subscriptions
from reconciler.mirrored.events import EVENT
from reconciler.mirrored.touches import TOUCHES

__all__ = ["BY_NAME", "BY_OBJECT", "EVENT", "MIRRORED", "TOUCHES", "TYPES"]

MIRRORED: tuple[Mirrored, ...] = (
    customers.ACCOUNT,
    customers.CUSTOMER,
    customers.PAYMENT_METHOD,
    catalogue.PRODUCT,
    catalogue.PRICE,
    catalogue.COUPON,
    catalogue.PROMOTION_CODE,
    catalogue.TAX_RATE,
    catalogue.FEATURE,
    catalogue.PRODUCT_FEATURE,
    catalogue.METER,
    subscriptions.SUBSCRIPTION,
    subscriptions.SUBSCRIPTION_SCHEDULE,
    invoices.INVOICE,
    invoices.CHARGE,
    credits.CREDIT_GRANT,
    credits.CREDIT_BALANCE_SUMMARY,
    credits.CREDIT_BALANCE_TRANSACTION,
)

# With the events, which are listed to catch up and not by themselves.
TYPES: Mapping[str, Mirrored] = {m.name: m for m in (*MIRRORED, EVENT)}
BY_NAME: Mapping[str, Mirrored] = {m.name: m for m in MIRRORED}
BY_OBJECT: Mapping[str, Mirrored] = {m.object: m for m in MIRRORED}
