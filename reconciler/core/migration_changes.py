"""What a plan says of migrated rows: scheduled, changed, canceled, adopted, renamed, refused. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.core.address import Address
from reconciler.core.changes import Action, Change, FieldDiff
from reconciler.core.course import Course
from reconciler.core.diagnostics import SourceRange
from reconciler.core.fields import ChangeClass
from reconciler.core.migration_facts import Held
from reconciler.core.migration_steps import PAYER
from reconciler.core.migrations import Fault, Item, Row, Terms
from reconciler.core.resources import MARK_DIGEST
from reconciler.core.sent_terms import term_diffs
from reconciler.core.types import show_moment
from reconciler.core.values import Value

_START = "start_date"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a change says besides what the row is: why, in which batch it is, whether it moves money, and what specs
    call the ids of prices and coupons."""

    reason: str
    batch: str = ""
    money: bool = True
    names: Mapping[str, str] = field(default_factory=dict)


def scheduled(row: Row, address: Address, course: Course, told: Told) -> Change:
    """Say that a row gets its schedule, or its subscription."""
    return Change(
        address=address,
        action=Action.CREATE,
        change_class=ChangeClass.MONEY,
        reason=told.reason,
        after=_view(row, told.batch),
        notes=(course.words,),
        source=row.source,
        currency=course.currency,
    )


def changed(row: Row, address: Address, course: Course, held: Held, told: Told, digest: str) -> Change:
    """Say that a schedule which has not started is changed, with what it was told before as far as it shows that."""
    adopts, start = held.address is None, row.terms.start if row.terms is not None else held.start
    diffs = [FieldDiff(name=_START, before=show_moment(held.start), after=show_moment(start))]
    diffs = diffs if held.start != start else []
    diffs += term_diffs(held.sent, course.phases, course.end_behavior, told.names)
    if held.digest != digest:
        diffs.append(FieldDiff(name=MARK_DIGEST, before=held.digest or None, after=digest))
    return Change(
        address=address,
        action=Action.ADOPT if adopts else Action.UPDATE,
        change_class=ChangeClass.MONEY if told.money else ChangeClass.COSMETIC,
        reason=told.reason,
        remote_id=held.id,
        before={_START: show_moment(held.start)},
        after=_view(row, told.batch),
        diffs=tuple(diffs),
        notes=(course.words,),
        source=row.source,
        currency=course.currency,
    )


def marked(row: Row, address: Address, held: Held, reason: str) -> Change:
    """Say that what has begun gets the row's marker, and is left alone otherwise."""
    return Change(
        address=address,
        action=Action.ADOPT if held.address is None else Action.UPDATE,
        change_class=ChangeClass.COSMETIC,
        reason=reason,
        remote_id=held.id,
        after={"billplan_address": str(address)},
        diffs=(
            FieldDiff(
                name="metadata[billplan_address]",
                before=None if held.address is None else str(held.address),
                after=str(address),
            ),
        ),
        source=row.source,
    )


def canceled(address: Address, held: Held, reason: str, source: SourceRange | None) -> Change:
    """Say that a schedule is canceled before it starts."""
    return Change(
        address=address,
        action=Action.RETIRE,
        change_class=ChangeClass.MONEY,
        reason=reason,
        remote_id=held.id,
        before={"customer": held.customer, _START: show_moment(held.start)},
        verb="cancel",
        source=source,
    )


def let_go(address: Address, held: Held, action: str, source: SourceRange) -> Change:
    """Say that `removed:` takes the marker off, or frees a subscription of its schedule."""
    notes: tuple[str, ...] = ()
    if action == "forget" and held.waiting:
        notes = ("its phases keep the marker, so that its subscription has it again: leave the entry until it started",)
    elif action == "forget":
        notes = ("before its first charge, any update takes a coupon off: forget it after that if it has one",)
    return Change(
        address=address,
        action=Action.UPDATE if action == "forget" else Action.RETIRE,
        change_class=ChangeClass.COSMETIC if action == "forget" else ChangeClass.MONEY,
        reason=f"removed: says {action}",
        remote_id=held.id,
        before={"customer": held.customer, _START: show_moment(held.start)},
        notes=notes,
        verb=action,
        source=source,
    )


def refused(row: Row, address: Address, faults: Sequence[Fault], held: Held | None) -> Change:
    """Say that nothing is done about a row, with all that is wrong with it."""
    words = "; ".join(_words(fault) for fault in faults)
    return Change(
        address=address,
        action=Action.REFUSED,
        change_class=ChangeClass.MONEY,
        reason=words,
        refused=words,
        hint="; ".join(dict.fromkeys(fault.hint for fault in faults if fault.hint)),
        remote_id=None if held is None else held.id,
        source=row.source,
    )


def paid_by_latest(customer: str, method: str) -> Change:
    """Say that a customer's newest payment method becomes the default."""
    name = "invoice_settings[default_payment_method]"
    return Change(
        address=Address(PAYER, customer),
        action=Action.UPDATE,
        change_class=ChangeClass.MONEY,
        reason="default_payment_method: set_latest",
        remote_id=customer,
        after={name: method},
        diffs=(FieldDiff(name=name, before=None, after=method),),
    )


def _words(fault: Fault) -> str:
    named = f"{fault.column}: " if fault.column and not fault.summary.startswith(fault.column) else ""
    return f"{named}{fault.summary}"


def _view(row: Row, batch: str) -> Mapping[str, Value]:
    """What a row says, flat and short."""
    terms = row.terms
    if terms is None:
        return {}
    view: dict[str, Value] = {"customer": terms.customer, _START: show_moment(terms.start)}
    view["items"] = ", ".join(_item(item) for item in terms.items)
    view |= _sparse(terms)
    if batch:
        view["batch"] = batch
    return view


def _sparse(terms: Terms) -> Mapping[str, Value]:
    """What only some rows say."""
    found: dict[str, Value] = {}
    if terms.coupon is not None:
        found["coupon"] = str(terms.coupon)
    if terms.anchor is not None:
        found["billing_cycle_anchor"] = show_moment(terms.anchor)
    if terms.trial_end is not None:
        found["trial_end"] = show_moment(terms.trial_end)
    if terms.cancel_at_period_end:
        found["cancel_at_period_end"] = True
    return found


def _item(item: Item) -> str:
    adhoc = item.adhoc
    named = str(item.price)
    if adhoc is not None:
        named = f"{adhoc.product} at {adhoc.amount} {adhoc.currency} per {adhoc.interval_count} {adhoc.interval}"
    return named if item.quantity in (None, 1) else f"{item.quantity} x {named}"
