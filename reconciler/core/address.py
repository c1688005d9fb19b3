"""Names of resources: `price.pro_monthly`, `customer_binding["auth0|9"]`, `subscription_migration.zuora["sub_1"]`."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_KIND = re.compile(r"[a-z][a-z_]*")
_STRING = re.compile(r'\["(?:[^"\\]|\\.)*"\]')
# Made once: json.dumps would make another one for each of a plan's addresses.
_quote = json.JSONEncoder(ensure_ascii=False).encode


@dataclass(frozen=True, slots=True, order=True)
class Address:
    """One resource: a kind, a name, and for a row of a bulk resource its key."""

    kind: str
    name: str
    key: str | None = None

    def __str__(self) -> str:
        name = f".{self.name}" if NAME.fullmatch(self.name) else _quoted(self.name)
        return f"{self.kind}{name}" + ("" if self.key is None else _quoted(self.key))

    def matches(self, pattern: str) -> bool:
        """Say whether a shell-style glob names this address; brackets stand for themselves."""
        return fnmatchcase(str(self), pattern.replace("[", "[[]"))


def _quoted(text: str) -> str:
    return f"[{_quote(text)}]"


@lru_cache(maxsize=65536)
def parse_address(text: str) -> Address:
    """Parse what `str(address)` printed; raise ValueError on anything else."""
    kind = _KIND.match(text)
    if kind is None:
        raise ValueError(f"{text!r} is not an address: it starts with a kind, such as price.pro_monthly")
    at = kind.end()
    if text[at : at + 1] == ".":
        name = NAME.match(text, at + 1)
        if name is None:
            raise ValueError(f'{text!r} is not an address: the name after the dot is missing or needs ["..."]')
        first, at = name.group(), name.end()
    else:
        first, at = _bracket(text, at)
    if at == len(text):
        return Address(kind.group(), first)
    key, at = _bracket(text, at)
    if at != len(text):
        raise ValueError(f"{text!r} is not an address: {text[at:]!r} is left over")
    return Address(kind.group(), first, key)


def _bracket(text: str, at: int) -> tuple[str, int]:
    found = _STRING.match(text, at)
    if found is None:
        raise ValueError(f'{text!r} is not an address: expected .name or ["name"] at {text[at:]!r}')
    try:
        return str(json.loads(found.group()[1:-1])), found.end()
    except json.JSONDecodeError as error:
        raise ValueError(f"{text!r} is not an address: {error.msg}") from None
