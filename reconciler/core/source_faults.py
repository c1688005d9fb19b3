"""What is wrong with the subscription that a row replaces at its source, and the way out. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.core.address import Address
from reconciler.core.migration_facts import Held
from reconciler.core.migrations import Fault, Row
from reconciler.core.source_facts import GOING_ON, SourceFacts, SourceSubscription
from reconciler.core.types import show_moment

_COLUMN, _START = "source_subscription", "start_date"


def unfit(
    row: Row,
    source: SourceSubscription | None,
    facts: SourceFacts,
    addresses: Sequence[Address],
    *,
    going: bool = True,
) -> Iterator[Fault]:
    """Go through what keeps a subscription from being ended at a row's start. `going`: it must not be overdue, either,
    and nobody must have set it to end."""
    if source is None:
        hint = "correct the id; a subscription on a test clock is in no list, and cannot be moved"
        summary = f"the source account {facts.account} has no subscription {row.source_subscription}"
        yield _fault("unknown_source_subscription", summary, hint)
        return
    start = 0 if row.terms is None else row.terms.start
    ours = source.is_moved(addresses, facts.mover)
    if (source.moved_to or source.moved_by) and not ours:
        whose = f"{source.moved_to or 'something'} of {source.moved_by or 'nobody known'}"
        summary = f"{source.id} was set to end for {whose}"
        hint = "roll that one back first; or take billplan_moved_to and billplan_moved_by off its metadata"
        yield _fault("source_moved", summary, hint)
    if source.ended:
        yield _fault("source_not_active", f"{source.id} has ended ({source.status})", "take the row out")
        return
    if going and source.status not in GOING_ON:
        hint = "let it be paid at the source first, or end it there and take end_source out for this row's block"
        yield _fault("source_not_active", f"{source.id} is {source.status}, and not active", hint)
    if source.schedule is not None:
        summary = f"{source.id} is managed by the schedule {source.schedule}, which alone can end it"
        yield _fault("source_scheduled", summary, "release that schedule at the source first")
    if going and source.cancel_at is not None and not (ours and source.cancel_at == start):
        summary = f"{source.id} ends at {show_moment(source.cancel_at)} by itself"
        yield _fault("source_ends", summary, "take the row out; or let the subscription go on at the source first")
    yield from _period(source, start)


def _period(source: SourceSubscription, start: int) -> Iterator[Fault]:
    if source.period_end == start:
        return
    if source.period_end is None:
        summary = f"the items of {source.id} have periods that do not end together"
        yield _fault("source_period", summary, "make it one period at the source first")
        return
    summary = f"{show_moment(start)} is not when the period of {source.id} ends, {show_moment(source.period_end)}"
    hint = f"start_date: {show_moment(source.period_end)}, so that nobody pays twice, or for nothing"
    yield Fault(reason="source_period", column=_START, summary=summary, hint=hint)


def ended_early(source: SourceSubscription, start: int, facts: SourceFacts, addresses: Sequence[Address]) -> str:
    """Say how a subscription ends otherwise than at the start for which its row was scheduled; empty where not."""
    if source.ended:
        return f"{source.id} has ended ({source.status})"
    if source.cancel_at is None:
        return ""
    ours = source.is_moved(addresses, facts.mover)
    if ours and source.cancel_at >= start:
        # It was put off: it can be set to end at the start again.
        return ""
    return f"{source.id} was set to end at {show_moment(source.cancel_at)} by somebody else"


def unseen_fault(source: str = "") -> Fault:
    """Say that nothing is known of what a row replaces."""
    what = f"{source} is set to end for it" if source else "what it replaces is to end"
    summary = f"{what}, and the source account was not looked at"
    hint = "plan without --refresh=none, with source_account and end_source in the block"
    return _fault("source_unseen", summary, hint)


def double_fault(id: str) -> Fault:
    """Say that several rows replace the same subscription."""
    return _fault("source_shared", f"{id} is replaced by another row as well", "keep the row that is meant")


def other_source(row: Row, held: Held, facts: SourceFacts) -> Fault:
    """Say that a row names another source than that for which it was scheduled."""
    summary = (
        f"{row.source_subscription} in {facts.account} is not what {held.id} was scheduled to replace, {held.source}"
    )
    hint = "restore it; or take the row out, roll it back by removed:, and declare it anew under another key"
    return _fault("source_changed", summary, hint)


def late_fault(source: SourceSubscription, facts: SourceFacts) -> Fault:
    """Say that it is too late to set a source to end, or to cancel what replaces it."""
    summary = f"it starts within 5 minutes, and {source.id} in {facts.account} does not end then"
    hint = "cancel one of the two by hand, now: the customer would pay twice"
    return _fault("source_late", summary, hint)


def too_late_fault(start: int) -> Fault:
    """Say that it is too late to roll a row back whose source ends."""
    summary = f"it starts at {show_moment(start)}, within an hour, and its source ends then"
    hint = "let it start, and cancel the subscription itself"
    return Fault(reason="roll_back_late", column=_START, summary=summary, hint=hint)


def _fault(reason: str, summary: str, hint: str) -> Fault:
    return Fault(reason=reason, column=_COLUMN, summary=summary, hint=hint)
