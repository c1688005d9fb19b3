"""The course of a row, laid: from its terms and what the account tells to its schedule, or its subscription. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reconciler.core.added import Added, lines_of, without
from reconciler.core.course import Course
from reconciler.core.course_words import Told, course_words
from reconciler.core.first_charge import charges_of
from reconciler.core.later_phases import Running, later_phases, phase_faults, too_far
from reconciler.core.mid_cycle import lasting_discount, subscription_charges, subscription_params
from reconciler.core.migration_facts import AccountFacts
from reconciler.core.migrations import BACKDATED, Fault, Migration, Row, Terms
from reconciler.core.own_phases import own_end, own_phases
from reconciler.core.phases import Stretch, phase_params
from reconciler.core.row_discount import Discount, place_coupon
from reconciler.core.row_reading import Reading, is_mid_cycle, read_row
from reconciler.core.values import Value


def lay_course(
    migration: Migration, row: Row, facts: AccountFacts, marks: Mapping[str, str]
) -> tuple[Course | None, tuple[Fault, ...]]:
    """Lay the course of a row out, or say why its schedule could not be billed as it asks.

    All that the row and the further phases of its migration name must be in the facts. `marks` is what the subscription
    carries besides the row's metadata. The phases share what they say alike, with each other and with the row: nobody
    may change them. No course for a row that cannot be read.
    """
    if row.terms is None:
        return None, ()
    reading, faults = read_row(row.terms, migration, facts)
    if reading is None:
        return None, faults
    discount = _discount(reading, facts)
    if isinstance(discount, Fault):
        return None, (discount,)
    added = without((*reading.stub, *reading.fees), discount.inside, reading.offer.currency)
    stretches, faults = _stretches(reading, migration, facts, discount, added, _metadata(reading.terms, marks))
    if faults:
        return None, faults
    return _course(reading, discount, added, stretches, len(stretches) - len(migration.then)), ()


def lay_subscription(
    migration: Migration, row: Row, facts: AccountFacts, marks: Mapping[str, str]
) -> tuple[Mapping[str, Value], Course]:
    """Give the parameters of `POST /v1/subscriptions` for a row in the middle of a period that is paid, and its course.

    It may be sent from the row's start on, and before the course's anchor: later, a period would have begun that nobody
    is charged for. Raises ValueError for a row that `lay_course` has faults of, or that begins in another way.
    """
    reading, faults = (None, ()) if row.terms is None else read_row(row.terms, migration, facts)
    if reading is None or not is_mid_cycle(migration, reading.begin):
        raise ValueError(f"{row.key} is no row that becomes a subscription: {[fault.reason for fault in faults]}")
    discount = lasting_discount(reading, facts)
    told = Told(
        terms=reading.terms,
        offer=reading.offer,
        begin=reading.begin,
        charges=subscription_charges(reading, discount),
        discount=discount,
        tax=reading.tax,
        stub=False,
        at_once=True,
    )
    params = subscription_params(reading, discount, {**reading.terms.metadata, **marks})
    return params, _told_course(told, ())


def _discount(reading: Reading, facts: AccountFacts) -> Discount | Fault:
    named = reading.terms.coupon
    coupon = None if named is None else facts.coupons[named]
    told = "" if coupon is None or named is None else coupon.id or named
    lines = lines_of((*reading.stub, *reading.fees))
    return place_coupon(coupon, told, reading.begin, lines, reading.offer.currency)


def _metadata(terms: Terms, marks: Mapping[str, str]) -> Mapping[str, str]:
    metadata = {**terms.metadata, **marks}
    if terms.backdate is not None:
        metadata[BACKDATED] = str(terms.backdate)
    return metadata


def _stretches(
    reading: Reading,
    migration: Migration,
    facts: AccountFacts,
    discount: Discount,
    added: Sequence[Added],
    metadata: Mapping[str, str],
) -> tuple[list[Stretch], tuple[Fault, ...]]:
    begin, terms = reading.begin, reading.terms
    end, faults = own_end(begin, reading.offer, migration)
    faults = (*faults, *too_far(end, ""))
    if faults:
        return [], faults
    own = own_phases(begin, reading.offer, end, discount, added, metadata)
    if not migration.then:
        return own, ()
    running = Running(last=own[-1], grid=begin.grid, named=terms.coupon, coupon=discount.coupon, begun=discount.begins)
    later, faults = later_phases(migration.then, running, terms, facts)
    stretches = [*own, *later]
    return stretches, faults or phase_faults(stretches)


def _course(
    reading: Reading, discount: Discount, added: Sequence[Added], stretches: Sequence[Stretch], own: int
) -> Course:
    begin, offer, terms, tax = reading.begin, reading.offer, reading.terms, reading.tax
    reset = next((one.begins for one in stretches[own:] if one.resets), None)
    charges = charges_of(offer, begin, discount, added, tax, reset)
    told = Told(
        terms=terms,
        offer=offer,
        begin=begin,
        charges=charges,
        discount=discount,
        tax=tax,
        stub=bool(reading.stub),
        later=stretches[own:],
    )
    return _told_course(told, phase_params(stretches, terms, tax))


def _told_course(told: Told, phases: tuple[Mapping[str, Value], ...]) -> Course:
    """Put the course of a row together."""
    terms, offer, begin, charges = told.terms, told.offer, told.begin, told.charges
    return Course(
        start=begin.start,
        end_behavior="release" if begin.ends is None else "cancel",
        phases=phases,
        opening=begin.opening,
        first=charges.first,
        currency=offer.currency,
        period_amount=None if charges.period is None else charges.period.net,
        interval=offer.cycle.interval,
        interval_count=offer.cycle.interval_count,
        renews=charges.renews,
        trial_end=terms.trial_end,
        anchor=None if begin.grid == begin.start else begin.grid,
        ends=begin.ends,
        words=course_words(told),
    )
