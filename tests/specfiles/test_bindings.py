"""Declared bindings: blocks, row sources, and everything that can be wrong with either."""

from __future__ import annotations

import json
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.bindings import WantedBinding, WantedBindings
from reconciler.specfiles.project_specs import gather_specs
from tests.specfiles.workspace import Workspace, lines

USERS = "customer_binding_sources:\n  app: {csv: users.csv}\n"
MAPPED = "customer_binding_sources:\n  app: {csv: users.csv, columns: {external_id: id, email: mail}}\n"
ROWS = "customer_binding_sources:\n  app: {jsonl: users.jsonl}\n"


def bindings(workspace: Workspace, specs: str, users: str | bytes = "", name: str = "users.csv") -> WantedBindings:
    workspace.write("specs/a.yaml", specs)
    if users:
        workspace.write(name, users)
    return workspace.specs().bindings


def wrong(workspace: Workspace, specs: str, users: str | bytes = "", name: str = "users.csv") -> list[str]:
    """List what stops the load."""
    return lines(lambda: bindings(workspace, specs, users, name))


def faults(found: WantedBindings) -> list[str]:
    """List the rows that cannot be used, each with its place."""
    for row in found.rows:
        assert not row.wrong or (row.hint and row.customer is None and row.email is None)
        assert "example.com" not in row.wrong + row.hint
    return [f"{row.source} {row.wrong}" for row in found.rows if row.wrong]


def shown(row: WantedBinding) -> tuple[str, str | None, str | None, int]:
    return row.external_id, row.customer, row.email, row.source.line


def test_a_block_binds_by_customer_email_and_create(workspace: Workspace) -> None:
    found = bindings(
        workspace,
        "customer_bindings:\n"
        "  user_42: {customer: cus_123}\n"
        '  "auth0|9f": {email: jane@example.com}\n'
        "  user_44: {email: kim@example.com, create: {name: Kim, metadata: {tier: '2'}}}\n",
    )
    assert [shown(row) for row in found.rows] == [
        ("auth0|9f", None, "jane@example.com", 3),
        ("user_42", "cus_123", None, 2),
        ("user_44", None, "kim@example.com", 4),
    ]
    assert found.rows[2].create == {"name": "Kim", "metadata": {"tier": "2"}}


def test_a_csv_may_have_quotes_line_ends_and_blank_lines(workspace: Workspace) -> None:
    users = '\ufeffid,note,mail\r\n\r\nu1,"a ""b"", c\r\nd",a@example.com\r\n,,\r\n"u,2",,b@example.com\r\n'
    found = bindings(workspace, MAPPED, users)
    assert [shown(row) for row in found.rows] == [
        ("u,2", None, "b@example.com", 6),
        ("u1", None, "a@example.com", 3),
    ]
    assert found.rows[1].source.path == "users.csv"


def test_another_delimiter_can_be_named(workspace: Workspace) -> None:
    specs = 'customer_binding_sources:\n  app: {csv: users.csv, delimiter: ";"}\n'
    (row,) = bindings(workspace, specs, "external_id;customer\nu1;cus_1\n").rows
    assert shown(row) == ("u1", "cus_1", None, 2)


def test_json_lines_hold_objects(workspace: Workspace) -> None:
    users = '{"external_id": "u1", "customer": "cus_1"}\n\n{"external_id": 7, "email": "a@example.com"}\n'
    found = bindings(workspace, ROWS, users, "users.jsonl")
    assert [shown(row) for row in found.rows] == [("7", None, "a@example.com", 3), ("u1", "cus_1", None, 1)]
    mapped = "customer_binding_sources:\n  app: {jsonl: users.jsonl, columns: {external_id: id, customer: c}}\n"
    (row,) = bindings(workspace, mapped, '{"id": "u1", "c": "cus_1", "more": [1]}\n', "users.jsonl").rows
    assert shown(row) == ("u1", "cus_1", None, 1)


