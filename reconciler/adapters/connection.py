"""What a failed connection means: whether the request may have left, and how to say it without showing the request."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass

import requests
import urllib3.exceptions

# Reasons of OpenSSL that only a handshake has, so nothing was sent yet.
_HANDSHAKE = frozenset({"UNSUPPORTED_PROTOCOL", "WRONG_VERSION_NUMBER"})
_TLS_HINT = (
    "only the authorities bundled with the Stripe SDK are trusted: if a proxy intercepts TLS, exempt the host by "
    "NO_PROXY; if stripe.api_base is set, check its http or https"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionFailure:
    """Why there is no answer. `sent`: the request may have reached the server. `lasting`: trying again is of no use."""

    why: str
    sent: bool
    lasting: bool = False
    hint: str = ""


def connection_failure(error: BaseException) -> ConnectionFailure:
    """Read the SDK's APIConnectionError by its causes, never by its text, which holds the URL with its parameters.

    Whatever is not known to have failed before the request left counts as sent.
    """
    causes = list(_causes(error))
    for cause in causes:
        failure = _before_sending(cause)
        if failure is not None:
            return failure
    timeouts = (TimeoutError, requests.exceptions.ReadTimeout, urllib3.exceptions.ReadTimeoutError)
    timed_out = any(isinstance(cause, timeouts) for cause in causes)
    return ConnectionFailure(why="no answer in time" if timed_out else "the connection was lost", sent=True)


def _before_sending(cause: BaseException) -> ConnectionFailure | None:
    match cause:
        case ssl.SSLCertVerificationError():
            why = "its TLS certificate cannot be verified"
            return ConnectionFailure(why=why, sent=False, lasting=True, hint=_TLS_HINT)
        case ssl.SSLError(reason=str(reason)) if reason in _HANDSHAKE:
            why = f"TLS could not be agreed ({reason.lower().replace('_', ' ')})"
            return ConnectionFailure(why=why, sent=False, lasting=True, hint=_TLS_HINT)
        case urllib3.exceptions.ProxyError() | requests.exceptions.ProxyError():
            hint = "check HTTPS_PROXY, or exempt the host by NO_PROXY"
            return ConnectionFailure(why="the proxy cannot be reached or refuses", sent=False, hint=hint)
        case urllib3.exceptions.NameResolutionError() | socket.gaierror():
            return ConnectionFailure(why="its name cannot be resolved", sent=False, hint="check the network and DNS")
        case ConnectionRefusedError():
            return ConnectionFailure(why="connection refused", sent=False)
        case requests.exceptions.ConnectTimeout() | urllib3.exceptions.ConnectTimeoutError():
            return ConnectionFailure(why="no connection in time", sent=False)
        case urllib3.exceptions.NewConnectionError():
            return ConnectionFailure(why="no connection", sent=False)
        case requests.exceptions.InvalidURL() | requests.exceptions.InvalidSchema():
            hint = "check stripe.api_base and the proxy settings"
            return ConnectionFailure(why="its URL is not valid", sent=False, lasting=True, hint=hint)
    return None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and all that is under it, the innermost first: the nearer to the socket, the more exact."""
    found: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        cause = waiting.pop()
        if not isinstance(cause, BaseException) or any(cause is seen for seen in found):
            continue
        found.append(cause)
        waiting += [cause.__cause__, getattr(cause, "reason", None), *cause.args]
    # Under a proxy's error lies a refused connection or an unknown name, but it is the proxy's.
    yield from (cause for cause in found if isinstance(cause, urllib3.exceptions.ProxyError))
    yield from reversed(found)
