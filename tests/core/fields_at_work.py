"""What the tests of field types share: parsing with the problems that come of it, and the verdict of a schema."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from jsonschema import Draft202012Validator

from reconciler.core.fields import FieldType, Path, Problems


def parsed(kind: FieldType, value: Any, path: Path = ("field",)) -> Any:
    """Parse a value that must hold."""
    problems = Problems()
    result = kind.parse(value, path, problems)
    assert not problems, problems
    return result


def found(kind: FieldType, value: Any, path: Path = ("field",)) -> list[tuple[str, str, str]]:
    """Parse a value that must not hold; list each problem's code, summary and hint."""
    problems = Problems()
    kind.parse(value, path, problems)
    assert problems
    return [(p.code, p.summary, p.hint) for p in problems]


def paths(kind: FieldType, value: Any) -> list[Path]:
    """List where the problems of a value are."""
    problems = Problems()
    kind.parse(value, (), problems)
    return [p.path for p in problems]


def holds(kind: FieldType, value: Any) -> bool:
    """Say whether a value parses without a problem."""
    problems = Problems()
    kind.parse(value, ("field",), problems)
    return not problems


def schema_holds(kind: FieldType, value: Any) -> bool:
    """Say whether a value fits the type's JSON Schema."""
    schema = kind.schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema).is_valid(_plain(value))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_plain(v) for v in value]
    return float(value) if isinstance(value, Decimal) else value
