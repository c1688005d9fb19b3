"""Idempotency keys: what was answered under each, which are still running, and when they are forgotten."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from reconciler.emulator.errors import IdempotencyConflict, ParameterError
from reconciler.emulator.wire import Raw, flatten

# Stripe may prune a key once it is at least 24 hours old; the emulator always does.
LIFETIME = 24 * 60 * 60
MAX_LENGTH = 255


@dataclass(frozen=True)
class Recorded:
    """The first answer given under a key."""

    fingerprint: str
    status: int
    body: str
    created: int
    request_id: str


@dataclass
class IdempotencyRecords:
    """The keys of one account and mode."""

    recorded: dict[str, Recorded] = field(default_factory=dict)
    running: dict[str, str] = field(default_factory=dict)

    def begin(self, key: str, fingerprint: str, now: int) -> Recorded | None:
        """The answer to replay, or None once the key is taken for a new request."""
        if len(key) > MAX_LENGTH:
            raise ParameterError(f"Idempotency keys can be at most {MAX_LENGTH} characters long.")
        found = self.recorded.get(key)
        if found is not None and now - found.created >= LIFETIME:
            del self.recorded[key]
            found = None
        if found is not None and found.fingerprint != fingerprint:
            raise IdempotencyConflict(
                "Keys for idempotent requests can only be used with the same parameters they were first used with. "
                f"Try using a key other than '{key}' if you meant to execute a different request."
            )
        if found is None and key in self.running:
            raise IdempotencyConflict(
                f"There is currently another in-progress request using this Idempotent Key: {key} "
                "(that probably means you submitted twice, and the other request is still going through).",
                code="idempotency_key_in_use",
                status=409,
            )
        if found is None:
            self.running[key] = fingerprint
        return found

    def record(self, key: str, answer: Recorded) -> None:
        """Keep the answer of a request that had begun to execute."""
        self.recorded[key] = answer

    def end(self, key: str) -> None:
        """Give the key back: its request is no longer running."""
        self.running.pop(key, None)


def fingerprint(method: str, path: str, params: dict[str, Raw]) -> str:
    """What a request asks for, whatever the order of its parameters."""
    content = "\n".join([method, path, *(f"{name}={value}" for name, value in flatten(params))])
    return hashlib.sha256(content.encode()).hexdigest()
