"""An HTTP client for the SDK that calls a function in this process instead of a socket."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import stripe
from requests.structures import CaseInsensitiveDict

# (method, url, headers, body) -> (status, headers, body)
Exchange: TypeAlias = Callable[[str, str, Mapping[str, str], bytes | None], tuple[int, Mapping[str, str], bytes]]

# The SDK's exceptions have no annotations.
_connection_error: Callable[..., stripe.APIConnectionError] = stripe.APIConnectionError


class InProcessClient(stripe.HTTPClient):
    """Answers the SDK's requests by `exchange`; `dropped` is what that raises when the connection is lost."""

    name = "in-process"

    def __init__(self, exchange: Exchange, *, dropped: type[Exception] = ConnectionError) -> None:
        super().__init__()
        self._exchange = exchange
        self._dropped = dropped

    def request(
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None, **_: Any
    ) -> tuple[Any, int, Mapping[str, str]]:
        """Send one request; a lost connection becomes the SDK's APIConnectionError."""
        body = post_data.encode() if isinstance(post_data, str) else post_data
        try:
            status, answered, content = self._exchange(method, url, headers or {}, body)
        except self._dropped as error:
            raise _connection_error("The connection was lost.", should_retry=True) from error
        return content, status, CaseInsensitiveDict(answered)

    def close(self) -> None:
        """Nothing is open."""
