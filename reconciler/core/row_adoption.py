"""What a row takes over that it names by `adopt`: a schedule or a subscription that is the row already. Pure."""

from __future__ import annotations

from reconciler.core.address import Address
from reconciler.core.deadline import MARGIN
from reconciler.core.migration_facts import AccountFacts, Held
from reconciler.core.migrations import Fault, Row, Terms
from reconciler.core.row_doubles import moved_line
from reconciler.core.row_standing import SCHEDULE, Place
from reconciler.core.types import show_moment

_COLUMN = "adopt"


def adopted(row: Row, address: Address, facts: AccountFacts, *, takeover: bool) -> Held | Fault:
    """Find what a row that is not in the account yet takes over, or say why it must not. `takeover`: it may be another
    project's."""
    named = row.adopt or ""
    held = facts.holdings.by_id.get(named)
    if held is None or row.terms is None:
        hint = "check the id, and that it is of the right account and mode"
        return _fault("adopt_unknown", f"this account has no schedule or subscription {named}", hint)
    if held.customer != row.terms.customer:
        summary = f"{named} is of {held.customer}, and the row of {row.terms.customer}"
        return _fault("adopt_customer", summary, "name what this customer has")
    if held.address is not None and held.address != address:
        summary = f"{named} is {held.address} of this project"
        hint = f"if the row was renamed, {moved_line(held.address, address)}; else take adopt out"
        return _fault("adopt_taken", summary, hint)
    if held.project is not None and held.address is None and not takeover:
        summary = f"{named} belongs to the billplan project {held.project!r}"
        return _fault("adopt_foreign", summary, f"if that is meant: billplan apply --takeover '{address}'")
    if not held.billing:
        summary = f"{named} has ended ({held.status})"
        return _fault("adopt_ended", summary, "take the row out: what has ended is not begun again")
    return _unpaid(held, row.terms, facts.now) or held


def adopts_other(row: Row, place: Place) -> Fault | None:
    """Say so where a row names something else than what it is already."""
    if row.adopt is None:
        return None
    known = [one for one in (place.schedule, place.subscription) if one is not None]
    own = {one.id for one in known} | {one.schedule for one in known} | {one.subscription for one in known}
    if row.adopt in own:
        return None
    summary = f"it names {row.adopt}, and the row is {known[0].id} already" if known else f"it names {row.adopt}"
    return _fault("adopt_other", summary, "take adopt out")


def coupon_at_risk(held: Held, terms: Terms, now: int) -> int | None:
    """Until when a change of the metadata would cost what has begun its coupon, None where it would not.

    While a coupon waits for the first charge, any update that does not name it takes it off:
    https://docs.stripe.com/billing/subscriptions/import-subscriptions-toolkit (coupons)
    """
    if held.waiting or terms.coupon is None:
        return None
    free = max(terms.anchor or 0, terms.trial_end or 0)
    return free if free > now - MARGIN else None


def _unpaid(held: Held, terms: Terms, now: int) -> Fault | None:
    until = coupon_at_risk(held, terms, now)
    if until is None:
        return None
    what = "schedule" if held.object == SCHEDULE else "subscription"
    summary = (
        f"an update of the {what} {held.id} before its first charge, {show_moment(until)}, would take its coupon off"
    )
    return _fault("adopt_coupon", summary, "adopt it after that day")


def _fault(reason: str, summary: str, hint: str) -> Fault:
    return Fault(reason=reason, column=_COLUMN, summary=summary, hint=hint)