def test_a_source_can_lie_in_metadata(workspace: Workspace) -> None:
    found = bindings(workspace, "customer_binding_sources:\n  legacy: {from_metadata: user_id}\n")
    assert [(one.name, one.key, one.source.line) for one in found.from_metadata] == [("legacy", "user_id", 2)]


def test_a_source_may_make_customers_and_an_id_makes_none(workspace: Workspace) -> None:
    specs = "customer_binding_sources:\n  app: {csv: users.csv, create: {description: Imported}}\n"
    users = "external_id,email,customer\nu1,a@example.com,\nu2,b@example.com,cus_2\n"
    first, second = bindings(workspace, specs, users).rows
    assert first.create == {"description": "Imported"}
    assert (second.create, second.customer) == (None, "cus_2")


def test_an_expression_is_rendered_in_yaml_and_not_in_rows(workspace: Workspace) -> None:
    workspace.write(
        "specs/a.yaml", "customer_bindings:\n  u1: {customer: 'cus_{{ var.n }}'}\n" + MAPPED.replace("mail}", "mail}")
    )
    workspace.write("users.csv", "id,mail\n{{ var.n }},a@example.com\n")
    found = workspace.specs(n="7").bindings
    assert [shown(row)[:2] for row in found.rows] == [("u1", "cus_7"), ("{{ var.n }}", None)]


ROW_FAULTS: dict[str, tuple[str, str]] = {
    "an id of 201 characters": (
        f"{'x' * 201},cus_1,", "an external id has at most 200 characters, and this one has 201",
    ),
    "an empty id": (",cus_1,", "the row has no external id"),
    "a control character": ("u\x071,cus_1,", "an external id must not hold control characters"),
    "blanks around an id": ("u1 ,cus_1,", "the external id 'u1 ' has blanks around it"),
    "a customer that is none": ("u1,sub_1,", "the customer 'sub_1' is not the id of a Stripe customer"),
    "an e-mail as customer": (
        "u1,a@example.com,", "the customer (a text with an @) is not the id of a Stripe customer",
    ),
    "neither customer nor e-mail": ("u1,,", "the row has neither a customer nor an e-mail"),
    "a malformed e-mail": ("u1,,jane at example.com", "the e-mail of this row is not an e-mail address"),
    "two at signs": ("u1,,a@b@example.com", "the e-mail of this row is not an e-mail address"),
    "too few cells": ("u1,cus_1", "the row has 2 cells, and the header 3"),
    "too many cells": ("u1,cus_1,,x", "the row has 4 cells, and the header 3"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), ROW_FAULTS.values(), ids=ROW_FAULTS)
def test_a_bad_row_is_kept_with_its_fault_and_its_place(workspace: Workspace, text: str, expected: str) -> None:
    users = f"external_id,customer,email\ngood,cus_9,\n{text}\n"
    found = bindings(workspace, USERS, users)
    assert faults(found) == [f"users.csv:3:1 {expected}"]
    assert "good" in {row.external_id for row in found.rows}


JSON_FAULTS: dict[str, tuple[str, str]] = {
    "no JSON": ("{external_id: u1}", "the line is not JSON"),
    "a list": ('["u1"]', "the line is a list, not a JSON object"),
    "a text": ('"a@example.com"', "the line is the text, not a JSON object"),
    "an unknown field": (
        '{"external_id": "u1", "custmer": "cus_1"}', "unknown field 'custmer'",
    ),
    "a field twice": ('{"external_id": "u1", "external_id": "u2"}', "the field 'external_id' stands twice in it"),
    "a flag for an id": ('{"external_id": true, "customer": "cus_1"}', "the external id is true or false, not a text"),
    "a number for an id": ('{"external_id": 1.5, "customer": "cus_1"}', "the external id is a number, not a text"),
    "a number for a customer": ('{"external_id": "u1", "customer": 5}', "the customer is a number, not a text"),
    "half a surrogate pair": (
        '{"external_id": "u\\ud800", "customer": "cus_1"}', "an external id must not hold control characters",
    ),
    "not a number": ('{"external_id": NaN}', "the line is not JSON"),
    "nested too deeply": ("[" * 100_000, "the line is not JSON"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), JSON_FAULTS.values(), ids=JSON_FAULTS)
