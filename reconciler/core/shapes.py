"""The composite types of fields: lists, mappings with free keys, and structs with named fields."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from reconciler.core.fields import Field, FieldType, Path, Problem, Problems
from reconciler.core.suggest import suggestion
from reconciler.core.types import UNSET, Reference, describe
from reconciler.core.values import Value, canonical


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOf:
    """A list; an unordered one is canonical when sorted."""

    item: FieldType
    max_items: int | None = None
    ordered: bool = True

    def parse(self, value: Value, path: Path, problems: Problems) -> Value:
        if not isinstance(value, list):
            problems.report(path, "BP1204", f"expected a list, found {describe(value)}")
            return None
        if self.max_items is not None and len(value) > self.max_items:
            problems.report(path, "BP1205", f"the list has {len(value)} entries, at most {self.max_items} are allowed")
        if not value:
            problems.report(path, "BP1205", "the list is empty", UNSET)
        return self._arranged([self.item.parse(v, (*path, n), problems) for n, v in enumerate(value)])

    def read(self, raw: Value) -> Value:
        return self._arranged([self.item.read(v) for v in raw]) or None

    def _arranged(self, values: list[Value]) -> list[Value]:
        return values if self.ordered else sorted(values, key=canonical)

    def encode(self, value: Value) -> Value:
        return [self.item.encode(v) for v in value]

    def schema(self) -> dict[str, Any]:
        described: dict[str, Any] = {"type": "array", "items": self.item.schema(), "minItems": 1}
        if self.max_items is not None:
            described["maxItems"] = self.max_items
        return described


@dataclass(frozen=True, slots=True, kw_only=True)
class MapOf:
    """A mapping with free keys: metadata, currency options."""

    value: FieldType
    key_pattern: str
    key_name: str
    max_keys: int | None = None
    reserved: str = ""

    def parse(self, value: Value, path: Path, problems: Problems) -> Value:
        if not isinstance(value, Mapping):
            problems.report(path, "BP1204", f"expected a mapping, found {describe(value)}")
            return None
        if self.max_keys is not None and len(value) > self.max_keys:
            problems.report(path, "BP1205", f"{len(value)} keys, at most {self.max_keys} are allowed")
        for key in value:
            if not re.fullmatch(self.key_pattern, key):
                problems.report((*path, key), "BP1207", f"{key!r} is not {self.key_name}")
            elif self.reserved and key.startswith(self.reserved):
                problems.report((*path, key), "BP1207", f"{key!r} is kept for billplan's own marks", "take another key")
        return {k: self.value.parse(v, (*path, k), problems) for k, v in value.items()}

    def read(self, raw: Value) -> Value:
        return {k: self.value.read(v) for k, v in raw.items()} or None

    def encode(self, value: Value) -> Value:
        return {k: self.value.encode(v) for k, v in value.items()}

    def schema(self) -> dict[str, Any]:
        described: dict[str, Any] = {
            "type": "object",
            "patternProperties": {f"^(?:{self.key_pattern})$": self.value.schema()},
            "additionalProperties": False,
        }
        if self.max_keys is not None:
            described["maxProperties"] = self.max_keys
        return described


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Struct:
    """A mapping with named fields. As a part of a body it is owned whole: left-out fields have their defaults.

    Compared by identity, so that looking up its fields stays cheap. `excluded` names parameters that Stripe has and
    billplan does not take, each with the reason and the way out.
    """

    fields: tuple[Field, ...]
    excluded: tuple[tuple[str, str], ...] = ()

    def parse(self, value: Value, path: Path, problems: Problems) -> Value:
        if not isinstance(value, Mapping):
            problems.report(path, "BP1204", f"expected a mapping, found {describe(value)}")
            return None
        self.check_names(value, path, problems)
        parsed = self.parse_declared(value, path, problems)
        return {**{f.name: f.default for f in self.fields if f.default is not None}, **parsed}

    def parse_declared(self, value: Mapping[str, Value], path: Path, problems: Problems) -> dict[str, Value]:
        """Parse the fields that are there, and no defaults."""
        parsed: dict[str, Value] = {}
        for field in self.fields:
            spelled = self._spelling(field, value, path, problems)
            if spelled is not None:
                before = len(problems)
                parsed[field.name] = field.type.parse(value[spelled], (*path, spelled), problems)
                if field.required:
                    own = (*path, spelled)
                    problems[before:] = [_of_required(p, field) if p.path == own else p for p in problems[before:]]
            elif field.required:
                problems.report(path, "BP1203", f"{field.name} is required", field.doc)
        return parsed

    def _spelling(self, field: Field, value: Mapping[str, Value], path: Path, problems: Problems) -> str | None:
        present = [n for n in (field.name, field.twin) if n is not None and value.get(n) is not None]
        if len(present) == 2:
            problems.report((*path, present[1]), "BP1209", f"{present[0]} and {present[1]} exclude each other")
        return present[0] if present else None

    def check_names(self, value: Mapping[str, Value], path: Path, problems: Problems) -> None:
        known = _names(self)
        for name in value:
            if name in known:
                continue
            reasons = dict(self.excluded)
            if name in reasons:
                problems.report((*path, name), "BP1202", f"{name} is not declared here", reasons[name])
            else:
                problems.report((*path, name), "BP1201", f"unknown field {name}", suggestion(name, known))

    def read(self, raw: Value) -> Value:
        read = {f.name: f.read(raw) for f in self.fields}
        found = {f.name: f.default if read[f.name] is None else read[f.name] for f in self.fields}
        return {k: v for k, v in found.items() if v is not None}

    def encode(self, value: Value) -> Value:
        return {
            name: wire for f in self.fields if value.get(f.name) is not None for name, wire in encoded(f, value[f.name])
        }

    def schema(self) -> dict[str, Any]:
        properties: dict[str, Any] = {}
        for field in self.fields:
            properties[field.name] = {"description": field.doc, **field.type.schema()}
            if field.twin:
                twin = {"type": "string", "pattern": r"^-?\d+(\.\d{1,12})?$"}
                properties[field.twin] = {"description": f"{field.doc} A decimal, in quotes.", **twin}
        described: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
        required = [f.name for f in self.fields if f.required]
        return {**described, "required": required} if required else described


def _of_required(problem: Problem, field: Field) -> Problem:
    """Give a problem the hint that fits a field which cannot be left out."""
    way_out = "list at least one" if isinstance(field.type, ListOf) else "write one"
    return replace(problem, hint=f"it is required: {way_out}") if problem.hint == UNSET else problem


@lru_cache(maxsize=1024)
def _names(struct: Struct) -> frozenset[str]:
    """Name the fields of a struct, twins included."""
    return frozenset(n for f in struct.fields for n in (f.name, f.twin) if n)


def encoded(field: Field, value: Value) -> Iterator[tuple[str, Value]]:
    """Spell one canonical value as request parameter: whole amounts under their name, others under `_decimal`."""
    if field.twin is not None and "." in str(value):
        yield field.twin, value
    elif field.twin is not None:
        yield field.name, int(value)
    else:
        yield field.name, field.type.encode(value)


def holds_references(kind: FieldType) -> bool:
    """Say whether a declared reference can stand anywhere inside a type."""
    match kind:
        case Reference():
            return kind.declared
        case ListOf():
            return holds_references(kind.item)
        case MapOf():
            return holds_references(kind.value)
        case Struct():
            return any(holds_references(f.type) for f in kind.fields)
        case _:
            return False
