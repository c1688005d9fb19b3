"""What goes over the wire: bracketed form fields in, JSON out."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from itertools import pairwise
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

from reconciler.emulator.errors import ParameterError

Raw: TypeAlias = "str | dict[str, Raw]"
Record = dict[str, Any]

_KEY = re.compile(r"^([^\[\]]+)((?:\[[^\[\]]*\])*)$")
_MAX_DEPTH = 10


def parse_form(text: str) -> dict[str, Raw]:
    """Turn `a[b][0]=x&c=y` into nested hashes; array positions stay as keys until a schema asks for an array."""
    try:
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text), errors="strict")
    except (ValueError, UnicodeDecodeError) as error:
        raise ParameterError(f"Invalid form encoding: {error}") from error
    tree: dict[str, Raw] = {}
    for key, value in pairs:
        match = _KEY.match(key)
        if match is None:
            raise ParameterError(f"Invalid parameter name: {key}", key)
        parts = [match[1], *re.findall(r"\[([^\[\]]*)\]", match[2])]
        if len(parts) > _MAX_DEPTH:
            raise ParameterError(f"Parameters may be nested at most {_MAX_DEPTH} deep: {key}", key)
        _place(tree, parts, value, key)
    return tree


def _place(tree: dict[str, Raw], parts: list[str], value: str, key: str) -> None:
    node = tree
    for part, following in pairwise(parts):
        child = node.setdefault(_slot(node, part, following), {})
        if isinstance(child, str):
            raise ParameterError(f"Invalid parameter: {key} is given both as a value and as a hash", key)
        node = child
    last = parts[-1]
    if last == "":
        last = str(len(node))
    if last in node:
        raise ParameterError(f"Parameter given twice: {key}", key)
    node[last] = value


def _slot(node: dict[str, Raw], part: str, following: str) -> str:
    """The key for `[]`: the newest element, unless it already holds the field that follows."""
    if part != "":
        return part
    newest = str(len(node) - 1)
    current = node.get(newest)
    if isinstance(current, dict) and following not in current:
        return newest
    return str(len(node))


def raw_of(value: Any) -> Raw:
    """The form encoding of a JSON value, so that documents pass the same checks as requests."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return {str(key): raw_of(child) for key, child in value.items()}
    if isinstance(value, list):
        return {str(position): raw_of(child) for position, child in enumerate(value)}
    return "" if value is None else str(value)


def flatten(raw: Raw, prefix: str = "") -> list[tuple[str, str]]:
    """The leaves of a tree with their bracketed names, in a stable order."""
    if isinstance(raw, str):
        return [(prefix, raw)]
    pairs: list[tuple[str, str]] = []
    for key in sorted(raw):
        pairs += flatten(raw[key], f"{prefix}[{key}]" if prefix else key)
    return pairs


def number(text: str | None) -> int | float | None:
    """A percentage or a length as the JSON number that Stripe sends: 19, 25.5. Money never comes here."""
    if text is None:
        return None
    value = Decimal(text)
    return int(value) if value == value.to_integral_value() else float(value)


def dump_json(value: Any) -> bytes:
    """The body of an answer."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
