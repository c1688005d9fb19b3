"""GET requests by the SDK's own HTTP client, past its parsing.

`raw_request` parses each body with the standard library before it is parsed here. On a page of 100 subscriptions that
takes far longer than the rest of the request, and an account is read in thousands of pages. The client is the same one:
its certificates, timeouts, proxies and connections, one session for each thread, and its APIConnectionError.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import TypeAlias

import stripe

from reconciler.adapters.form import form_query
from reconciler.adapters.reply import Reply, reply_of_wire
from reconciler.core.values import Secret, Value

# (method, url, headers, body) -> (content, status, headers): HTTPClient.request, which has no annotations everywhere.
_Request: TypeAlias = Callable[[str, str, Mapping[str, str], None], tuple[bytes | str, int, Mapping[str, str]]]


class StripeGet:
    """Sends one GET at a time for each thread, and tries nothing again."""

    def __init__(self, key: Secret, *, api_base: str, http_client: stripe.HTTPClient) -> None:
        self._key = key
        self._base = api_base.rstrip("/")
        self._request: _Request = http_client.request
        self._agent = f"billplan/{version('billplan')} stripe-python/{stripe.VERSION}"

    def send(self, path: str, params: Mapping[str, Value]) -> Reply:
        """Return whatever was answered, with any status.

        Raises stripe.APIConnectionError where no whole answer came, and ValueError for a path that is none: put after
        the base address it could name another host, which would be sent the key.
        """
        if not path.startswith("/") or path.startswith("//"):
            raise ValueError(f"not a path of Stripe's API: {path!r}")
        query = form_query(params)
        joint = "&" if "?" in path else "?"
        url = f"{self._base}{path}{joint}{query}" if query else f"{self._base}{path}"
        content, status, answered = self._request("get", url, self._headers(), None)
        return reply_of_wire(status, answered, content)

    def _headers(self) -> dict[str, str]:
        # Made for each request, so that no object holds the key but as a Secret.
        return {
            "Authorization": f"Bearer {self._key.text}",
            "Stripe-Version": stripe.api_version,
            "User-Agent": self._agent,
        }
