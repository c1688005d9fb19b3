"""Why nothing can be done about a row that is in the account already, and the way out. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.core.address import Address
from reconciler.core.course import Course
from reconciler.core.migration_facts import Held
from reconciler.core.migrations import Fault
from reconciler.core.placed_rows import PlacedRow
from reconciler.core.row_doubles import in_yaml
from reconciler.core.sent_terms import term_diffs
from reconciler.core.types import show_moment


def period_over(until: int) -> Fault:
    """Say that a period which was paid at the source has ended (epoch seconds, UTC)."""
    summary = f"the period that was paid at the source ends {show_moment(until)}: a new one would not be charged"
    hint = "give the row its next start_date and billing_cycle_anchor"
    return Fault(reason="period_over", column="billing_cycle_anchor", summary=summary, hint=hint)


def another_customer(held: Held, customer: str, address: Address) -> Fault:
    """Say that a schedule is of another customer than its row."""
    summary = f"its schedule {held.id} is of {held.customer}, and cannot become that of {customer}"
    hint = "restore the customer; or take the row out, roll it back with  "
    hint += f"removed: [{{address: {in_yaml(address)}, action: cancel}}], and declare it anew under another key"
    return Fault(reason="customer_changed", column="customer", summary=summary, hint=hint)


def begun_already(one: PlacedRow, course: Course | None, names: Mapping[str, str]) -> Fault:
    """Say that a row was changed after it has started; `course` is what it would be now, None where that is not known:
    against it shows what was changed, as far as the schedule tells. `names` are what specs call ids."""
    held = one.place.held
    what = "" if held is None else f" ({held.id}, {held.status})"
    summary = f"it has started{what}, and its row is not what was scheduled any more"
    differs = "; ".join(_differences(one, course, names))
    hint = "restore the row; a subscription that has started is changed in the Dashboard or by the API"
    return Fault(reason="started", column="", summary=f"{summary}: {differs}" if differs else summary, hint=hint)


def _differences(one: PlacedRow, course: Course | None, names: Mapping[str, str]) -> list[str]:
    schedule, terms = one.place.schedule, one.row.terms
    if schedule is None or terms is None:
        return []
    found = [("customer", schedule.customer, terms.customer)]
    found.append(("start_date", show_moment(schedule.start), show_moment(terms.start)))
    if course is not None:
        adhoc = any(item.adhoc is not None for item in terms.items)
        diffs = term_diffs(schedule.sent, course.phases, course.end_behavior, names)
        # Which amount a price has that was made for the row, its id does not tell.
        found += [(d.name, d.before, d.after) for d in diffs if d.name != "items" or not adhoc]
    return [f"{name} was {old or 'none'}, is {new or 'none'}" for name, old, new in found if old != new]
