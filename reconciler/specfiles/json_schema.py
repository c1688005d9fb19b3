"""The JSON Schemas that editors check specs with, generated from the kinds; kept in `specs/`."""

from __future__ import annotations

import json
from pathlib import Path

from reconciler.core.kind import Kind
from reconciler.core.shapes import MapOf, Struct
from reconciler.core.values import Value, to_json
from reconciler.kinds import KINDS
from reconciler.kinds.subscription_migration import SUBSCRIPTION_MIGRATION
from reconciler.specfiles.binding_schema import binding_schemas, render_binding_reference
from reconciler.specfiles.lifecycle import FIELDS
from reconciler.specfiles.migration_schema import PLURAL as MIGRATIONS
from reconciler.specfiles.migration_schema import migration_schema, render_migration_reference
from reconciler.specfiles.project_schema import DIALECT, Schema, project_schema
from reconciler.specfiles.reference_page import REFERENCE, render_reference
from reconciler.specfiles.yaml_text import parse_yaml

PROJECT = "billplan.schema.json"
SPECS = "specs.schema.json"
_EXPRESSION: Schema = {
    "description": "A text with an expression: {{ var.name }}.",
    "type": "string",
    "pattern": r"\{\{|\{%",
}
_EXPRESSION_REF = {"$ref": "#/$defs/expression"}
_ADDRESS = {"type": "string", "minLength": 1}


def schemas() -> dict[str, Schema]:
    """Describe the project file, a whole spec file, and one body of each kind, by file name."""
    return {
        PROJECT: project_schema(),
        SPECS: _specs_schema(),
        **{f"{kind.plural}.schema.json": _kind_schema(kind) for kind in KINDS},
        **{f"{plural}.schema.json": _with_expression(body) for plural, body in _bulk().items()},
    }


def write_schemas(folder: Path) -> list[Path]:
    """Write the schemas and the reference page; return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {folder / name: text for name, text in render_files().items()}
    for path, text in files.items():
        path.write_text(text, encoding="utf-8", newline="\n")
    return sorted(files)


def render_files() -> dict[str, str]:
    """Render everything that `specs/` holds."""
    rendered = {name: json.dumps(schema, indent=2, ensure_ascii=False) + "\n" for name, schema in schemas().items()}
    reference = render_reference(KINDS) + render_binding_reference() + render_migration_reference()
    return {**rendered, REFERENCE: reference}


def example_bodies(kind: Kind) -> dict[str, Value]:
    """Parse a kind's example: its bodies by name."""
    bodies: dict[str, Value] = parse_yaml(kind.example, kind.plural).value[kind.plural]
    return bodies


def _kind_schema(kind: Kind) -> Schema:
    return _with_expression(_body_schema(kind))


def _with_expression(body: Schema) -> Schema:
    return {"$schema": DIALECT, **body, "$defs": {"expression": _EXPRESSION}}


def _bulk() -> dict[str, Schema]:
    schemas = {**binding_schemas(), MIGRATIONS: migration_schema()}
    return {plural: _editable(body, optional=False) for plural, body in schemas.items()}


def _specs_schema() -> Schema:
    moved = _list("Resources that have a new address.", {"from": _ADDRESS, "to": _ADDRESS})
    actions = sorted({action for kind in (*KINDS, SUBSCRIPTION_MIGRATION) for action in kind.removals})
    action = {"anyOf": [{"enum": actions}, _EXPRESSION_REF]}
    removed = _list("How resources leave.", {"address": _ADDRESS, "action": action})
    bodies = {kind.plural: _body_schema(kind) for kind in KINDS} | _bulk()
    properties = {
        plural: {
            "description": body["description"],
            "type": ["object", "null"],
            "additionalProperties": {"$ref": f"#/$defs/{plural}"},
            "propertyNames": {"minLength": 1, "maxLength": 200},
        }
        for plural, body in bodies.items()
    }
    return {
        "$schema": DIALECT,
        "title": "billplan spec file",
        "description": "Resources by kind and name.",
        "type": ["object", "null"],
        "properties": {**properties, "moved": moved, "removed": removed},
        "additionalProperties": False,
        "$defs": {"expression": _EXPRESSION, **bodies},
    }


def _list(doc: str, properties: Schema) -> Schema:
    entry = {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
    return {"description": doc, "type": ["array", "null"], "items": entry}


def _body_schema(kind: Kind) -> Schema:
    body = _editable(kind.body.schema(), optional=False)
    return {
        "title": kind.name.replace("_", " "),
        "description": kind.doc,
        **body,
        "properties": {**body["properties"], **_lifecycle_schema(kind)},
        "examples": [to_json(one) for one in example_bodies(kind).values()],
    }


def _editable(schema: Schema, *, optional: bool) -> Schema:
    """Let expressions stand for single values, and null for what may be left out, as the loader does."""
    match schema.get("type"):
        case "object":
            changed = dict(schema)
            required = schema.get("required", [])
            if "properties" in schema:
                properties = schema["properties"].items()
                changed["properties"] = {n: _editable(p, optional=n not in required) for n, p in properties}
            if "patternProperties" in schema:
                patterns = schema["patternProperties"].items()
                changed["patternProperties"] = {n: _editable(p, optional=False) for n, p in patterns}
            if isinstance(schema.get("additionalProperties"), dict):
                changed["additionalProperties"] = _editable(schema["additionalProperties"], optional=True)
        case "array":
            changed = {**schema, "items": _editable(schema["items"], optional=False)}
        case _:
            return _choice(schema, optional=optional)
    return {**changed, "type": [changed["type"], "null"]} if optional else changed


def _choice(schema: Schema, *, optional: bool) -> Schema:
    value = {key: part for key, part in schema.items() if key != "description"}
    choices = [*value.get("anyOf", [value]), _EXPRESSION_REF, *([{"type": "null"}] if optional else [])]
    described = {"description": schema["description"]} if "description" in schema else {}
    return {**described, "anyOf": choices}


def _lifecycle_schema(kind: Kind) -> Schema:
    names = [spelled for f in kind.body.fields for spelled in (f.name, f.twin) if spelled]
    split = [f.name for f in kind.body.fields if f.split and isinstance(f.type, MapOf | Struct)]
    ignored: Schema = {"enum": names}
    if split:
        parts = f"^(?:{'|'.join(split)})[.\\[]"
        ignored = {"anyOf": [ignored, {"type": "string", "pattern": parts}, _EXPRESSION_REF]}
    adopt, protect, ignore = FIELDS.values()
    # Nobody else makes what lives in the store.
    adopts = {} if kind.in_store else {"description": adopt, "type": ["string", "null"], "minLength": 1}
    return {
        **({"adopt": adopts} if adopts else {}),
        "protect": {"description": protect, "anyOf": [{"type": "boolean"}, _EXPRESSION_REF, {"type": "null"}]},
        "ignore": {"description": ignore, "type": ["array", "null"], "items": ignored},
    }
