"""The phases of a row's schedule as Stripe's parameters. Pure.

Every phase says all that it is about, since Stripe takes over nothing from the phase before. Ends are moments and never
durations: a duration is counted from its phase, and would lose the 31st of a billing cycle in February.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reconciler.core.added import Added, added_params
from reconciler.core.migrations import Named, Terms
from reconciler.core.offer import Offer, Sold
from reconciler.core.row_tax import Tax
from reconciler.core.values import Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A phase. `free`: all of it is a trial; `trial_end`: only its beginning is. `resets`: its periods are counted from
    its own beginning. `coupon` is what Stripe is told of the discount, None without one."""

    begins: int
    ends: int
    offer: Offer
    coupon: Named | None = None
    free: bool = False
    trial_end: int | None = None
    resets: bool = False
    prorated: bool = False
    added: Sequence[Added] = ()
    metadata: Mapping[str, str]


def phase_params(stretches: Sequence[Stretch], terms: Terms, tax: Tax) -> tuple[Mapping[str, Value], ...]:
    """Write the phases of a row. What several of them say alike is one value, which nobody may change."""
    common = common_params(terms, tax, stretches[0].offer.currency)
    found: list[Mapping[str, Value]] = []
    items: Value = []
    for place, one in enumerate(stretches):
        if not place or one.offer is not stretches[place - 1].offer:
            items = items_params(one.offer, tax)
        phase = {"items": items, **common, "end_date": one.ends}
        if one.free:
            phase["trial"] = True
        elif one.trial_end is not None:
            phase["trial_end"] = one.trial_end
        if one.resets:
            phase["billing_cycle_anchor"] = "phase_start"
        phase["proration_behavior"] = "create_prorations" if one.prorated else "none"
        if one.coupon is not None:
            phase["discounts"] = [{"coupon": one.coupon}]
        if one.added:
            phase["add_invoice_items"] = added_params(one.added, one.offer.currency)
        if one.metadata:
            phase["metadata"] = one.metadata
        found.append(phase)
    return tuple(found)


def common_params(terms: Terms, tax: Tax, currency: str) -> dict[str, Value]:
    """What every phase of a row says alike."""
    params: dict[str, Value] = {"currency": currency, "collection_method": terms.collection_method}
    if terms.days_until_due is not None:
        params["invoice_settings"] = {"days_until_due": terms.days_until_due}
    if tax.named:
        params["default_tax_rates"] = [tax.named]
    if tax.automatic:
        params["automatic_tax"] = {"enabled": True}
    return params


def items_params(offer: Offer, tax: Tax) -> list[Value]:
    """The items of an offer: a metered price has no quantity."""
    return [_item(one, tax) for one in offer.sold]


def _item(one: Sold, tax: Tax) -> Mapping[str, Value]:
    if one.adhoc:
        behavior = {"tax_behavior": tax.behavior} if tax.behavior else {}
        return {"price_data": {**one.price, **behavior}, "quantity": one.quantity}
    return {"price": one.price} if one.metered else {"price": one.price, "quantity": one.quantity}
