"""Bindings as spec rows: YAML that is read back as exactly these external ids and customers."""

from __future__ import annotations

import re
from collections.abc import Mapping

_PLAIN = re.compile(r"[A-Za-z0-9_]+")


def render_binding_specs(bindings: Mapping[str, str], head: str) -> str:
    """Write external ids with their customers as a spec file; `head` is its first line, a comment."""
    rows = [f"  {quoted(id)}: {{customer: {_plain(customer)}}}\n" for id, customer in sorted(bindings.items())]
    block = f"customer_bindings:\n{''.join(rows)}" if rows else "customer_bindings: {}\n"
    return f"# {head}\n{block}"


def _plain(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else quoted(text)


def quoted(text: str) -> str:
    """Write a text in double quotes, as both YAML and people read it."""
    # Written by hand: JSON spells what is beyond 16 bits as two halves, which YAML does not put together.
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(letter: str) -> str:
    if letter in '"\\':
        return f"\\{letter}"
    if letter.isprintable():
        return letter
    return f"\\U{ord(letter):08x}"
