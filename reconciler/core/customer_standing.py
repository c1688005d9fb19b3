"""What tells two customers with one e-mail address apart."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerStanding:
    """How much a customer is in use: its subscriptions that are active, trialing, past due or unpaid, and when its last
    invoice was made (epoch seconds, UTC; None where it has none)."""

    subscriptions: int = 0
    last_invoice: int | None = None
