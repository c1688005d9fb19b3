"""The buckets of customers: bound, pending, and those that need attention, each for one reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from reconciler.core.binding_targets import BindingsSeen, Held
from reconciler.core.bindings import Bound, Customer, WantedBindings


class Reason(StrEnum):
    """Why nobody can say by an e-mail address whose customer this is.

    SHARED_ID: several customers have one external id in their metadata. UNUSABLE_ID: what is there cannot be one.
    """

    NO_EMAIL = "no_email"
    SHARED_EMAIL = "shared_email"
    SHARED_ID = "shared_id"
    UNUSABLE_ID = "unusable_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """A binding that is there. `customer` is None where that one was deleted, `by` where only the metadata tells.

    `written`: the customer's metadata has it.
    """

    external_id: str
    customer_id: str
    customer: Customer | None
    by: str | None
    at: int | None
    written: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Unclear:
    """A customer that needs attention; `candidates` are all that share what should tell it apart, itself among them."""

    customer: Customer
    reason: Reason
    candidates: tuple[Customer, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Buckets:
    """All customers that have not been deleted, each in one bucket; and the bindings of those that have been."""

    bound: tuple[Binding, ...]
    pending: tuple[Customer, ...]
    attention: tuple[Unclear, ...]


def sort_into_buckets(seen: BindingsSeen, project: str) -> Buckets:
    """Put every customer into its bucket: pending is who has an e-mail address that no other customer has."""
    held = Held(seen, project)
    bound = _bindings(held)
    taken = {one.customer_id for one in bound}
    pending: list[Customer] = []
    attention: list[Unclear] = []
    for customer in sorted(seen.customers.by_id.values(), key=lambda one: (one.created, one.id)):
        if customer.id in taken:
            continue
        unclear = _unclear(customer, held)
        if unclear is None:
            pending.append(customer)
        else:
            attention.append(unclear)
    return Buckets(bound=bound, pending=tuple(pending), attention=tuple(attention))


def _bindings(held: Held) -> tuple[Binding, ...]:
    found = {id: _binding(held, id, bound.customer, bound) for id, bound in held.bound.items()}
    for id, carriers in held.carriers.items():
        if id not in held.bound and len(carriers) == 1 and carriers[0].id not in held.by_customer:
            found[id] = _binding(held, id, carriers[0].id, None)
    return tuple(found[id] for id in sorted(found))


def _binding(held: Held, external_id: str, customer_id: str, bound: Bound | None) -> Binding:
    customer = held.customers.by_id.get(customer_id)
    return Binding(
        external_id=external_id,
        customer_id=customer_id,
        customer=customer,
        by=None if bound is None else bound.by.value,
        at=None if bound is None else bound.at,
        written=customer is not None and held.of(customer) == external_id,
    )


def _unclear(customer: Customer, held: Held) -> Unclear | None:
    own = held.of(customer)
    if own is not None:
        # Not bound, so the id is another's: of the store's customer, or of several by their metadata.
        home = held.home(own)
        others = [home] if home is not None else []
        candidates = {one.id: one for one in (*held.carriers[own], *others)}
        return Unclear(customer=customer, reason=Reason.SHARED_ID, candidates=tuple(candidates.values()))
    if held.written(customer) is not None:
        return Unclear(customer=customer, reason=Reason.UNUSABLE_ID, candidates=(customer,))
    if not (customer.email or "").strip():
        return Unclear(customer=customer, reason=Reason.NO_EMAIL, candidates=(customer,))
    same = held.customers.with_email(str(customer.email))
    if len(same) > 1:
        return Unclear(customer=customer, reason=Reason.SHARED_EMAIL, candidates=tuple(same))
    return None


def undeclared(bound: Sequence[Binding], wanted: WantedBindings) -> tuple[Binding, ...]:
    """List the bindings that no row and no source of the specs declares, without those of deleted customers."""
    declared = {row.external_id for row in wanted.rows}
    keys = [source.key for source in wanted.from_metadata]
    return tuple(
        one
        for one in bound
        if one.customer is not None
        and one.external_id not in declared
        and not any(one.customer.metadata.get(key) == one.external_id for key in keys)
    )
