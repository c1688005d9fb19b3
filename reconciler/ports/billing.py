"""The billing API as a port: one request, one answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from reconciler.core.values import Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A 2xx answer. `body` is parsed JSON with decimals as Decimal; `date` is the Date header in epoch seconds, UTC."""

    body: Mapping[str, Value]
    request_id: str | None
    date: int
    replayed: bool


def always() -> None:
    """Let every try pass."""


class BillingApi(Protocol):
    """Sends requests, waits for the limits, retries what may be retried, always with the same idempotency key."""

    @property
    def api_version(self) -> str: ...

    @property
    def livemode(self) -> bool:
        """The mode that the key is for."""
        ...

    def request(
        self,
        method: str,
        path: str,
        params: Mapping[str, Value],
        *,
        idempotency_key: str | None = None,
        before_send: Callable[[], None] = always,
    ) -> Answer:
        """Send one request; raise RemoteRejected, RemoteUnavailable or OutcomeUnknown.

        `before_send` is called right before each try and may raise: then nothing more is sent.
        """
        ...
