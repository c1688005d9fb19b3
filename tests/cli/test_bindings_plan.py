"""Bindings through the whole command line: validated, planned, saved, applied, refused."""

from __future__ import annotations

from html import unescape

import pytest

from reconciler.errors import BillplanError
from reconciler.project import Project
from tests.cli.desk import Desk

KEY = "billplan_id_acme"
SOURCE = "customer_binding_sources:\n  app: {csv: data/users.csv, columns: {external_id: id, email: mail}}\n"


def held(desk: Desk) -> dict[str, str | None]:
    return {one["email"]: one["metadata"].get(KEY) for one in desk.live("customer")}


def people(desk: Desk, *emails: str) -> list[str]:
    return [str(desk.client().customers.create({"email": email}).id) for email in emails]


def test_validate_tells_every_bad_row_with_its_line_and_no_email(desk: Desk) -> None:
    desk.write("specs/a.yaml", SOURCE)
    desk.write("data/users.csv", f"id,mail\nu1,jane at example.com\nu2,a@example.com\n{'x' * 201},b@example.com\n")
    ended = desk.run("validate")
    assert ended.code == 1
    assert "data/users.csv:2:1: error BP1501: the e-mail of this row is not an e-mail address" in ended.err
    assert (
        "data/users.csv:4:1: error BP1501: an external id has at most 200 characters, and this one has 201" in ended.err
    )
    assert "2 errors" in ended.err
    assert "example.com" not in ended.both
    desk.write("data/users.csv", "id,mail\nu2,a@example.com\n")
    assert "1 customer_binding" in desk.done("validate").out
    assert desk.requests == []


def test_a_plan_goes_on_past_bad_rows_and_only_skip_invalid_applies_the_rest(desk: Desk) -> None:
    people(desk, "a@example.com", "b@example.com")
    desk.write("specs/a.yaml", SOURCE)
    desk.write("data/users.csv", "id,mail\nu1,A@example.com\nu2,nobody@example.com\nu3,what\n")
    planned = desk.run("plan", "--out", "p.jsonl")
    assert planned.code == 4
    assert "no customer has the e-mail of data/users.csv:3" in planned.out
    assert "the e-mail of this row is not an e-mail address" in planned.out
    assert desk.run("apply", "p.jsonl", "--auto-approve").code == 4
    assert set(held(desk).values()) == {None}
    applied = desk.done("apply", "p.jsonl", "--auto-approve", "--skip-invalid")
    assert "Left out: 2 refused changes" in applied.out
    assert held(desk) == {"a@example.com": "u1", "b@example.com": None}


def test_a_saved_plan_makes_a_customer_whose_email_only_the_specs_hold(desk: Desk) -> None:
    desk.write("specs/a.yaml", "customer_bindings:\n  u1: {email: kim@example.com, create: {name: Kim}}\n")
    planned = desk.done("plan", "--out", "p.jsonl")
    assert "(known after apply: customer_binding.u1.email)" in planned.out
    assert "example.com" not in (desk.folder / "p.jsonl").read_text() + planned.both
    desk.remove(".billplan") if (desk.folder / ".billplan").exists() else None
    applied = desk.done("apply", "p.jsonl", "--auto-approve")
    assert "example.com" not in applied.both
    assert held(desk) == {"kim@example.com": "u1"}
    assert "1 already" in desk.done("apply", "p.jsonl", "--auto-approve").out
    assert len(desk.live("customer")) == 1
    assert "Nothing to do" in desk.done("plan").out


def test_a_changed_external_id_ends_with_4_and_shows_old_and_new(desk: Desk) -> None:
    (one,) = people(desk, "a@example.com")
    desk.converge(f"customer_bindings:\n  u1: {{customer: {one}}}\n")
    desk.write("specs/a.yaml", f"customer_bindings:\n  u2: {{customer: {one}}}\n")
    ended = desk.run("plan")
    assert ended.code == 4
    assert f"metadata[{KEY}]: u1 -> u2" in ended.out
    assert desk.run("apply", "--auto-approve").code == 4
    assert held(desk) == {"a@example.com": "u1"}


