"""A server on loopback that does to each connection what a test tells it, and an adapter that asks it."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from reconciler.adapters.limiter import Figures, Limiter
from reconciler.adapters.retry import RetryPolicy
from reconciler.adapters.stripe_api import ApiSettings, StripeApi
from reconciler.adapters.system_clock import SystemClock
from reconciler.core.values import Secret

Served = Callable[[socket.socket], None]


def http_answer(body: bytes, status: str = "200 OK", *headers: str, length: int | None = None) -> bytes:
    """An answer as it is on the wire; `length` is what it promises, if not the truth."""
    named = ["Date: Sat, 21 Nov 2026 01:00:00 GMT", "Content-Type: application/json", *headers]
    if not any(name.startswith("Transfer-Encoding") for name in headers):
        named.append(f"Content-Length: {len(body) if length is None else length}")
    return "\r\n".join([f"HTTP/1.1 {status}", *named, "", ""]).encode() + body


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


def read_request(connection: socket.socket) -> bytes:
    """Return one request; head and body may come in pieces."""
    received = b""
    while not (received.count(b"\r\n\r\n") and len(received.partition(b"\r\n\r\n")[2]) >= _length(received)):
        piece = connection.recv(65536)
        if not piece:
            return received
        received += piece
    return received


def _length(received: bytes) -> int:
    found = re.search(rb"(?i)content-length: *(\d+)", received)
    return int(found[1]) if found else 0
