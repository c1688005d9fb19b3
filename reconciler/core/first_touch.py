"""First touch, decided: whether the only customer with an e-mail may be bound to the user who comes with it.

Pure: the mirror is looked at first, since most answers are no, and Stripe only where the mirror says yes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from reconciler.core.bindings import Customer
from reconciler.core.email_address import email_key
from reconciler.core.external_id import external_id_fault
from reconciler.core.resolved import Outcome, Resolved
from reconciler.core.values import Value

# So many candidates are told by id; that there are more makes no difference.
TOLD = 10
# https://docs.stripe.com/metadata
MOST_METADATA_KEYS = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """What the store knows of an e-mail and of an external id that is not bound.

    `customers`: the mirror's customers with the e-mail, `as_of` then (epoch seconds, UTC), at most one more than TOLD.
    `bound`: those of them that are bound, with the external id. `disputed`: several customers whose metadata has this
    external id. `learned`: the store's bindings know what the metadata of all customers said as of then; if not, some
    customer may have this external id all the same.
    """

    as_of: int
    learned: bool
    customers: tuple[Customer, ...] = ()
    bound: Mapping[str, str] = field(default_factory=dict)
    disputed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveLook:
    """What Stripe shows at the moment of a first touch.

    `customer` is the chosen one, raw, None where there is none; `same_email` are all others that have the e-mail;
    `made` are all others, raw, that were made since the mirror's `as_of`.
    """

    customer: Mapping[str, Value] | None
    same_email: tuple[str, ...] = ()
    made: tuple[Mapping[str, Value], ...] = ()


def choose(external_id: str, seen: Candidates, key: str) -> Customer | Resolved:
    """Choose the customer to bind, by what the store knows, or say why there is none.

    `key` is the metadata key of the project's external ids.
    """
    if seen.disputed:
        reason = f"the metadata of several customers has this external id: {_listed(seen.disputed)}"
        return _no(external_id, Outcome.CONFLICT, reason, seen)
    if not seen.customers:
        return _no(external_id, Outcome.UNKNOWN, "it is not bound, and no customer in the mirror has that e-mail", seen)
    if len(seen.customers) > 1:
        reason = f"several customers have that e-mail: {_listed(one.id for one in seen.customers)}"
        return _no(external_id, Outcome.NEEDS_ATTENTION, reason, seen)
    (only,) = seen.customers
    other = seen.bound.get(only.id) or only.metadata.get(key)
    return _held_by(other, external_id, seen) or only


def confirm(external_id: str, seen: Candidates, key: str, live: LiveLook) -> Resolved | None:
    """Say why the chosen customer must not be bound after all, by what Stripe shows; None where it may."""
    (only,) = seen.customers
    found = live.customer
    carriers = [str(one["id"]) for one in live.made if _metadata(one).get(key) == external_id]
    if carriers:
        reason = f"another customer's metadata has this external id: {_listed(carriers)}; a sync tells whose it is"
        return _no(external_id, Outcome.CONFLICT, reason, seen)
    if live.same_email:
        reason = f"several customers have that e-mail: {_listed([only.id, *live.same_email])}"
        return _no(external_id, Outcome.NEEDS_ATTENTION, reason, seen)
    if found is None or found.get("deleted"):
        reason = f"it is not bound, and the only customer that had that e-mail, {only.id}, was deleted"
        return _no(external_id, Outcome.UNKNOWN, reason, seen)
    if email_key(str(found.get("email") or "")) != email_key(only.email or ""):
        reason = f"it is not bound, and the only customer that had that e-mail, {only.id}, has another one now"
        return _no(external_id, Outcome.UNKNOWN, reason, seen)
    metadata = _metadata(found)
    held = _held_by(metadata.get(key), external_id, seen)
    if held is not None:
        return held
    if key not in metadata and len(metadata) >= MOST_METADATA_KEYS:
        reason = f"the only customer with that e-mail, {only.id}, has {len(metadata)} metadata keys, all that Stripe"
        return _no(external_id, Outcome.NEEDS_ATTENTION, f"{reason} takes: one must go before it can be bound", seen)
    return None


def _held_by(other: str | None, external_id: str, seen: Candidates) -> Resolved | None:
    """Say why the only customer with the e-mail is not free, if another text stands where its external id belongs."""
    (only,) = seen.customers
    if not other or other == external_id:
        return None
    if external_id_fault(other):
        reason = f"what is in the metadata of {only.id}, the only customer with that e-mail, cannot be an external id"
        return _no(external_id, Outcome.NEEDS_ATTENTION, reason, seen)
    return _no(external_id, Outcome.CONFLICT, taken(only.id, other), seen)


def _metadata(raw: Mapping[str, Value]) -> Mapping[str, str]:
    return raw.get("metadata") or {}


def taken(customer: str, other: str) -> str:
    """Word that the only customer with an e-mail is another user's."""
    return f"the only customer with that e-mail, {customer}, is bound to another external id: {other}"


def _no(external_id: str, outcome: Outcome, reason: str, seen: Candidates) -> Resolved:
    return Resolved(external_id=external_id, outcome=outcome, reason=reason, as_of=seen.as_of)


def _listed(ids: Iterable[str]) -> str:
    all_ids = list(ids)
    more = ["..."] if len(all_ids) > TOLD else []
    return ", ".join([*all_ids[:TOLD], *more])
