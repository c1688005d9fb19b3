"""What real sockets do to a request: before it leaves, after it has left, and within the answer."""

from __future__ import annotations

import socket
import ssl

import pytest
import requests
import urllib3

from reconciler.adapters.connection import connection_failure
from reconciler.errors import OutcomeUnknown, RemoteError, RemoteUnavailable
from tests.adapters.loopback import Served, api_at, http_answer, read_request, serving

WHOLE = http_answer(b'{"id": "a"}')


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
