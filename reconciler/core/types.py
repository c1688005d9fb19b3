"""The simple types of fields: text, whole numbers, decimals, flags, moments in time, amounts, references."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from reconciler.core.address import parse_address
from reconciler.core.fields import Path, Problems
from reconciler.core.suggest import suggestion
from reconciler.core.values import Ref, Value, decimal_text

# The way out of an empty value.
UNSET = "leave the field out to unset it"

_DECIMAL_TEXT = re.compile(r"-?[0-9]+(\.[0-9]+)?")
# The last second of the year 9999.
_LAST_MOMENT = 253402300799


# Line ends and tabs are text; the rest of these no Dashboard and no invoice can show.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def describe(value: Value) -> str:
    """Name a value's type as a spec's author knows it, with the value."""
    if value is None:
        return "nothing (null)"
    names: tuple[tuple[type | tuple[type, ...], str], ...] = (
        (bool, "the boolean"), (int, "the number"), (Decimal, "the number"), (str, "the text"),
        (Mapping, "a mapping"), ((list, tuple), "a list"),
    )  # fmt: skip
    for kind, name in names:
        if isinstance(value, kind):
            if isinstance(value, Mapping | list | tuple):
                return name
            shown = (
                str(value).lower()
                if isinstance(value, bool)
                else f"{value!r}"
                if isinstance(value, str)
                else f"{value}"
            )
            return f"{name} {shown}"
    return f"{value!r}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A string, with a length in characters; `choices` closes the set; `fold` compares in lower case.

    `known` closes a set that is too long to be printed.
    """

    max_length: int = 5000
    pattern: str = ""
    choices: tuple[str, ...] = ()
    known: frozenset[str] = frozenset()
    fold: bool = False
    what: str = "a text"

    def parse(self, value: Value, path: Path, problems: Problems) -> Value:
        if not isinstance(value, str):
            hint = (
                f'write "{value}" in quotes' if isinstance(value, int | Decimal) and not isinstance(value, bool) else ""
            )
            problems.report(path, "BP1204", f"expected {self.what}, found {describe(value)}", hint)
            return None
        text = value.lower() if self.fold else value
        if self.choices and text not in self.choices:
            near = suggestion(text, self.choices)
            problems.report(path, "BP1206", f"{value!r} is not one of {', '.join(self.choices)}", near)
        elif not text:
            problems.report(path, "BP1207", f"expected {self.what}, found an empty text", UNSET)
        elif len(text) > self.max_length:
            problems.report(
                path, "BP1207", f"the text has {len(text)} characters, at most {self.max_length} are allowed"
            )
        elif _CONTROL.search(text):
            problems.report(path, "BP1207", "the text holds control characters", "take them out")
        elif self.pattern and not re.fullmatch(self.pattern, text):
            problems.report(path, "BP1207", f"{value!r} is not {self.what}")
        elif self.known and text not in self.known:
            problems.report(path, "BP1206", f"Stripe knows no {value!r}: not {self.what}")
        return text

    def read(self, raw: Value) -> Value:
        return (str(raw).lower() if self.fold else str(raw)) or None

    def encode(self, value: Value) -> Value:
        return value

    def schema(self) -> dict[str, Any]:
        if self.choices:
            return {"enum": list(self.choices)}
        described: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": self.max_length}
        if self.pattern:
            # What is compared in lower case may be written in either.
            pattern = self.pattern.replace("a-z", "A-Za-z") if self.fold else self.pattern
            described["pattern"] = f"^(?:{pattern})$"
        return described


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """A whole number within bounds; `word` is a text that may stand instead (up_to: inf)."""

    minimum: int | None = None
    maximum: int | None = None
    word: str | None = None

    def parse(self, value: Value, path: Path, problems: Problems) -> Value:
        if self.word is not None and value == self.word:
            return value
        if isinstance(value, bool) or not isinstance(value, int):
            hint = "amounts are whole numbers of the smallest unit: 2900 is 29.00" if isinstance(value, Decimal) else ""
            problems.report(path, "BP1204", f"expected a whole number, found {describe(value)}", hint)
            return None
        if self.minimum is not None and value < self.minimum:
            problems.report(path, "BP1205", f"{value} is below the minimum of {self.minimum}")
        if self.maximum is not None and value > self.maximum:
            problems.report(path, "BP1205", f"{value} is above the maximum of {self.maximum}")
        return value

    def read(self, raw: Value) -> Value:
        return raw if raw == self.word else int(raw)

    def encode(self, value: Value) -> Value:
        return value

    def schema(self) -> dict[str, Any]:
        number: dict[str, Any] = {"type": "integer"}
        if self.minimum is not None:
            number["minimum"] = self.minimum
        if self.maximum is not None:
            number["maximum"] = self.maximum
        return {"anyOf": [number, {"const": self.word}]} if self.word else number


