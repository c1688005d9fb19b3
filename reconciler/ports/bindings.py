"""The store's bindings as a port: an index of what the customers' metadata says, and the arbiter of who is first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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
    """The bindings of one project in one account and mode. Every method raises StoreError if the store fails."""

    def claim(self, external_id: str, customer: str, by: BoundBy, at: int) -> Claim:
        """Bind, unless either side is bound otherwise; durable when this returns. Atomic over threads and processes.

        `at` is epoch seconds, UTC.
        """
        ...

    def claimed(self, external_id: str) -> Bound | None:
        """The binding of an external id."""
        ...

    def all(self) -> Mapping[str, Bound]:
        """Every binding, by external id."""
        ...

    def learn(self, found: Iterable[tuple[str, str]], at: int) -> int:
        """Take in (external id, customer) pairs that customers' metadata tells, where neither side is known yet.

        Returns how many were new.
        """
        ...


class LearningStore(BindingStore, Protocol):
    """The bindings, and what customers' metadata tells of them that cannot be."""

    def dispute(self, found: Iterable[tuple[str, str]]) -> None:
        """Keep which external ids the metadata of several customers has, in the place of what was kept before."""
        ...


class TouchStore(BindingStore, Protocol):
    """The bindings, and what the mirror beside them tells an application."""

    def bound_customer(self, external_id: str) -> BoundCustomer | None:
        """The customer that an external id is bound to, and what it has; None where it is not bound."""
        ...

    def candidates(self, external_id: str, email_key: str) -> Candidates | None:
        """What is known of an external id that is not bound, and of an e-mail; None where the mirror has not all
        customers."""
        ...

    def close(self) -> None:
        """Close what `bound_customer` keeps open. Idempotent."""
        ...
