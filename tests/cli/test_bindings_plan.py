"""Bindings through the whole command line: validated, planned, saved, applied, refused."""

from __future__ import annotations

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
