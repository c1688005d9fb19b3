"""Stripe's metadata: merged key by key, cleared as a whole, bounded in keys and lengths."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.emulator.errors import ParameterError
from reconciler.emulator.schema import nested
from reconciler.emulator.wire import Raw

MAX_KEYS = 50
MAX_KEY = 40
MAX_VALUE = 500


@dataclass(frozen=True)
class Metadata:
    """Keys and values; an empty value unsets its key, and an empty string in place of the hash unsets all."""

    blank: bool = True

    def parse(self, raw: Raw, param: str) -> dict[str, str] | None:
        if isinstance(raw, str):
            if raw == "" and self.blank:
                return None
            raise ParameterError("Invalid metadata: metadata must be a set of key-value pairs", param)
        values: dict[str, str] = {}
        for key, value in raw.items():
            name = nested(param, key)
            if not isinstance(value, str):
                raise ParameterError("Metadata values must be strings", name)
            if not key or len(key) > MAX_KEY:
                raise ParameterError(f"Metadata keys must be between 1 and {MAX_KEY} characters: '{key}'", name)
            if len(value) > MAX_VALUE:
                raise ParameterError(f"Metadata values can have up to {MAX_VALUE} characters: '{key}'", name)
            values[key] = value
        return values


def merge(current: Mapping[str, str], changes: Mapping[str, str] | None) -> dict[str, str]:
    """The metadata after an update; refuses to end with more keys than an object may hold."""
    if changes is None:
        return {}
    merged = {key: value for key, value in {**current, **changes}.items() if value != ""}
    if len(merged) > MAX_KEYS:
        raise ParameterError(f"Metadata can only have {MAX_KEYS} keys (you would have {len(merged)})", "metadata")
    return merged