def test_a_bad_line_is_kept_with_its_fault(workspace: Workspace, text: str, expected: str) -> None:
    found = bindings(workspace, ROWS, f'{text}\n{{"external_id": "good", "customer": "cus_9"}}\n', "users.jsonl")
    assert faults(found) == [f"users.jsonl:1:1 {expected}"]
    assert len(found.rows) == 2


def test_a_hint_names_the_field_that_was_meant(workspace: Workspace) -> None:
    found = bindings(workspace, ROWS, '{"external_id": "u1", "custmer": "cus_1"}\n', "users.jsonl")
    assert found.rows[0].hint == "did you mean customer?"


def test_an_id_declared_in_two_places_is_one_bad_row(workspace: Workspace) -> None:
    specs = "customer_bindings:\n  u1: {customer: cus_1}\n" + USERS
    found = bindings(workspace, specs, "external_id,customer,email\nu1,cus_2,\nu2,,a@example.com\nu2,cus_2,\n")
    assert faults(found) == [
        "specs/a.yaml:2:3 it is declared 2 times: specs/a.yaml:2 (cus_1), users.csv:2 (cus_2)",
        "users.csv:3:1 it is declared 2 times: users.csv:3 (an e-mail), users.csv:4 (cus_2)",
    ]
    assert [d.code for d in found.faults()] == ["BP1501", "BP1501"]


def test_a_binding_by_id_goes_before_the_row_of_a_source_that_says_no_more_than_an_email(workspace: Workspace) -> None:
    specs = "customer_bindings:\n  u1: {customer: cus_1}\n  u2: {customer: cus_2}\n" + USERS
    found = bindings(workspace, specs, "external_id,customer,email\nu1,,a@example.com\nu2,cus_2,\nu3,,c@example.com\n")
    assert faults(found) == []
    assert [(r.external_id, r.customer, r.email, str(r.source)) for r in found.rows] == [
        ("u1", "cus_1", "a@example.com", "specs/a.yaml:2:3"),
        ("u2", "cus_2", None, "specs/a.yaml:3:3"),
        ("u3", None, "c@example.com", "users.csv:4:1"),
    ]


def test_a_binding_by_id_goes_before_the_row_of_a_source_that_says_nothing(workspace: Workspace) -> None:
    specs = "customer_bindings:\n  u1: {customer: cus_1}\n" + USERS
    found = bindings(workspace, specs, "external_id,customer,email\nu1,,\nu2,,\n")
    assert [shown(row) for row in found.rows] == [("u1", "cus_1", None, 2), ("u2", None, None, 3)]
    assert faults(found) == ["users.csv:3:1 the row has neither a customer nor an e-mail"]


def test_a_source_may_leave_out_whom_no_customer_matches(workspace: Workspace) -> None:
    specs = "customer_binding_sources:\n  app: {csv: users.csv, unmatched: skip}\n"
    users = "external_id,customer,email\nu1,,a@example.com\nu2,,\nu3,,no e-mail\n,,b@example.com\n"
    found = bindings(workspace, specs, users)
    assert faults(found) == [
        "users.csv:5:1 the row has no external id", "users.csv:4:1 the e-mail of this row is not an e-mail address",
    ]  # fmt: skip
    assert [(row.external_id, row.skipped_by) for row in found.rows if not row.wrong] == [("u1", "app"), ("u2", "app")]
    refusing = workspace.specs().digest
    kept = bindings(workspace, specs.replace("skip", "refuse"), users)
    assert {row.skipped_by for row in kept.rows} == {""}
    assert len(faults(kept)) == 3
    assert workspace.specs().digest != refusing


