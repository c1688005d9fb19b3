"""One answer as it came over the wire, and what its headers and body say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from email.utils import mktime_tz, parsedate_tz

import msgspec

from reconciler.adapters.json_page import read_page
from reconciler.core.values import Value
from reconciler.ports.billing import Answer

# No NaN, nothing after the end, UTF-8 only, of two equal names the last one: as json.loads, in less than half the time.
# Stricter in one thing: half a surrogate pair is refused, which no store could be given.
_JSON: msgspec.json.Decoder[Value] = msgspec.json.Decoder(float_hook=Decimal)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer: header names in lower case; `body` is None unless it is one whole JSON hash."""

    status: int
    headers: Mapping[str, str]
    body: Mapping[str, Value] | None

    @property
    def request_id(self) -> str | None:
        return self.headers.get("request-id")

    @property
    def replayed(self) -> bool:
        """Stripe gave the answer recorded under the idempotency key: https://docs.stripe.com/api/idempotent_requests."""
        return self.headers.get("idempotent-replayed", "").lower() == "true"

    @property
    def limit_reason(self) -> str:
        """The bucket that a 429 is about: https://docs.stripe.com/rate-limits."""
        return self.headers.get("stripe-rate-limited-reason", "")

    @property
    def should_retry(self) -> bool | None:
        """Stripe's own word on it: https://docs.stripe.com/error-low-level."""
        return {"true": True, "false": False}.get(self.headers.get("stripe-should-retry", "").lower())

    @property
    def date(self) -> int | None:
        """The Date header in epoch seconds, UTC."""
        return _epoch(self.headers.get("date", ""))

    def retry_after(self, now: int) -> float | None:
        """Seconds that Retry-After asks for, given as a number or a date."""
        text = self.headers.get("retry-after", "").strip()
        try:
            return max(0.0, float(Decimal(text))) if text else None
        except (InvalidOperation, OverflowError):
            at = _epoch(text)
        return None if at is None else float(max(0, at - (self.date or now)))

    @property
    def error(self) -> Mapping[str, Value]:
        """The error hash, empty if there is none."""
        error = (self.body or {}).get("error")
        return error if isinstance(error, Mapping) else {}

    def answer(self) -> Answer | None:
        """The answer if this is one: 2xx, a whole body and a date. None otherwise."""
        date = self.date
        if not 200 <= self.status < 300 or self.body is None or date is None:
            return None
        return Answer(body=self.body, request_id=self.request_id, date=date, replayed=self.replayed)


def reply_of(status: int, headers: Mapping[str, str], content: bytes | str) -> Reply:
    """Read an answer that nothing has interpreted yet."""
    named = {str(name).lower(): str(value) for name, value in headers.items()}
    return Reply(status=status, headers=named, body=_hash(content))


def _hash(content: bytes | str) -> Mapping[str, Value] | None:
    page = read_page(content) if isinstance(content, bytes) else None
    if page is not None:
        return page
    try:
        body = _JSON.decode(content)
    except (msgspec.DecodeError, ValueError, ArithmeticError, RecursionError):
        body = _odd(content)
    return body if isinstance(body, dict) else None


def _odd(content: bytes | str) -> Value:
    """Read what the fast parser refuses: half of a surrogate pair in a text is JSON, and must not cost a whole page."""
    try:
        text = content if isinstance(content, str) else content.decode()
        return json.loads(text, parse_float=Decimal, parse_constant=_no_constant)
    except (ValueError, ArithmeticError, RecursionError):
        # Beside what is no JSON: bytes that are no UTF-8, a number past what a Decimal holds, a hash without a bottom.
        return None


def _no_constant(name: str) -> Value:
    raise ValueError(f"{name} is not JSON")


def _epoch(text: str) -> int | None:
    parts = parsedate_tz(text)
    try:
        return None if parts is None else int(mktime_tz(parts))
    except (ValueError, OverflowError):
        return None
