"""Migrations as spec files: a block with its rows, one a line, that is read back as exactly these values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from reconciler.core.values import Value
from reconciler.views.binding_specs import quoted
from reconciler.views.spec_yaml import literal

# What neither version of YAML takes for anything but a text, within braces either.
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*")
_WORDS = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"))


def migration_specs(name: str, settings: Mapping[str, str], bodies: Mapping[str, Mapping[str, Value]]) -> Iterator[str]:
    """Write a block with inline rows, line by line."""
    yield "# Written by billplan migrations convert, to be reviewed and planned.\n"
    yield f"subscription_migrations:\n  {_value(name)}:\n"
    for field, value in settings.items():
        yield f"    {field}: {_value(value)}\n"
    yield "    subscriptions:\n" if bodies else "    subscriptions: {}\n"
    for key, body in bodies.items():
        yield f"      {_value(key)}: {_value(literal(dict(body)))}\n"


def _value(value: Value) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case Mapping():
            return "{" + ", ".join(f"{_value(name)}: {_value(one)}" for name, one in value.items()) + "}"
        case list():
            return "[" + ", ".join(_value(one) for one in value) + "]"
    text = str(value)
    plain = _PLAIN.fullmatch(text) is not None and text.lower() not in _WORDS
    return text if plain else quoted(text)
