"""Requests by the SDK's own HTTP client, past its parsing.

`raw_request` parses each body with the standard library before it is parsed here. On a page of 100 subscriptions that
takes far longer than the rest of the request, and an account is read in thousands of pages; and a body that is not what
it expects, such as a proxy's page in another encoding, makes it fail in ways that no caller can tell from a bug. The
client is the same one: its certificates, timeouts, proxies and connections, one session for each thread, and its
APIConnectionError.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import TypeAlias

import stripe

from reconciler.adapters.form import form_query
from reconciler.adapters.reply import Reply, reply_of
from reconciler.core.values import Secret, Value

# (method, url, headers, body) -> (content, status, headers): HTTPClient.request, which has no annotations everywhere.
_Request: TypeAlias = Callable[[str, str, Mapping[str, str], str | None], tuple[bytes | str, int, Mapping[str, str]]]


class StripeWire:
    """Sends one request at a time for each thread, and tries nothing again."""

    def __init__(self, key: Secret, *, api_base: str, http_client: stripe.HTTPClient) -> None:
        self._key = key
        self._base = api_base.rstrip("/")
        self._request: _Request = http_client.request
        self._agent = f"billplan/{version('billplan')} stripe-python/{stripe.VERSION}"

    def send(self, method: str, path: str, params: Mapping[str, Value], idempotency_key: str | None = None) -> Reply:
        """Return whatever was answered, with any status; `params` are as `form_params` returns them.

        Raises stripe.APIConnectionError where no whole answer came, and ValueError for a path that is none: put after
        the base address it could name another host, which would be sent the key.
        """
        if not path.startswith("/") or path.startswith("//"):
            raise ValueError(f"not a path of Stripe's API: {path!r}")
        form, url = form_query(params), f"{self._base}{path}"
        if method == "post":
            content, status, answered = self._request("post", url, self._headers(idempotency_key), form)
        else:
            joint = "&" if "?" in path else "?"
            whole = f"{url}{joint}{form}" if form else url
            content, status, answered = self._request(method, whole, self._headers(None), None)
        return reply_of(status, answered, content)

    def _headers(self, idempotency_key: str | None) -> dict[str, str]:
        # Made for each request, so that no object holds the key but as a Secret.
        headers = {
            "Authorization": f"Bearer {self._key.text}",
            "Stripe-Version": stripe.api_version,
            "User-Agent": self._agent,
        }
        if idempotency_key is not None:
            headers |= {"Content-Type": "application/x-www-form-urlencoded", "Idempotency-Key": idempotency_key}
        return headers
