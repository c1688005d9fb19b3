"""The billing API of a run that asks Stripe nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import stripe

from reconciler.core.values import Value
from reconciler.errors import RemoteUnavailable
from reconciler.ports.billing import Answer, always


class OfflineApi:
    """Implements `reconciler.ports.billing.BillingApi` without a key: every request is refused."""

    def __init__(self, livemode: bool) -> None:
        self.livemode = livemode

    @property
    def api_version(self) -> str:
        """The version that the mirror's objects have: that of the installed SDK."""
        return stripe.api_version

    def request(
        self,
        method: str,
        path: str,
        params: Mapping[str, Value],
        *,
        idempotency_key: str | None = None,
        before_send: Callable[[], None] = always,
    ) -> Answer:
        """Raise RemoteUnavailable."""
        raise RemoteUnavailable(f"{method.upper()} {path}: Stripe is not asked anything with --refresh=none")
