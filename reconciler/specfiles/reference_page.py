"""The generated page `specs/REFERENCE.md`: the fields of each kind, and what a change of them does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from reconciler.core.feature_values import EXPECTED, FeatureValue
from reconciler.core.fields import Field, FieldType, OnChange
from reconciler.core.kind import Kind, OnReplace
from reconciler.core.shapes import ListOf, MapOf, Struct
from reconciler.core.types import Amount, DecimalNumber, Flag, Moment, Reference, Text, Whole
from reconciler.specfiles.lifecycle import FIELDS

REFERENCE = "REFERENCE.md"
_INTRODUCTION = """\
# Reference of the spec language

Generated from the kinds; do not edit.

A spec file is a YAML mapping from kinds, in the plural, to names, to bodies. The fields of a body are the parameters
of Stripe's API, save for what lives in billplan's own store and is not in Stripe: features and product mappings. Those
are known by their names, so they can neither be adopted nor moved. In the column "a change": *update* changes the
object in place, *replace* makes a new object that takes the old one's place, *refuse* means that the field of an
existing object cannot change. `a.b` is a field of a mapping, `a[].b` one of a list's entries, `a.*.b` one of a mapping
with free keys.

Start a file with `# yaml-language-server: $schema=specs.schema.json` (the path to that file) to have it checked while
you type.

## Lifecycle fields

They stand on any body beside Stripe's own fields.

| field | type | meaning |
|---|---|---|
"""
_LISTS = """
At the top of a file, `moved` renames resources and `removed` says how they leave:

```yaml
moved: [{from: price.old, to: price.new}]
removed: [{address: price.gone, action: forget}]
```
"""
_LIFECYCLE_TYPES = {"adopt": "Stripe id", "protect": "true or false", "ignore": "list of fields"}


def render_reference(kinds: Iterable[Kind]) -> str:
    """Render the page as Markdown."""
    lifecycle = "".join(f"| `{name}` | {_LIFECYCLE_TYPES[name]} | {doc} |\n" for name, doc in FIELDS.items())
    return _INTRODUCTION + lifecycle + _LISTS + "".join(_section(kind) for kind in kinds)


def _section(kind: Kind) -> str:
    rows = "".join(_row(name, field, change) for name, field, change in _rows(kind.body.fields, "", kind, None))
    actions = " or ".join(f"`{action}`" for action in kind.removals)
    leaves = f"A {kind.name.replace('_', ' ')} leaves by `removed:` with the action {actions}"
    unasked = f"; a block that is taken away means `{kind.retire.verb}`" if kind.retire_unasked else ""
    table = f"| field | type | required | a change | meaning |\n|---|---|---|---|---|\n{rows}"
    return f"\n## {kind.plural}\n\n{kind.doc} {leaves}{unasked}.\n\n```yaml\n{kind.example}```\n\n{table}"


def _row(name: str, field: Field, change: str) -> str:
    required = "yes" if field.required else ""
    return f"| `{name}` | {_escaped(_type(field.type))} | {required} | {change} | {_escaped(field.doc)} |\n"


def _rows(fields: Iterable[Field], prefix: str, kind: Kind, whole: OnChange | None) -> Iterator[tuple[str, Field, str]]:
    """List the fields and what is inside them; inside a field that changes as a whole, its own rule holds."""
    for field in fields:
        on_change = whole or field.on_change
        yield prefix + field.name, field, _change(on_change, kind)
        if field.twin:
            yield prefix + field.twin, _twin(field), _change(on_change, kind)
        inside, step = _inside(field.type)
        parts_differ = field.split and isinstance(field.type, Struct)
        yield from _rows(inside, f"{prefix}{field.name}{step}", kind, None if parts_differ else on_change)


def _inside(kind: FieldType) -> tuple[tuple[Field, ...], str]:
    match kind:
        case Struct(fields=fields):
            return fields, "."
        case ListOf(item=Struct(fields=fields)):
            return fields, "[]."
        case MapOf(value=Struct(fields=fields)):
            return fields, ".*."
        case _:
            return (), ""


def _twin(field: Field) -> Field:
    decimal = Text(what="decimal in quotes")
    return Field(name=field.twin or "", type=decimal, doc=f"The same with a fraction, instead of {field.name}.")


def _change(on_change: OnChange, kind: Kind) -> str:
    refused = on_change is OnChange.REPLACE and kind.on_replace is OnReplace.REFUSED
    return str(OnChange.REFUSE if refused else on_change)


def _type(kind: FieldType) -> str:
    match kind:
        case Text(choices=(_, *_)):
            return " or ".join(f"`{choice}`" for choice in kind.choices)
        case Text(what="a text"):
            return f"text, up to {kind.max_length}"
        case Text():
            return kind.what
        case Whole():
            return "whole number" + _bounds(kind.minimum, kind.maximum) + (f", or `{kind.word}`" if kind.word else "")
        case DecimalNumber():
            return "decimal" + _bounds(kind.minimum, kind.maximum)
        case Amount():
            return "amount in the smallest unit"
        case FeatureValue():
            return EXPECTED
        case Flag():
            return "true or false"
        case Moment():
            return "date and time with a zone"
        case Reference():
            return f"`{kind.kind}.NAME` or a Stripe id" if kind.declared else "Stripe id"
        case ListOf():
            return f"list of {_type(kind.item)}"
        case MapOf():
            return f"mapping from {kind.key_name} to {_type(kind.value)}"
        case Struct():
            return "mapping"
        case _:
            raise TypeError(f"the reference page has no words for {type(kind).__name__}")


def _bounds(minimum: int | None, maximum: int | None) -> str:
    if minimum is not None and maximum is not None:
        return f", {minimum} to {maximum}"
    return f", at least {minimum}" if minimum is not None else ""


def _escaped(text: str) -> str:
    # A bar would end the cell; angle brackets would be taken for HTML.
    return text.replace("|", "\\|").replace("<", "&lt;")
