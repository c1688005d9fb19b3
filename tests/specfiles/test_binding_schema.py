"""The schemas of bindings and their sources, held against what the loader takes."""

from __future__ import annotations

import pytest
from jsonschema import Draft202012Validator

from reconciler.specfiles.binding_schema import BINDING_EXAMPLE, SOURCE_EXAMPLE
from reconciler.specfiles.json_schema import schemas
from reconciler.specfiles.yaml_text import parse_yaml
from tests.specfiles.workspace import Workspace, lines

BODIES: dict[str, tuple[str, bool]] = {
    "the example": (BINDING_EXAMPLE, True),
    "the sources of the example": (SOURCE_EXAMPLE, True),
    "an expression": ("customer_bindings:\n  u1: {customer: '{{ var.who }}'}\n", True),
    "nobody": ("customer_bindings:\n  u1: {}\n", False),
    "a customer that is none": ("customer_bindings:\n  u1: {customer: sub_1}\n", False),
    "a lifecycle field": ("customer_bindings:\n  u1: {customer: cus_1, protect: true}\n", False),
    "an unknown field of a new customer": (
        "customer_bindings:\n  u1: {email: a@example.com, create: {nam: Kim}}\n", False,
    ),
    "an id of 201 characters": (f"customer_bindings:\n  {'x' * 201}: {{customer: cus_1}}\n", False),
    "users who are no customers": (
        "customer_binding_sources:\n  s: {csv: data/users.csv, columns: {external_id: id, email: email}, "
        "unmatched: skip}\n", True,
    ),
    "users who are made customers": (
        "customer_binding_sources:\n  s: {csv: data/users.csv, columns: {external_id: id, email: email}, create: {}, "
        "unmatched: refuse}\n", True,
    ),
    "users who are left out and made": (
        "customer_binding_sources:\n  s: {csv: data/users.csv, columns: {external_id: id, email: email}, create: {}, "
        "unmatched: skip}\n", False,
    ),
    "another unmatched": (
        "customer_binding_sources:\n  s: {csv: data/users.csv, columns: {external_id: id, email: email}, "
        "unmatched: drop}\n", False,
    ),
    "two files": ("customer_binding_sources:\n  s: {csv: data/users.csv, jsonl: b.jsonl}\n", False),
    "an unknown column": ("customer_binding_sources:\n  s: {csv: data/users.csv, columns: {id: x}}\n", False),
    "a delimiter": ("customer_binding_sources:\n  s: {csv: data/users.csv, delimiter: ';'}\n", False),
}  # fmt: skip


@pytest.mark.parametrize(("text", "good"), BODIES.values(), ids=BODIES)
def test_the_schema_and_the_loader_agree(workspace: Workspace, text: str, good: bool) -> None:
    workspace.write("data/users.csv", "id,email,stripe_id\n7,a@example.com,\n")
    workspace.write("specs/a.yaml", text)
    found = lines(lambda: workspace.specs(who="cus_1")) or (workspace.specs(who="cus_1").bindings.faults())
    assert (not found) == good
    if "delimiter" not in text:
        # Whether the file is separated so, no schema can tell.
        assert Draft202012Validator(schemas()["specs.schema.json"]).is_valid(parse_yaml(text, "f").value) == good
