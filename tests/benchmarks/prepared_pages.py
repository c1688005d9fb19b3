"""`python -m tests.benchmarks.prepared_pages CUSTOMERS EVENTS`: a server of prepared lists, as cheap as it can be.

It stands in for Stripe where the other side is measured on the same machine: the emulator itself would render each
object anew. `/_begin?limits=live&latency=0.05` starts a count, `/_counts` tells it.
"""

from __future__ import annotations

import asyncio
import gc
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit
from urllib.request import urlopen

from reconciler.adapters.endpoint import endpoint_name
from reconciler.emulator.errors import RateLimited
from reconciler.emulator.limits import LimitMode, Limits
from tests.benchmarks.prepared_lists import PreparedAccount

_LIMITED = b'{"error":{"type":"invalid_request_error","code":"rate_limit","message":"Request rate limit exceeded."}}'


@dataclass(slots=True)
class Count:
    """What was asked for since the beginning, and how it is answered: `latency` in seconds."""

    limits: Limits = field(default_factory=Limits)
    latency: float = 0.0
    requests: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    first: float = 0.0
    last: float = 0.0

    def told(self) -> bytes:
        """All of it as JSON; seconds are from the first request to the last."""
        seconds = self.last - self.first
        return json.dumps({"requests": self.requests, "refused": self.refused, "seconds": seconds}).encode()


class _Connection(asyncio.Protocol):
    """One connection that is kept alive; its requests are GETs without a body."""

    def __init__(self, account: PreparedAccount, counts: list[Count]) -> None:
        self._account = account
        self._counts = counts
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while b"\r\n\r\n" in self._received:
            head, _, self._received = self._received.partition(b"\r\n\r\n")
            self._answer(head.split(b" ", 2)[1].decode())

    def _answer(self, target: str) -> None:
        parts = urlsplit(target)
        query = dict(parse_qsl(parts.query))
        count = self._counts[-1]
        match parts.path:
            case "/_begin":
                limits = Limits(LimitMode(query["limits"]))
                self._counts.append(Count(limits=limits, latency=float(query["latency"])))
                self._send(200, b"{}")
            case "/_counts":
                self._send(200, count.told())
            case path:
                self._list(count, path, query)

    def _list(self, count: Count, path: str, query: Mapping[str, str]) -> None:
        now = time.monotonic()
        endpoint = endpoint_name("get", path)
        count.first, count.last = count.first or now, now
        count.requests[endpoint] += 1
        try:
            count.limits.take(endpoint, now)
            status, body, reason = 200, self._account.answer(path, query), ""
        except RateLimited as error:
            count.refused += 1
            status, body, reason = 429, _LIMITED, error.headers["Stripe-Rate-Limited-Reason"]
        if count.latency:
            asyncio.get_running_loop().call_later(count.latency, self._send, status, body, reason)
        else:
            self._send(status, body, reason)

    def _send(self, status: int, body: bytes, reason: str = "") -> None:
        limited = f"Stripe-Rate-Limited-Reason: {reason}\r\n" if reason else ""
        head = (
            f"HTTP/1.1 {status} -\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            f"Date: {formatdate(usegmt=True)}\r\nRequest-Id: req_prepared\r\n{limited}\r\n"
        )
        self._transport.writelines((head.encode(), body))


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedPages:
    """A running server; `sizes` says how many objects each list has, by path and parameters."""

    url: str
    sizes: Mapping[str, int]

    def begin(self, limits: LimitMode, latency: float) -> None:
        """Count from nothing, under these limits and with so many seconds of latency."""
        urlopen(f"{self.url}/_begin?{urlencode({'limits': limits.value, 'latency': latency})}").close()

    def counts(self) -> dict[str, Any]:
        """The requests of each endpoint, how many were refused, and the seconds from the first to the last."""
        with urlopen(f"{self.url}/_counts") as answer:
            counts: dict[str, Any] = json.load(answer)
        return counts


@contextmanager
def running_prepared_pages(customers: int, events: int = 0) -> Iterator[PreparedPages]:
    """Grow an account of so many customers in a process of its own, and serve it until the block ends."""
    command = [sys.executable, "-m", "tests.benchmarks.prepared_pages", str(customers), str(events)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline() if process.stdout is not None else ""
            yield PreparedPages(**json.loads(line))
        finally:
            process.terminate()
            process.wait()


async def _serve(account: PreparedAccount) -> None:
    counts = [Count()]
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(account, counts), "127.0.0.1", 0, backlog=256)
    port = server.sockets[0].getsockname()[1]
    print(json.dumps({"url": f"http://127.0.0.1:{port}", "sizes": account.sizes()}), flush=True)
    await server.serve_forever()


def main() -> None:
    """Prepare, say where, and serve until the process is ended."""
    # What is made here stays until the end.
    gc.disable()
    account = PreparedAccount(int(sys.argv[1]), int(sys.argv[2]))
    gc.collect()
    gc.freeze()
    asyncio.run(_serve(account))


if __name__ == "__main__":
    main()
