"""The phases that a migration lets follow a row's own: each with its end, its items, its coupon, its billing. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from reconciler.core.calendar import is_boundary, later, next_boundary
from reconciler.core.migration_facts import AccountFacts, CouponFacts
from reconciler.core.migrations import Fault, Named, Terms, Then
from reconciler.core.offer import Offer, read_offer
from reconciler.core.phases import Stretch
from reconciler.core.row_dates import cycle_text, day_text
from reconciler.core.row_discount import ends_at, read_coupon
from reconciler.core.row_tax import tax_faults

# As many current and future phases as Stripe's guide allows, and keys of metadata as any object takes.
_MOST_PHASES, _MOST_KEYS = 10, 50
# January 1, 2200.
_FURTHEST = 7_258_118_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What is running when a later phase begins: the last phase, what its periods are counted from, and its coupon with
    how the row calls it and when it began."""

    last: Stretch
    grid: int
    named: Named | None
    coupon: CouponFacts | None
    begun: int


def later_phases(
    then: Sequence[Then], running: Running, terms: Terms, facts: AccountFacts
) -> tuple[list[Stretch], tuple[Fault, ...]]:
    """Lay out the phases after a row's own; faults end it, since what follows depends on what comes before."""
    found: list[Stretch] = []
    for place, one in enumerate(then):
        column = f"then.{place}"
        offer, faults = _offer(one, running, terms, facts, column)
        if offer is None:
            return found, faults
        named, more = _coupon(one, running, offer, facts, column)
        faults = (*faults, *more, *_period_faults(one, running, offer, column))
        if not faults:
            running = _follow(one, running, offer, named, facts)
            faults = _end_faults(running.last, column)
        if faults:
            return found, faults
        found.append(running.last)
    return found, ()


def phase_faults(stretches: Sequence[Stretch]) -> tuple[Fault, ...]:
    """Refuse more phases, or keys of metadata, than there may be."""
    found = []
    if len(stretches) > _MOST_PHASES:
        summary = f"it comes to {len(stretches)} phases, and Stripe takes {_MOST_PHASES}"
        found.append(Fault(reason="too_many_phases", column="", summary=summary, hint="take phases out of `then`"))
    if len(stretches[-1].metadata) > _MOST_KEYS:
        keys = len(stretches[-1].metadata)
        summary = f"its phases have {keys} keys of metadata together, and Stripe keeps {_MOST_KEYS}"
        found.append(Fault(reason="too_many_keys", column="", summary=summary, hint="take keys out of `then`"))
    return tuple(found)


def too_far(end: int, column: str) -> tuple[Fault, ...]:
    """Refuse an end that is a slip: no calendar reaches further than some of them together."""
    if end <= _FURTHEST:
        return ()
    summary = f"a phase would end on {day_text(end)}"
    hint = "make it shorter; the last phase need not be long, the subscription goes on after it"
    return (Fault(reason="phase_too_long", column=column, summary=summary, hint=hint),)


def _offer(
    one: Then, running: Running, terms: Terms, facts: AccountFacts, column: str
) -> tuple[Offer | None, tuple[Fault, ...]]:
    if not one.items:
        return running.last.offer, ()
    offer, faults = read_offer(one.items, (), running.last.offer.currency, facts)
    if offer is not None:
        faults = tuple(tax_faults(terms, offer, facts))
    return (None if faults else offer), tuple(replace(fault, column=f"{column}.items") for fault in faults)


def _coupon(
    one: Then, running: Running, offer: Offer, facts: AccountFacts, column: str
) -> tuple[Named | None, tuple[Fault, ...]]:
    """Say which coupon a phase has. One that ends by itself is in no phase but its first."""
    held, column = running.coupon, f"{column}.coupon"
    if one.drop_coupon:
        return None, ()
    named = one.coupon or running.named
    if named is None:
        return None, ()
    goes_on = held is not None and facts.coupons[named] == held
    if goes_on and held is not None and held.duration != "forever":
        if one.coupon is not None:
            return None, (_again(named, column),)
        ends = ends_at(held, running.begun)
        return None, () if ends is None or ends <= running.last.ends else (_reaches(named, running, ends, column),)
    # A coupon that goes on may have nothing left to be good for; one that is named here must have.
    return named, read_coupon(one.coupon, offer, column, facts)


def _follow(one: Then, running: Running, offer: Offer, named: Named | None, facts: AccountFacts) -> Running:
    begins = running.last.ends
    coupon = None if named is None else facts.coupons[named]
    anew = offer.cycle != running.last.offer.cycle
    grid = begins if anew else running.grid
    if one.end is not None:
        ends = one.end
    elif one.duration is not None:
        ends = later(grid, begins, one.duration)
    else:
        ends = next_boundary(grid, offer.cycle, begins)
    metadata = {**running.last.metadata, **one.metadata} if one.metadata else running.last.metadata
    last = Stretch(
        begins=begins,
        ends=ends,
        offer=offer,
        coupon=None if coupon is None else coupon.id or named,
        # The periods of another interval begin with it; so do those of a cycle that begins anew here anyway.
        resets=anew or (begins == running.grid and not running.last.free),
        prorated=one.prorated,
        metadata=metadata,
    )
    begun = running.begun if coupon == running.coupon else begins
    return Running(last=last, grid=grid, named=named, coupon=coupon, begun=begun)


def _period_faults(one: Then, running: Running, offer: Offer, column: str) -> tuple[Fault, ...]:
    """Refuse what would charge a second period while the first one runs that has been paid for."""
    begins, before = running.last.ends, running.last.offer
    if one.prorated or offer.cycle == before.cycle or is_boundary(running.grid, before.cycle, begins):
        return ()
    return (
        Fault(
            reason="then_within_period",
            column=column,
            summary=f"it begins on {day_text(begins)}, within a period of {cycle_text(before.cycle)} that has been "
            f"paid, and charges {cycle_text(offer.cycle)} at once",
            hint="let it begin with a period (`lasts`, `duration` or `end_date` of the phase before), or say "
            "proration_behavior: create_prorations, which credits what is left",
        ),
    )


def _end_faults(last: Stretch, column: str) -> tuple[Fault, ...]:
    if last.ends > last.begins:
        return too_far(last.ends, column)
    return (
        Fault(
            reason="then_ended",
            column=column,
            summary=f"it ends on {day_text(last.ends)}, and would begin on {day_text(last.begins)}",
            hint="give it a duration instead of its end_date, or a later end_date",
        ),
    )


def _reaches(named: Named, running: Running, ends: int, column: str) -> Fault:
    return Fault(
        reason="coupon_in_two_phases",
        column=column,
        summary=f"{named} is good until {day_text(ends)}, beyond {day_text(running.last.ends)}, when this "
        "phase begins: Stripe does not say whether it would begin anew",
        hint="drop it in this phase, name another coupon, or let the phase before last until then",
    )


def _again(named: Named, column: str) -> Fault:
    return Fault(
        reason="coupon_in_two_phases",
        column=column,
        summary=f"{named} ends by itself and is in the phase before, too: Stripe does not say whether it begins anew",
        hint="take another coupon for this phase",
    )