def test_metadata_that_somebody_edited_is_drift_with_both_values(desk: Desk) -> None:
    (one,) = people(desk, "a@example.com")
    desk.converge(f"customer_bindings:\n  u1: {{customer: {one}}}\n")
    desk.client().customers.update(one, {"metadata": {KEY: "somebody"}})
    ended = desk.run("drift")
    assert ended.code == 2
    assert f"metadata[{KEY}]: u1 -> somebody" in ended.out
    desk.done("apply", "--auto-approve")
    assert held(desk) == {"a@example.com": "u1"}
    assert desk.done("drift").code == 0


def test_users_on_a_free_plan_are_left_out_where_the_source_says_so(desk: Desk) -> None:
    people(desk, "a@example.com")
    desk.write("specs/a.yaml", SOURCE.replace("}}", "}, unmatched: skip}"))
    desk.write("data/users.csv", "id,mail\nu1,A@example.com\nu2,free@example.com\nu3,\n")
    desk.done("validate")
    planned = desk.done("plan", "--out", "p.jsonl")
    assert "2 rows of app left out (unmatched: skip)" in " ".join(planned.out.split())
    assert "example.com" not in planned.both
    desk.done("apply", "p.jsonl", "--auto-approve")
    assert held(desk) == {"a@example.com": "u1"}
    assert "Nothing to do" in desk.done("plan").out


def test_every_row_without_an_id_is_told_with_its_place_in_every_form(desk: Desk) -> None:
    desk.write("specs/a.yaml", SOURCE)
    desk.write("data/users.csv", "id,mail\n,a@example.com\nu1,b@example.com,more\n,c@example.com\n")
    desk.run("plan", "--out", "p.jsonl")
    for form in ("text", "json", "markdown"):
        told = unescape(desk.run("plan", "--format", form).out.replace("\\", ""))
        for line in (2, 3, 4):
            assert f'customer_binding["data/users.csv"]["line {line}"]' in told, form
            assert form == "json" or f"data/users.csv:{line}:1" in told
    sources = [one["source"] for one in desk.run("plan", "--format", "json").document["resource_changes"]]
    assert len({str(source) for source in sources}) == 3
    assert "3 refused" in desk.run("apply", "p.jsonl", "--auto-approve", "--skip-invalid").both


def test_drift_of_bindings_alone_does_not_offer_to_ignore_it(desk: Desk) -> None:
    (one,) = people(desk, "a@example.com")
    specs = f"customer_bindings:\n  u1: {{customer: {one}}}\n"
    desk.converge(specs)
    desk.client().customers.update(one, {"metadata": {KEY: "somebody"}})
    told = desk.run("drift").out
    assert "ignore" not in told
    assert "billplan apply sets these back: a binding is for good." in told
    desk.converge(f"{specs}products:\n  pro: {{name: Pro}}\n")
    desk.wait()
    desk.client().customers.update(one, {"metadata": {KEY: "somebody"}})
    desk.client().products.update("acme-pro", {"name": "Other"})
    assert "or ignore: a field; bindings are for good." in desk.run("drift").out


def test_an_application_whose_store_was_lost_is_told_what_to_do_at_every_step(desk: Desk) -> None:
    (one,) = people(desk, "a@example.com")
    desk.client().customers.update(one, {"metadata": {KEY: "u1"}})
    with Project.load(desk.folder) as project, pytest.raises(BillplanError, match="there is no store") as raised:
        project.bindings.resolve("u1")
    assert raised.value.hint == "billplan sync"
    desk.done("sync", "--objects", "product")
    with Project.load(desk.folder) as project, pytest.raises(BillplanError, match="has not all customers") as raised:
        project.bindings.resolve("u1")
    assert raised.value.hint == "billplan sync"
    desk.done("sync")
    with Project.load(desk.folder) as project:
        found = project.bindings.resolve("u1")
    assert (found.customer, found.as_of) == (one, None)
    assert "billplan apply" in found.reason
