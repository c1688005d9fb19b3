"""How single values are written for people: money in its currency, moments, references, texts that cannot do harm."""

from __future__ import annotations

import re
from collections.abc import Mapping, Set
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from reconciler.core.address import Address
from reconciler.core.fields import FieldType
from reconciler.core.money import show_amount
from reconciler.core.shapes import ListOf, MapOf, Struct
from reconciler.core.types import Amount, Moment, show_moment
from reconciler.core.values import Ref, Value, decimal_text
from reconciler.views.redact import redact_text

UNSET = "(none)"
_BARE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/@*+-]*")


def clean(text: str) -> str:
    """Write a text on one line of harmless characters: line ends, escapes and invisible marks are spelled out."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    short = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(character)
    code = ord(character)
    return short or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Notation:
    """Writes values. `pending` are the addresses that only the apply makes; `limit` is a text's most characters."""

    pending: Set[Address] = frozenset()
    emails: bool = False
    limit: int = 160

    def plain(self, text: str) -> str:
        """Write a text of ours or of a spec's author: redacted, harmless, not quoted."""
        return clean(redact_text(text, emails=self.emails))

    def address(self, address: Address) -> str:
        """Write an address."""
        return self.plain(str(address))

    def value(self, value: Value, kind: FieldType | None, currency: str = "") -> str:
        """Write one value on one line."""
        if value is None:
            return UNSET
        if isinstance(value, Ref):
            shown = self.plain(str(value))
            return f"(known after apply: {shown})" if value.address in self.pending else shown
        match kind:
            case Amount():
                return self.amount(value, currency)
            case Moment() if isinstance(value, int):
                return _moment(value)
            case _:
                return self._untyped(value, kind, currency)

    def _untyped(self, value: Value, kind: FieldType | None, currency: str) -> str:
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int | Decimal):
            return f"{value:,}" if isinstance(value, int) else decimal_text(value)
        if isinstance(value, Mapping):
            return self._mapping(value, kind, currency)
        if isinstance(value, list | tuple):
            item = kind.item if isinstance(kind, ListOf) else None
            return f"[{', '.join(self.value(v, item, currency) for v in value)}]"
        return self.text(str(value))

    def _mapping(self, value: Mapping[str, Value], kind: FieldType | None, currency: str) -> str:
        own = value.get("currency")
        currency = own if isinstance(own, str) else currency
        members = [f"{self.plain(str(k))}: {self.value(v, part_type(kind, k), currency)}" for k, v in value.items()]
        return f"{{{', '.join(members)}}}"

    def amount(self, minor: Value, currency: str) -> str:
        """Write an amount of minor units in its currency's notation; without a currency, as the number it is."""
        try:
            number = Decimal(str(minor))
        except InvalidOperation:
            return self.text(str(minor))
        if not currency or not number.is_finite():
            return f"{minor} (smallest unit)"
        return self.plain(show_amount(decimal_text(number), currency))

    def text(self, text: str) -> str:
        """Write a text of unknown origin: bare where it is one word, else in quotes; long ones are shortened."""
        if len(text) <= self.limit and _BARE.fullmatch(text):
            # A text that needs no quotes shows by having none that it is one word with no blanks around it.
            return self.plain(text)
        shown = self.plain(text.replace("\\", "\\\\"))
        if len(shown) <= self.limit:
            return _quoted(shown)
        return f"{_quoted(shown[: self.limit] + '...')} ({len(shown) - self.limit:,} more characters)"

    def pair(self, before: str, after: str) -> tuple[str, str]:
        """Write two texts that differ, so that the difference is seen even where both are long or redacted."""
        before, after = redact_text(before, emails=self.emails), redact_text(after, emails=self.emails)
        if before == after:
            shown = self.text(after)
            return shown, f"{shown} (differs in what is not shown)"
        start = max(0, _common(before, after) - self.limit // 4)
        if start and max(len(before), len(after)) > self.limit:
            before, after = f"...{before[start:]}", f"...{after[start:]}"
        return self.text(before), self.text(after)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '\\"') + '"'


def _common(before: str, after: str) -> int:
    length = min(len(before), len(after))
    return next((n for n in range(length) if before[n] != after[n]), length)


def _moment(epoch: int) -> str:
    try:
        return show_moment(epoch)
    except (OverflowError, ValueError, OSError):
        # No calendar reaches so far; the number is still what would be sent.
        return str(epoch)


def part_type(kind: FieldType | None, name: str) -> FieldType | None:
    """Find the type of a member of a struct or mapping."""
    match kind:
        case Struct():
            return next((f.type for f in kind.fields if f.name == name), None)
        case MapOf():
            return kind.value
        case _:
            return None
