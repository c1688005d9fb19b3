"""Idempotency keys, derived and never random: the same intent has the same key on every machine.

Stripe keeps a key for at least 24 hours and answers a second request under it with the first one's result:
https://docs.stripe.com/api/idempotent_requests. The SDK's own key is random for each call, and so guards nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.core.address import Address
from reconciler.core.values import digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Where an apply acts: the account (acct_...), its mode, and the project."""

    account: str
    livemode: bool
    project: str

    def __str__(self) -> str:
        return f"{self.account}/{'live' if self.livemode else 'test'}/{self.project}"


def create_key(scope: Scope, address: Address, earlier: Sequence[str], attempt: int) -> str:
    """Name the creation of one incarnation of an address. The parameters are left out on purpose: another commit's
    create of the same address then collides, and Stripe itself is the arbiter."""
    return f"billplan-{digest(['create', str(scope), str(address), sorted(earlier), attempt])[:48]}"


def action_key(plan_digest: str, step_id: str, attempt: int) -> str:
    """Name one step of one plan: replaying an old update must not swallow a new one (A to B, B to A, A to B)."""
    return f"billplan-{digest(['action', plan_digest, step_id, attempt])[:48]}"
