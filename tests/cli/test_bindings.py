"""`billplan bindings`: the buckets against a brute-force count, the list that is filled in, and the way back to git."""

from __future__ import annotations

import csv
import io
from collections import Counter
from random import Random
from typing import Any

import pytest
import yaml

from reconciler.core.bindings import BoundBy
from reconciler.core.email_address import email_key
from reconciler.core.idempotency import Scope
from reconciler.emulator.history import grow
from reconciler.project import Project
from tests.cli.desk import Desk

KEY = "billplan_id_acme"
COMMANDS = ("list", "pending", "attention", "export")


@pytest.fixture
def peopled(desk: Desk) -> Desk:
    """Customers of every sort: bound, alone with an e-mail, sharing one, without any."""
    make = desk.client().customers.create
    make({"name": "Bound", "email": "bound@example.com", "metadata": {KEY: "u1"}})
    make({"name": "Alone", "email": "alone@example.com"})
    make({"name": "One", "email": "twice@example.com"})
    make({"name": "Two", "email": "Twice@Example.com"})
    make({"name": "None"})
    desk.write("specs/a.yaml", "")
    desk.done("sync")
    return desk


def claim(desk: Desk, external_id: str, customer: str) -> None:
    """Bind as a first touch does that dies before its write."""
    with Project.load(desk.folder) as project:
        store = project.wiring.offline.bindings(Scope(account="acct_000001", livemode=False, project="acme"))
        assert store is not None
        assert store.claim(external_id, customer, BoundBy.TOUCH, 1_795_000_000).made


def ids(desk: Desk) -> list[str]:
    return [one["id"] for one in desk.live("customer")]


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_each_bucket_in_each_form_without_emails(peopled: Desk) -> None:
    bound, alone, one, two, none = ids(peopled)
    for command, bucket in (("list", "bound"), ("pending", "pending"), ("attention", "attention")):
        document = peopled.done("bindings", command, "--format", "json").document
        assert document["counts"] == {"bound": 1, "pending": 1, "attention": 3}
        told = [row["customer"] for row in document[bucket]]
        assert told == {"bound": [bound], "pending": [alone], "attention": [one, two, none]}[bucket]
        shown = peopled.done("bindings", command)
        assert "1 bound, 1 pending (bound on first touch), 3 in need of attention" in shown.out
        assert "ago)" in shown.out
        assert all(id in shown.out for id in told)
        assert [row["customer"] for row in table(peopled.done("bindings", command, "--format", "csv").out)] == told
    document = peopled.done("bindings", "attention", "--format", "json").document
    assert [(row["reason"], [c["customer"] for c in row["candidates"]]) for row in document["attention"]] == [
        ("shared_email", [two]), ("shared_email", [one]), ("no_email", []),
    ]  # fmt: skip


@pytest.mark.parametrize("form", ["text", "json", "csv"])
def test_emails_are_shown_only_if_asked_for(peopled: Desk, form: str) -> None:
    for command in ("list", "pending", "attention"):
        plain = peopled.done("bindings", command, "--format", form).both
        assert not any(name in plain for name in ("bound@", "alone@", "twice@", "Twice@"))
        shown = peopled.done("bindings", command, "--format", form, "--emails").out
        assert {"list": "bound@", "pending": "alone@", "attention": "twice@"}[command] + "example.com" in shown


def test_nothing_is_asked_of_stripe_and_no_key_is_needed(peopled: Desk) -> None:
    peopled.environ(STRIPE_API_KEY="")
    before = len(peopled.requests)
    for command in COMMANDS:
        peopled.done("bindings", command)
    assert len(peopled.requests) == before


@pytest.mark.parametrize("command", COMMANDS)
def test_without_a_mirror_the_way_out_is_a_sync(desk: Desk, command: str) -> None:
    desk.write("specs/a.yaml", "")
    ended = desk.run("bindings", command)
    assert ended.code == 1
    assert "billplan sync" in ended.err
    assert not (desk.folder / ".billplan").exists()


