"""Attributes: a body laid flat, under the names that the wire has: `name`, `metadata[tier]`, `currency_options[eur]`.

A field that is `split` is owned part by part; any other field is one attribute, however deep its value.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from reconciler.core.fields import Field
from reconciler.core.shapes import MapOf, Struct, encoded
from reconciler.core.values import Attrs, Value

METADATA = "metadata"


def flatten(body: Struct, value: Mapping[str, Value]) -> dict[str, Value]:
    """Lay a canonical body flat; what is None is left out."""
    flat: dict[str, Value] = {}
    for field in body.fields:
        _lay(flat, field, field.name, value.get(field.name))
    return flat


def _lay(flat: dict[str, Value], field: Field, name: str, value: Value) -> None:
    if value is None:
        return
    if not field.split:
        flat[name] = value
    elif isinstance(field.type, Struct):
        for part in field.type.fields:
            _lay(flat, part, f"{name}[{part.name}]", value.get(part.name))
    else:
        for key, item in value.items():
            flat[f"{name}[{key}]"] = item


@lru_cache(maxsize=65536)
def leaf(body: Struct, name: str) -> Field:
    """Find the field that governs an attribute: for `metadata[tier]` that of `metadata`; else raise KeyError."""
    head, *keys = name.replace("]", "").split("[")
    field = _named(body, head)
    for key in keys:
        if not (field.split and isinstance(field.type, Struct)):
            break
        field = _named(field.type, key)
    return field


def _named(struct: Struct, name: str) -> Field:
    for field in struct.fields:
        if field.name == name:
            return field
    raise KeyError(name)


def root(name: str) -> str:
    """Name the field of the body that an attribute belongs to."""
    return name.partition("[")[0]


def params(body: Struct, attrs: Attrs) -> dict[str, Value]:
    """Build request parameters from attributes; an attribute of None is sent empty, which unsets it."""
    built: dict[str, Value] = {}
    for name, value in attrs.items():
        head, *keys = name.replace("]", "").split("[")
        field = next((f for f in body.fields if f.name == head), None)
        target = built
        for key in keys:
            target = target.setdefault(head, {})
            head = key
            if field is not None and isinstance(field.type, Struct):
                field = next((f for f in field.type.fields if f.name == key), None)
        for spelled, wire in _wire(field, keys, head, value):
            target[spelled] = wire
    return built


def _wire(field: Field | None, keys: list[str], name: str, value: Value) -> list[tuple[str, Value]]:
    if value is None:
        return [(name, "")]
    if field is None:
        return [(name, value)]
    if keys and isinstance(field.type, MapOf):
        return [(name, field.type.value.encode(value))]
    return list(encoded(field, value))
