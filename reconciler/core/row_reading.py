"""A row with all that it names looked up, and what of it cannot be on one subscription. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.core.added import Added, count_faults, fee_lines, stub_lines
from reconciler.core.course import Opening
from reconciler.core.migration_facts import AccountFacts
from reconciler.core.migrations import Fault, Migration, Terms
from reconciler.core.offer import Offer, read_offer
from reconciler.core.opening import Beginning, open_row
from reconciler.core.row_discount import read_coupon
from reconciler.core.row_tax import Tax, tax_faults, tax_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a course is laid out of. `fees` and `stub` are what is added at the start, before any discount."""

    terms: Terms
    offer: Offer
    begin: Beginning
    tax: Tax
    fees: tuple[Added, ...]
    stub: tuple[Added, ...]


def read_row(terms: Terms, migration: Migration, facts: AccountFacts) -> tuple[Reading | None, tuple[Fault, ...]]:
    """Look all up that a row names, and say what of it cannot be on one subscription."""
    offer, faults = read_offer(terms.items, terms.fees, terms.currency, facts)
    if offer is None:
        return None, faults
    begin, late = open_row(terms, offer.cycle, migration.backdated)
    faults = (*tax_faults(terms, offer, facts), *read_coupon(terms.coupon, offer, "coupon", facts), *late)
    if begin is not None:
        faults = (*faults, *_further(terms, migration, begin))
    tax = tax_of(terms, offer, facts)
    fees = fee_lines(terms.fees, tax, facts)
    stub, unknown = stub_lines(offer, None if begin is None else begin.stub, tax)
    faults = (*faults, *unknown, *count_faults((*fees, *stub)))
    if begin is None or faults:
        return None, faults
    return Reading(terms=terms, offer=offer, begin=begin, tax=tax, fees=fees, stub=stub), ()


def is_mid_cycle(migration: Migration, begin: Beginning) -> bool:
    """Say whether a row becomes a subscription when its start has come, instead of a schedule: its migration asks for
    that where the source has been paid up to the anchor."""
    return migration.mid_cycle_by_subscription and begin.opening is Opening.ANCHORED


def _further(terms: Terms, migration: Migration, begin: Beginning) -> tuple[Fault, ...]:
    """Refuse further phases where there are none."""
    if not migration.then:
        return ()
    if terms.cancel_at_period_end:
        return (_ENDS_BEFORE,)
    return (_NO_PHASES,) if is_mid_cycle(migration, begin) else ()


_ENDS_BEFORE = Fault(
    reason="ends_before_then",
    column="cancel_at_period_end",
    summary="it is canceled when its period ends, and the migration has further phases after that (`then`)",
    hint="leave cancel_at_period_end empty, or move the row to a migration without `then`",
)
_NO_PHASES = Fault(
    reason="mid_cycle_then",
    column="",
    summary="it is made as a subscription (`mid_cycle: subscription`), which has no further phases (`then`)",
    hint="take `mid_cycle` or `then` out of the migration",
)
