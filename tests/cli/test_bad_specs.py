"""Mistakes in specs: each is told with its place, in words, with the way out, and nothing is sent."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.core import desire, validate
from reconciler.core.address import parse_address
from reconciler.core.diagnostics import Diagnostic
from reconciler.core.kind import Kind
from reconciler.core.resources import Desired, Spec
from tests.cli.desk import KEY, PRICED, PRO, PROJECT, Desk

MONTHLY = "currency: usd, unit_amount: 2900, recurring: {interval: month}"

MISTAKES = {
    "a wrong type": (
        "products:\n  pro:\n    name: [Pro]\n",
        "specs/a.yaml:3:5: error",
        ["name: expected a text, found a list", "(product.pro)"],
    ),
    "an unknown field": (
        "products:\n  pro:\n    name: Pro\n    desciption: For teams\n",
        "specs/a.yaml:4:5: error",
        ["desciption", "did you mean description?"],
    ),
    "an unknown kind": (
        "product:\n  pro: {name: Pro}\n",
        "specs/a.yaml:1:1: error",
        ["there is no kind product", "the plural is products"],
    ),
    "an unknown reference": (
        "products:\n  pro: {name: Pro}\nprices:\n  monthly:\n    product: product.pr\n    currency: usd\n"
        "    unit_amount: 2900\n",
        "specs/a.yaml:5:5: error",
        ["product.pr, which is not declared", "did you mean product.pro?"],
    ),
    "a duplicate YAML key": (
        "products:\n  pro: {name: Pro}\n  pro: {name: Pro 2}\n",
        "specs/a.yaml:3:3: error",
        ["pro", "2:3"],
    ),
    "a float amount": (
        f"{PRO}prices:\n  m:\n    product: product.pro\n    currency: usd\n    unit_amount: 29.99\n",
        "specs/a.yaml:7:5: error",
        ["unit_amount: expected a whole number", "29.99", "2900 is 29.00"],
    ),
    "an invalid expression": (
        "products:\n  pro:\n    name: '{{ var.'\n",
        "specs/a.yaml:3:11: error",
        ["not an expression"],
    ),
    "an unset variable": (
        "products:\n  pro:\n    name: '{{ var.region }}'\n",
        "specs/a.yaml:3:11: error",
        ["var.region is not set", "--var region="],
    ),
    "two specs with one adopt id": (
        "products:\n  a: {name: A, adopt: prod_1}\n  b: {name: B, adopt: prod_1}\n",
        "specs/a.yaml:3:3: error",
        ["product.b and product.a both claim", "'prod_1'", "declared at specs/a.yaml:2:3"],
    ),
    "two specs with one lookup_key": (
        f"{PRO}prices:\n  a: {{product: product.pro, lookup_key: k, {MONTHLY}}}\n"
        f"  b: {{product: product.pro, lookup_key: k, {MONTHLY}}}\n",
        "specs/a.yaml:5:3: error",
        ["price.b and price.a both claim", "lookup_key 'k'", "declared at specs/a.yaml:4:3"],
    ),
    "two specs with one product id": (
        "products:\n  a: {name: A, id: p}\n  b: {name: B, id: p}\n",
        "specs/a.yaml:3:3: error",
        ["both claim", "id 'p'", "declared at specs/a.yaml:2:3"],
    ),
    "broken YAML": (
        "products:\n  pro: {name: Pro\n",
        "specs/a.yaml:",
        ["error"],
    ),
    "bytes that are no text": ("products:\n  pro: {name: \xe9}\n", "specs/a.yaml:", ["UTF-8"]),
}


@pytest.mark.parametrize("command", [["validate"], ["plan"], ["apply", "--auto-approve"]], ids=lambda c: c[0])
def test_every_command_tells_of_a_mistake_and_sends_no_write(desk: Desk, command: list[str]) -> None:
    desk.write("specs/a.yaml", "products:\n  pro: {name: 3}\n")
    ended = desk.run(*command)
    assert ended.code == 1
    assert ended.out == ""
    assert "specs/a.yaml:2:9: error BP1204: name: expected a text, found the number 3" in ended.err
    assert "1 error." in ended.err
    assert not desk.writes()


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_has_its_place_and_its_way_out(desk: Desk, mistake: str) -> None:
    text, place, words = MISTAKES[mistake]
    desk.write("specs/a.yaml", text.encode("latin-1"))
    ended = desk.run("validate")
    assert (ended.code, ended.out) == (1, "")
    assert any(line.startswith(place) for line in ended.err.splitlines()), ended.err
    for word in words:
        assert word in ended.err
    assert not desk.requests


def test_a_product_and_its_default_price_are_no_circle(desk: Desk) -> None:
    product = "products:\n  pro: {name: Pro, default_price: price.m}\n"
    desk.write("specs/a.yaml", f"{product}prices:\n  m: {{product: product.pro, {MONTHLY}}}\n")
    assert desk.run("validate").code == 0


def test_a_circle_is_drawn_with_its_way_out(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    # No two kinds of today need each other at creation, so one of the needs is made up.
    desk.write("specs/a.yaml", PRICED)
    load = desire.desire

    def with_a_need(spec: Spec, kind: Kind, project: str) -> tuple[Desired | None, list[Diagnostic]]:
        one, found = load(spec, kind, project)
        needs = parse_address("price.monthly")
        return (replace(one, depends_on=(needs,)) if one and kind.name == "product" else one), found

    monkeypatch.setattr(validate, "desire", with_a_need)
    ended = desk.run("validate")
    assert ended.code == 1
    assert "specs/a.yaml:2:3: error BP1302: these refer to each other in a circle: " in ended.err
    assert "price.monthly -> product.pro -> price.monthly" in ended.err.replace(
        "product.pro -> price.monthly -> product.pro", "price.monthly -> product.pro -> price.monthly"
    )
    assert "take one of the references out" in ended.err


def test_a_name_declared_in_two_files_names_both_places(desk: Desk) -> None:
    desk.write("specs/a.yaml", PRO)
    desk.write("specs/b.yaml", f"# more\n{PRO}")
    ended = desk.run("validate")
    assert ended.code == 1
    assert "specs/b.yaml:3:3: error" in ended.err
    assert "product.pro" in ended.err
    assert "specs/a.yaml:2:3" in ended.err


def test_a_literal_key_is_refused_and_never_echoed(desk: Desk) -> None:
    key = "sk_live_abcdefghijklmnop"
    desk.write("billplan.yaml", f"version: 1\nproject: acme\nstripe:\n  mode: test\n  api_key: {key}\n")
    desk.write("specs/a.yaml", PRICED)
    for form in ("text", "json"):
        ended = desk.run("validate", "--format", form)
        assert ended.code == 1
        assert "abcdefghijklmnop" not in ended.both
        assert "it is not the key itself" in ended.err
        assert "env:STRIPE_API_KEY" in ended.err
    assert "billplan.yaml:5:12: error" in desk.run("validate").err


def test_a_store_with_a_password_is_refused_and_never_echoed(desk: Desk) -> None:
    desk.write("billplan.yaml", f"{PROJECT}store: postgresql://me:hunter22@db/x\n")
    ended = desk.run("validate")
    assert ended.code == 1
    assert "holds a password" in ended.err
    assert "hunter22" not in ended.both


def test_there_is_no_project_anywhere(desk: Desk) -> None:
    desk.remove("billplan.yaml")
    ended = desk.run("plan")
    assert ended.code == 1
    assert "there is no billplan.yaml in" in ended.err
    assert "billplan init" in ended.err


def test_a_project_that_was_named_is_never_looked_for_further_up(desk: Desk) -> None:
    desk.write("specs/a.yaml", PRO)
    (desk.folder / "below").mkdir()
    for named in ("below/billplan.yaml", "below"):
        ended = desk.run("validate", "--config", named)
        assert ended.code == 1
        assert "there is no project file below/billplan.yaml" in ended.err


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_spec_file_is_named(desk: Desk) -> None:
    desk.write("specs/a.yaml", PRO).chmod(0)
    ended = desk.run("validate")
    assert ended.code == 1
    assert "specs/a.yaml:1:1: error BP1001: the file cannot be read: Permission denied" in ended.err


def test_a_spec_file_that_leads_nowhere_is_named(desk: Desk) -> None:
    (desk.folder / "specs").mkdir()
    (desk.folder / "specs" / "a.yaml").symlink_to("gone.yaml")
    ended = desk.run("validate")
    assert ended.code == 1
    assert "specs/a.yaml" in ended.err
    assert "cannot be read" in ended.err


def test_a_folder_that_cannot_be_listed_is_named(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.write("specs/a.yaml", PRO)
    desk.write("specs/more/b.yaml", PRO)
    scan = os.scandir

    def refusing(path: Path | str) -> object:
        if str(path).endswith("more"):
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refusing)
    ended = desk.run("validate")
    assert ended.code == 1
    assert "specs: the folder 'specs/more' cannot be read: Permission denied" in ended.err


def test_a_missing_specs_folder_is_named(desk: Desk) -> None:
    ended = desk.run("validate")
    assert ended.code == 1
    assert "there is no file or folder 'specs'" in ended.err
    assert "under specs: in billplan.yaml" in ended.err


def _twenty_mistakes(desk: Desk) -> None:
    desk.write("specs/c.yaml", "products:\n" + "".join(f"  c{n}: {{name: {n}}}\n" for n in range(7)))
    desk.write("specs/a.yaml", "products:\n" + "".join(f"  a{n}: {{nam: A}}\n" for n in range(3)))
    desk.write(
        "specs/b.yaml",
        "coupons:\n" + "".join(f"  b{n}: {{percent_off: 200, duration: once}}\n" for n in range(7)),
    )


def test_twenty_mistakes_in_three_files_come_in_one_run_sorted_by_place(desk: Desk) -> None:
    _twenty_mistakes(desk)
    ended = desk.run("validate")
    assert ended.code == 1
    assert "20 errors." in ended.err
    places = [line.split(": error")[0].split(":") for line in ended.err.splitlines() if ": error BP" in line]
    assert len(places) == 20
    assert places == sorted(places, key=lambda p: (p[0], int(p[1]), int(p[2])))
    assert {p[0] for p in places} == {"specs/a.yaml", "specs/b.yaml", "specs/c.yaml"}


def test_mistakes_as_json_are_one_document_on_stderr(desk: Desk) -> None:
    _twenty_mistakes(desk)
    ended = desk.run("validate", "--format=json")
    assert (ended.code, ended.out) == (1, "")
    assert ended.error["exit_code"] == 1
    assert len(ended.error["diagnostics"]) == 20
    first = ended.error["diagnostics"][0]
    assert first["code"].startswith("BP")
    assert json.dumps(first["source"]) == '{"path": "specs/a.yaml", "line": 2, "column": 3}'


def test_e_mail_addresses_in_specs_are_not_repeated(desk: Desk) -> None:
    desk.write(
        "specs/a.yaml", "products:\n  pro: {name: Pro, url: jane.doe@example.com, unit_label: [jane@example.com]}\n"
    )
    for command in (["validate"], ["validate", "--format", "json"]):
        ended = desk.run(*command)
        assert ended.code == 1
        assert "jane" not in ended.both


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["plan", "--var", "region"], "'region' is not NAME=VALUE"),
        (["plan", "--allow", "everything"], "'everything' is not CLASS:GLOB with a class of"),
        (["plan", "--max-changes", "-1"], "--max-changes"),
        (["plan", "--format", "yaml"], "'yaml' is not one of"),
        (["aply"], "No such command 'aply'"),
        (["show"], "Missing argument 'FILE'"),
        (["import", "--kind", "produkts"], "produkts"),
    ],
)
def test_a_command_line_that_cannot_be_understood_ends_with_64(desk: Desk, args: list[str], words: str) -> None:
    ended = desk.run(*args)
    assert (ended.code, ended.out) == (64, "")
    assert words in ended.err
    if "--format" not in args:
        as_json = desk.run(*args, "--format", "json")
        assert (as_json.code, as_json.out) == (64, "")
        assert as_json.error["exit_code"] == 64
        assert words in as_json.error["message"]


def test_the_key_in_the_environment_is_not_needed_to_validate(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STRIPE_API_KEY")
    desk.write("specs/a.yaml", PRICED)
    assert "1 price, 1 product" in desk.done("validate").out
    assert KEY not in desk.done("validate", "--format", "json").out
