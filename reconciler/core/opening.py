"""How a row begins: what its anchor, its trial, its end and its past say together, and what of that cannot be. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.core.calendar import DAY, boundary, next_boundary, number_at, runs_alike
from reconciler.core.course import Opening
from reconciler.core.migrations import Backdated, Duration, Fault, Terms
from reconciler.core.row_amounts import WHOLE, Ratio
from reconciler.core.row_dates import day_text

# https://docs.stripe.com/api/subscriptions/create: two years at most.
LONGEST_TRIAL = 730 * DAY


@dataclass(frozen=True, slots=True, kw_only=True)
class Stub:
    """The time before the anchor that is charged at the start: `share` of a whole period's amount, counted from
    `since` on; `period` is when the period began that the anchor ends."""

    since: int
    period: int
    share: Ratio


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """How a row begins. `grid` is what its periods are counted from, `renewal` when its second whole period begins.

    `free`: nothing but what is added is charged before the grid's moment, by way of a trial. `resets`: the first period
    is whole, and those after it are counted anew from the grid. `ends` is when the subscription ends by itself.
    """

    opening: Opening
    start: int
    grid: int
    renewal: int
    free: bool = False
    resets: bool = False
    stub: Stub | None = None
    ends: int | None = None

    @property
    def paid_from(self) -> int:
        """When a whole period is first charged as one."""
        return self.grid if self.free else self.start


def open_row(terms: Terms, cycle: Duration, backdated: Backdated | None) -> tuple[Beginning | None, tuple[Fault, ...]]:
    """Say how a row begins whose prices are billed in a cycle."""
    if terms.trial_end is not None:
        return _trial(terms, terms.trial_end, cycle)
    natural = boundary(terms.start, cycle, 1)
    anchor = terms.anchor
    if terms.backdate is not None:
        if terms.prorated and backdated is None:
            return None, (_BACKDATE_PRORATED,)
        # Without a word on the anchor, the periods are those that have been running since then.
        anchor = anchor or next_boundary(terms.backdate, cycle, terms.start)
    if anchor is None:
        return _full(terms, natural, natural, resets=False), ()
    back = boundary(anchor, cycle, -1)
    if anchor != natural and back != terms.start and anchor > natural:
        return None, (_too_late(terms, anchor, natural, cycle),)
    if terms.prorated and terms.backdate is not None and backdated is Backdated.FROM_BACKDATE:
        return _free(terms, Opening.STUB, anchor, cycle, _stub(anchor, cycle, terms.backdate))
    if anchor == natural:
        return _full(terms, anchor, natural, resets=not runs_alike(terms.start, anchor, cycle)), ()
    if back == terms.start:
        # A period may be longer than the calendar would have it from its start: from February 28 to the 31st of March.
        # A subscription that began then would renew on March 28, so that its first period is charged as what is added.
        whole = Stub(since=terms.start, period=terms.start, share=WHOLE)
        return _free(terms, Opening.FULL, anchor, cycle, whole)
    if terms.prorated:
        return _free(terms, Opening.STUB, anchor, cycle, _stub(anchor, cycle, terms.start))
    return _free(terms, Opening.ANCHORED, anchor, cycle, None)


def _full(terms: Terms, anchor: int, natural: int, *, resets: bool) -> Beginning:
    return Beginning(
        opening=Opening.FULL,
        start=terms.start,
        grid=anchor if resets else terms.start,
        renewal=natural,
        resets=resets,
        ends=natural if terms.cancel_at_period_end else None,
    )


def _free(
    terms: Terms, opening: Opening, anchor: int, cycle: Duration, stub: Stub | None
) -> tuple[Beginning | None, tuple[Fault, ...]]:
    if anchor > terms.start + LONGEST_TRIAL:
        return None, (_too_long("billing_cycle_anchor", anchor, "let the row start nearer to its anchor"),)
    ends = terms.cancel_at_period_end
    return (
        Beginning(
            opening=Opening.ENDING if ends and stub is None else opening,
            start=terms.start,
            grid=anchor,
            renewal=anchor if opening is Opening.FULL else boundary(anchor, cycle, 1),
            free=True,
            stub=stub,
            ends=anchor if ends else None,
        ),
        (),
    )


def _trial(terms: Terms, end: int, cycle: Duration) -> tuple[Beginning | None, tuple[Fault, ...]]:
    if terms.anchor is not None and terms.anchor != end:
        return None, (_TRIAL_AND_ANCHOR,)
    if end > terms.start + LONGEST_TRIAL:
        return None, (_too_long("trial_end", end, "end the trial sooner"),)
    return (
        Beginning(
            opening=Opening.ENDING if terms.cancel_at_period_end else Opening.TRIAL,
            start=terms.start,
            grid=end,
            renewal=boundary(end, cycle, 1),
            free=True,
            ends=end if terms.cancel_at_period_end else None,
        ),
        (),
    )


def _stub(anchor: int, cycle: Duration, since: int) -> Stub:
    """What of the periods before the anchor lies after a moment: whole ones, and a part of the earliest."""
    number = number_at(anchor, cycle, since)
    begun, ended = boundary(anchor, cycle, number), boundary(anchor, cycle, number + 1)
    part, period = ended - since, ended - begun
    return Stub(since=since, period=boundary(anchor, cycle, -1), share=((-number - 1) * period + part, period))


# Rows are read without these faults; they are here for whoever makes terms in another way.
_BACKDATE_PRORATED = Fault(
    reason="backdate_with_prorations",
    column="backdate_start_date",
    summary="a backdated row with proration_behavior create_prorations does not say what it is billed for",
    hint="set proration_behavior to none, or `backdated_prorations` of the migration to from_start_date or "
    "from_backdate",
)
_TRIAL_AND_ANCHOR = Fault(
    reason="trial_end_with_anchor",
    column="trial_end",
    summary="a trial's end is the billing cycle anchor, and the row names another one",
    hint="a trial's end is when billing begins: take one of the two away",
)


def _too_late(terms: Terms, anchor: int, natural: int, cycle: Duration) -> Fault:
    every = cycle.interval if cycle.interval_count == 1 else f"{cycle.interval_count} {cycle.interval}s"
    return Fault(
        reason="anchor_too_late",
        column="billing_cycle_anchor",
        summary=f"{day_text(anchor)} is more than one interval ({every}) after the start, {day_text(terms.start)}",
        hint=f"it is at most {day_text(natural)}: give the next renewal, or trial_end for a longer time without charge",
    )


def _too_long(column: str, end: int, way_out: str) -> Fault:
    return Fault(
        reason="trial_too_long",
        column=column,
        summary=f"nothing would be charged until {day_text(end)}, and Stripe waits for two years (730 days) at most",
        hint=way_out,
    )
