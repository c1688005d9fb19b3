"""The course of a row in one or two sentences, for people who read a plan. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from reconciler.core.calendar import DAY
from reconciler.core.first_charge import Charges
from reconciler.core.migrations import Terms
from reconciler.core.money import show_amount
from reconciler.core.offer import Offer, whole_lines
from reconciler.core.opening import Beginning
from reconciler.core.phases import Stretch
from reconciler.core.row_amounts import Sum, add_up
from reconciler.core.row_dates import day_text, renewal_text
from reconciler.core.row_discount import Discount, ends_at
from reconciler.core.row_tax import Tax
from reconciler.core.values import decimal_text

_UNKNOWN = "an amount that depends on usage"
_TIERED = "an amount that depends on its tiers"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """All that the words are about. `stub`: time before the anchor is charged. `at_once`: it is no schedule but a
    subscription, which is made when its start has come."""

    terms: Terms
    offer: Offer
    begin: Beginning
    charges: Charges
    discount: Discount
    tax: Tax
    stub: bool
    later: Sequence[Stretch] = ()
    at_once: bool = False


def course_words(told: Told) -> str:
    """Say what a customer will see: charges, renewals, trial and end, and then on what terms."""
    parts = [_charged(told), *_remarks(told)]
    return "; ".join(part for part in parts if part)


def _charged(told: Told) -> str:
    begin, charges = told.begin, told.charges
    ends = "" if begin.ends is None else f"ends {day_text(begin.ends)}"
    first = charges.first
    if first is None:
        return f"{ends}, nothing is charged"
    said = f"{_amount(charges.at_start if charges.charged else _early(told), told)} on {day_text(first.at)}"
    if charges.charged and told.stub:
        said += _stub_words(told)
    else:
        said = f"first charge {said}"
    if charges.charged and told.terms.fees:
        said += ", fees included" if not begin.free or told.stub else " for fees"
    if charges.renews is None:
        return f"{said}; {ends or 'nothing after it'}"
    return f"{said}, {_then(told)}" + (f"; {ends}" if ends else "")


def _early(told: Told) -> Sum | None:
    return None if told.offer.only_metered else told.charges.whole


def _then(told: Told) -> str:
    """What comes after the first charge: the next one, where it is another, and all that follow."""
    begin, charges, cycle = told.begin, told.charges, told.offer.cycle
    every = renewal_text(begin.grid, cycle.interval, cycle.interval_count)
    later = f"{_amount(charges.period, told)} {every}"
    if not (charges.charged and begin.free):
        return f"then {later}"
    since = day_text(begin.grid)
    if told.offer.metered or charges.whole == charges.period:
        return f"then {later} from {since} on"
    return f"then {_amount(charges.whole, told)} on {since}, then {later}"


def _stub_words(told: Told) -> str:
    stub, grid = told.begin.stub, told.begin.grid
    assert stub is not None, "told to be there"
    left, whole = grid - stub.since, grid - stub.period
    if stub.since == stub.period:
        return f" for the whole period up to {day_text(grid)}"
    if left < whole and left % DAY == 0 and whole % DAY == 0:
        return f" for {left // DAY} of {whole // DAY} days"
    return f" for the time from {day_text(stub.since)} to {day_text(grid)}"


def _remarks(told: Told) -> list[str]:
    terms, begin = told.terms, told.begin
    found = []
    if terms.trial_end is not None:
        found.append(f"trial until {day_text(begin.grid)}")
    elif begin.free and not told.stub:
        found.append(_paid_words(told))
    if begin.free and told.offer.metered and not told.at_once:
        found.append(f"usage before {day_text(begin.grid)} is not billed")
    found.append(_coupon_words(told))
    if told.tax.rate is not None:
        within = "included" if told.tax.rate.inclusive else "on top, in these amounts"
        found.append(f"tax of {decimal_text(told.tax.rate.percentage)}% {within}")
    if terms.collection_method == "send_invoice":
        found.append(f"invoices are sent, due in {terms.days_until_due} days")
    if terms.backdate is not None:
        found.append(f"began {day_text(terms.backdate)}" + ("" if told.at_once else ", which its metadata tells"))
    if told.at_once:
        found.append(f"made by an apply between {day_text(begin.start)} and {day_text(begin.grid)}")
    return [*found, *(_later_words(one, told) for one in told.later)]


def _paid_words(told: Told) -> str:
    begin = told.begin
    if told.charges.charged:
        return f"paid at the source until {day_text(begin.grid)}"
    until = day_text(begin.grid) if begin.ends is not None or told.offer.only_metered else "then"
    return f"paid at the source until {until} (no charge on {day_text(begin.start)})"


def _coupon_words(told: Told) -> str:
    discount = told.discount
    coupon = discount.coupon
    if coupon is None or told.charges.first is None:
        return ""
    if coupon.duration == "forever":
        return f"with the coupon {discount.named}"
    if coupon.duration == "once":
        return f"with the coupon {discount.named} once"
    ends = ends_at(coupon, discount.begins)
    assert ends is not None, "a coupon of some months ends"
    return f"with the coupon {discount.named} until {day_text(ends)}"


def _later_words(one: Stretch, told: Told) -> str:
    """A further phase, by what a period of it costs before any discount."""
    lines = whole_lines(one.offer)
    amount = None if lines is None or one.offer.metered else add_up(lines, None, one.offer.currency, told.tax.rate)
    cycle = one.offer.cycle
    every = cycle.interval if cycle.interval_count == 1 else f"{cycle.interval_count} {cycle.interval}s"
    less = f" less the coupon {one.coupon}" if one.coupon is not None else ""
    asked = ", the change prorated" if one.prorated else ""
    return f"from {day_text(one.begins)} on {_amount(amount, told, one.offer)} every {every}{less}{asked}"


def _amount(amount: Sum | None, told: Told, offer: Offer | None = None) -> str:
    offer = offer or told.offer
    if amount is None:
        return _UNKNOWN if offer.metered else _TIERED
    return _shown(amount.total, offer.currency) + (" plus tax" if told.tax.adds else "")


@lru_cache(maxsize=1 << 14)
def _shown(amount: int, currency: str) -> str:
    return show_amount(amount, currency)
