"""A billing API around another one: what happens before and after each request is a subclass's to say."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from reconciler.core.values import Value
from reconciler.ports.billing import Answer, BillingApi, always


class Relay:
    """Passes every request on, within `around`; as safe from several threads as that is."""

    def __init__(self, inner: BillingApi) -> None:
        self.inner = inner

    @property
    def api_version(self) -> str:
        return self.inner.api_version

    @property
    def livemode(self) -> bool:
        return self.inner.livemode

    @contextmanager
    def around(self, method: str, path: str) -> Iterator[None]:
        """Let something happen before the request, and after an answer that was no error; what it raises comes in the
        place of that."""
        yield

    def request(
        self,
        method: str,
        path: str,
        params: Mapping[str, Value],
        *,
        idempotency_key: str | None = None,
        before_send: Callable[[], None] = always,
    ) -> Answer:
        with self.around(method, path):
            return self.inner.request(method, path, params, idempotency_key=idempotency_key, before_send=before_send)
