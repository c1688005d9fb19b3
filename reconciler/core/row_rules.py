"""What the cells of one migration row must not say together. Pure.

A cell that could not be read stands in `values` as None, and an empty one not at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from reconciler.core.migrations import Backdated, Fault
from reconciler.core.row_cells import shown
from reconciler.core.row_items import Layout, currencies_in
from reconciler.core.types import show_moment
from reconciler.core.values import Value

MAX_METADATA = 40
_LONGEST_VALUE = 500
_START, _ANCHOR, _TRIAL, _BACKDATE = "start_date", "billing_cycle_anchor", "trial_end", "backdate_start_date"


@dataclass(frozen=True, slots=True, kw_only=True)
class RowRules:
    """What a block says that bears on its rows: whether phases follow, and when the first of these ends (epoch
    seconds), what backdated rows are billed for, and whether each row ends a subscription at its source."""

    followed: bool = False
    first_end: int | None = None
    backdated: Backdated | None = None
    ends_source: bool = False


def broken_rules(values: Mapping[str, Value], rules: RowRules, layout: Layout) -> Iterator[Fault]:
    """Find what a row's cells say that does not go together, or with what its block says."""
    yield from _required(values, rules)
    yield from _dates(values, rules)
    yield from _collection(values)
    if values.get("automatic_tax") and "default_tax_rate" in values:
        summary = "a rate of one's own does not go with automatic_tax"
        yield _fault("two_kinds_of_tax", "default_tax_rate", summary, "take one of the two away")
    if values.get("cancel_at_period_end") and rules.followed:
        summary = "the subscription would end before the phases of then: begin"
        yield _fault("cancel_with_then", "cancel_at_period_end", summary, "move the row to a block without then:")
    if layout.adhoc or layout.fees:
        yield from disagreements(values, layout)


def _fault(reason: str, column: str, summary: str, hint: str) -> Fault:
    return Fault(reason=reason, column=column, summary=summary, hint=hint)


def _required(values: Mapping[str, Value], rules: RowRules) -> Iterator[Fault]:
    if "customer" not in values:
        yield _fault("missing_customer", "customer", "the row has no customer", "give it the id of one: cus_...")
    if _START not in values:
        hint = "give it the moment when the subscription begins: 2027-01-01T00:00:00Z, or epoch seconds"
        yield _fault("missing_start_date", _START, "the row has no start date", hint)
    if rules.ends_source and "source_subscription" not in values:
        summary = "the row does not say which subscription ends at the source"
        hint = "give it the id of that subscription (sub_...), or take end_source out of the block"
        yield _fault("missing_source_subscription", "source_subscription", summary, hint)


def _dates(values: Mapping[str, Value], rules: RowRules) -> Iterator[Fault]:
    start, anchor, trial = values.get(_START), values.get(_ANCHOR), values.get(_TRIAL)
    backdate = values.get(_BACKDATE)
    if anchor is not None and start is not None and anchor <= start:
        summary = f"{show_moment(anchor)} is not after start_date, {show_moment(start)}"
        hint = "it is when the customer is next charged; leave it out to charge at the start"
        yield _fault("anchor_not_after_start", _ANCHOR, summary, hint)
    if trial is not None and start is not None and trial <= start:
        summary = f"{show_moment(trial)} is not after start_date, {show_moment(start)}"
        yield _fault("trial_end_not_after_start", _TRIAL, summary, "leave it out where there is no trial any more")
    if backdate is not None and start is not None and backdate >= start:
        summary = f"{show_moment(backdate)} is not before start_date, {show_moment(start)}"
        yield _fault("backdate_not_before_start", _BACKDATE, summary, "it is when the subscription began at its source")
    if trial is not None and anchor is not None and trial != anchor:
        summary = f"the trial ends on {show_moment(trial)}, and billing_cycle_anchor is {show_moment(anchor)}"
        hint = "a trial's end is when billing begins: take one of the two away"
        yield _fault("trial_end_with_anchor", _TRIAL, summary, hint)
    if backdate is not None and rules.backdated is None and values.get("proration_behavior", True):
        summary = "needs proration_behavior none, and the row has create_prorations"
        if "proration_behavior" not in values:
            summary += " by default"
        hint = "set none; or say in the block what is billed: backdated_prorations: from_start_date or from_backdate"
        yield _fault("backdate_with_prorations", _BACKDATE, summary, hint)
    if start is not None and rules.first_end is not None and rules.first_end <= start:
        summary = f"{show_moment(start)} is not before the first end_date of then:, {show_moment(rules.first_end)}"
        yield _fault("start_after_then", _START, summary, "move the row to a block with later phases")


def _collection(values: Mapping[str, Value]) -> Iterator[Fault]:
    method = values.get("collection_method", "charge_automatically")
    if method == "send_invoice" and "days_until_due" not in values:
        summary = "an invoice that is sent needs the days until it is due"
        yield _fault("missing_days_until_due", "days_until_due", summary, "fill it in, as in 30")
    elif method == "charge_automatically" and "days_until_due" in values:
        summary = "goes with collection_method send_invoice, and the row is charged automatically"
        yield _fault("days_without_send_invoice", "days_until_due", summary, "take one of the two away")


def disagreements(values: Mapping[str, Value], layout: Layout) -> Iterator[Fault]:
    """Find currencies and periods that are not the same, as far as the cells say them."""
    currencies = currencies_in(values, layout.entries)
    if len(currencies) > 1:
        (first, at), (second, column) = list(currencies.items())[:2]
        summary = f"{second}, and {at} is {first}"
        hint = "all of a subscription is in one currency"
        yield _fault("currencies_disagree", column, summary, hint)
    periods: dict[tuple[str, int], str] = {}
    for entry in layout.adhoc:
        interval = values.get(entry.columns["interval"])
        if interval is not None:
            count = values.get(entry.columns["interval_count"]) or 1
            periods.setdefault((interval, count), entry.columns["interval"])
    if len(periods) > 1:
        (one, at), (other, column) = list(periods.items())[:2]
        summary = f"every {other[1]} {other[0]}, and {at} is every {one[1]} {one[0]}"
        yield _fault("intervals_disagree", column, summary, "all of a subscription is charged at once: split the row")


def metadata_faults(metadata: Mapping[str, str]) -> Iterator[Fault]:
    """Find what Stripe would not take as metadata, by the name of its column."""
    if len(metadata) > MAX_METADATA:
        summary = f"the row has {len(metadata)} metadata keys, at most {MAX_METADATA} leave room for billplan's own"
        yield _fault("too_much_metadata", "", summary, "take some out")
    for key, value in metadata.items():
        if len(value) > _LONGEST_VALUE:
            summary = f"has {len(value)} characters, and Stripe takes at most {_LONGEST_VALUE}"
            yield _fault("long_metadata", f"metadata.{key}", summary, "shorten it, or take it out")
        elif not value.isprintable() and any(letter < " " and letter not in "\t\n\r" for letter in value):
            yield _fault("bad_metadata", f"metadata.{key}", f"{shown(value)} holds control characters", "take them out")
