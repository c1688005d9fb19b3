"""`billplan init`, `schema` and `version`: what needs no account."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

from tests.cli.desk import KEY, Desk


@pytest.mark.parametrize(
    ("folder", "project"),
    [
        ("billing", "billing"),
        ("My Billing (2026)!", "my-billing-2026"),
        ("a" * 40, "a" * 24),
        ("null", "null"),
        ("123", "123"),
        ("1e3", "1e3"),
        ("no", "no"),
        ("0x1f", "0x1f"),
        ("-x-", "x"),
    ],
)
def test_a_new_project_validates_offline_whatever_its_folder_is_called(desk: Desk, folder: str, project: str) -> None:
    desk.done("init", "--", folder)
    made = desk.folder / folder
    assert "they declare nothing" in desk.done("validate", "--config", made).out
    assert f"project {project}\n" in desk.done("plan", "--config", made).out
    assert KEY not in "".join(p.read_text() for p in made.rglob("*") if p.is_file())


@pytest.mark.parametrize("name", ["---", "-", "-a", "true", "null", "1", "on", "a-1"])
def test_a_project_may_have_any_name_of_the_alphabet(desk: Desk, name: str) -> None:
    desk.done("init", "x", f"--project={name}")
    assert yaml.safe_load((desk.folder / "x" / "billplan.yaml").read_text())["project"] == name
    assert f"project {name}\n" in desk.done("plan", "--config", "x").out


def test_every_file_is_named_and_loads(desk: Desk) -> None:
    ended = desk.done("init", "billing", "--project", "acme", "--mode", "live")
    files = {str(p.relative_to(desk.folder / "billing")) for p in (desk.folder / "billing").rglob("*") if p.is_file()}
    assert files == {"billplan.yaml", "specs/catalogue.yaml", ".gitignore", ".github/workflows/billplan.yml"}
    for name in files:
        assert f"written billing/{name}" in ended.out
    project = yaml.safe_load((desk.folder / "billing" / "billplan.yaml").read_text())
    assert (project["project"], project["stripe"]["mode"], project["lock"]) == ("acme", "live", "external")
    workflow = yaml.safe_load((desk.folder / "billing" / ".github/workflows/billplan.yml").read_text())
    assert set(workflow["jobs"]) == {"plan", "apply"}
    assert workflow["jobs"]["apply"]["concurrency"]
    assert "${{ secrets." in workflow["jobs"]["plan"]["steps"][-1]["env"]["STRIPE_API_KEY"]
    assert ".billplan/" in (desk.folder / "billing" / ".gitignore").read_text()


def test_the_example_of_the_catalogue_is_valid_once_it_is_uncommented(desk: Desk) -> None:
    desk.done("init", "x")
    catalogue = desk.folder / "x" / "specs" / "catalogue.yaml"
    lines = [line.removeprefix("# ") for line in catalogue.read_text().splitlines()]
    start = next(n for n, line in enumerate(lines) if line.startswith("products:"))
    end = next(n for n, line in enumerate(lines) if n > start and line.startswith("#"))
    catalogue.write_text("\n".join(lines[start:end]))
    assert "1 price, 1 product" in desk.done("validate", "--config", "x").out


def test_nothing_is_overwritten(desk: Desk) -> None:
    before = (desk.folder / "billplan.yaml").read_text()
    ended = desk.run("init")
    assert ended.code == 1
    assert "billplan.yaml exists already" in ended.err
    assert (desk.folder / "billplan.yaml").read_text() == before
    desk.remove("billplan.yaml")
    desk.write(".gitignore", "mine\n")
    assert "kept    .gitignore (it exists)" in desk.done("init").out
    assert (desk.folder / ".gitignore").read_text() == "mine\n"


def test_a_name_that_cannot_be_made_is_told(desk: Desk) -> None:
    ended = desk.run("init", "日本語")
    assert ended.code == 64
    assert "--project" in ended.err
    assert desk.run("init", "x", "--project", "Acme Inc").code == 64
    desk.write("file", "")
    assert desk.run("init", "file/below").code == 1


def test_a_folder_inside_a_repository_is_told_where_workflows_belong(desk: Desk) -> None:
    (desk.folder / ".git").mkdir()
    assert "at the root of the repository only" in desk.done("init", "billing").out
    desk.remove("billplan.yaml")
    assert "at the root of the repository only" not in desk.done("init").out


def test_schemas_are_listed_printed_and_written(desk: Desk, tmp_path: Path) -> None:
    names = desk.done("schema").out.split()
    assert {"billplan", "specs", "products", "prices"} <= set(names)
    for name in names:
        assert desk.done("schema", name).document["$schema"]
    desk.done("schema", "--out", "schemas")
    assert json.loads((desk.folder / "schemas" / "prices.schema.json").read_text())
    ended = desk.run("schema", "pricess")
    assert ended.code == 64
    assert "did you mean prices?" in ended.err


def test_version_names_what_matters_in_a_report(desk: Desk) -> None:
    document = desk.done("version", "--format", "json").document
    assert document["billplan"] == version("billplan")
    assert set(document) == {"billplan", "plan_format", "stripe_sdk", "stripe_api", "python"}
    assert f"billplan {version('billplan')}" in desk.done("version").out
