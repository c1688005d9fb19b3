"""`billplan import`: specs for what exists already."""

from __future__ import annotations

import json
from pathlib import Path

import click

from reconciler.cli.options import Call, project_options
from reconciler.engine.adopt import Import
from reconciler.errors import BillplanError
from reconciler.kinds import BY_NAME, BY_PLURAL
from reconciler.views.spec_yaml import render_spec

_KINDS = sorted({*BY_NAME, *BY_PLURAL})


@click.command("import")
@click.option("--kind", "kinds", multiple=True, type=click.Choice(_KINDS), metavar="KIND", help="Only this kind.")
@click.option("--out", type=click.Path(path_type=Path), help="The folder to write to; default: imported/ under specs.")
@project_options("text", "json")
def import_command(call: Call, kinds: tuple[str, ...], out: Path | None) -> None:
    """Write YAML with adopt: for what exists in the account and nobody manages. Changes nothing in Stripe.

    The next plan then has only ADOPT, and the one after its apply is empty.

    \b
    Example:  billplan import --kind products --kind prices
    """
    with call.project() as project:
        folder = out or project.file.folder / project.file.specs[0] / "imported"
        found = project.import_specs(kinds)
        files = {folder / f"{plural}.yaml": render_spec(plural, bodies) for plural, bodies in found.bodies.items()}
    there = sorted(str(path) for path in files if path.exists())
    if there:
        hint = "move them away, or choose another folder with --out"
        raise BillplanError(f"nothing was written: {', '.join(there)} exists already", hint=hint)
    if files:
        folder.mkdir(parents=True, exist_ok=True)
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
    _tell(call, found, [str(path) for path in files])


def _tell(call: Call, found: Import, files: list[str]) -> None:
    counts = {plural: len(bodies) for plural, bodies in found.bodies.items()}
    if call.form == "json":
        click.echo(json.dumps({"files": files, "imported": counts, "skipped": dict(found.skipped)}))
        return
    for path, (plural, count) in zip(files, counts.items(), strict=True):
        click.echo(f"{path}: {count} {plural}")
    for reason, count in sorted(found.skipped.items()):
        click.echo(f"left out: {count} ({reason})")
    click.echo("Next: billplan plan" if files else "There is nothing to import.")
