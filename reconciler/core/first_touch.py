"""First touch, decided: whether the only customer with an e-mail may be bound to the user who comes with it.

Pure: the mirror is looked at first, since most answers are no, and Stripe only where the mirror says yes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.core.bindings import Customer
from reconciler.core.email_address import email_key
from reconciler.core.resolved import Outcome, Resolved
from reconciler.core.values import Value

# So many candidates are told by id; that there are more makes no difference.
TOLD = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """What the store knows of an e-mail and of an external id that is not bound.

    `customers`: the mirror's customers with the e-mail, `as_of` then (epoch seconds, UTC), at most one more than TOLD.
    `bound`: those of them that are bound, with the external id. `disputed`: several customers whose metadata has this
    external id.
    """

    as_of: int
    customers: tuple[Customer, ...] = ()
    bound: Mapping[str, str] = field(default_factory=dict)
    disputed: tuple[str, ...] = ()


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
    if other and other != external_id:
        return _no(external_id, Outcome.CONFLICT, taken(only.id, other), seen)
    return only


def confirm(
    external_id: str, seen: Candidates, key: str, live: Mapping[str, Value] | None, others: Sequence[str]
) -> Resolved | None:
    """Say why the chosen customer must not be bound after all, by what Stripe shows; None where it may.

    `live` is the raw customer, None where there is none; `others` are all other customers that Stripe lists with that
    e-mail.
    """
    (only,) = seen.customers
    if others:
        reason = f"several customers have that e-mail: {_listed([only.id, *others])}"
        return _no(external_id, Outcome.NEEDS_ATTENTION, reason, seen)
    if live is None or live.get("deleted"):
        reason = f"it is not bound, and the only customer that had that e-mail, {only.id}, was deleted"
        return _no(external_id, Outcome.UNKNOWN, reason, seen)
    if email_key(str(live.get("email") or "")) != email_key(only.email or ""):
        reason = f"it is not bound, and the only customer that had that e-mail, {only.id}, has another one now"
        return _no(external_id, Outcome.UNKNOWN, reason, seen)
    other = (live.get("metadata") or {}).get(key)
    if other and other != external_id:
        return _no(external_id, Outcome.CONFLICT, taken(only.id, other), seen)
    return None


def taken(customer: str, other: str) -> str:
    """Word that the only customer with an e-mail is another user's."""
    return f"the only customer with that e-mail, {customer}, is bound to another external id: {other}"


def _no(external_id: str, outcome: Outcome, reason: str, seen: Candidates) -> Resolved:
    return Resolved(external_id=external_id, outcome=outcome, reason=reason, as_of=seen.as_of)


def _listed(ids: Iterable[str]) -> str:
    all_ids = list(ids)
    more = ["..."] if len(all_ids) > TOLD else []
    return ", ".join([*all_ids[:TOLD], *more])
