"""What a row's subscription should say at a moment: the terms of the phase that it is in. Pure.

Moments are epoch seconds, UTC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.core.course import Course
from reconciler.core.migrations import Row
from reconciler.core.sold_items import adhoc_label
from reconciler.core.values import Value


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedTerms:
    """What is expected. `started` is None where any moment will do; `items` are what is sold, each by its price and how
    many."""

    status: str
    started: int | None
    anchor: int
    trial_end: int | None
    items: tuple[tuple[str, int | None], ...]
    currency: str
    collection_method: str
    days_until_due: int | None
    tax_rates: tuple[str, ...]
    automatic_tax: bool
    coupons: tuple[str, ...]
    metadata: Mapping[str, str] = field(default_factory=dict)


def terms_at(row: Row, course: Course, moment: int, *, at_once: bool) -> ExpectedTerms:
    """Say what a subscription should be at a moment. `at_once`: it was made as a subscription, and has no phases."""
    phases = course.phases
    begins = [course.start, *(phase["end_date"] for phase in phases[:-1])]
    place = max((n for n, begin in enumerate(begins) if begin <= moment), default=0)
    phase = phases[place]
    trial = None if at_once else _trial_end(phases)
    metadata: dict[str, str] = {}
    for one in phases[: place + 1]:
        metadata |= one.get("metadata", {})
    return ExpectedTerms(
        status=_status(course, trial, moment),
        started=_started(row, course, at_once),
        anchor=_anchor(course, begins, place, trial, at_once),
        trial_end=trial,
        items=tuple(_item(one) for one in phase["items"]),
        currency=phase["currency"],
        collection_method=phase["collection_method"],
        days_until_due=phase.get("invoice_settings", {}).get("days_until_due"),
        tax_rates=tuple(sorted(str(one) for one in phase.get("default_tax_rates", ()))),
        automatic_tax=bool(phase.get("automatic_tax", {}).get("enabled", False)),
        coupons=tuple(str(one["coupon"]) for one in phase.get("discounts", ())),
        metadata=metadata,
    )


def _status(course: Course, trial: int | None, moment: int) -> str:
    if course.ends is not None and moment >= course.ends:
        return "canceled"
    return "trialing" if trial is not None and moment < trial else "active"


def _started(row: Row, course: Course, at_once: bool) -> int | None:
    if not at_once:
        return course.start
    # It begins when it is made, unless it is told to have begun at its source.
    return None if row.terms is None else row.terms.backdate


def _trial_end(phases: Sequence[Mapping[str, Value]]) -> int | None:
    """When the trial of the first phase ends: later ones have none."""
    first = phases[0]
    end: int | None = first["end_date"] if first.get("trial") else first.get("trial_end")
    return end


def _anchor(course: Course, begins: Sequence[int], place: int, trial: int | None, at_once: bool) -> int:
    """What periods are counted from: the last phase that begins anew, the trial's end, or the start."""
    if at_once:
        return course.anchor or course.start
    for n in range(place, 0, -1):
        if course.phases[n].get("billing_cycle_anchor") == "phase_start":
            return begins[n]
    return course.start if trial is None else trial


def _item(one: Mapping[str, Value]) -> tuple[str, int | None]:
    if "price_data" not in one:
        return str(one["price"]), one.get("quantity")
    data = one["price_data"]
    recurring = data["recurring"]
    label = adhoc_label(
        str(data["product"]), data["unit_amount"], data["currency"], recurring["interval"], recurring["interval_count"]
    )
    return label, one.get("quantity")
