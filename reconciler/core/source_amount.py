"""What a subscription comes to each period, as its account shows it: before tax, with what its coupons take off. Pure.

Amounts are integers in minor units.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal

from reconciler.core.values import Value

Raw = Mapping[str, Value]


def is_forever(coupon: Raw) -> bool:
    """Say whether a coupon takes something off each period."""
    return coupon.get("duration") == "forever"


def amount_each_period(raw: Raw, coupons: Sequence[Raw]) -> int | None:
    """Sum up a raw subscription's items, less its coupons; None where that depends on usage, tiers or products."""
    total = Decimal(0)
    for item in raw["items"]["data"]:
        each = _each(item["price"])
        if each is None:
            return None
        total += each * (1 if item.get("quantity") is None else int(item["quantity"]))
    for coupon in coupons:
        if (coupon.get("applies_to") or {}).get("products"):
            return None
        off = _off(coupon, total, str(raw["currency"]))
        if off is None:
            return None
        total = max(total - off, Decimal(0))
    return int(total.quantize(Decimal(1), ROUND_HALF_UP))


def _each(price: Raw) -> Decimal | None:
    """What one of a price costs; None where nobody can say beforehand."""
    if price.get("billing_scheme", "per_unit") != "per_unit" or price.get("transform_quantity"):
        return None
    amount = price.get("unit_amount_decimal")
    amount = price.get("unit_amount") if amount is None else amount
    return None if amount is None else Decimal(str(amount))


def _off(coupon: Raw, total: Decimal, currency: str) -> Decimal | None:
    percent = coupon.get("percent_off")
    if percent is not None:
        return (total * Decimal(str(percent)) / 100).quantize(Decimal(1), ROUND_HALF_UP)
    if coupon.get("currency") == currency:
        return Decimal(str(coupon["amount_off"]))
    option = (coupon.get("currency_options") or {}).get(currency)
    return None if option is None else Decimal(str(option["amount_off"]))
