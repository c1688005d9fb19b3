"""The check of a loaded file against a JSON Schema, in billplan's own words and with places.

No message shows a value that may be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, TypeAlias

from jsonschema import Draft202012Validator

from reconciler.core.fields import Path
from reconciler.core.suggest import suggestion
from reconciler.core.types import describe
from reconciler.core.values import Value
from reconciler.specfiles import codes
from reconciler.specfiles.findings import Findings
from reconciler.specfiles.places import Places
from reconciler.specfiles.project_schema import Schema

# The library types the parts of its errors as "perhaps unset"; in errors that it has reported, they are set.
Violation: TypeAlias = Any

_SECRET = re.compile(r"(?:sk|rk|whsec)_[A-Za-z0-9_]{4,}|://[^/\s]*:[^/\s]*@")
_EXPECTED = {
    "string": "a text", "integer": "a whole number", "number": "a number", "boolean": "true or false",
    "array": "a list", "object": "a mapping",
}  # fmt: skip
# Guards of kinds that come later: a limit that nothing enforces must not look like one.
_LATER = {("guards", "max_new_credit")}


def may_be_secret(value: Value) -> bool:
    """Say whether a text looks like an API key or an address with a password."""
    return isinstance(value, str) and _SECRET.search(value) is not None


def shown(value: Value) -> str:
    """Describe a value for a message, unless it may be a secret."""
    return "a secret (not shown)" if may_be_secret(value) else describe(value)


def check_schema(value: Value, places: Places, schema: Schema, findings: Findings) -> None:
    """Report everything in a value that a schema does not allow."""
    for error in Draft202012Validator(schema).iter_errors(value):
        _report(error, places, findings)


def _report(error: Violation, places: Places, findings: Findings) -> None:
    path: Path = tuple(error.absolute_path)
    at = places.value_at(path)
    rule: Any = error.validator_value
    match error.validator:
        case "additionalProperties":
            for name, hint in _unknown(error, path):
                label = shown(name) if may_be_secret(name) else name
                findings.report(codes.UNKNOWN_SETTING, f"unknown key {label}", places[(*path, name)], hint)
        case "required":
            for name in (n for n in rule if n not in error.instance):
                doc = error.schema["properties"][name].get("description", "")
                findings.report(codes.MISSING_SETTING, f"{name} is required", places[path], doc)
        case "pattern" if "propertyNames" in error.absolute_schema_path:
            name = str(error.instance)
            summary = f"{name!r} is not a name: letters, digits and _, not a digit first"
            findings.report(codes.BAD_SETTING, summary, places[(*path, name)])
        case "enum" if "propertyNames" in error.absolute_schema_path:
            name = str(error.instance)
            label = shown(name) if may_be_secret(name) else repr(name)
            summary = f"{_subject(path)}: Stripe knows no currency {label}"
            findings.report(codes.BAD_SETTING, summary, places[(*path, name)], suggestion(name.lower(), rule))
        case _:
            subject = _subject(path)
            findings.report(codes.BAD_SETTING, f"{subject}: {_complaint(error)}", at, _way_out(error))


def _subject(path: Path) -> str:
    match path:
        case ():
            return "the file"
        case (*_, name, int() as index):
            return f"{name}[{index}]"
        case _:
            return str(path[-1])


def _unknown(error: Violation, path: Path) -> Iterator[tuple[str, str]]:
    known = error.schema.get("properties", {})
    for name in error.instance:
        if (*path, name) in _LATER:
            yield name, "this version has nothing that enforces it; leave it out"
        elif name not in known:
            yield name, suggestion(name, known)


def _complaint(error: Violation) -> str:
    found, rule = shown(error.instance), error.validator_value
    match error.validator:
        case "type":
            names = [rule] if isinstance(rule, str) else rule
            return f"expected {' or '.join(_EXPECTED[name] for name in names)}, found {found}"
        case "enum":
            return f"expected {' or '.join(rule)}, found {found}"
        case "const":
            return f"expected {rule}, found {found}"
        case "minimum" | "maximum":
            side = "below" if error.validator == "minimum" else "above"
            return f"{error.instance} is {side} the {error.validator} of {rule}"
        case "minItems" | "minLength":
            return f"expected something, found {'an empty list' if error.validator == 'minItems' else 'an empty text'}"
        case "minProperties":
            return "expected something, found an empty mapping"
        case _:
            return f"{found} does not have the right form"


def _way_out(error: Violation) -> str:
    if error.validator == "enum":
        return suggestion(str(error.instance), error.validator_value)
    return str(error.schema.get("description", "")) if error.validator == "pattern" else ""
