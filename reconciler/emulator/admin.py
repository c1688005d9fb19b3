"""The emulator's own routes under `/_emulator/`: log, faults, clock, happenings. Loopback only, so without a key.

GET  /_emulator/health      is it there, and for which accounts
GET  /_emulator/log         the requests so far
POST /_emulator/faults      script trouble: one fault or a list of them
POST /_emulator/clock       {"advance": seconds}
POST /_emulator/happenings  {"count": 100, "seed": 7}: so many random happenings of business life, told by name
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import Any
from urllib.parse import parse_qs

from reconciler.emulator.billing.passage import elapse
from reconciler.emulator.faults import parse_fault
from reconciler.emulator.history import happen
from reconciler.emulator.key import key_text
from reconciler.emulator.message import Request, Response
from reconciler.emulator.wire import dump_json
from reconciler.emulator.world import World

PREFIX = "/_emulator/"
MAX_HAPPENINGS = 100_000


class AdminError(ValueError):
    """A request to the emulator itself that it cannot follow."""


def handle_admin(worlds: Sequence[World], request: Request) -> Response:
    """Answer one request about the emulator itself; `key` in the query or the header chooses the world."""
    try:
        body = _answer(worlds, request)
    except (AdminError, ValueError, TypeError) as error:
        return _json(400, {"error": {"message": str(error), "type": "emulator_error"}})
    return _json(404, {"error": {"message": "no such route"}}) if body is None else _json(200, body)


def _answer(worlds: Sequence[World], request: Request) -> dict[str, Any] | None:
    match request.method.upper(), request.bare_path.removeprefix(PREFIX):
        case "GET", "health":
            return {"status": "ok", "accounts": [world.account_id for world in worlds]}
        case "GET", "log":
            world = _world(worlds, request)
            with world.lock:
                return {"requests": list(world.log)}
        case "POST", "faults":
            world = _world(worlds, request)
            document = json.loads(request.text)
            faults = [parse_fault(fault) for fault in (document if isinstance(document, list) else [document])]
            with world.lock:
                for fault in faults:
                    world.add_fault(fault)
                return {"faults": len(world.faults.registered)}
        case "POST", "clock":
            document = json.loads(request.text)
            seconds = document.get("advance") if isinstance(document, dict) else None
            if not isinstance(seconds, int | float) or isinstance(seconds, bool):
                raise AdminError("the clock takes a number of seconds to advance")
            for clock in {id(world.clock): world.clock for world in worlds}.values():
                clock.advance(seconds)
            for world in worlds:
                with world.lock:
                    elapse(world)
            return {"now": worlds[0].now()}
        case "POST", "happenings":
            return {"happenings": _happenings(_world(worlds, request), json.loads(request.text))}
    return None


def _happenings(world: World, document: Any) -> dict[str, int]:
    """Let a number of things happen at the world's now; the same seed does the same to the same account."""
    if not isinstance(document, dict) or document.keys() - {"count", "seed"}:
        raise AdminError("happenings take a count and a seed")
    count, seed = document.get("count", 1), document.get("seed", 0)
    if type(count) is not int or not 0 <= count <= MAX_HAPPENINGS or type(seed) is not int:
        raise AdminError(f"count is a whole number up to {MAX_HAPPENINGS}, seed a whole number")
    random = Random(seed)
    return dict(sorted(Counter(happen(world, random) for _ in range(count)).items()))


def _world(worlds: Sequence[World], request: Request) -> World:
    key = next(iter(parse_qs(request.query).get("key", [])), "") or key_text(request.header("Authorization"))
    chosen = [world for world in worlds if key in world.keys] if key else list(worlds)
    if len(chosen) != 1:
        raise AdminError("choose a world with ?key=... of one of its keys")
    return chosen[0]


def _json(status: int, body: dict[str, Any]) -> Response:
    return Response(status, {"Content-Type": "application/json"}, dump_json(body))
