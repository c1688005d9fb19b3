"""Plan files that are damaged, of somebody else, or out of date: nothing of them is applied."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.adapters.plan_store import load_plan, save_plan
from tests.cli.desk import PRICED, PROJECT, Desk


@pytest.fixture
def plan(desk: Desk) -> Path:
    desk.write("specs/a.yaml", PRICED)
    desk.done("plan", "--out", "p.jsonl")
    return desk.folder / "p.jsonl"


def rewritten(plan: Path, **header: Any) -> None:
    """Write a plan anew with another header, sealed as it should be."""
    loaded = load_plan(plan)
    save_plan(replace(loaded, header=replace(loaded.header, **header)), plan)


def refused(desk: Desk, plan: Path, code: int, *words: str) -> None:
    """See that an apply of the file ends so, and sends nothing."""
    ended = desk.run("apply", plan, "--auto-approve")
    assert ended.code == code
    for word in words:
        assert word in ended.err, ended.err
    assert not desk.writes()


def test_a_corrupt_plan_is_refused(desk: Desk, plan: Path) -> None:
    plan.write_bytes(plan.read_bytes().replace(b"2900", b"2901"))
    refused(desk, plan, 1, "changed", "make the plan again")
    assert desk.run("show", plan).code == 1


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_a_truncated_plan_is_refused(desk: Desk, plan: Path, suffix: str) -> None:
    data = plan.read_bytes()
    cut = plan.with_name(f"cut.jsonl{suffix}")
    cut.write_bytes(gzip.compress(data)[:-20] if suffix else data[: len(data) // 2])
    refused(desk, cut, 1, "truncated")
    assert desk.run("show", cut).code == 1


@pytest.mark.parametrize("data", [b"", b"hello\n", b"\xff\xfe", b"\x1f\x8bnot gzip", b"{}\n"])
def test_what_is_no_plan_is_refused(desk: Desk, plan: Path, data: bytes) -> None:
    plan.write_bytes(data)
    refused(desk, plan, 1, "plan")


def test_a_missing_plan_and_a_folder_are_told(desk: Desk, plan: Path) -> None:
    refused(desk, plan.with_name("none.jsonl"), 1, "cannot read the plan file", "No such file or directory")
    refused(desk, desk.folder, 1, "cannot read the plan file", "Is a directory")


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ({"project": "other"}, "the plan was made for project other, this is acme"),
        ({"account": "acct_other"}, "the plan was made for account acct_other, this is acct_000001"),
        ({"livemode": True}, "the plan was made for mode live, this is test"),
        ({"api_version": "2020-01-01"}, "the plan was made for API version 2020-01-01"),
        ({"expires_at": 1}, "the plan has expired"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_plan_for_somebody_else_or_out_of_date_is_refused(
    desk: Desk, plan: Path, header: dict[str, Any], words: str
) -> None:
    rewritten(plan, **header)
    refused(desk, plan, 3, words, "make a new plan")


def test_nobody_is_asked_about_a_plan_that_cannot_be_applied(desk: Desk, plan: Path) -> None:
    rewritten(plan, expires_at=1)
    ended = desk.run("apply", plan, typed="yes\n")
    assert ended.code == 3
    assert "Type yes" not in ended.both


def test_specs_that_changed_since_the_plan_are_told(desk: Desk, plan: Path) -> None:
    desk.write("specs/a.yaml", PRICED.replace("2900", "3900"))
    refused(desk, plan, 3, "made from other specs than this checkout holds", "check out the commit")


def test_a_plan_of_another_format_is_refused(desk: Desk, plan: Path) -> None:
    plan.write_bytes(plan.read_bytes().replace(b'"format_version":"1.0"', b'"format_version":"9.0"', 1))
    ended = desk.run("apply", plan, "--auto-approve")
    assert ended.code in (1, 3)
    assert "9.0" in ended.err


def test_a_plan_that_another_apply_has_overtaken_is_refused(desk: Desk, plan: Path) -> None:
    rewritten(plan, created_at=load_plan(plan).header.created_at - 10)
    desk.done("apply", "--auto-approve")
    writes = len(desk.writes())
    ended = desk.run("apply", plan, "--auto-approve")
    assert ended.code == 3
    assert "another plan was applied after this one was made" in ended.err
    assert len(desk.writes()) == writes


def test_a_plan_that_cannot_be_saved_is_shown_all_the_same(desk: Desk) -> None:
    desk.write("specs/a.yaml", PRICED)
    ended = desk.run("plan", "--out", "no/such/folder/p.jsonl")
    assert ended.code == 1
    assert "2 to create" in ended.out
    assert "cannot write the plan file no/such/folder/p.jsonl" in ended.err
    assert "Saved" not in ended.err


def test_a_plan_is_stale_for_one_object_alone(desk: Desk) -> None:
    desk.converge(f"{PRICED}  yearly: {{product: product.pro, currency: usd, unit_amount: 1}}\n")
    desk.write("specs/a.yaml", PRICED.replace("Pro", "Pro 2").replace("{name", "{description: New, name"))
    desk.done("plan", "--out", "p.jsonl", "--max-changes", "9")
    desk.client().products.update("acme-pro", {"name": "Professional"})
    ended = desk.run("apply", "p.jsonl", "--auto-approve")
    assert ended.code == 5
    assert "STALE" in ended.out
    for word in ("name", "Pro 2", "Professional", "make a new plan"):
        assert word in ended.out
    assert not [p for p in desk.live("price") if p["unit_amount"] == 1 and p["active"]]


def test_the_project_of_a_plan_may_be_named_anew_and_then_it_is_another(desk: Desk, plan: Path) -> None:
    desk.write("billplan.yaml", PROJECT.replace("acme", "umbrella"))
    refused(desk, plan, 3, "the plan was made for project acme, this is umbrella")
