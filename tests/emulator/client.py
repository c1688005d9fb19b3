"""The emulator called in process: a request in, status, headers and JSON out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from reconciler.emulator.app import Request, handle
from reconciler.emulator.wire import flatten, raw_of
from reconciler.emulator.world import World


@dataclass(frozen=True)
class Reply:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: Any

    @property
    def code(self) -> str | None:
        """The error's code, if it has one."""
        code: str | None = self.body["error"].get("code")
        return code

    @property
    def param(self) -> str | None:
        """The parameter that the error names."""
        param: str | None = self.body["error"].get("param")
        return param


def encode(params: Mapping[str, Any]) -> str:
    """Parameters in Stripe's bracketed form."""
    return urlencode(flatten(raw_of(dict(params))))


@dataclass(frozen=True)
class Caller:
    """Sends requests to a world under one key."""

    world: World
    key: str = "sk_test_emulator"

    def send(self, method: str, path: str, params: Mapping[str, Any] | None = None, idempotency: str = "") -> Reply:
        text = encode(params or {})
        headers = {"Authorization": f"Bearer {self.key}"}
        if idempotency:
            headers["Idempotency-Key"] = idempotency
        posted = method == "post"
        target = path if posted or not text else f"{path}?{text}"
        response = handle(self.world, Request(method, target, headers, text if posted else ""))
        return Reply(response.status, response.headers, json.loads(response.body))

    def post(self, path: str, params: Mapping[str, Any] | None = None, idempotency: str = "") -> Reply:
        return self.send("post", path, params, idempotency)

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Reply:
        return self.send("get", path, params)

    def make(self, path: str, params: Mapping[str, Any]) -> str:
        """Create an object that must be accepted, and return its id."""
        reply = self.post(path, params)
        assert reply.status == 200, reply.body
        id: str = reply.body["id"]
        return id
