"""One request on its way to its answer: what strikes it, what is logged of it, how its answer looks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import formatdate

from reconciler.emulator.errors import StripeError
from reconciler.emulator.faults import Fault, FaultKind, Phase
from reconciler.emulator.message import Request, Response
from reconciler.emulator.wire import dump_json
from reconciler.emulator.world import API_VERSION, World


@dataclass
class Exchange:
    """A request that a world has received."""

    world: World
    request: Request
    index: int
    id: str
    faults: dict[FaultKind, Fault]
    key: str = ""
    claimed: bool = False
    original: str = ""
    replayed: bool = False

    def hook(self, phase: Phase) -> None:
        """Tell the test's hooks how far the request has come; what they raise ends it there."""
        for hook in list(self.world.hooks):
            hook(phase, self.request, self.index)

    def log(self, status: int | None) -> None:
        """Complete the log's line; no status means that no answer was sent."""
        body = self.request.body
        self.world.log[self.index] = {
            **self.world.log[self.index],
            "params": body if isinstance(body, str) else body.decode(errors="replace"),
            "idempotency_key": self.key or None,
            "status": status,
            "replayed": self.replayed,
            "faults": [kind.value for kind in self.faults],
        }

    def respond(self, status: int, body: bytes, extra: Mapping[str, str] | None = None) -> Response:
        """An answer with the headers that all answers have; the date is the world's."""
        headers = {
            "Content-Type": "application/json",
            "Date": formatdate(self.world.clock(), usegmt=True),
            "Request-Id": self.id,
            "Stripe-Version": API_VERSION,
            **(extra or {}),
        }
        if self.key:
            headers["Idempotency-Key"] = self.key
            headers["Original-Request"] = self.original or self.id
        if self.replayed:
            headers["Idempotent-Replayed"] = "true"
        return Response(status, headers, body)

    def refuse(self, error: StripeError) -> Response:
        """The answer that an error is."""
        return self.respond(error.status, self.error_body(error), error.headers)

    def error_body(self, error: StripeError) -> bytes:
        mode = "" if self.world.livemode else "/test"
        url = f"https://dashboard.stripe.com{mode}/logs/{self.id}?t={self.world.now()}"
        return dump_json(error.envelope(url))


def receive(world: World, request: Request) -> Exchange:
    """Number a request, log its arrival and find the faults that strike it."""
    with world.lock:
        index = len(world.log)
        faults = world.faults.striking(request.method, request.bare_path)
        exchange = Exchange(world, request, index, world.new_id("req"), faults)
        arrival = {"id": exchange.id, "method": request.method.upper(), "path": request.path, "time": world.now()}
        world.log.append({**arrival, "status": None})
    return exchange
