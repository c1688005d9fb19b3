"""A Stripe that answers from a script, a clock that never waits, and an adapter wired to both."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from reconciler.adapters.limiter import Figures, Limiter
from reconciler.adapters.retry import RetryPolicy
from reconciler.adapters.stripe_api import ApiSettings, StripeApi
from reconciler.adapters.stripe_transport import Exchange, InProcessClient
from reconciler.core.values import Secret

KEY = "sk_test_verySecretVerySecret"
DATE = "Sat, 21 Nov 2026 01:00:00 GMT"
DATE_EPOCH = 1795222800

Wire = tuple[int, Mapping[str, str], bytes]


class FakeClock:
    """Stands still but for its sleeps, which it remembers."""

    def __init__(self) -> None:
        self.slept: list[float] = []
        self._at = 1000.0
        self._lock = threading.Lock()

    def now(self) -> int:
        return DATE_EPOCH

    def monotonic(self) -> float:
        with self._lock:
            return self._at

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.slept.append(seconds)
            self._at += seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A request as it arrived."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes | None

    @property
    def fields(self) -> list[tuple[str, str]]:
        """The parameters, from the query or the body, in order."""
        text = self.body.decode() if self.body else urlsplit(self.url).query
        return parse_qsl(text, keep_blank_values=True)


def answered(body: Any = None, status: int = 200, **headers: str) -> Wire:
    """An answer of Stripe's; `headers` by their names with underscores."""
    named = {"Date": DATE, "Request-Id": "req_1"} | {name.replace("_", "-"): value for name, value in headers.items()}
    content = body if isinstance(body, bytes) else json.dumps({"id": "x_1"} if body is None else body).encode()
    return status, {name: value for name, value in named.items() if value}, content


def failed(status: int, code: str | None = None, message: str = "No.", kind: str = "api_error", **headers: str) -> Wire:
    """An error envelope of Stripe's."""
    error = {"type": kind, "message": message} | ({"code": code} if code else {})
    return answered({"error": error}, status, **headers)


@dataclass
class Script:
    """Answers in order, the last one for ever; an exception in it is raised instead."""

    answers: list[Wire | Exception]
    seen: list[Seen] = field(default_factory=list)

    def __call__(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Wire:
        self.seen.append(Seen(method=method, url=url, headers=headers, body=body))
        answer = self.answers[min(len(self.seen), len(self.answers)) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def keys(self) -> list[str | None]:
        return [seen.headers.get("Idempotency-Key") for seen in self.seen]


@dataclass
class Rig:
    """An adapter, its clock and its script."""

    api: StripeApi
    clock: FakeClock
    script: Script
    limiter: Limiter


def rig(
    *answers: Wire | Exception,
    retry: RetryPolicy | None = None,
    jitter: Callable[[], float] = lambda: 0.5,
    exchange: Exchange | None = None,
) -> Rig:
    """Wire an adapter to a script, or to `exchange`; limits are far away."""
    clock, script = FakeClock(), Script(list(answers))
    limiter = Limiter(Figures(global_rps=1e6, endpoint_rps=1e6), clock)
    settings = ApiSettings(retry=retry or RetryPolicy())
    client = InProcessClient(exchange or script, dropped=OSError)
    api = StripeApi(Secret(KEY), settings=settings, limiter=limiter, clock=clock, jitter=jitter, http_client=client)
    return Rig(api=api, clock=clock, script=script, limiter=limiter)
