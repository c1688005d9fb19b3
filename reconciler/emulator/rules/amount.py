"""What a price asks for a quantity, in whole minor units of its currency."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import floor

from reconciler.emulator.wire import Record

TIMES = "\u00d7"
SYMBOLS = {"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥"}
# Currencies without the two decimals that the others have.
ZERO_DECIMAL = frozenset(
    {"bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"}
)
THREE_DECIMAL = frozenset({"bhd", "jod", "kwd", "omr", "tnd"})


def amount_of(price: Record, quantity: int) -> int:
    """The amount of an invoice line; only the end of the sum is rounded, half of a unit upwards."""
    return rounded(exact_of(price, quantity))


def exact_of(price: Record, quantity: int) -> Fraction:
    """What a price asks for a quantity, to the last fraction of a minor unit."""
    if price["billing_scheme"] == "tiered":
        return _tiered(price, quantity)
    return Fraction(price["unit_amount_decimal"] or 0) * _packs(price, quantity)


def rounded(exact: Fraction) -> int:
    """Whole minor units, half of one away from zero: what is credited is rounded as what is charged."""
    whole = floor(abs(exact) + Fraction(1, 2))
    return whole if exact >= 0 else -whole


def _packs(price: Record, quantity: int) -> int:
    """How many times the unit amount is due: a price may count in packs of several units."""
    transform = price["transform_quantity"]
    if transform is None:
        return quantity
    size = int(transform["divide_by"])
    return -(-quantity // size) if transform["round"] == "up" else quantity // size


def _tiered(price: Record, quantity: int) -> Fraction:
    """Graduated tiers each price their own units; of volume tiers, the one reached prices all units."""
    total, below = Fraction(0), 0
    for tier in price["tiers"]:
        reached = tier["up_to"] is None or quantity <= tier["up_to"]
        unit, flat = (Fraction(tier[f"{name}_amount_decimal"] or 0) for name in ("unit", "flat"))
        if price["tiers_mode"] == "volume":
            if reached:
                return quantity * unit + flat
            continue
        units = quantity - below if reached else tier["up_to"] - below
        # An unreached tier costs nothing, but the first one's flat amount is due even for no units.
        if units > 0 or below == 0:
            total += units * unit + flat
        if reached:
            break
        below = tier["up_to"]
    return total


def describe(price: Record, product: str, quantity: int) -> str:
    """An invoice line in the words that Stripe uses: so many times the product, at its unit amount per period."""
    counted = f"{quantity} {TIMES} {product}"
    recurring = price["recurring"]
    if recurring is None or price["unit_amount_decimal"] is None:
        return counted
    count, interval = recurring["interval_count"], recurring["interval"]
    every = interval if count == 1 else f"every {count} {interval}s"
    return f"{counted} (at {_money(price['unit_amount_decimal'], price['currency'])} / {every})"


def _money(minor: str, currency: str) -> str:
    places = 0 if currency in ZERO_DECIMAL else 3 if currency in THREE_DECIMAL else 2
    value = Decimal(minor).scaleb(-places)
    # A fraction of a minor unit keeps its digits.
    text = f"{value:.{places}f}" if Decimal(minor) == int(Decimal(minor)) else f"{value:f}"
    return f"{SYMBOLS.get(currency, currency.upper() + ' ')}{text}"
