"""What the documents say is so: commands, examples, links."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import click
import pytest

from reconciler import Outcome, Project, Resolved
from reconciler.cli import billplan
from reconciler.emulator.clock import FrozenClock, SystemClock
from reconciler.emulator.seed import load_seed
from reconciler.emulator.server import Server, serve
from reconciler.emulator.world import World
from reconciler.mirrored import EVENT, MIRRORED
from reconciler.store.mirror_tables import RAW_OBJECTS, TABLES
from tests.emulator.client import Caller

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
QUICKSTART = ROOT / "examples" / "quickstart"
COMMANDS = sorted(billplan.commands)
TIMES = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def blocks(language: str) -> list[str]:
    """List the README's blocks of code in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Answer for the account of the quickstart."""
    world = World(clock=SystemClock())
    load_seed(world, json.loads((QUICKSTART / "account.json").read_text(encoding="utf-8")))
    with serve([world]) as running:
        monkeypatch.setenv("STRIPE_API_KEY", "sk_test_emulator")
        monkeypatch.setenv("STRIPE_API_BASE", running.url)
        yield running


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_is_in_the_readme_and_has_help_with_an_example(name: str) -> None:
    row = next(
        (line for line in README.splitlines() if line.startswith("| `billplan") and f"billplan {name}" in line), ""
    )
    assert row, f"README's table lacks {name}"
    with click.Context(billplan.commands[name], info_name=f"billplan {name}") as context:
        shown = billplan.commands[name].get_help(context)
    assert f"Example:  billplan {name}" in shown
    for option in re.findall(r"--[a-z-]+", row):
        assert option in shown, f"{name} has no {option}"


def test_the_table_names_no_command_that_is_not_there() -> None:
    rows = [line for line in README.splitlines() if line.startswith("| `billplan ")]
    assert {name for line in rows for name in re.findall(r"`billplan (\w+)", line)} == set(COMMANDS)


def test_every_option_has_help() -> None:
    for command in billplan.commands.values():
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, f"{command.name} {parameter.name}"


def test_the_readmes_project_file_and_specs_load_and_validate(tmp_path: Path) -> None:
    project, specs = blocks("yaml")[:2]
    (tmp_path / "billplan.yaml").write_text(project, encoding="utf-8")
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs" / "a.yaml").write_text(specs, encoding="utf-8")
    with Project.load(tmp_path) as loaded:
        assert {d.address.kind for d in loaded.validate()} == {
            "product",
            "price",
            "meter",
            "coupon",
            "promotion_code",
            "tax_rate",
        }


def test_the_library_snippet_works(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "billing" / "specs").mkdir(parents=True)
    (tmp_path / "billing" / "billplan.yaml").write_text("version: 1\nproject: acme\nstripe: {mode: test}\n")
    (tmp_path / "billing" / "specs" / "a.yaml").write_text("products: {pro: {name: Pro}}\n")
    (snippet,) = (b for b in blocks("python") if "project.plan" in b)
    exec(compile(snippet, "README.md", "exec"), {})
    assert "create product.pro" in capsys.readouterr().out
    assert "acme-pro" in server.worlds[0].tables["product"]


