"""The ports that use cases work through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from reconciler.core.kind import Kind
from reconciler.ports.billing import BillingApi
from reconciler.ports.clock import Clock
from reconciler.ports.lock import Locks
from reconciler.ports.mirror import Mirror
from reconciler.ports.progress import Progress


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
    """All of them. `mirrors` is where a plan may look instead of asking Stripe."""

    api: BillingApi
    clock: Clock
    progress: Progress
    kinds: Mapping[str, Kind]
    mirrors: Mirrors | None = None
