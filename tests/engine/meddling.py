"""A billing API between whose requests something else happens."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reconciler.ports.billing import Answer, BillingApi


class Meddled:
    """An API at which something happens, once, before or after a request of this method and path."""

    def __init__(
        self, api: BillingApi, method: str, path: str, happen: Callable[[], object], *, after: bool = False
    ) -> None:
        self._api = api
        self._at = (method, path)
        self._happen: Callable[[], object] | None = happen
        self._after = after

    @property
    def api_version(self) -> str:
        return self._api.api_version

    @property
    def livemode(self) -> bool:
        return self._api.livemode

    def request(self, method: str, path: str, params: Any, **more: Any) -> Answer:
        happen = self._happen if (method, path) == self._at else None
        if happen is not None:
            self._happen = None
        if happen is not None and not self._after:
            happen()
        answer = self._api.request(method, path, params, **more)
        if happen is not None and self._after:
            happen()
        return answer


def meddle(account: Any, method: str, path: str, happen: Callable[[], object], *, after: bool = False) -> None:
    """Let something happen in an account's next apply or plan."""
    account.around = lambda api: Meddled(api, method, path, happen, after=after)
