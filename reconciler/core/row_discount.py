"""Where the coupon of a row stands: on which phases, so that every charge has it that should, and none twice. Pure.

Stripe does not say whether a coupon that ends by itself (once, or after some months) begins anew with a phase that has
it again. So such a coupon is never on two phases: it is on the one that charges whole periods, its months counted from
there. Where time before the anchor is charged at the start, `once` is good for that; of one for several months the
discount is in the amounts that are added at the start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.core.calendar import boundary
from reconciler.core.course import Opening
from reconciler.core.migration_facts import AccountFacts, CouponFacts
from reconciler.core.migrations import Duration, Fault, Named
from reconciler.core.offer import Offer
from reconciler.core.opening import Beginning
from reconciler.core.row_amounts import Line, reduced
from reconciler.core.row_dates import day_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Discount:
    """A coupon in the phases of a row: `first` is on the phase at the start, `whole` on the one with the whole periods,
    where that is another; `inside` is taken off what is added at the start before Stripe sees it. `begins` is when it
    begins to count its months. `coupon` is the coupon wherever it stands, and `named` what Stripe is told."""

    coupon: CouponFacts | None = None
    named: Named = ""
    first: CouponFacts | None = None
    whole: CouponFacts | None = None
    inside: CouponFacts | None = None
    begins: int = 0


NO_DISCOUNT = Discount()


def read_coupon(named: Named | None, offer: Offer, column: str, facts: AccountFacts) -> tuple[Fault, ...]:
    """Say why a coupon is no good for an offer."""
    if named is None:
        return ()
    coupon = facts.coupons[named]
    found = []
    if coupon.percent_off is None and offer.currency not in coupon.amounts_off:
        listed = ", ".join(sorted(coupon.amounts_off)) or "no currency"
        found.append(
            Fault(
                reason="coupon_currency",
                column=column,
                summary=f"{named} takes an amount off in {listed}, and the subscription is in {offer.currency}",
                hint=f"take a coupon that has an amount in {offer.currency}, or one of a percentage",
            )
        )
    products = [one.product for one in offer.sold]
    if coupon.products and not any(product in coupon.products for product in products):
        listed = ", ".join(sorted(str(product) for product in coupon.products))
        found.append(
            Fault(
                reason="coupon_products",
                column=column,
                summary=f"{named} is only good for {listed}, and the subscription is about "
                f"{', '.join(sorted({str(product) for product in products}))}",
                hint="take a coupon that is good for one of its products, or leave the coupon out",
            )
        )
    return tuple(found)


def place_coupon(
    coupon: CouponFacts | None, named: Named, begin: Beginning, added: Sequence[Line], currency: str
) -> Discount | Fault:
    """Say where a coupon stands. `added` is what the first invoice has besides whole periods, before any discount."""
    if coupon is None:
        return NO_DISCOUNT
    one = Discount(coupon=coupon, named=named, begins=begin.start)
    both = Discount(coupon=coupon, named=named, first=coupon, whole=coupon, begins=begin.start)
    first = Discount(coupon=coupon, named=named, first=coupon, begins=begin.start)
    whole = Discount(coupon=coupon, named=named, whole=coupon, begins=begin.grid)
    if begin.ends is not None or (not begin.free and not begin.resets):
        return first
    if coupon.duration == "forever":
        pays = begin.opening is Opening.TRIAL or bool(added) or not begin.free
        return both if pays else whole
    if begin.opening is Opening.FULL:
        ends = ends_at(coupon, one.begins)
        return first if ends is None or ends <= begin.grid else _torn(named, begin)
    if begin.stub is None:
        return whole
    if coupon.duration == "once":
        used = sum(reduced(added, coupon, currency)) < sum(amount for amount, _ in added)
        return first if used else whole
    return Discount(coupon=coupon, named=named, whole=coupon, inside=coupon, begins=begin.grid)


def ends_at(coupon: CouponFacts, begins: int) -> int | None:
    """When a coupon of some months is no longer good; None of others."""
    if coupon.duration != "repeating":
        return None
    return boundary(begins, Duration(interval="month"), coupon.months or 0)


def good_at(coupon: CouponFacts | None, begins: int, moment: int) -> CouponFacts | None:
    """The coupon where it is still good at a later charge than its first."""
    if coupon is None or coupon.duration == "once":
        return None
    ends = ends_at(coupon, begins)
    return coupon if ends is None or moment < ends else None


def _torn(named: Named, begin: Beginning) -> Fault:
    return Fault(
        reason="coupon_anchor",
        column="coupon",
        summary=f"{named} lasts for some months, and the billing cycle begins anew within them, on "
        f"{day_text(begin.grid)}: Stripe does not say whether it would begin anew with it",
        hint="leave billing_cycle_anchor empty, so that the periods are counted from the start, or take a coupon that "
        "is good once or for ever",
    )
