"""A billing API between whose requests something else happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from reconciler.ports.billing import BillingApi
from tests.relay import Relay


class Meddled(Relay):
    """An API at which something happens, once, before or after a request of this method and path."""

    def __init__(
        self, inner: BillingApi, method: str, path: str, happen: Callable[[], object], *, after: bool = False
    ) -> None:
        super().__init__(inner)
        self._at = (method, path)
        self._happen: Callable[[], object] | None = happen
        self._after = after

    @contextmanager
    def around(self, method: str, path: str) -> Iterator[None]:
        happen = self._happen if (method, path) == self._at else None
        if happen is not None:
            self._happen = None
        if happen is not None and not self._after:
            happen()
        yield
        if happen is not None and self._after:
            happen()


def meddle(account: Any, method: str, path: str, happen: Callable[[], object], *, after: bool = False) -> None:
    """Let something happen in an account's next apply or plan."""
    account.around = lambda api: Meddled(api, method, path, happen, after=after)
