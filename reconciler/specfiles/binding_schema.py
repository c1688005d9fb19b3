"""The JSON Schemas of bindings and their sources, and their part of the reference page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reconciler.kinds.customer_binding import NEW_CUSTOMER, PLURAL, SOURCES
from reconciler.specfiles.bindings import SKIP, UNMATCHED
from reconciler.specfiles.project_schema import Schema
from reconciler.specfiles.row_source import DELIMITERS

_BINDING_DOC = "Binds the user's own id, which is the name, to a Stripe customer; for good, and one to one."
_SOURCE_DOC = "Bindings by the thousand: rows of a file, or ids that another tool left in the customers' metadata."
BINDING_EXAMPLE = (
    "customer_bindings:\n"
    "  user_42: {customer: cus_123}\n"
    '  "auth0|9f": {email: jane@example.com}\n'
    "  user_44: {email: kim@example.com, create: {name: Kim}}\n"
)
SOURCE_EXAMPLE = (
    "customer_binding_sources:\n"
    "  app_users: {csv: data/users.csv, columns: {external_id: id, email: email, customer: stripe_id}}\n"
    "  legacy: {from_metadata: user_id}\n"
)
_NOTES = """\
An external id has at most 200 characters and never changes; there is no unbind. An e-mail address must be exactly one
customer's, in upper or lower case; where nobody has it, `create` makes the customer. A row that cannot be used is
refused with its place, and the others are not: `billplan apply --skip-invalid` applies those. What is declared by
itself goes before what a `from_metadata` source says, and with the customer's id also before a row of a file that has
no more than an e-mail address for that external id, or nothing. With `unmatched: skip` a row of a source is left out,
and counted in the plan, where no customer has its e-mail address or it has none; where several have it, it is refused
all the same. Expressions are rendered in YAML, not in rows.
"""


def binding_schemas() -> dict[str, Schema]:
    """Describe a body of each, by plural; expressions are not taken into account yet."""
    create = {"description": "Makes a customer where none has the e-mail address.", **NEW_CUSTOMER.schema()}
    return {PLURAL: _binding(create), SOURCES: _source(create)}


def _text(doc: str, **more: object) -> Schema:
    return {"description": doc, "type": "string", "minLength": 1, **more}


def _binding(create: Schema) -> Schema:
    return {
        "title": "customer binding",
        "description": _BINDING_DOC,
        "type": "object",
        "properties": {
            "customer": _text("The customer's id.", pattern="^cus_[A-Za-z0-9_]+$"),
            "email": _text("An e-mail address that exactly one customer has.", maxLength=512),
            "create": create,
        },
        "additionalProperties": False,
        "anyOf": [{"required": ["customer"]}, {"required": ["email"]}],
    }


def _source(create: Schema) -> Schema:
    columns = {
        "external_id": _text("The column of the user's own id."),
        "email": _text("The column of the e-mail address."),
        "customer": _text("The column of the customer's id; it goes before the e-mail address."),
    }
    return {
        "title": "customer binding source",
        "description": _SOURCE_DOC,
        "type": "object",
        "properties": {
            "csv": _text("A CSV file with a header, in UTF-8, relative to billplan.yaml."),
            "jsonl": _text("A file with a JSON object a line, relative to billplan.yaml."),
            "from_metadata": _text("The metadata key under which customers have the user's id.", maxLength=40),
            "columns": {
                "description": "What the file calls the fields; by default as here.",
                "type": "object",
                "properties": columns,
                "required": ["external_id"],
                "additionalProperties": False,
            },
            "delimiter": {"description": "What separates the cells of a CSV file.", "enum": list(DELIMITERS)},
            "create": create,
            "unmatched": {
                "description": "What becomes of a row whose e-mail address no customer has: refuse (the default), or "
                "skip, for users who are no customers.",
                "enum": list(UNMATCHED),
            },
        },
        "additionalProperties": False,
        "not": {"required": ["create", "unmatched"], "properties": {"unmatched": {"const": SKIP}}},
        "oneOf": [{"required": [form]} for form in ("csv", "jsonl", "from_metadata")],
    }


def render_binding_reference() -> str:
    """Render the part of the reference page."""
    schemas = binding_schemas()
    binding = _section(PLURAL, schemas[PLURAL], BINDING_EXAMPLE)
    return binding + f"\n{_NOTES}" + _section(SOURCES, schemas[SOURCES], SOURCE_EXAMPLE)


def _section(plural: str, schema: Schema, example: str) -> str:
    rows = "".join(f"| `{name}` | {doc} |\n" for name, doc in _rows(schema["properties"], ""))
    table = f"| field | meaning |\n|---|---|\n{rows}"
    return f"\n## {plural}\n\n{schema['description']}\n\n```yaml\n{example}```\n\n{table}"


def _rows(properties: Mapping[str, Schema], prefix: str) -> Iterator[tuple[str, str]]:
    for name, schema in properties.items():
        yield prefix + name, schema.get("description", "")
        yield from _rows(schema.get("properties", {}), f"{prefix}{name}.")