@dataclass(frozen=True, slots=True, kw_only=True)
class DecimalNumber:
    """A decimal, canonical as a text without trailing zeros; `places` bounds the digits after the point."""

    minimum: int | None = None
    maximum: int | None = None
    places: int = 12

    def parse(self, value: Value, path: Path, problems: Problems) -> Value:
        number = _decimal(value)
        if number is None:
            problems.report(path, "BP1204", f"expected a decimal number such as 12.5, found {describe(value)}")
            return None
        if self.minimum is not None and number < self.minimum:
            problems.report(path, "BP1205", f"{value} is below the minimum of {self.minimum}")
        if self.maximum is not None and number > self.maximum:
            problems.report(path, "BP1205", f"{value} is above the maximum of {self.maximum}")
        text = decimal_text(number)
        if len(text.partition(".")[2]) > self.places:
            problems.report(path, "BP1205", f"{value} has more than {self.places} digits after the point")
        return text

    def read(self, raw: Value) -> Value:
        return decimal_text(Decimal(str(raw)))

    def encode(self, value: Value) -> Value:
        return value

    def schema(self) -> dict[str, Any]:
        number: dict[str, Any] = {"type": "number"}
        if self.minimum is not None:
            number["minimum"] = self.minimum
        if self.maximum is not None:
            number["maximum"] = self.maximum
        return {"anyOf": [number, {"type": "string", "pattern": r"^-?\d+(\.\d+)?$"}]}


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """An amount of money in minor units: an integer, or under its `_decimal` name a quoted decimal text.

    Canonical is the decimal text for both spellings, so that 2900 and "2900.0" are one amount.
    """

    minimum: int | None = 0
    # Twelve digits are the most that Stripe takes in any currency: https://docs.stripe.com/currencies
    maximum: int = 999_999_999_999

    def parse(self, value: Value, path: Path, problems: Problems) -> Value:
        spelled_decimal = bool(path) and str(path[-1]).endswith("_decimal")
        if not spelled_decimal:
            whole = Whole(minimum=self.minimum, maximum=self.maximum).parse(value, path, problems)
            return None if whole is None else decimal_text(whole)
        if not isinstance(value, str):
            problems.report(
                path, "BP1204", f"expected a decimal in quotes, found {describe(value)}", f'write "{value}" in quotes'
            )
            return None
        bounded = DecimalNumber(minimum=self.minimum, maximum=self.maximum, places=12)
        return bounded.parse(value, path, problems)

    def read(self, raw: Value) -> Value:
        return decimal_text(Decimal(str(raw)))

    def encode(self, value: Value) -> Value:
        return value if "." in value else int(value)

    def schema(self) -> dict[str, Any]:
        lowest = {} if self.minimum is None else {"minimum": self.minimum}
        return {"type": "integer", **lowest, "maximum": self.maximum}


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """A boolean."""

    def parse(self, value: Value, path: Path, problems: Problems) -> Value:
        if not isinstance(value, bool):
            problems.report(path, "BP1204", f"expected true or false, found {describe(value)}")
            return None
        return value

    def read(self, raw: Value) -> Value:
        return bool(raw)

    def encode(self, value: Value) -> Value:
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A moment in time: ISO 8601 with a zone, or epoch seconds; canonical is epoch seconds, UTC."""

    def parse(self, value: Value, path: Path, problems: Problems) -> Value:
        if isinstance(value, int) and not isinstance(value, bool):
            if not 0 <= value <= _LAST_MOMENT:
                hint = "write whole seconds, not milliseconds" if value > 0 else ""
                problems.report(path, "BP1208", f"{value} seconds since 1970 is no date from 1970 to 9999", hint)
            return value
        try:
            moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        except ValueError:
            moment = None
        if moment is None:
            summary = f"expected a date and time such as 2027-01-01T00:00:00Z, found {describe(value)}"
            problems.report(path, "BP1208", summary)
            return None
        if moment.tzinfo is None:
            problems.report(path, "BP1208", f"{value!r} has no time zone", f"write {moment.isoformat()}Z for UTC")
            return None
        return int(moment.timestamp())

    def read(self, raw: Value) -> Value:
        return int(raw)

    def encode(self, value: Value) -> Value:
        return value

    def schema(self) -> dict[str, Any]:
        return {
            "anyOf": [
                {"type": "integer", "minimum": 0, "maximum": _LAST_MOMENT},
                {"type": "string", "pattern": r"^\d{4}-\d\d-\d\d[T ].*(Z|[+-]\d\d:?\d\d)$"},
            ]
        }


def show_moment(epoch: int) -> str:
    """Write epoch seconds as 2027-01-01T00:00:00Z."""
    return datetime.fromtimestamp(epoch, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """Another resource: by address (`product.pro`), which becomes a Ref, or by a literal Stripe id."""

    kind: str
    declared: bool = True

    def parse(self, value: Value, path: Path, problems: Problems) -> Value:
        if not isinstance(value, str) or not value:
            problems.report(path, "BP1204", f"expected {self._expected()}, found {describe(value)}")
            return None
        looks_like_address = re.match(rf"{self.kind}[.\[]", value) is not None
        if not self.declared or not looks_like_address:
            other = re.match(r"[a-z][a-z_]*(\.[A-Za-z_]|\[)", value)
            if other and self.declared:
                problems.report(
                    path, "BP1303", f"{value!r} does not name a {self.kind}", f"expected {self._expected()}"
                )
            return value
        try:
            return Ref(parse_address(value))
        except ValueError as error:
            problems.report(path, "BP1303", str(error))
            return None

    def _expected(self) -> str:
        return f"a {self.kind}: its address ({self.kind}.name) or its Stripe id" if self.declared else "a Stripe id"

    def read(self, raw: Value) -> Value:
        return raw["id"] if isinstance(raw, Mapping) else str(raw) or None

    def encode(self, value: Value) -> Value:
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "minLength": 1}


def _decimal(value: Value) -> Decimal | None:
    # Decimal() itself also takes 1_000, the digits of every script, and exponents that fill the memory.
    if isinstance(value, str):
        return Decimal(value) if _DECIMAL_TEXT.fullmatch(value) else None
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    number = Decimal(value)
    return number if number.is_finite() else None
