"""Bindings at plan time: the customers, from the mirror or live, beside what the store has bound."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from reconciler.core.binding_targets import BindingsSeen
from reconciler.core.bindings import Bound, Customer, Customers, WantedBindings
from reconciler.core.diagnostics import Diagnostic, Severity
from reconciler.core.email_address import email_key
from reconciler.core.idempotency import Scope
from reconciler.core.values import Value
from reconciler.engine.listing import list_pages
from reconciler.engine.look import Seen, stands_as_of
from reconciler.engine.outside import Outside
from reconciler.errors import StoreError
from reconciler.mirrored import BY_NAME
from reconciler.ports.mirror import Mirror

CUSTOMER = BY_NAME["customer"]
_DAY_SECONDS = 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What was seen of the customers, None where nobody asks for it. `as_of` is the age of what came from the mirror
    (epoch seconds, UTC), None where all is live; `notes` say what could not be looked at."""

    seen: BindingsSeen | None = None
    as_of: int | None = None
    notes: tuple[Diagnostic, ...] = ()


def look_at_bindings(outside: Outside, wanted: WantedBindings, seen: Seen, *, offline: bool) -> Looked:
    """See customers and bindings, where bindings are declared, or the store has some that may lack their metadata."""
    bound, notes = _bound(outside, seen.target.scope)
    if not wanted and not bound:
        return Looked(notes=notes)
    as_of = None if seen.mirror is None else stands_as_of(seen.mirror, CUSTOMER.name, offline=offline)
    if seen.mirror is not None and as_of is not None:
        customers = customers_in(seen.mirror, as_of)
    elif wanted:
        customers = Customers(_listed(outside))
    else:
        # To mend what a first touch left is not worth a list of all customers: a plan after the next sync does it.
        return Looked(notes=notes)
    if offline and as_of is not None and outside.clock.now() - as_of > _DAY_SECONDS:
        notes = (*notes, _aged(outside.clock.now() - as_of))
    gone = _gone(outside, wanted, customers, seen.target.scope)
    return Looked(seen=BindingsSeen(customers=customers, bound=bound, gone=gone), as_of=as_of, notes=notes)


def customers_in(mirror: Mirror, as_of: int) -> Customers:
    """Read all customers that the mirror has, as of then (epoch seconds, UTC)."""
    return Customers(_customer(raw, as_of) for raw in mirror.raws(CUSTOMER.name))


def _bound(outside: Outside, scope: Scope) -> tuple[Mapping[str, Bound], tuple[Diagnostic, ...]]:
    """Read the store's bindings. Without them a plan still sees the metadata, which says the same but for races."""
    try:
        store = outside.bindings(scope)
        return ({} if store is None else store.all()), ()
    except StoreError as error:
        summary = f"planned without the store's bindings: {error.message}"
        return {}, (Diagnostic(code="BP1506", summary=summary, severity=Severity.WARNING, hint=error.hint),)


def _aged(seconds: int) -> Diagnostic:
    days = seconds // _DAY_SECONDS
    return Diagnostic(
        code="BP1512",
        summary=f"the customers are as they were {days:,} day{'' if days == 1 else 's'} ago: whose an e-mail is may"
        " have changed since",
        severity=Severity.WARNING,
        hint="plan without --refresh=none, or billplan sync first",
    )


def _listed(outside: Outside) -> Iterable[Customer]:
    outside.progress.start("reading customers", None)
    try:
        for page, date in list_pages(outside.api, CUSTOMER.path, {}):
            outside.progress.advance(len(page))
            yield from (_customer(raw, date) for raw in page)
    finally:
        outside.progress.finish()


def _customer(raw: Mapping[str, Value], as_of: int) -> Customer:
    email = raw.get("email")
    return Customer(
        id=str(raw["id"]),
        created=int(raw.get("created") or 0),
        as_of=as_of,
        email=email if isinstance(email, str) else None,
        metadata=raw.get("metadata") or {},
    )


def _gone(outside: Outside, wanted: WantedBindings, customers: Customers, scope: Scope) -> frozenset[str]:
    """Find the e-mail addresses that are looked for in vain, and that deleted customers had."""
    lacking = {
        email_key(row.email)
        for row in wanted.rows
        if row.email is not None and row.customer is None and not row.skipped_by and not customers.with_email(row.email)
    }
    try:
        facts = outside.facts(scope) if lacking else None
        return frozenset() if facts is None else facts.gone(lacking)
    except StoreError:
        # It would only have made a refusal say more.
        return frozenset()