def test_what_tells_candidates_apart_is_shown(desk: Desk) -> None:
    grow(desk.world, 60, 3)
    desk.write("specs/a.yaml", "")
    desk.done("sync")
    rows = desk.done("bindings", "attention", "--format", "json").document["attention"]
    active = Counter(
        s["customer"] for s in desk.live("subscription") if s["status"] in ("active", "trialing", "past_due", "unpaid")
    )
    invoiced = {i["customer"] for i in desk.live("invoice")}
    assert rows
    for row in rows:
        assert row["active_subscriptions"] == active[row["customer"]]
        assert (row["last_invoice"] is not None) == (row["customer"] in invoiced)
    assert "active subscription" in desk.done("bindings", "attention").out


def brute(customers: list[dict[str, Any]]) -> tuple[list[str], list[str], list[str]]:
    """Count the buckets the slow way."""
    bound = [c["id"] for c in customers if c["metadata"].get(KEY)]
    pending: list[str] = []
    attention: list[str] = []
    for one in customers:
        if one["id"] in bound:
            continue
        same = [
            c for c in customers if c["email"] and one["email"] and email_key(c["email"]) == email_key(one["email"])
        ]
        (pending if len(same) == 1 else attention).append(one["id"])
    return bound, pending, attention


def test_the_buckets_are_exact_against_a_brute_force_count(desk: Desk) -> None:
    random = Random(7)
    grow(desk.world, 400, 7)
    customers = desk.client().customers
    for one in random.sample(ids(desk), 60):
        customers.update(one, {"metadata": {KEY: f"user {one}"}})
    for one in random.sample(ids(desk), 20):
        customers.update(one, {"email": "everybody@example.com"})
    desk.done("sync")
    bound, pending, attention = brute(desk.live("customer"))
    assert min(len(bound), len(pending), len(attention)) > 30
    for command, bucket, expected in (
        ("list", "bound", bound), ("pending", "pending", pending), ("attention", "attention", attention),
    ):  # fmt: skip
        document = desk.done("bindings", command, "--format", "json").document
        assert sorted(row["customer"] for row in document[bucket]) == sorted(expected)


def test_a_list_that_is_filled_in_becomes_specs_and_a_plan_binds_it(peopled: Desk) -> None:
    _, _, one, two, none = ids(peopled)
    peopled.write("answers.csv", peopled.done("bindings", "attention", "--format", "csv").out)
    rows = table((peopled.folder / "answers.csv").read_text())
    assert [(row["customer"], row["external_id"], row["reason"]) for row in rows] == [
        (one, "", "shared_email"), (two, "", "shared_email"), (none, "", "no_email"),
    ]  # fmt: skip
    answers = {one: "user 42", none: 'quo"te'}
    out = io.StringIO()
    writer = csv.DictWriter(out, rows[0].keys(), delimiter=";")
    writer.writeheader()
    writer.writerows({**row, "external_id": answers.get(row["customer"], "")} for row in rows)
    peopled.write("answers.csv", out.getvalue())
    before = len(peopled.requests)
    ended = peopled.done("bindings", "resolve", "answers.csv", "--out", "specs/answered.yaml")
    assert "2 to bind, 1 left blank. Next: billplan plan" in ended.err
    assert len(peopled.requests) == before
    written = yaml.safe_load((peopled.folder / "specs/answered.yaml").read_text())
    assert written == {"customer_bindings": {"user 42": {"customer": one}, 'quo"te': {"customer": none}}}
    assert peopled.run("bindings", "resolve", "answers.csv", "--out", "specs/answered.yaml").code == 1
    peopled.done("apply", "--auto-approve")
    held = {c["id"]: c["metadata"].get(KEY) for c in peopled.live("customer")}
    assert (held[one], held[two], held[none]) == ("user 42", None, 'quo"te')
    told = peopled.done("bindings", "list", "--format", "json").document["bound"]
    assert [(row["external_id"], row["state"]) for row in told] == [
        ('quo"te', "not mirrored yet"), ("u1", "bound"), ("user 42", "not mirrored yet"),
    ]  # fmt: skip
    assert "Nothing to do" in peopled.done("plan").out


