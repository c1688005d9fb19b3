"""The types of request parameters: each kind parses one value strictly or names what is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

from reconciler.emulator.errors import (
    EmulatorGap,
    ParameterError,
    empty_parameter,
    missing_parameter,
    unknown_parameter,
)
from reconciler.emulator.wire import Raw

_INTEGER = re.compile(r"^-?\d{1,15}$", re.ASCII)
_DECIMAL = re.compile(r"^-?\d{1,15}(\.\d+)?$", re.ASCII)


class Kind(Protocol):
    """Parses one value; None stands for a parameter that was unset with an empty string."""

    def parse(self, raw: Raw, param: str) -> Any: ...


def _text_of(raw: Raw, param: str, blank: bool) -> str | None:
    if not isinstance(raw, str):
        raise ParameterError(f"Invalid string: {param} is a hash or an array", param)
    if raw == "" and not blank:
        raise empty_parameter(param)
    return raw or None


@dataclass(frozen=True)
class Text:
    """A string of at most `maximum` characters, of a pattern if one is given."""

    maximum: int = 5000
    blank: bool = False
    pattern: str = ""

    def parse(self, raw: Raw, param: str) -> str | None:
        text = _text_of(raw, param, self.blank)
        if text is None:
            return None
        if len(text) > self.maximum:
            raise ParameterError(f"Invalid string: {text[:10]}...; must be at most {self.maximum} characters", param)
        if not text.strip():
            raise ParameterError(f"Invalid string: {param} must not be blank", param, "parameter_invalid_string_blank")
        if self.pattern and not re.fullmatch(self.pattern, text):
            raise ParameterError(f"Invalid string: {text[:50]}; {param} has characters that it cannot have", param)
        return text


@dataclass(frozen=True)
class Integer:
    """A whole number within bounds."""

    minimum: int | None = None
    maximum: int | None = None

    def parse(self, raw: Raw, param: str) -> int:
        text = _text_of(raw, param, blank=False)
        if text is None or not _INTEGER.match(text):
            raise ParameterError(f"Invalid integer: {text}", param, "parameter_invalid_integer")
        value = int(text)
        if self.minimum is not None and value < self.minimum:
            raise ParameterError(
                f"This value must be greater than or equal to {self.minimum} (it currently is '{value}').",
                param,
                "parameter_invalid_integer",
            )
        if self.maximum is not None and value > self.maximum:
            raise ParameterError(
                f"This value must be less than or equal to {self.maximum} (it currently is '{value}').",
                param,
                "parameter_invalid_integer",
            )
        return value


@dataclass(frozen=True)
class Number:
    """A decimal, kept as its shortest text: "0.12", "19"."""

    places: int
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    above_minimum: bool = False

    def parse(self, raw: Raw, param: str) -> str:
        text = _text_of(raw, param, blank=False)
        if text is None or not _DECIMAL.match(text):
            raise ParameterError(f"Invalid decimal: {text}", param)
        if len(text.partition(".")[2].rstrip("0")) > self.places:
            raise ParameterError(
                f"Invalid decimal: {text}; must contain at maximum {self.places} decimal places.", param
            )
        value = Decimal(text)
        low = self.minimum is not None and (value < self.minimum or (self.above_minimum and value == self.minimum))
        if low or (self.maximum is not None and value > self.maximum):
            bounds = f"{'more than' if self.above_minimum else 'at least'} {self.minimum} and at most {self.maximum}"
            raise ParameterError(f"Invalid decimal: {text}; must be {bounds}", param)
        return shortest(value)


def shortest(value: Decimal) -> str:
    """The shortest plain notation of a decimal: no exponent, no trailing zeros."""
    text = f"{value:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text


@dataclass(frozen=True)
class Boolean:
    """`true` or `false`, nothing else."""

    def parse(self, raw: Raw, param: str) -> bool:
        text = _text_of(raw, param, blank=False)
        if text not in ("true", "false"):
            raise ParameterError(f"Invalid boolean: {text}", param)
        return text == "true"


@dataclass(frozen=True)
class Choice:
    """One of a closed set of words."""

    values: tuple[str, ...]
    blank: bool = False

    def parse(self, raw: Raw, param: str) -> str | None:
        text = _text_of(raw, param, self.blank)
        if text is not None and text not in self.values:
            raise ParameterError(f"Invalid {param}: must be one of {', '.join(self.values)}", param)
        return text


@dataclass(frozen=True)
class Hash:
    """Named parameters, of which some are required; every other name is unknown."""

    fields: Mapping[str, Kind]
    required: tuple[str, ...] = ()
    blank: bool = False

    def parse(self, raw: Raw, param: str) -> dict[str, Any] | None:
        if isinstance(raw, str):
            if raw == "" and self.blank:
                return None
            raise ParameterError("Invalid object", param)
        for name in raw:
            if name not in self.fields:
                raise unknown_parameter(nested(param, name))
        for name in self.required:
            if name not in raw:
                raise missing_parameter(nested(param, name))
        return {name: self.fields[name].parse(value, nested(param, name)) for name, value in raw.items()}


@dataclass(frozen=True)
class Map:
    """Values of one kind under names of the caller's choice."""

    value: Kind
    name: Kind = field(default_factory=Text)
    blank: bool = False

    def parse(self, raw: Raw, param: str) -> dict[str, Any] | None:
        if isinstance(raw, str):
            if raw == "" and self.blank:
                return None
            raise ParameterError("Invalid object", param)
        for name in raw:
            self.name.parse(name, nested(param, name))
        return {name: self.value.parse(value, nested(param, name)) for name, value in raw.items()}


@dataclass(frozen=True)
class Array:
    """Values of one kind in order, at most `maximum`."""

    element: Kind
    maximum: int = 100
    blank: bool = False

    def parse(self, raw: Raw, param: str) -> list[Any] | None:
        if isinstance(raw, str):
            if raw == "" and self.blank:
                return None
            raise ParameterError("Invalid array", param)
        if not all(key.isascii() and key.isdigit() for key in raw):
            raise ParameterError("Invalid array", param)
        if len(raw) > self.maximum:
            raise ParameterError(f"Array too long: {param} may hold at most {self.maximum} values", param)
        positions = sorted(raw, key=int)
        return [self.element.parse(raw[position], nested(param, position)) for position in positions]


@dataclass(frozen=True)
class Either:
    """A plain value or a hash, as `created=1` and `created[gt]=1`."""

    plain: Kind
    hashed: Kind

    def parse(self, raw: Raw, param: str) -> Any:
        return self.plain.parse(raw, param) if isinstance(raw, str) else self.hashed.parse(raw, param)


@dataclass(frozen=True)
class WordOr:
    """A literal word, or else a value of another kind: `inf` or an integer."""

    words: tuple[str, ...]
    other: Kind

    def parse(self, raw: Raw, param: str) -> Any:
        return raw if isinstance(raw, str) and raw in self.words else self.other.parse(raw, param)


@dataclass(frozen=True)
class Unimplemented:
    """A parameter that Stripe takes and the emulator answers with 501."""

    def parse(self, raw: Raw, param: str) -> Any:
        raise EmulatorGap(f"the parameter `{param}`", param)


def nested(param: str, name: str) -> str:
    """The bracketed name of a parameter inside another."""
    return f"{param}[{name}]" if param else name


GAP = Unimplemented()
TIMESTAMP = Integer(minimum=0, maximum=253402300799)
EXPAND = Array(Text(500), maximum=100)
