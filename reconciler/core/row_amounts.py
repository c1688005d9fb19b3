"""What lines come to: quantity, then coupon, then tax, each rounded half up as Stripe does. Pure, in whole numbers.

A line is an amount in minor units and the product that it is for. A discount is rounded once for an invoice, its cents
are dealt to the lines by largest remainder; a tax that goes on top is rounded for each line. What Stripe's documents do
not say of that, the emulator takes for granted in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeAlias

from reconciler.core.migration_facts import CouponFacts, RateFacts
from reconciler.core.migrations import Named

Line: TypeAlias = "tuple[int, Named]"
# A number as numerator and denominator: a price of 0.12 cents, or 24 of 31 days.
Ratio: TypeAlias = "tuple[int, int]"
WHOLE: Ratio = (1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sum:
    """What an invoice comes to: `net` after discounts and before a tax that goes on top, `total` with it."""

    net: int
    total: int


NOTHING = Sum(net=0, total=0)


def ratio(amount: Decimal) -> Ratio:
    """A decimal number as what it is of whole ones."""
    return amount.as_integer_ratio()


def priced(unit: Ratio, quantity: int, share: Ratio = WHOLE) -> int:
    """What a share of a quantity costs at so much a unit; only the end of the sum is rounded."""
    return _rounded(unit[0] * quantity * share[0], unit[1] * share[1])


def add_up(lines: Sequence[Line], coupon: CouponFacts | None, currency: str, rate: RateFacts | None) -> Sum:
    """Sum lines up, with the discount and the tax rate that they have."""
    nets = reduced(lines, coupon, currency)
    net = sum(nets)
    if rate is None or rate.inclusive:
        return Sum(net=net, total=net)
    above, below = ratio(rate.percentage)
    return Sum(net=net, total=net + sum(_rounded(one * above, 100 * below) for one in nets))


def reduced(lines: Sequence[Line], coupon: CouponFacts | None, currency: str) -> list[int]:
    """What is left of each line's amount after a discount."""
    amounts = [amount for amount, _ in lines]
    if coupon is None:
        return amounts
    products = coupon.products
    base = [amount if amount > 0 and (not products or product in products) else 0 for amount, product in lines]
    off = taken_off(coupon, sum(base), currency)
    if not off:
        return amounts
    return [amount - share for amount, share in zip(amounts, _dealt(off, base), strict=True)]


def taken_off(coupon: CouponFacts, whole: int, currency: str) -> int:
    """What a coupon takes off an amount that it is good for."""
    if coupon.percent_off is not None:
        above, below = ratio(coupon.percent_off)
        return _rounded(whole * above, 100 * below)
    return min(coupon.amounts_off.get(currency, 0), whole)


def _dealt(amount: int, weights: Sequence[int]) -> list[int]:
    """An amount dealt out by weight in whole units: the largest remainders get one more, of equals the first."""
    whole = sum(weights)
    found = [amount * weight // whole for weight in weights]
    order = sorted(range(len(weights)), key=lambda place: (-(amount * weights[place] % whole), place))
    for place in order[: amount - sum(found)]:
        found[place] += 1
    return found


def _rounded(above: int, below: int) -> int:
    whole = (2 * abs(above) + below) // (2 * below)
    return whole if above >= 0 else -whole
