"""What real sockets do to a request: before it leaves, after it has left, and within the answer."""

from __future__ import annotations

import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import requests
import urllib3

from reconciler.adapters.connection import connection_failure
from reconciler.adapters.limiter import Figures, Limiter
from reconciler.adapters.retry import RetryPolicy
from reconciler.adapters.stripe_api import ApiSettings, StripeApi
from reconciler.adapters.system_clock import SystemClock
from reconciler.core.values import Secret
from reconciler.errors import OutcomeUnknown, RemoteError, RemoteUnavailable

Served = Callable[[socket.socket], None]
HEAD = b"HTTP/1.1 200 OK\r\nDate: Sat, 21 Nov 2026 01:00:00 GMT\r\nContent-Type: application/json\r\n"
WHOLE = HEAD + b"Content-Length: 11\r\n\r\n" + b'{"id": "a"}'


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@contextmanager
def serving(serve: Served) -> Iterator[int]:
    """Accept connections on loopback, one after another, and let `serve` have each; yields the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.settimeout(5)
                    serve(connection)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(timeout=5)


def api_at(base: str, tries: int = 1) -> StripeApi:
    clock = SystemClock()
    settings = ApiSettings(
        api_base=base,
        connect_seconds=2,
        read_seconds=0.2,
        retry=RetryPolicy(tries=tries, base_seconds=0.01),
    )
    limiter = Limiter(Figures(global_rps=1000, endpoint_rps=1000), clock)
    return StripeApi(Secret("sk_test_loopback"), settings=settings, limiter=limiter, clock=clock, jitter=lambda: 0.5)


def failure(base: str, method: str = "POST") -> RemoteError:
    api = api_at(base)
    with pytest.raises(RemoteError) as caught:
        api.request(method, "/v1/products", {"name": "jane.doe@example.com"}, idempotency_key="k")
    api.close()
    error = caught.value
    assert "jane.doe" not in f"{error!r} {error.hint} {error.__context__!r}"
    return error


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def read_request(connection: socket.socket) -> None:
    """Head and body may come in pieces."""
    received = b""
    while not (received.count(b"\r\n\r\n") and len(received.partition(b"\r\n\r\n")[2]) >= _length(received)):
        piece = connection.recv(65536)
        if not piece:
            return
        received += piece


def _length(received: bytes) -> int:
    found = re.search(rb"(?i)content-length: *(\d+)", received)
    return int(found[1]) if found else 0


def hang_up(connection: socket.socket) -> None:
    read_request(connection)


def stay_silent(connection: socket.socket) -> None:
    read_request(connection)
    connection.recv(1)


def cut_short(connection: socket.socket) -> None:
    read_request(connection)
    connection.sendall(WHOLE[:-4])


def speak_no_http(connection: socket.socket) -> None:
    read_request(connection)
    connection.sendall(b"SMTP ready\r\n\r\n")


def answer_anything(connection: socket.socket) -> None:
    connection.recv(1)
    connection.sendall(WHOLE)


AFTER_SENDING: dict[str, tuple[Served, str]] = {
    "a server that hangs up": (hang_up, "connection was lost"),
    "a server that stays silent": (stay_silent, "no answer in time"),
    "an answer cut short": (cut_short, "connection was lost"),
    "an answer that is not HTTP": (speak_no_http, "connection was lost"),
}


@pytest.mark.parametrize("name", AFTER_SENDING)
def test_outcome_is_unknown_after(name: str) -> None:
    serve, said = AFTER_SENDING[name]
    with serving(serve) as port:
        error = failure(f"http://127.0.0.1:{port}")
        assert isinstance(error, OutcomeUnknown)
        assert said in error.message
        assert isinstance(failure(f"http://127.0.0.1:{port}", "GET"), RemoteUnavailable)


def test_refused_connection_never_left() -> None:
    port = closed_port()
    error = failure(f"http://127.0.0.1:{port}")
    assert isinstance(error, RemoteUnavailable)
    assert error.message == f"cannot reach 127.0.0.1:{port} for POST /v1/products: connection refused"


def test_unknown_name_never_left(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    error = failure("https://stripe.invalid:1")
    assert isinstance(error, RemoteUnavailable)
    assert "its name cannot be resolved" in error.message


def test_plain_http_behind_https_never_left() -> None:
    with serving(answer_anything) as port:
        error = failure(f"https://127.0.0.1:{port}")
    assert isinstance(error, RemoteUnavailable)
    assert "TLS could not be agreed" in error.message
    assert "NO_PROXY" in error.hint


def test_certificate_of_another_authority_never_left_and_is_not_tried_again() -> None:
    verification = ssl.SSLCertVerificationError(1, "[SSL: CERTIFICATE_VERIFY_FAILED] jane.doe@example.com")
    reason = urllib3.exceptions.SSLError(verification)
    retries = urllib3.exceptions.MaxRetryError(urllib3.HTTPSConnectionPool("stripe.invalid"), "/v1", reason)
    failed = connection_failure(requests.exceptions.SSLError(retries))
    assert (failed.sent, failed.lasting) == (False, True)
    assert failed.why == "its TLS certificate cannot be verified"


def test_tls_that_breaks_later_may_have_been_sent() -> None:
    assert connection_failure(requests.exceptions.SSLError(ssl.SSLEOFError(8, "EOF occurred"))).sent


def test_proxy_that_is_not_there_never_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://me:hunter2@127.0.0.1:{closed_port()}")
    error = failure("https://stripe.invalid")
    assert isinstance(error, RemoteUnavailable)
    assert "the proxy cannot be reached" in error.message
    assert "hunter2" not in f"{error!r}{error.hint}"


def test_one_connection_serves_many_requests_and_a_lost_one_is_replaced() -> None:
    connections: list[socket.socket] = []

    def two_answers(connection: socket.socket) -> None:
        connections.append(connection)
        for _ in range(2):
            read_request(connection)
            connection.sendall(WHOLE)

    with serving(two_answers) as port:
        api = api_at(f"http://127.0.0.1:{port}", tries=3)
        for number in range(4):
            assert api.request("POST", "/v1/products", {"n": number}, idempotency_key=f"k{number}").body == {"id": "a"}
        api.close()
    assert len(connections) == 2
