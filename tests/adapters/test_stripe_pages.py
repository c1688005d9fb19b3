"""Whole pages over real sockets: packed, cut short, stalled in the middle, and one connection for each thread."""

from __future__ import annotations

import gzip
import json
import socket
import struct
import threading
from collections.abc import Callable
from typing import Any

import pytest
import requests

from reconciler.adapters.whole_body import WholeBodySession
from reconciler.errors import RemoteUnavailable
from tests.adapters.loopback import api_at, http_answer, read_request, serving

PAGE = {"object": "list", "data": [{"id": f"sub_{n}", "note": "é" * 500} for n in range(300)]}
BODY = json.dumps(PAGE, ensure_ascii=False).encode()
PACKED = gzip.compress(BODY)
GZIP = "Content-Encoding: gzip"
CHUNKED = "Transfer-Encoding: chunked"
CHUNK = f"{len(BODY):x}\r\n".encode() + BODY

WHOLE: dict[str, bytes] = {
    "plain": http_answer(BODY),
    "packed": http_answer(PACKED, "200 OK", GZIP),
    "in chunks": http_answer(CHUNK + b"\r\n0\r\n\r\n", "200 OK", CHUNKED),
    "packed and in chunks": http_answer(
        f"{len(PACKED):x}\r\n".encode() + PACKED + b"\r\n0\r\n\r\n", "200 OK", GZIP, CHUNKED
    ),
}
BROKEN: dict[str, bytes] = {
    "shorter than promised": http_answer(BODY[:-100], length=len(BODY)),
    "cut where JSON could end": http_answer(BODY, length=len(BODY) + 1),
    "packed and shorter than promised": http_answer(PACKED[:-20], "200 OK", GZIP, length=len(PACKED)),
    "packed and cut, of the length promised": http_answer(PACKED[: len(PACKED) // 2], "200 OK", GZIP),
    "packed badly": http_answer(b"\x1f\x8b" + BODY, "200 OK", GZIP),
    "in chunks without the last one": http_answer(CHUNK + b"\r\n", "200 OK", CHUNKED),
    "in a chunk cut short": http_answer(CHUNK[:-50], "200 OK", CHUNKED),
    "empty": http_answer(b""),
    "a gateway's": http_answer(b"<html>bad gateway</html>", "502 Bad Gateway", "Content-Type: text/html"),
    "nothing but a head": http_answer(b"", length=len(BODY)),
}


def answering(*answers: bytes) -> tuple[Callable[[socket.socket], None], list[bytes]]:
    """A server that gives each connection one answer, the last one for ever; and the requests it got."""
    received: list[bytes] = []

    def serve(connection: socket.socket) -> None:
        request = read_request(connection)
        if request:
            connection.sendall(answers[min(len(received), len(answers) - 1)])
            received.append(request)

    return serve, received


@pytest.mark.parametrize("name", WHOLE)
def test_page_is_read(name: str) -> None:
    serve, received = answering(WHOLE[name])
    with serving(serve) as port:
        api = api_at(f"http://127.0.0.1:{port}")
        answer = api.request("GET", "/v1/subscriptions", {"limit": 100, "expand": ["data.items"], "q": "100%25 é"})
        api.close()
    assert answer.body == PAGE
    head = received[0].decode().splitlines()
    assert head[0] == "GET /v1/subscriptions?limit=100&expand%5B0%5D=data.items&q=100%2525+%C3%A9 HTTP/1.1"
    assert "Authorization: Bearer sk_test_loopback" in head
    assert any(line.startswith("Accept-Encoding: gzip") for line in head)
    assert any(line.startswith("User-Agent: billplan/") for line in head)
    assert not any(line.lower().startswith(("content-", "idempotency-")) for line in head)


@pytest.mark.parametrize("name", BROKEN)
def test_page_is_asked_for_again_if_it_is(name: str) -> None:
    serve, received = answering(BROKEN[name], WHOLE["plain"])
    with serving(serve) as port:
        api = api_at(f"http://127.0.0.1:{port}", tries=3)
        assert api.request("GET", "/v1/subscriptions", {"limit": 100}).body == PAGE
        api.close()
    assert len(received) == 2
    assert received[0] == received[1]


def failure_of(serve: Callable[[socket.socket], None]) -> str:
    with serving(serve) as port:
        api = api_at(f"http://127.0.0.1:{port}")
        with pytest.raises(RemoteUnavailable) as caught:
            api.request("GET", "/v1/customers", {"email": "jane.doe@example.com"})
        api.close()
    assert caught.value.__context__ is None
    assert "jane.doe" not in f"{caught.value!r} {caught.value.hint}"
    return caught.value.message


def test_page_that_stalls_is_no_answer_in_time() -> None:
    def stall(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(WHOLE["plain"][: len(BODY) // 2])
        connection.recv(1)

    assert "no answer in time" in failure_of(stall)


def test_connection_reset_in_mid_page_is_a_lost_one() -> None:
    def reset(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(WHOLE["plain"][: len(BODY) // 2])
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    assert "the connection was lost" in failure_of(reset)


def test_one_connection_serves_many_pages() -> None:
    connections: list[socket.socket] = []

    def serve(connection: socket.socket) -> None:
        connections.append(connection)
        while read_request(connection):
            connection.sendall(WHOLE["packed"])

    with serving(serve) as port:
        api = api_at(f"http://127.0.0.1:{port}")
        for number in range(5):
            assert api.request("GET", "/v1/subscriptions", {"n": number}).body == PAGE
        api.close()
    assert len(connections) == 1


def test_each_thread_has_a_session_of_its_own_and_closes_only_that(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    closed: list[str] = []

    class Named(requests.Session):
        def __init__(self) -> None:
            super().__init__()
            self.thread = threading.current_thread().name
            made.append(self.thread)

        def close(self) -> None:
            closed.append(self.thread)
            super().close()

    monkeypatch.setattr(requests, "Session", Named)
    session = WholeBodySession()
    session.close()
    # Said, since the server closes: a request that goes out before the client has noticed would be cut off.
    serve, _ = answering(http_answer(BODY, "200 OK", "Connection: close"))
    options: dict[str, Any] = {"headers": {}, "timeout": 5}
    with serving(serve) as port:

        def work() -> None:
            for _ in range(2):
                assert session.request("get", f"http://127.0.0.1:{port}/", **options).content == BODY

        other = threading.Thread(target=work, name="other")
        other.start()
        other.join(timeout=5)
        work()
        session.close()
    assert made == ["other", "MainThread"]
    assert closed == ["MainThread"]
