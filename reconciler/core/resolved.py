"""What an external id resolves to: a customer, and what its current subscriptions unlock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from reconciler.core.feature_values import merged
from reconciler.core.unlocked import Unlocked


class Outcome(StrEnum):
    """BOUND: it was bound before. BOUND_NOW: by this very call. UNKNOWN: no customer has that e-mail, or none was
    given. NEEDS_ATTENTION: several customers have it, or the metadata of the only one takes no external id.
    CONFLICT: the customer, or the external id, is another's."""

    BOUND = "bound"
    BOUND_NOW = "bound_now"
    UNKNOWN = "unknown"
    NEEDS_ATTENTION = "needs_attention"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundCustomer:
    """A bound customer, and what each product of its current subscriptions unlocks as of `as_of` (epoch seconds, UTC).

    `as_of` is None, and nothing is told, where the mirror has not all subscriptions. `mapped`: the store has mappings
    at all, so that a product without one unlocks nothing.
    """

    id: str
    as_of: int | None
    mapped: bool = True
    unlocked: tuple[Unlocked, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """What is known of an external id. `reason` says it in words, without any e-mail: to the operator, not to the user,
    since it may name another user's external id.

    `products` are the names of the mappings that the customer's current subscriptions belong to (active, trialing, past
    due or unpaid ones), and `features` what they unlock together: true or false, a whole number, or "unlimited". Both
    come from the mirror: every change up to `as_of` (epoch seconds, UTC, by Stripe's clock) is in them. If the customer
    is known and `as_of` is None, the mirror has not all subscriptions, or the store has no product mapping: the
    features are not known, rather than none.
    """

    external_id: str
    outcome: Outcome
    reason: str
    customer: str | None = None
    features: Mapping[str, bool | int | str] = field(default_factory=dict)
    products: tuple[str, ...] = ()
    as_of: int | None = None


def resolved(external_id: str, customer: BoundCustomer, outcome: Outcome, reason: str) -> Resolved:
    """Put together what is known of a bound external id."""
    lacking = []
    if customer.as_of is None:
        lacking.append("the mirror has not all subscriptions (billplan sync)")
    if not customer.mapped:
        lacking.append("no product mapping was applied to this store (billplan apply)")
    if lacking:
        reason += f"; its features are not known, since {' and '.join(lacking)}"
    return Resolved(
        external_id=external_id,
        outcome=outcome,
        reason=reason,
        customer=customer.id,
        features=merged(one.features for one in customer.unlocked),
        products=tuple(sorted({one.mapping for one in customer.unlocked})),
        as_of=None if lacking else customer.as_of,
    )
