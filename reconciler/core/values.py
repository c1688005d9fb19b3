"""Values that specs, plans and requests are made of: JSON without floats, and references to other resources."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias

from reconciler.core.address import Address, parse_address

# Recursive JSON types cost more casts than they catch mistakes; the checks are made at the edges instead.
Value: TypeAlias = Any
Attrs: TypeAlias = Mapping[str, Value]

_REF = {"$ref", "attr"}

# What JSON takes as it is, and most values are; their subclasses are found the slow way.
_PLAIN = frozenset({str, int, bool, type(None)})
_LISTS = (list, tuple)
# A dict first: the test for any Mapping is slow.
_MAPPINGS = (dict, Mapping)

# Made once: json.dumps would make another one for each of the many thousand hashes of a plan.
_WRITER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class Ref:
    """An attribute of another resource, as yet unknown: what a plan shows as "known after apply"."""

    address: Address
    attr: str = "id"

    def __str__(self) -> str:
        return f"{self.address}" if self.attr == "id" else f"{self.address}.{self.attr}"


@dataclass(frozen=True, slots=True)
class Secret:
    """A string that no output ever shows."""

    text: str

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__


def to_json(value: Value) -> Value:
    """Turn a value into what json.dumps takes; floats raise TypeError.

    A reference becomes {"$ref": address, "attr": name}, and a mapping that would look like one is set apart.
    """
    if type(value) in _PLAIN:
        return value
    if isinstance(value, Ref):
        return {"$ref": str(value.address), "attr": value.attr}
    if isinstance(value, _LISTS):
        return [v if type(v) in _PLAIN else to_json(v) for v in value]
    if isinstance(value, _MAPPINGS):
        return _mapping(value)
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, str | int):
        return value
    raise TypeError(f"{type(value).__name__} has no place in a plan: {value!r}")


def _mapping(value: Mapping[Any, Value]) -> dict[str, Value]:
    written = {str(k): v if type(v) in _PLAIN else to_json(v) for k, v in value.items()}
    # Metadata may have such keys; one more $ keeps them from being read as a reference.
    return {f"${k}" if _is_marked(k) else k: v for k, v in written.items()} if _looks_like_ref(written) else written


def _looks_like_ref(value: Mapping[str, Value]) -> bool:
    return len(value) == len(_REF) and "attr" in value and any(map(_is_marked, value))


def _is_marked(key: str) -> bool:
    return key.startswith("$") and key.lstrip("$") == "ref"


def from_json(value: Value) -> Value:
    """Undo to_json."""
    if isinstance(value, dict):
        return revive({k: from_json(v) for k, v in value.items()})
    if isinstance(value, list):
        return [from_json(v) for v in value]
    return value


def revive(value: dict[str, Value]) -> Value:
    """Undo to_json for one mapping whose values are undone already; raise ValueError for a broken reference."""
    if not _looks_like_ref(value):
        return value
    if value.keys() != _REF:
        return {k.removeprefix("$"): v for k, v in value.items()}
    address, attr = value["$ref"], value["attr"]
    if not isinstance(address, str) or not isinstance(attr, str):
        raise ValueError(f"{address!r} is not a reference")
    return Ref(parse_address(address), attr)


def canonical(value: Value) -> str:
    """Write a value as JSON in the one way in which equal values are equal texts."""
    return _WRITER.encode(to_json(value))


def digest(value: Value) -> str:
    """Name a value by the sha256 of its canonical JSON, in hex."""
    # Half of a surrogate pair is no UTF-8, but a text in an answer may hold one.
    return hashlib.sha256(canonical(value).encode(errors="surrogatepass")).hexdigest()


def decimal_text(value: Decimal | int) -> str:
    """Write a decimal without exponent and trailing zeros: 12.50 and 12.5 are one text."""
    text = format(Decimal(value), "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text


def refs_in(value: Value) -> list[Ref]:
    """List the references anywhere inside a value, in order."""
    if type(value) in _PLAIN:
        return []
    if isinstance(value, Ref):
        return [value]
    if isinstance(value, _MAPPINGS):
        return [r for v in value.values() for r in refs_in(v)]
    if isinstance(value, _LISTS):
        return [r for v in value for r in refs_in(v)]
    return []


def replace_refs(value: Value, replace: Callable[[Ref], Value]) -> Value:
    """Put `replace(ref)` where each reference stands."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, Ref):
        return replace(value)
    if isinstance(value, _MAPPINGS):
        return {k: replace_refs(v, replace) for k, v in value.items()}
    if isinstance(value, _LISTS):
        return [replace_refs(v, replace) for v in value]
    return value
