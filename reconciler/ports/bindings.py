"""The store's bindings as a port: an index of what the customers' metadata says, and the arbiter of who is first."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from reconciler.core.bindings import Bound, BoundBy
from reconciler.core.first_touch import Candidates
from reconciler.core.resolved import BoundCustomer


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What came of a claim. `made`: this very call made the binding, so of all who race exactly one is told so.

    `bound` is what is bound now of the two sides: exactly the pair that was claimed if the claim `holds` (now, or
    before), else the one or two bindings that stand against it.
    """

    made: bool
    holds: bool
    bound: tuple[Bound, ...]


class BindingStore(Protocol):
    """The bindings of one project in one account and mode. Every method raises StoreError if the store fails.

    A reservation holds a place for an apply until Stripe has answered, and is no binding: only a `Claim` tells of it.
    Moments are epoch seconds, UTC.
    """

    def claim(self, external_id: str, customer: str, by: BoundBy, at: int) -> Claim:
        """Bind, unless either side is bound or reserved otherwise; durable when this returns. Atomic over threads and
        processes. A reservation of this very pair gives way."""
        ...

    def reserve(self, external_id: str, customer: str | None, at: int) -> Claim:
        """Reserve, as `claim` binds: for a customer, or (None) for one that is yet to be made.

        It holds also where the pair is bound already. One that is reserved already counts from `at` on.
        """
        ...

    def settle(self, external_id: str, customer: str, at: int) -> Claim:
        """Bind what Stripe has answered; reservations of either side give way."""
        ...

    def release(self, bound: Bound) -> None:
        """Take out exactly this binding or reservation, if nobody has made another one of it since."""
        ...

    def claimed(self, external_id: str) -> Bound | None:
        """The binding of an external id."""
        ...

    def bound_to(self, customer: str) -> Bound | None:
        """The binding of a customer."""
        ...

    def all(self) -> Mapping[str, Bound]:
        """Every binding, by external id."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Lesson:
    """What the metadata of all mirrored customers tells, as of then (epoch seconds, UTC, by Stripe's clock).

    `found`: (external id, customer) where one customer has the id; `disputed`: the same where several have it.
    """

    as_of: int
    found: Collection[tuple[str, str]] = ()
    disputed: Collection[tuple[str, str]] = ()


class LearningStore(BindingStore, Protocol):
    """The bindings, and what customers' metadata tells of them."""

    def by_customer(self) -> Mapping[str, str]:
        """The external id of every customer that is bound."""
        ...

    def learn(self, lesson: Lesson, at: int) -> int:
        """Take in the pairs of which neither side is bound yet, the disputes in the place of those before, and how far
        that is; a binding that was learned of a pair in dispute is taken out. `at` is epoch seconds, UTC.

        Returns how many were new. How far it is becomes durable with the last of it.
        """
        ...


class TouchStore(BindingStore, Protocol):
    """The bindings, and what the mirror beside them tells an application."""

    def bound_customer(self, external_id: str) -> BoundCustomer | None:
        """The customer that an external id is bound to, and what it has; None where it is not bound."""
        ...

    def candidates(self, external_id: str, email_key: str | None) -> Candidates | None:
        """What is known of an external id that is not bound, and of an e-mail if one is given; None where the mirror
        has not all customers."""
        ...

    def close(self) -> None:
        """Close what `bound_customer` keeps open. Idempotent."""
        ...
