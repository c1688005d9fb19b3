"""Rows in the middle of a period that become a subscription when their start has come, instead of a schedule. Pure.

Only so does the subscription show its true start, which no schedule can be told: `mid_cycle: subscription`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from reconciler.core.added import added_params, lines_of
from reconciler.core.course import Charge
from reconciler.core.first_charge import Charges, charges_of
from reconciler.core.migration_facts import AccountFacts
from reconciler.core.phases import common_params, items_params
from reconciler.core.row_amounts import reduced
from reconciler.core.row_discount import NO_DISCOUNT, Discount, good_at
from reconciler.core.row_reading import Reading
from reconciler.core.values import Value


def lasting_discount(reading: Reading, facts: AccountFacts) -> Discount:
    """The coupon is on the subscription from its start: fees have it, too, and its months are counted from there."""
    named, begin = reading.terms.coupon, reading.begin
    if named is None:
        return NO_DISCOUNT
    coupon = facts.coupons[named]
    fees = lines_of(reading.fees)
    used = sum(reduced(fees, coupon, reading.offer.currency)) < sum(amount for amount, _ in fees)
    once = coupon.duration == "once" and not used
    whole = coupon if once else good_at(coupon, begin.start, begin.grid)
    return Discount(coupon=coupon, named=coupon.id or named, first=coupon, whole=whole, begins=begin.start)


def subscription_charges(reading: Reading, discount: Discount) -> Charges:
    """What is charged, and when."""
    charges = charges_of(reading.offer, reading.begin, discount, reading.fees, reading.tax)
    if not reading.offer.metered:
        return charges
    # Without a trial, usage from the start on is billed at the anchor with the first whole period.
    if charges.charged:
        return replace(charges, whole=None, renews=reading.begin.grid)
    first = Charge(at=reading.begin.grid, amount=None, currency=reading.offer.currency, plus_tax=reading.tax.adds)
    return replace(charges, whole=None, first=first, renews=reading.begin.renewal)


def subscription_params(reading: Reading, discount: Discount, metadata: Mapping[str, str]) -> Mapping[str, Value]:
    """The parameters of the request that makes it."""
    terms, offer, fees = reading.terms, reading.offer, added_params(reading.fees, reading.offer.currency)
    common = common_params(terms, reading.tax, offer.currency)
    due = common.pop("invoice_settings", {})
    return {
        "customer": terms.customer,
        "items": items_params(offer, reading.tax),
        **common,
        **due,
        "billing_cycle_anchor": reading.begin.grid,
        **({} if terms.backdate is None else {"backdate_start_date": terms.backdate}),
        "proration_behavior": "none",
        **({"discounts": [{"coupon": discount.named}]} if discount.coupon is not None else {}),
        **({"add_invoice_items": fees} if fees else {}),
        **({"metadata": metadata} if metadata else {}),
    }
