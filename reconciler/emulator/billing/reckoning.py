"""What the lines of an invoice come to: discounts first, then taxes on what is left. Exact until the last rounding.

Guesses, since Stripe's documents do not say: a discount is rounded once for the invoice and its cents are dealt to the
lines by largest remainder; a tax is rounded for each line and rate; who is exempt from tax pays no manual rates either.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from reconciler.emulator.rules.amount import rounded
from reconciler.emulator.shapes.invoice import net_of
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World

Values = dict[str, Any]
EXEMPT = {"exempt": "customer_exempt", "reverse": "reverse_charge"}
# Why no tax is due at all.
UNTAXED = frozenset({*EXEMPT.values(), "not_collecting"})


def reckon(world: World, subscription: Record, lines: Sequence[Values], discounts: Sequence[Record]) -> list[Values]:
    """The lines with their discounts and taxes; a line's own `rates` stand instead of the subscription's."""
    reductions = _reductions(world, lines, discounts, subscription["currency"])
    customer = world.tables["customer"].get(subscription["customer"])
    assert customer is not None, "who is billed is there"
    found = []
    for line, reduced in zip(lines, reductions, strict=True):
        rates = line.get("rates") or subscription.get("default_tax_rates") or ()
        line = {name: value for name, value in line.items() if name != "rates"} | {"discounts": reduced}
        if subscription.get("automatic_tax", {}).get("enabled"):
            line |= _automatic(world, line, customer)
        elif rates:
            line |= _manual(world, line, rates, customer)
        found.append(line)
    return found


def retaxed(world: World, record: Record, line: Record) -> Record:
    """A line of an invoice with its taxes on what credits left of it, at the percentages of the draft."""
    taxes = line.get("taxes")
    if not taxes:
        return line
    rates: list[tuple[str | None, str]] = []
    for tax in taxes:
        rate = world.tables["tax_rate"].get(tax["rate"] or "")
        percentage = _collected(world, record.get("customer_address")) if rate is None else rate["percentage"]
        rates.append((tax["rate"], percentage or "0"))
    reason = taxes[0]["reason"]
    return line | _taxed(line, rates, taxes[0]["inclusive"], reason if reason in UNTAXED else None)


def in_force(world: World, subscription: Record) -> list[Record]:
    """The discounts of a subscription that have not ended."""
    found = [world.tables["discount"].get(id) for id in subscription.get("discounts", ())]
    return [one for one in found if one is not None and (one["end"] is None or world.now() < one["end"])]


def _reductions(
    world: World, lines: Sequence[Values], discounts: Sequence[Record], currency: str
) -> list[list[tuple[str, int]]]:
    """What each discount takes off each line; the second discount sees what the first one left."""
    reductions: list[list[tuple[str, int]]] = [[] for _ in lines]
    left = [0 if line.get("proration") else line["amount"] for line in lines]
    for discount in discounts:
        terms = discount["terms"]
        base = [
            amount if amount > 0 and _applies(world, terms, line) else 0
            for amount, line in zip(left, lines, strict=True)
        ]
        whole = sum(base)
        if not whole:
            continue
        if terms["percent_off"] is not None:
            off = rounded(whole * Fraction(terms["percent_off"]) / 100)
        else:
            off = min(_amount_off(terms, currency), whole)
        for place, share in enumerate(shares(off, base)):
            if share:
                reductions[place].append((discount["id"], share))
                left[place] -= share
    return reductions


def _applies(world: World, terms: Record, line: Values) -> bool:
    products = (terms["applies_to"] or {}).get("products")
    if not products:
        return True
    price = world.tables["price"].get(line["price"])
    return price is not None and price["product"] in products


def _amount_off(terms: Record, currency: str) -> int:
    own = terms["currency"] == currency
    return int(terms["amount_off"] if own else terms["currency_options"][currency]["amount_off"])


def shares(amount: int, weights: Sequence[int]) -> list[int]:
    """An amount dealt out by weight in whole units: the largest remainders get one more, of equals the first."""
    whole = sum(weights)
    found = [amount * weight // whole for weight in weights]
    order = sorted(range(len(weights)), key=lambda place: (-(amount * weights[place] % whole), place))
    for place in order[: amount - sum(found)]:
        found[place] += 1
    return found


def _manual(world: World, line: Values, ids: Sequence[str], customer: Record) -> Values:
    found = [world.tables["tax_rate"].get(id) for id in ids]
    rates = [(rate["id"], rate["percentage"]) for rate in found if rate is not None]
    inclusive = any(rate is not None and rate["inclusive"] for rate in found)
    return _taxed(line, rates, inclusive, EXEMPT.get(customer["tax_exempt"]))


def _automatic(world: World, line: Values, customer: Record) -> Values:
    """What Stripe Tax adds, by the places where the account collects."""
    percentage = _collected(world, customer["address"])
    price = world.tables["price"].get(line["price"])
    inclusive = price is not None and price["tax_behavior"] == "inclusive"
    reason = EXEMPT.get(customer["tax_exempt"]) or (None if percentage is not None else "not_collecting")
    return _taxed(line, [(None, percentage or "0")], inclusive, reason)


def _collected(world: World, address: Record | None) -> str | None:
    """The percentage that is collected at an address; None where nothing is."""
    place = address or {}
    country = place.get("country")
    return world.tax_places.get(f"{country}-{place.get('state')}") or world.tax_places.get(str(country))


def _taxed(line: Values, rates: Sequence[tuple[str | None, str]], inclusive: bool, reason: str | None) -> Values:
    """The taxes of a line; none are due for a `reason`, which is told."""
    net = net_of(line)
    total = sum((Fraction(percentage) for _, percentage in rates), Fraction(0)) if inclusive else Fraction(0)

    def tax(amount: int, percentage: str) -> int:
        return 0 if reason else rounded(amount * Fraction(percentage) / (100 + total))

    amounts = [tax(net, percentage) for _, percentage in rates]
    taxable = net - sum(amounts) if inclusive else net
    taxes = [
        {
            "amount": amount,
            "inclusive": inclusive,
            "rate": id,
            "reason": reason or ("standard_rated" if Fraction(percentage) else "zero_rated"),
            "taxable": taxable,
        }
        for (id, percentage), amount in zip(rates, amounts, strict=True)
    ]
    if not inclusive:
        return {"taxes": taxes}
    whole = line["amount"] - sum(tax(line["amount"], percentage) for _, percentage in rates)
    return {"taxes": taxes, "untaxed": whole}
