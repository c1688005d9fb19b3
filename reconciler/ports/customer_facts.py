"""What the mirror tells of customers beyond their own rows, as a port."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Protocol

from reconciler.core.customer_standing import CustomerStanding


class CustomerFacts(Protocol):
    """Reads the mirror of one account in one mode. Every method raises StoreError if the store fails."""

    def standings(self) -> Mapping[str, CustomerStanding]:
        """How much each customer is in use, by id; those with neither subscription nor invoice are left out."""
        ...

    def gone(self, email_keys: Collection[str]) -> frozenset[str]:
        """Which of these e-mail addresses (by their keys) a customer had that was deleted."""
        ...
