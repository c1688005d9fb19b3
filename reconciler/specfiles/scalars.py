"""What an unquoted YAML scalar means, by the core schema of YAML 1.2: `NO`, `12:30` and dates are texts."""

from __future__ import annotations

import re
from decimal import Decimal

from reconciler.core.values import Value

# Nothing else can start a null, a boolean or a number, so most texts are known by their first character.
SUSPECT = frozenset("0123456789+-.~nNtTfF")

_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_WHOLE = re.compile(r"[-+]?[0-9]+")
_BASED = re.compile(r"0x[0-9a-fA-F]+|0o[0-7]+")
_DECIMAL = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_LONGEST = 40


class NumberOutOfRange(ValueError):
    """A number so long that writing it out would exhaust the memory."""


def parse_plain(text: str) -> Value:
    """Parse an unquoted scalar into null, a boolean, an int, a Decimal or the text itself.

    Numbers with a point or an exponent are decimals, never floats. Raises NumberOutOfRange beyond 40 digits.
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in SUSPECT:
        return text
    if _WHOLE.fullmatch(text):
        return int(_bounded(text))
    if _BASED.fullmatch(text):
        return int(_bounded(text), 0)
    return _decimal(text) if _DECIMAL.fullmatch(text) else text


def _bounded(text: str) -> str:
    if len(text) > _LONGEST:
        raise NumberOutOfRange(f"the number has {len(text)} characters, at most {_LONGEST} are allowed")
    return text


def _decimal(text: str) -> Decimal:
    exponent = re.split("[eE]", _bounded(text))[-1] if "e" in text.lower() else "0"
    if abs(int(exponent)) > _LONGEST:
        raise NumberOutOfRange(f"the number {text} is out of range: the exponent is at most {_LONGEST}")
    return Decimal(text)
