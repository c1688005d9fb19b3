"""What a plan unlocks of a feature: yes or no, so many, or without limit; which of two is more, and what several make.

A value is canonical as true, false, a whole number from 0 on, or the text `unlimited`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.core.fields import Path, Problems
from reconciler.core.types import describe
from reconciler.core.values import Value

UNLIMITED = "unlimited"
BOOLEAN, QUOTA, LIMIT = "boolean", "quota", "limit"
FEATURE_TYPES = (BOOLEAN, QUOTA, LIMIT)
# What every number format, of JSON and of databases, holds exactly.
_MOST = 2**53 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureValue:
    """The value of a feature in a mapping, of whatever type that feature is."""

    def parse(self, value: Value, path: Path, problems: Problems) -> Value:
        if isinstance(value, bool) or value == UNLIMITED:
            return value
        if not isinstance(value, int):
            problems.report(path, "BP1204", f"expected {EXPECTED}, found {describe(value)}")
            return None
        if not 0 <= value <= _MOST:
            problems.report(path, "BP1205", f"{value} is not from 0 to {_MOST}", f"write {UNLIMITED} for no limit")
        return value

    def read(self, raw: Value) -> Value:
        return raw

    def encode(self, value: Value) -> Value:
        return value

    def schema(self) -> dict[str, Any]:
        number = {"type": "integer", "minimum": 0, "maximum": _MOST}
        return {"anyOf": [{"type": "boolean"}, number, {"const": UNLIMITED}]}


EXPECTED = f"true, false, a whole number or {UNLIMITED}"


def misfit(value: Value, feature_type: str) -> str:
    """Say what a feature of this type wants where a value does not fit it; empty where it does."""
    if isinstance(value, bool) == (feature_type == BOOLEAN):
        return ""
    return "true or false" if feature_type == BOOLEAN else f"a whole number from 0 on, or {UNLIMITED}"


def is_more(one: Value, other: Value) -> bool:
    """Say whether one value unlocks more than another; None is the value of a feature that is not there."""
    return _rank(one) > _rank(other)


def merged(unlocked: Iterable[Mapping[str, Value]]) -> dict[str, Value]:
    """Say what several subscriptions unlock together: of each feature the most."""
    together: dict[str, Value] = {}
    for features in unlocked:
        for name, value in features.items():
            if name not in together or is_more(value, together[name]):
                together[name] = value
    return together


def _rank(value: Value) -> tuple[int, int]:
    # Whoever has nothing of a feature, has none of it, or false, has the same.
    if value is None:
        return 0, 0
    return (1, 0) if value == UNLIMITED else (0, int(value))
