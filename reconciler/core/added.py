"""What the invoice at the start has besides whole periods: the time up to the anchor if charged, and fees. Pure.

Both are `add_invoice_items` of the first phase, each with a price made for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.core.migration_facts import AccountFacts, CouponFacts
from reconciler.core.migrations import Fault, Fee, Named
from reconciler.core.offer import Offer, id_of
from reconciler.core.opening import Stub
from reconciler.core.row_amounts import Line, priced, reduced
from reconciler.core.row_tax import Tax
from reconciler.core.values import Value

# As many as Stripe takes with one phase.
_MOST = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """One line that is added. `tax_behavior` is empty for unspecified."""

    product: Named
    amount: int
    tax_behavior: str = ""


def stub_lines(offer: Offer, stub: Stub | None, tax: Tax) -> tuple[tuple[Added, ...], tuple[Fault, ...]]:
    """What the time before the anchor costs, item by item; usage is not in it."""
    if stub is None:
        return (), ()
    unknown = [one for one in offer.sold if one.unit is None and not one.metered]
    if unknown:
        return (), tuple(
            Fault(
                reason="stub_unknown",
                column="billing_cycle_anchor",
                summary=f"what {one.price} costs up to the anchor is not known beforehand, since it is priced in tiers",
                hint="set proration_behavior to none, or let the row start when its period does",
            )
            for one in unknown
        )
    found = []
    for one in offer.sold:
        amount = 0 if one.unit is None or one.metered else priced(one.unit, one.quantity, stub.share)
        if amount:
            behavior = one.tax_behavior or tax.behavior
            found.append(Added(product=one.product, amount=amount, tax_behavior=behavior))
    return tuple(found), ()


def fee_lines(fees: Sequence[Fee], tax: Tax, facts: AccountFacts) -> tuple[Added, ...]:
    """The fees of a row."""
    return tuple(Added(product=id_of(fee.product, facts), amount=fee.amount, tax_behavior=tax.behavior) for fee in fees)


def count_faults(added: Sequence[Added]) -> tuple[Fault, ...]:
    """Refuse more lines than a phase takes."""
    if len(added) <= _MOST:
        return ()
    return (
        Fault(
            reason="too_many_fees",
            column="add_invoice_items",
            summary=f"{len(added)} lines are added to the first invoice, fees and time up to the anchor, and Stripe "
            f"takes {_MOST}",
            hint="leave fees out, or set proration_behavior to none",
        ),
    )


def lines_of(added: Sequence[Added]) -> list[Line]:
    """What is added as lines of an invoice."""
    return [(one.amount, one.product) for one in added]


def without(added: Sequence[Added], coupon: CouponFacts | None, currency: str) -> tuple[Added, ...]:
    """What is left of each after a discount."""
    if coupon is None:
        return tuple(added)
    left = reduced(lines_of(added), coupon, currency)
    return tuple(
        Added(product=one.product, amount=amount, tax_behavior=one.tax_behavior)
        for one, amount in zip(added, left, strict=True)
        if amount
    )


def added_params(added: Sequence[Added], currency: str) -> list[Value]:
    """What is added, as Stripe's parameters."""
    return [
        {
            "price_data": {
                "currency": currency,
                "product": one.product,
                "unit_amount": one.amount,
                **({"tax_behavior": one.tax_behavior} if one.tax_behavior else {}),
            }
        }
        for one in added
    ]