def test_the_readmes_mappings_and_bindings_validate(tmp_path: Path) -> None:
    _, catalogue, mappings, bindings, *_ = blocks("yaml")
    (tmp_path / "billplan.yaml").write_text("version: 1\nproject: acme\nstripe: {mode: test}\n")
    for name, text in {"a": catalogue, "b": mappings, "c": bindings}.items():
        (tmp_path / "specs").mkdir(exist_ok=True)
        (tmp_path / "specs" / f"{name}.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "users.csv").write_text("id;name;email;stripe_id\nu1;Kim;kim@example.com;\nu2;;;cus_9\n")
    with Project.load(tmp_path) as loaded:
        assert {d.address.kind for d in loaded.validate()} >= {"feature", "product_mapping"}
        found = loaded.specs.bindings
    assert {row.external_id for row in found.rows} == {"user_42", "auth0|9f", "user_44", "u1", "u2"}
    assert [source.key for source in found.from_metadata] == ["user_id"]


def test_the_readmes_migrations_validate(tmp_path: Path) -> None:
    *_, zuora, merger = blocks("yaml")
    (tmp_path / "billplan.yaml").write_text("version: 1\nproject: acme\nstripe: {mode: test}\n")
    for folder in ("specs", "migrations", "maps"):
        (tmp_path / folder).mkdir()
    (tmp_path / "specs" / "a.yaml").write_text(zuora)
    (tmp_path / "specs" / "b.yaml").write_text(merger)
    header, row = "customer,start_date,price,metadata.{key}{more}\n", "c_1,2090-01-01T00:00:00Z,basic,sub_1{more}\n"
    (tmp_path / "migrations" / "zuora.csv").write_text(
        header.format(key="third_party_sub_id", more="") + row.format(more="")
    )
    (tmp_path / "migrations" / "merger.csv").write_text(
        header.format(key="old_stripe_sub_id", more=",source_subscription") + row.format(more=",sub_old1")
    )
    (tmp_path / "maps" / "prices.csv").write_text("old,new\nbasic,price_1\n")
    (tmp_path / "maps" / "customers.csv").write_text("old,new\nc_1,cus_1\n")
    with Project.load(tmp_path) as loaded:
        assert loaded.validate() == ()
        found = {one.name: one for one in loaded.specs.migrations.migrations}
    assert [row.key for row in found["zuora-2026"].rows] == ["sub_1"]
    assert [batch.name for batch in found["zuora-2026"].batches] == ["canary", "rest"]
    assert found["merger"].end_source


def test_the_snippet_of_first_touch_binds_and_then_needs_no_key(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "billing").mkdir()
    (tmp_path / "billing" / "billplan.yaml").write_text("version: 1\nproject: acme\nstripe: {mode: test}\n")
    made = Caller(server.worlds[0]).make("/v1/customers", {"email": "gus@example.com"})
    with Project.load("billing") as project:
        project.sync().check()
    (snippet,) = (b for b in blocks("python") if "bindings.resolve" in b)
    for _ in range(2):
        names: dict[str, Any] = {}
        exec(compile(snippet, "README.md", "exec"), names)
        names["project"].close()
        assert capsys.readouterr().out == f"{made} () 0 {names['found'].as_of}\n"
        monkeypatch.delenv("STRIPE_API_KEY", raising=False)
    (metadata,) = (one["metadata"] for one in server.worlds[0].tables["customer"] if one["id"] == made)
    assert metadata == {"billplan_id_acme": "user_7"}


def test_what_resolve_answers_is_what_the_readme_lists() -> None:
    (listed,) = re.findall(r"^\| `outcome` \|(.*)$", README, flags=re.MULTILINE)
    assert re.findall(r"`(\w+)`", listed) == [str(outcome) for outcome in Outcome]
    rows = re.findall(r"says who a user is.*?\n\n((?:\|[^\n]*\n)+)", README, flags=re.DOTALL)[0]
    told = {*re.findall(r"^\| `(\w+)` \|", rows, flags=re.MULTILINE), "external_id"}
    assert told == {field.name for field in fields(Resolved)}


def test_the_quickstarts_plan_is_the_one_that_is_checked_in(server: Server) -> None:
    with Project.load(QUICKSTART) as project:
        shown = project.plan().render("text", width=100)
    expected = (QUICKSTART / "plan.txt").read_text(encoding="utf-8")
    assert TIMES.sub("TIME", shown) == TIMES.sub("TIME", expected)


def test_links_lead_to_files_that_exist() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_schemas_that_yaml_files_name_are_there() -> None:
    for path in QUICKSTART.rglob("*.yaml"):
        named = re.search(r"yaml-language-server: \$schema=(\S+)", path.read_text(encoding="utf-8"))
        assert named, path
        assert (path.parent / named[1]).is_file(), path


def test_the_seed_that_the_readme_describes_is_taken() -> None:
    (listed,) = re.findall(r"initial account from `--seed` \(JSON with (.*?):", README, flags=re.DOTALL)
    tables = re.findall(r"`(\w+)`", listed)
    load_seed(World(clock=FrozenClock(1_800_000_000)), {name: {} if name == "account" else [] for name in tables})


def table_of_tables() -> str:
    """Write the README's table of the mirror as the definitions say it."""

    def listed(names: Iterable[str]) -> str:
        return ", ".join(f"`{name}`" for name in names)

    rows = ["| table | type | columns |", "|---|---|---|"]
    for one in (*MIRRORED, EVENT):
        rows.append(f"| `{one.table}` | `{one.name}` | {listed(c.name for c in one.columns)} |")
        for lines in one.lines:
            columns = ("account", "livemode", lines.owner, "position", *(c.name for c in lines.columns))
            rows.append(f"| `{lines.table}` | in `{one.name}` | {listed(columns)} |")
    return "\n".join(rows)


def test_the_readmes_tables_are_those_of_the_mirror() -> None:
    (shown,) = re.findall(r"^\| table \| type \| columns \|\n(?:\|.*\n)+", README, flags=re.MULTILINE)
    assert shown.rstrip("\n") == table_of_tables()


def test_what_the_readme_says_of_every_table_is_so() -> None:
    (common,) = re.findall(r"Every table of a type has (.*?), and:", README, flags=re.DOTALL)
    (whole,) = re.findall(r"as JSON is in `raw_objects` \((.*?)\)", README)
    for one in (*MIRRORED, EVENT):
        own = [column.name for column in one.columns]
        assert re.findall(r"`(\w+)`", common) == [c.name for c in TABLES[one.name].c if c.name not in own]
    assert re.findall(r"`(\w+)`", whole) == [c.name for c in RAW_OBJECTS.c]
