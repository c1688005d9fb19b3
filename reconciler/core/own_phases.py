"""The phases of a row's own terms, up to where those of its migration follow. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from reconciler.core.added import Added
from reconciler.core.calendar import boundary, later, less
from reconciler.core.course import Opening
from reconciler.core.migration_facts import CouponFacts
from reconciler.core.migrations import Fault, Migration, Named
from reconciler.core.offer import Offer
from reconciler.core.opening import Beginning
from reconciler.core.phases import Stretch
from reconciler.core.row_dates import cycle_text
from reconciler.core.row_discount import Discount


def own_phases(
    begin: Beginning, offer: Offer, end: int, discount: Discount, added: Sequence[Added], metadata: Mapping[str, str]
) -> list[Stretch]:
    """Lay out the phases of a row's own terms, which end at a moment; what is added comes with the first."""
    first, whole = _named(discount.first, discount), _named(discount.whole, discount)
    base = Stretch(begins=begin.start, ends=end, offer=offer, coupon=first, added=added, metadata=metadata)
    if begin.ends is not None or (not begin.free and not begin.resets):
        return [replace(base, free=begin.free)]
    if begin.opening is Opening.TRIAL and first == whole:
        return [replace(base, trial_end=begin.grid)]
    before = replace(base, ends=begin.grid, free=begin.free)
    if end == begin.grid:
        return [before]
    rest = Stretch(begins=begin.grid, ends=end, offer=offer, coupon=whole, resets=begin.resets, metadata=metadata)
    return [before, rest]


def own_end(begin: Beginning, offer: Offer, migration: Migration) -> tuple[int, tuple[Fault, ...]]:
    """When the phases of a row's own terms end: with the period that is charged first, if nothing else is said."""
    whole_first = begin.opening is Opening.FULL and begin.renewal == begin.grid
    if begin.ends is not None:
        return begin.ends, ()
    if not migration.then:
        return (boundary(begin.grid, offer.cycle, 1) if whole_first else begin.renewal), ()
    if migration.lasts is None:
        return begin.renewal, ()
    if not whole_first:
        return later(begin.grid, begin.paid_from, migration.lasts), ()
    # The first period ends with the anchor; the rest is counted from there, where the periods are.
    left = less(migration.lasts, offer.cycle)
    end = later(begin.start, begin.start, migration.lasts) if left is None else later(begin.grid, begin.grid, left)
    if end >= begin.grid:
        return end, ()
    fault = Fault(
        reason="lasts_too_short",
        column="",
        summary=f"its own terms last {cycle_text(migration.lasts)}, which is less than its first period",
        hint=f"let `lasts` of the migration be {cycle_text(offer.cycle)} or more",
    )
    return end, (fault,)


def _named(coupon: CouponFacts | None, discount: Discount) -> Named | None:
    return None if coupon is None else discount.named
