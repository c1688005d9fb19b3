"""Declarations of bindings and sources that stop the load, each with its place and the way out."""

from __future__ import annotations

import pytest

from tests.specfiles.workspace import Workspace, lines

SPEC_ERRORS: dict[str, tuple[str, str]] = {
    "no mapping": (
        "customer_bindings: [u1]\n",
        "specs/a.yaml:1:20 BP1007 customer_bindings: expected a mapping from names to bodies, found a list"
        " | customer_bindings: {name: {...}}",
    ),
    "a text for a body": (
        "customer_bindings:\n  u1: cus_1\n",
        "specs/a.yaml:2:7 BP1007 customer_bindings: u1: expected a mapping of fields, found the text 'cus_1'"
        " | u1: {customer: cus_...}",
    ),
    "an unknown field": (
        "customer_bindings:\n  u1: {custmer: cus_1}\n",
        "specs/a.yaml:2:8 BP1201 unknown field custmer | did you mean customer?",
    ),
    "a lifecycle field": (
        "customer_bindings:\n  u1: {customer: cus_1, protect: true}\n",
        "specs/a.yaml:2:25 BP1014 protect: has no place on bindings"
        " | a binding holds for good, and its customer stays as it is: nothing is adopted, protected or ignored",
    ),
    "a number for a customer": (
        "customer_bindings:\n  u1: {customer: 5}\n",
        "specs/a.yaml:2:18 BP1007 customer: expected a text, found the number 5",
    ),
    "create beside a customer": (
        "customer_bindings:\n  u1: {customer: cus_1, create: {name: Kim}}\n",
        "specs/a.yaml:2:25 BP1007 create: goes with an e-mail, and this binding names a customer"
        " | take one of the two away",
    ),
    "create without anything": (
        "customer_bindings:\n  u1:\n    email: a@example.com\n    create:\n",
        "specs/a.yaml:4:5 BP1007 create: expected a mapping of fields, found nothing (null)"
        " | create: {} for an e-mail alone",
    ),
    "an unknown field of a customer": (
        "customer_bindings:\n  u1: {email: a@example.com, create: {nam: Kim}}\n",
        "specs/a.yaml:2:39 BP1201 unknown field nam | did you mean name?",
    ),
    "an e-mail inside create": (
        "customer_bindings:\n  u1: {email: a@example.com, create: {email: b@example.com}}\n",
        "specs/a.yaml:2:39 BP1202 email is not declared here"
        " | it stands beside create:, since customers are looked for by it",
    ),
    "two forms of a source": (
        "customer_binding_sources:\n  s: {csv: a.csv, jsonl: b.jsonl}\n",
        "specs/a.yaml:2:3 BP1019 customer_binding_sources: s: expected one of csv, jsonl, from_metadata, "
        "found csv and jsonl | s: {csv: data/users.csv}",
    ),
    "an unknown column of ours": (
        "customer_binding_sources:\n  s: {csv: a.csv, columns: {external_id: id, mail: email}}\n",
        "specs/a.yaml:2:46 BP1201 unknown field mail | did you mean email?",
    ),
    "columns that bind nobody": (
        "customer_binding_sources:\n  s: {csv: a.csv, columns: {external_id: id}}\n",
        "specs/a.yaml:2:28 BP1019 columns: a row needs an external_id, and an email or a customer"
        " | columns: {external_id: id, email: email}",
    ),
    "an absolute path": (
        "customer_binding_sources:\n  s: {csv: /etc/hosts}\n",
        "specs/a.yaml:2:12 BP1019 csv: '/etc/hosts' is an absolute path"
        " | paths are relative to the folder of billplan.yaml, so that every checkout has them",
    ),
    "a path out of the project": (
        "customer_binding_sources:\n  s: {csv: data/../../users.csv}\n",
        "specs/a.yaml:2:12 BP1019 csv: 'data/../../users.csv' leads out of the project's folder"
        " | copy the file into the folder of billplan.yaml, or below it",
    ),
    "a path out of the project to JSON lines": (
        "customer_binding_sources:\n  s: {jsonl: ../users.jsonl}\n",
        "specs/a.yaml:2:14 BP1019 jsonl: '../users.jsonl' leads out of the project's folder"
        " | copy the file into the folder of billplan.yaml, or below it",
    ),
    "a loop of dots that stays inside": (
        "customer_binding_sources:\n  s: {csv: data/../users.csv}\n",
        "specs/a.yaml:2:12 BP1001 the file data/../users.csv does not exist"
        " | paths are relative to the folder of billplan.yaml",
    ),
    "no path at all": (
        'customer_binding_sources:\n  s: {csv: "users\\0.csv"}\n',
        "specs/a.yaml:2:12 BP1001 the file users\0.csv does not exist"
        " | paths are relative to the folder of billplan.yaml",
    ),
    "a delimiter of two characters": (
        "customer_binding_sources:\n  s: {csv: a.csv, delimiter: ', '}\n",
        "specs/a.yaml:2:30 BP1019 delimiter: of a csv: file it is one of ',', ';', '|', '\\t'; found the text ', '",
    ),
    "an unmatched that is none": (
        "customer_binding_sources:\n  s: {csv: a.csv, unmatched: skp}\n",
        "specs/a.yaml:2:30 BP1019 unmatched: expected one of refuse, skip, found the text 'skp' | did you mean skip?",
    ),
    "unmatched rows skipped and made": (
        "customer_binding_sources:\n  s: {csv: a.csv, create: {}, unmatched: skip}\n",
        "specs/a.yaml:2:42 BP1019 unmatched: skip leaves out the rows that create: makes customers for"
        " | take one of the two away",
    ),
    "unmatched of metadata": (
        "customer_binding_sources:\n  s: {from_metadata: id, unmatched: skip}\n",
        "specs/a.yaml:2:26 BP1201 unknown field unmatched | there are: from_metadata",
    ),
    "billplan's own key": (
        "customer_binding_sources:\n  s: {from_metadata: billplan_id_acme}\n",
        "specs/a.yaml:2:22 BP1019 from_metadata: billplan_id_acme is where billplan itself keeps them"
        " | bindings that are there hold without being declared; billplan bindings export writes them down",
    ),
    "a binding that is to leave": (
        "removed: [{address: customer_binding.u1, action: forget}]\n",
        "specs/a.yaml:1:21 BP1016 removed: customer_binding.u1 cannot stand here: a binding is never taken back: "
        "it holds as long as its customer | take the entry out",
    ),
    "a binding that is to move": (
        "moved: [{from: customer_binding.u1, to: product.pro}]\n",
        "specs/a.yaml:1:16 BP1017 moved: customer_binding.u1 cannot stand here: an external id cannot change once it "
        "is set | take the entry out",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("specs", "expected"), SPEC_ERRORS.values(), ids=SPEC_ERRORS)
def test_a_wrong_declaration_stops_the_load(workspace: Workspace, specs: str, expected: str) -> None:
    workspace.write("specs/a.yaml", specs)
    assert lines(workspace.specs) == [expected]
