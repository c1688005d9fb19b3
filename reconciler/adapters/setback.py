"""A try that was not answered with success: may it be repeated, may it have taken effect, and what is to be said."""

from __future__ import annotations

import re
from dataclasses import dataclass

from reconciler.adapters.connection import ConnectionFailure
from reconciler.adapters.redaction import redact
from reconciler.adapters.reply import Reply
from reconciler.errors import OutcomeUnknown, RemoteError, RemoteRejected, RemoteUnavailable

_KEY_HINT = (
    "check the key that stripe.api_key in billplan.yaml names (by default the environment variable STRIPE_API_KEY): "
    "it may be mistyped, expired or revoked"
)
_UNKNOWN_HINT = "whether it took effect is not known: run the same apply again, which looks first"
_PERMISSION = re.compile(r"\brak_[a-z0-9_]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What is asked for: the method in lower case and the path. `host` is who is asked."""

    method: str
    path: str
    host: str

    def __str__(self) -> str:
        return f"{self.method.upper()} {redact(self.path.partition('?')[0])}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setback:
    """One try that failed.

    `in_doubt`: it may have taken effect, or may be doing so. `settles`: it is the outcome of the idempotency key, so
    doubts about earlier tries are over. `error` is what to raise if nothing is tried any more and nothing is in doubt.
    """

    error: RemoteError
    repeatable: bool
    in_doubt: bool = False
    settles: bool = False
    retry_after: float | None = None


def lost(operation: Operation, failure: ConnectionFailure) -> Setback:
    """The connection failed, or the answer was cut short.

    Only a GET, or a POST by its idempotency key, can be sent again without doing something twice; and what a second
    DELETE is told (404) would say nothing about the first.
    """
    if not failure.sent:
        message = f"cannot reach {operation.host} for {operation}: {failure.why}"
        return Setback(error=RemoteUnavailable(message, hint=failure.hint), repeatable=not failure.lasting)
    message = f"{operation} at {operation.host}: {failure.why}"
    return Setback(
        error=RemoteUnavailable(message, hint=failure.hint),
        repeatable=operation.method != "delete",
        in_doubt=operation.method != "get",
    )


def refused(operation: Operation, reply: Reply, now: int) -> Setback:
    """The answer is not a success; `now` (epoch seconds) is for a Retry-After that is a date."""
    if reply.status < 400:
        dated = reply.body is None or reply.date is not None
        why = "an answer that cannot be read" if dated else "an answer without a Date header"
        told = ", ".join(fact for fact in [f"HTTP {reply.status}", reply.request_id] if fact)
        return lost(operation, ConnectionFailure(why=f"{why} ({told})", sent=True))
    transient, key_in_use = _is_transient(reply), _is_key_in_use(reply)
    # Stripe records a 500 under its key: from then on the key gives nothing else.
    recorded = reply.status >= 500 and reply.replayed
    repeatable = transient if reply.should_retry is None else reply.should_retry
    deletes = operation.method == "delete"
    return Setback(
        error=_error(operation, reply, transient=transient),
        repeatable=repeatable and not recorded,
        in_doubt=key_in_use or (deletes and transient and reply.status >= 500),
        settles=not deletes and (recorded or (not transient and reply.status not in (401, 403))),
        retry_after=reply.retry_after(now),
    )


def final_error(setback: Setback, *, in_doubt: bool, effort: str) -> RemoteError:
    """The exception to raise; `effort` (such as "8 tries in 41 s") is told unless the answer is a plain no."""
    error = setback.error
    if isinstance(error, RemoteRejected) and not in_doubt:
        return error
    kind = OutcomeUnknown if in_doubt else type(error)
    return kind(
        f"{error.message}; {effort}" if effort else error.message,
        status=error.status,
        code=error.code,
        param=error.param,
        request_id=error.request_id,
        kind=error.kind,
        replayed=error.replayed,
        hint=f"{error.hint}; {_UNKNOWN_HINT}".removeprefix("; ") if in_doubt else error.hint,
    )


def _is_key_in_use(reply: Reply) -> bool:
    """Another request under the same key is still running."""
    code, kind = reply.error.get("code"), reply.error.get("type")
    return reply.status == 409 and (code == "idempotency_key_in_use" or (not code and kind == "idempotency_error"))


def _is_transient(reply: Reply) -> bool:
    """The same request may well be served later. 501 is the emulator's word for what it does not implement."""
    code = reply.error.get("code")
    if reply.status == 429 or (reply.status == 400 and code == "rate_limit"):
        return True
    if reply.status == 409:
        return code == "lock_timeout" or _is_key_in_use(reply)
    return reply.status >= 500 and reply.status != 501


def _error(operation: Operation, reply: Reply, *, transient: bool) -> RemoteError:
    said = _text(reply, "message") or f"HTTP {reply.status} without an explanation"
    facts = [_text(reply, "code"), f"param {reply.error['param']}" if reply.error.get("param") else None]
    told = ", ".join(fact for fact in [f"HTTP {reply.status}", *facts, reply.request_id] if fact)
    kind = RemoteUnavailable if transient else RemoteRejected
    verb = "could not serve" if transient else "refused"
    return kind(
        redact(f"Stripe {verb} {operation}: {said} ({told})"),
        status=reply.status,
        code=_text(reply, "code"),
        param=_text(reply, "param"),
        request_id=reply.request_id,
        kind=_text(reply, "type"),
        replayed=reply.replayed,
        hint=_hint(reply),
    )


def _hint(reply: Reply) -> str:
    if reply.status == 401:
        return _KEY_HINT
    if reply.status == 403:
        missing = ", ".join(dict.fromkeys(_PERMISSION.findall(str(reply.error.get("message", "")))))
        what = f"the permission {missing}" if missing else "a permission for this"
        return f"the key lacks {what}: edit the restricted key in the Dashboard (Developers, API keys), or use another"
    if reply.status >= 500 and reply.replayed:
        return "Stripe keeps this failure under its idempotency key; the next apply looks first and takes a new key"
    if reply.error.get("code") == "lock_timeout":
        return "another request holds the object: is something else changing it at the same time?"
    return ""


def _text(reply: Reply, name: str) -> str | None:
    value = reply.error.get(name)
    return redact(value) if isinstance(value, str) and value else None
