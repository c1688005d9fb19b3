"""The course of a row: the phases that its schedule has, and what its customer will see of them. Pure.

Moments are epoch seconds, UTC; amounts are integers in minor units.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from reconciler.core.phase_shape import phase_shape
from reconciler.core.values import Value


class Opening(StrEnum):
    """How a row begins.

    FULL: a whole period is charged at the start. ANCHORED: nothing before the anchor, since the source has been paid
    until then. STUB: the time up to the anchor is charged at the start. TRIAL: nothing before the trial ends. ENDING:
    nothing at all, it is canceled when the period ends that is paid already.
    """

    FULL = "full"
    ANCHORED = "anchored"
    STUB = "stub"
    TRIAL = "trial"
    ENDING = "ending"


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """What a customer is first charged, and when. `amount` is None where it depends on usage; `plus_tax`: Stripe Tax
    adds to it what nobody knows beforehand."""

    at: int
    amount: int | None
    currency: str
    plus_tax: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What a row becomes. `phases` are Stripe's parameters, with references where ids are not known yet.

    `first` is None where nothing is ever charged. `period_amount` is what a later period of the row's own terms comes
    to before a tax that goes on top, with its discounts as of the second one; `interval` and `interval_count` are the
    period's. `renews` is the first charge after `first`. `trial_end` is that of a trial that the row asks for: no other
    trial shows here. `ends` is when the subscription ends, None where it goes on. `anchor` is what its periods are
    counted from, None where that is the start. `words` say all of it to a person.
    """

    start: int
    end_behavior: str
    phases: tuple[Mapping[str, Value], ...]
    opening: Opening
    first: Charge | None
    currency: str
    period_amount: int | None
    interval: str
    interval_count: int
    renews: int | None
    trial_end: int | None
    ends: int | None
    words: str
    anchor: int | None = None

    def differs_from(self, shape: int | None) -> bool:
        """Say whether its phases have another shape than those of a schedule; None is no shape."""
        return shape is not None and phase_shape(self.start, self.phases) != shape
