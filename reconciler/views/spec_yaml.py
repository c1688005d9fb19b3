"""Specs as YAML text, such as import writes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import yaml

from reconciler.core.values import Value, to_json

_EXPRESSION = re.compile(r"\{\{|\{%|\{#")
# What no reader of YAML, of either version, takes for anything but a text; all else is put into quotes.
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*(?:[ /.][A-Za-z0-9_-]+)*")
_WORDS = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"))


class _Dumper(yaml.SafeDumper):
    """Writes every value out, and every text so that it is read back as that text."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    plain = _PLAIN.fullmatch(text) is not None and text.lower() not in _WORDS
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if plain else '"')


_Dumper.add_representer(str, _text)


def render_spec(plural: str, bodies: Mapping[str, Mapping[str, Value]]) -> str:
    """Write one kind's bodies as a spec file; texts that look like expressions are kept from being rendered."""
    kept = {name: literal(to_json(body)) for name, body in bodies.items()}
    text = yaml.dump({plural: kept}, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)
    return f"# Written by billplan import. Rename the names as you like before the first apply.\n{text}"


def literal(value: Value) -> Value:
    """Keep texts that look like expressions from being rendered."""
    if isinstance(value, str) and _EXPRESSION.search(value):
        # An expression that is one constant: JSON writes texts as jinja2 reads them.
        return "{{ " + json.dumps(value, ensure_ascii=False) + " }}"
    if isinstance(value, dict):
        return {k: literal(v) for k, v in value.items()}
    if isinstance(value, list):
        return [literal(v) for v in value]
    return value
