"""Stripe behind the billing port: paced, retried with the same key, and every answer or failure told apart."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

import stripe

from reconciler.adapters.api_key import key_livemode
from reconciler.adapters.connection import connection_failure
from reconciler.adapters.endpoint import endpoint_name
from reconciler.adapters.form import form_params
from reconciler.adapters.limiter import Limiter
from reconciler.adapters.reply import Reply
from reconciler.adapters.retry import Jitter, RetryPolicy
from reconciler.adapters.setback import Operation, Setback, final_error, lost, refused
from reconciler.adapters.stripe_wire import StripeWire
from reconciler.adapters.whole_body import WholeBodySession
from reconciler.core.values import Secret, Value
from reconciler.errors import WrongTarget
from reconciler.ports.billing import Answer, always
from reconciler.ports.clock import Clock

_METHODS = frozenset({"get", "post", "delete"})
_FIRST_TRIES = 4
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
# https://docs.stripe.com/api/idempotent_requests
_KEY = re.compile(r"[!-~]{1,255}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiSettings:
    """Where Stripe is and how long to wait for it; the read timeout is the SDK's own."""

    api_base: str = "https://api.stripe.com"
    connect_seconds: float = 10.0
    read_seconds: float = 80.0
    retry: RetryPolicy = field(default_factory=RetryPolicy)


@dataclass(frozen=True, slots=True)
class _Call:
    """One request, as each try sends it."""

    operation: Operation
    form: Mapping[str, Value]
    idempotency_key: str | None
    before_send: Callable[[], None]


class StripeApi:
    """Implements `reconciler.ports.billing.BillingApi`. Safe from several threads, each with its own connection."""

    def __init__(
        self,
        key: Secret,
        *,
        settings: ApiSettings,
        limiter: Limiter,
        clock: Clock,
        jitter: Jitter,
        http_client: stripe.HTTPClient | None = None,
    ) -> None:
        """Make no request; raise WrongTarget for a key or an address that cannot be used."""
        self._livemode = key_livemode(key)
        self._host = _host(settings.api_base)
        self._settings, self._limiter, self._clock, self._jitter = settings, limiter, clock, jitter
        self._reached = False
        # The SDK would write ~/.config/stripe/telemetry_id, and has no switch for one client.
        stripe.enable_telemetry = False
        timeout = (settings.connect_seconds, settings.read_seconds)
        session: Any = WholeBodySession()
        self._http = http_client or stripe.RequestsClient(timeout=timeout, session=session)
        self._wire = StripeWire(key, api_base=settings.api_base, http_client=self._http)

    @property
    def api_version(self) -> str:
        """The version that the installed SDK is made for, sent with each request."""
        return stripe.api_version

    @property
    def livemode(self) -> bool:
        """The mode that the key is for."""
        return self._livemode

    def close(self) -> None:
        """Close this thread's connection; those of other threads close when their threads end."""
        close: Callable[[], object] = self._http.close
        close()

    def request(
        self,
        method: str,
        path: str,
        params: Mapping[str, Value],
        *,
        idempotency_key: str | None = None,
        before_send: Callable[[], None] = always,
    ) -> Answer:
        """Send one request until it is answered, or until nothing speaks for another try.

        Raises RemoteRejected for a no, RemoteUnavailable when it is known that it was not done, OutcomeUnknown when it
        may have been. A POST without an idempotency key is a ValueError: the SDK's own key would be a random one.
        """
        operation = Operation(method=method.lower(), path=path, host=self._host)
        if operation.method not in _METHODS:
            raise ValueError(f"{operation}: not a method of Stripe's API")
        if operation.method == "post" and not (idempotency_key and _KEY.fullmatch(idempotency_key)):
            raise ValueError(f"{operation}: a POST needs an idempotency key of at most 255 plain characters")
        return self._until_answered(_Call(operation, form_params(params), idempotency_key, before_send))

    def _until_answered(self, call: _Call) -> Answer:
        started = self._clock.monotonic()
        in_doubt, tries = False, 0
        while True:
            outcome = self._try_once(call)
            if isinstance(outcome, Answer):
                return outcome
            tries += 1
            in_doubt = (in_doubt or outcome.in_doubt) and not outcome.settles
            elapsed = self._clock.monotonic() - started
            policy = self._settings.retry
            if not self._reached and not in_doubt:
                # Nobody has ever answered: a wrong address or no network, told in seconds and not after minutes.
                policy = replace(policy, tries=min(policy.tries, _FIRST_TRIES))
            wait = policy.wait(tries, elapsed, outcome.retry_after, self._jitter)
            if not outcome.repeatable or wait is None:
                effort = f"{tries} tries in {elapsed:.0f} s" if tries > 1 else ""
                # No exception of the SDK, which holds the URL and the body, is being handled here: none is attached.
                raise final_error(outcome, in_doubt=in_doubt, effort=effort)
            self._clock.sleep(wait)

    def _try_once(self, call: _Call) -> Answer | Setback:
        operation = call.operation
        turn = self._limiter.acquire(endpoint_name(operation.method, operation.path))
        status, reason = None, ""
        try:
            # Only now: the turn may have been long in coming.
            call.before_send()
            reply = self._exchange(call)
            if isinstance(reply, Setback):
                return reply
            self._reached = True
            status, reason = reply.status, reply.limit_reason
            return reply.answer() or refused(operation, reply, self._clock.now())
        finally:
            self._limiter.release(turn, status, reason)

    def _exchange(self, call: _Call) -> Reply | Setback:
        operation = call.operation
        try:
            return self._wire.send(operation.method, operation.path, call.form, call.idempotency_key)
        except stripe.APIConnectionError as error:
            return lost(operation, connection_failure(error))


def _host(api_base: str) -> str:
    """The host and port of an address; refuses what is none, and a key on a line that others can read."""
    try:
        parts = urlsplit(api_base)
        host, port = parts.hostname, parts.port
    except ValueError:
        parts, host, port = urlsplit(""), None, None
    if parts.scheme not in ("http", "https") or not host or parts.username or parts.query or parts.fragment:
        raise WrongTarget(
            "stripe.api_base is not an address such as https://api.stripe.com",
            hint="check stripe.api_base in billplan.yaml and the environment variable STRIPE_API_BASE",
        )
    if parts.scheme == "http" and host not in _LOOPBACK:
        raise WrongTarget(f"an API key is not sent to {host} without TLS", hint="give stripe.api_base as https://...")
    return f"{host}:{port}" if port else host