@pytest.mark.parametrize("more", ["u1,,no e-mail\n", "u1,,a@example.com\nu1,,b@example.com\n"])
def test_a_binding_by_id_does_not_hide_rows_that_are_wrong_themselves(workspace: Workspace, more: str) -> None:
    specs = "customer_bindings:\n  u1: {customer: cus_1}\n" + USERS
    (found,) = bindings(workspace, specs, "external_id,customer,email\n" + more).rows
    assert f"it is declared {more.count('u1') + 1} times" in found.wrong


FILE_ERRORS: dict[str, tuple[str, str | bytes, str]] = {
    "a missing column": (
        MAPPED, "user,mail\nu1,a@example.com\n",
        "specs/a.yaml:2:48 BP1018 users.csv has no column 'id' (for external_id); its header: user, mail"
        " | name the column under columns:, as in  columns: {external_id: THE COLUMN}",
    ),
    "a column in another case": (
        USERS, "External_Id,email\nu1,a@example.com\n",
        "specs/a.yaml:2:14 BP1018 users.csv has no column 'external_id' (for external_id);"
        " its header: External_Id, email | did you mean External_Id?",
    ),
    "no header": (
        USERS, "u1,a@example.com\n",
        "specs/a.yaml:2:14 BP1018 users.csv has no column 'external_id' (for external_id); its header: u1, "
        "(an e-mail address) | name the column under columns:, as in  columns: {external_id: THE COLUMN}",
    ),
    "no column that could match": (
        USERS.replace("users.csv", "users.csv, unmatched: skip"), "external_id,e_mail\nu1,a@example.com\n",
        "specs/a.yaml:2:14 BP1018 users.csv has no column for email or customer; its header: external_id, e_mail"
        " | did you mean e_mail?",
    ),
    "another delimiter": (
        USERS, "external_id;email\nu1;a@example.com\n",
        "specs/a.yaml:2:14 BP1018 users.csv has no column 'external_id' (for external_id); its header: "
        'external_id;email | its cells are separated otherwise, it seems: delimiter: ";"',
    ),
    "a column twice": (
        USERS, "external_id,email,email\nu1,a@example.com,b@example.com\n",
        "specs/a.yaml:2:14 BP1018 users.csv has 2 times the column 'email' (for email); its header: "
        "external_id, email, email",
    ),
    "an empty file": (USERS, "\n", "users.csv:1:1 BP1007 the file is empty | its first line names the columns"),
    "no UTF-8": (
        USERS, b"external_id,email\nu1,a@example.com\nz\xfc,b@example.com\n",
        "users.csv:3:1 BP1002 the file is not UTF-8 | save it with the encoding UTF-8",
    ),
    "UTF-16": (
        USERS, "external_id,email\n".encode("utf-16"),
        "users.csv:1:1 BP1002 the file is UTF-16, not UTF-8 | save it with the encoding UTF-8",
    ),
    "a quote that is never closed": (
        USERS, 'external_id,email\nu1,"a@example.com\nu2,b@example.com\n',
        "users.csv:2:1 BP1003 not CSV: unexpected end of data"
        " | check the quotes around it: a quote inside quotes is written twice",
    ),
    "no file": (
        USERS, "",
        "specs/a.yaml:2:14 BP1001 the file users.csv does not exist"
        " | paths are relative to the folder of billplan.yaml",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("specs", "users", "expected"), FILE_ERRORS.values(), ids=FILE_ERRORS)
def test_a_file_that_cannot_be_read_right_stops_the_load(
    workspace: Workspace, specs: str, users: str | bytes, expected: str
) -> None:
    assert wrong(workspace, specs, users) == [expected]


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_link_does_not_lead_out_of_the_project(workspace: Workspace, tmp_path_factory: Any, form: str) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "users").write_text("secret,email\n", encoding="utf-8")
    (workspace.folder / "data").symlink_to(outside, target_is_directory=True)
    (workspace.folder / "users").symlink_to(outside / "users")
    for name in ("users", "data/users"):
        (found,) = wrong(workspace, f"customer_binding_sources:\n  s: {{{form}: {name}}}\n")
        assert f"{form}: '{name}' leads out of the project's folder" in found
        assert "secret" not in found


