"""Specs as YAML text, such as import writes."""

from __future__ import annotations

import re
from collections.abc import Mapping

import yaml

from reconciler.core.values import Value, to_json

_JINJA = re.compile(r"\{\{|\{%|\{#")


def render_spec(plural: str, bodies: Mapping[str, Mapping[str, Value]]) -> str:
    """Write one kind's bodies as a spec file; texts that look like expressions are kept from being rendered."""
    literal = {name: _literal(to_json(body)) for name, body in bodies.items()}
    text = yaml.safe_dump({plural: literal}, sort_keys=False, allow_unicode=True, width=110)
    return f"# Written by billplan import. Rename the names as you like before the first apply.\n{text}"


def _literal(value: Value) -> Value:
    if isinstance(value, str) and _JINJA.search(value):
        return "{% raw %}" + value + "{% endraw %}"
    if isinstance(value, dict):
        return {k: _literal(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_literal(v) for v in value]
    return value
