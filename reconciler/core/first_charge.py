"""What a row's customer is charged first, and what then, and when. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reconciler.core.added import Added, lines_of
from reconciler.core.calendar import boundary, next_boundary
from reconciler.core.course import Charge
from reconciler.core.offer import Offer, whole_lines
from reconciler.core.opening import Beginning
from reconciler.core.row_amounts import Sum, add_up
from reconciler.core.row_discount import Discount, good_at
from reconciler.core.row_tax import Tax


@dataclass(frozen=True, slots=True, kw_only=True)
class Charges:
    """The charges of a row. `at_start` is what the start is charged for, where `charged` says that anything is; `whole`
    is the first whole period and `period` a later one. Each is None where it depends on usage or tiers. `first` is the
    first of all, None where there is none, and `renews` when the one after it comes."""

    charged: bool
    at_start: Sum | None
    whole: Sum | None
    period: Sum | None
    first: Charge | None
    renews: int | None


def charges_of(
    offer: Offer, begin: Beginning, discount: Discount, added: Sequence[Added], tax: Tax, reset: int | None = None
) -> Charges:
    """Work the charges of a row out. `added` is as Stripe is told of it; `reset` is when a later phase begins a period
    of its own."""
    lines, extras = whole_lines(offer), lines_of(added)
    at_once = not begin.free and not offer.only_metered
    charged = at_once or bool(extras)
    currency, rate = offer.currency, tax.rate
    at_start = whole = period = None
    if charged and not at_once:
        at_start = add_up(extras, discount.first, currency, rate)
    if lines is not None:
        if at_once:
            at_start = add_up([*lines, *extras], discount.first, currency, rate)
        whole = add_up(lines, discount.whole if begin.free else discount.first, currency, rate)
        if not offer.metered:
            standing = good_at(discount.coupon, discount.begins, begin.renewal)
            period = whole if standing is discount.whole and begin.free else add_up(lines, standing, currency, rate)
    moments = _moments(offer, begin, charged, reset)
    at = next(moments, None)
    first = None
    if at is not None:
        known = at_start if charged else None if offer.only_metered else whole
        first = Charge(at=at, amount=None if known is None else known.total, currency=currency, plus_tax=tax.adds)
    return Charges(
        charged=charged, at_start=at_start, whole=whole, period=period, first=first, renews=next(moments, None)
    )


def _moments(offer: Offer, begin: Beginning, charged: bool, reset: int | None) -> Iterator[int]:
    """When something is charged, in order."""
    if charged:
        yield begin.start
    # Usage is charged when its period has ended; that of a trial never is.
    at = begin.renewal
    if begin.free:
        at = boundary(begin.grid, offer.cycle, 1) if offer.only_metered else begin.grid
    while begin.ends is None or at < begin.ends or (at == begin.ends and offer.metered and not begin.free):
        if reset is not None and begin.start < reset < at:
            at, reset = reset, None
        yield at
        at = next_boundary(begin.grid, offer.cycle, at)
