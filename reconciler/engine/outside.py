"""The ports that use cases work through."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from reconciler.core.idempotency import Scope
from reconciler.core.kind import Kind
from reconciler.ports.billing import BillingApi
from reconciler.ports.bindings import BindingStore
from reconciler.ports.clock import Clock
from reconciler.ports.customer_facts import CustomerFacts
from reconciler.ports.lock import Locks
from reconciler.ports.mirror import Mirror
from reconciler.ports.progress import Progress
from reconciler.ports.sources import Sources


class Mirrors(Protocol):
    """Opens the store that mirrors live in, when they are first needed. Every method raises StoreError."""

    def of(self, account: str, livemode: bool) -> Mirror | None:
        """The mirror of an account in a mode; None where there is no store yet."""
        ...

    def only_account(self) -> str:
        """The account whose mirror is meant where Stripe is not asked; raises BillplanError where that is not clear."""
        ...

    @property
    def locks(self) -> Locks: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """All of them. `mirrors` is where a plan may look instead of asking Stripe, `also` the types that it looks at there
    besides those of the kinds. `bindings` opens the store's bindings, and `facts` what the mirror tells of customers;
    each gives None where there is no store yet. `sources` opens the accounts that migrations come from.
    `scheduled_before` says whether the journal has rows of migrations that are there as far as it knows; it raises
    StoreError.
    """

    api: BillingApi
    clock: Clock
    progress: Progress
    kinds: Mapping[str, Kind]
    mirrors: Mirrors | None = None
    also: tuple[str, ...] = ()
    bindings: Callable[[Scope], BindingStore | None] = lambda scope: None
    facts: Callable[[Scope], CustomerFacts | None] = lambda scope: None
    sources: Sources | None = None
    scheduled_before: Callable[[Scope], bool] = lambda scope: False