BAD_ANSWERS: dict[str, tuple[str, str]] = {
    "an unknown customer": ("cus_x,u9", "cus_x is no customer that the mirror knows"),
    "an id that is bound": ("{two},u1", "the external id u1 is bound to {bound}"),
    "a customer that is bound": ("{bound},u9", "{bound} is bound to u1"),
    "one id twice": ("{one},u9\n{two},u9", "the external id u9 stands in line 2 already"),
    "one customer twice": ("{one},u8\n{one},u9", "the customer {one} stands in line 2 already"),
    "an id that is declared": ("{one},mine", "the external id mine is declared already, at specs/a.yaml:1:21"),
    "an id that is too long": ("{one}," + "x" * 201, "an external id has at most 200 characters"),
    "blanks around an id": ("{one},u9 ", "an external id has no blanks around it"),
    "a row with too many cells": ("{one},u9,x", "the row has 3 cells, and the header 2"),
}


@pytest.mark.parametrize(("text", "expected"), BAD_ANSWERS.values(), ids=BAD_ANSWERS)
def test_a_wrong_answer_is_told_with_its_line_and_nothing_is_written(peopled: Desk, text: str, expected: str) -> None:
    bound, alone, one, two, _ = ids(peopled)
    peopled.write("specs/a.yaml", f"customer_bindings: {{mine: {{customer: {alone}}}}}\n")
    names = {"bound": bound, "one": one, "two": two}
    peopled.write("answers.csv", f"customer,external_id\n{text.format(**names)}\n")
    ended = peopled.run("bindings", "resolve", "answers.csv", "--out", "specs/b.yaml")
    assert ended.code == 1
    assert expected.format(**names) in " ".join(ended.err.split())
    assert f"answers.csv:{2 + text.count(chr(10))}:1" in ended.err
    assert not (peopled.folder / "specs/b.yaml").exists()


def test_a_file_that_is_no_such_list_is_refused(peopled: Desk) -> None:
    peopled.write("answers.csv", "id,name\n1,Kim\n")
    ended = peopled.run("bindings", "resolve", "answers.csv")
    assert ended.code == 1
    assert "has no column 'customer'" in ended.err
    assert "has no column 'external_id'" in ended.err
    assert "does not exist" in peopled.run("bindings", "resolve", "none.csv").err


def test_what_first_touch_bound_is_exported_and_then_declared(peopled: Desk) -> None:
    bound, alone, *_ = ids(peopled)
    odd = "auth0|\u00e9\u00a0\U0001f600 : {{ var.x }}"
    claim(peopled, odd, alone)
    told = peopled.done("bindings", "list", "--format", "json").document["bound"]
    assert {(row["external_id"], row["bound_by"], row["state"]) for row in told} == {
        ("u1", "metadata", "bound"), (odd, "touch", "not in its metadata as mirrored"),
    }  # fmt: skip
    ended = peopled.done("bindings", "export", "--out", "specs/touched.yaml")
    assert ended.err == "2 written\n"
    with Project.load(peopled.folder) as project:
        rows = {row.external_id: row.customer for row in project.specs.bindings.rows}
    assert rows == {"u1": bound, odd: alone}
    assert peopled.done("bindings", "export").out.endswith("customer_bindings: {}\n")
    peopled.remove("specs/touched.yaml")
    assert table(peopled.done("bindings", "export", "--format", "csv").out) == [
        {"external_id": odd, "customer": alone}, {"external_id": "u1", "customer": bound},
    ]  # fmt: skip


def test_a_spreadsheet_takes_no_email_for_a_formula(desk: Desk) -> None:
    desk.client().customers.create({"email": "=cmd@example.com"})
    desk.done("sync")
    (row,) = table(desk.done("bindings", "pending", "--format", "csv", "--emails").out)
    assert row["email"] == "'=cmd@example.com"


def test_every_subcommand_has_help_with_an_example(desk: Desk) -> None:
    for command in (*COMMANDS, "resolve"):
        assert f"Example:  billplan bindings {command}" in desk.done("bindings", command, "--help").out