def test_a_link_within_the_project_may_be_followed(workspace: Workspace) -> None:
    workspace.write("exports/2026.csv", "external_id,customer\nu1,cus_1\n")
    (workspace.folder / "users.csv").symlink_to("exports/2026.csv")
    (row,) = bindings(workspace, USERS).rows
    assert shown(row)[:2] == ("u1", "cus_1")
    (workspace.folder / "loop.csv").symlink_to("loop.csv")
    (found,) = wrong(workspace, "customer_binding_sources:\n  s: {csv: loop.csv}\n")
    assert "the file loop.csv does not exist" in found


@pytest.mark.parametrize(
    ("name", "text"), [("users.csv", "mail\na@example.com\n"), ("users.jsonl", '{"mail": "a@example.com"}')]
)
def test_one_column_may_be_the_id_and_the_email(workspace: Workspace, name: str, text: str) -> None:
    form = name.partition(".")[2]
    specs = f"customer_binding_sources:\n  s: {{{form}: {name}, columns: {{external_id: mail, email: mail}}}}\n"
    (row,) = bindings(workspace, specs, text, name).rows
    assert shown(row)[:3] == ("a@example.com", None, "a@example.com")


def test_a_source_that_is_declared_twice_names_both_places(workspace: Workspace) -> None:
    workspace.write("specs/b.yaml", "customer_binding_sources:\n  s: {from_metadata: b}\n")
    found = wrong(workspace, "customer_binding_sources:\n  s: {from_metadata: a}\n")
    assert found == [
        "specs/b.yaml:2:3 BP1012 the source s is declared twice, first at specs/a.yaml:2:3"
        " | keep one of them, or rename one"
    ]


def test_the_digest_names_what_the_rows_say_whatever_files_they_stand_in(workspace: Workspace) -> None:
    rows = "external_id,customer\nu1,cus_1\nu2,cus_2\n"
    workspace.write("specs/a.yaml", USERS)
    workspace.write("users.csv", rows)
    first = workspace.specs().digest
    workspace.write("users.csv", "customer,external_id\n\ncus_2,u2\ncus_1,u1\n")
    assert workspace.specs().digest == first
    workspace.write("specs/a.yaml", "customer_bindings: {u1: {customer: cus_1}, u2: {customer: cus_2}}\n")
    assert workspace.specs().digest == first
    workspace.write("specs/a.yaml", "customer_bindings: {u1: {customer: cus_1}, u2: {customer: cus_3}}\n")
    assert workspace.specs().digest != first


def test_a_hundred_thousand_rows_are_light(workspace: Workspace, tmp_path: Path) -> None:
    path = workspace.write("users.jsonl", "")
    with path.open("w", encoding="utf-8") as file:
        for n in range(100_000):
            file.write(json.dumps({"external_id": f"user_{n:06}", "email": f"user.{n}@example.com"}) + "\n")
    workspace.write("specs/a.yaml", ROWS)
    project = workspace.project()
    started = time.monotonic()
    assert len(gather_specs(project).bindings.rows) == 100_000
    assert time.monotonic() - started < 20
    tracemalloc.start()
    try:
        with path.open("r+", encoding="utf-8") as file:
            file.truncate(len(file.readline()) * 20_000)
        found = gather_specs(project).bindings
        # Less than 150 MB for 100,000.
        assert tracemalloc.get_traced_memory()[1] < 1_500 * len(found.rows)
    finally:
        tracemalloc.stop()
