"""`billplan import`: specs for what exists already."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import click

from reconciler.cli.options import Call, project_options
from reconciler.engine.adopt import Import
from reconciler.errors import BillplanError
from reconciler.kinds import BY_PLURAL, STRIPE_KINDS
from reconciler.project import Project
from reconciler.views.spec_yaml import render_spec

_KINDS = sorted({name for kind in STRIPE_KINDS for name in (kind.name, kind.plural)})


@click.command("import", short_help="Write YAML with adopt: for what exists in the account.")
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
        folder = out or _folder(project)
        found = project.import_specs(kinds)
        read = any(folder.absolute().is_relative_to((project.file.folder / s).absolute()) for s in project.file.specs)
    files = {folder / f"{plural}.yaml": render_spec(plural, bodies) for plural, bodies in found.bodies.items()}
    _write(files)
    _tell(call, found, [str(path) for path in files], "" if read else str(folder))


def _folder(project: Project) -> Path:
    """Choose a folder that the project reads: the first one under specs:, which may also name files."""
    folders = [f for f in (project.file.folder / s for s in project.file.specs) if f.is_dir()]
    return (folders[0] if folders else project.file.folder) / "imported"


def _write(files: Mapping[Path, str]) -> None:
    there = sorted(str(path) for path in files if path.exists())
    if there:
        hint = "move them away, or choose another folder with --out"
        verb = "exist" if len(there) > 1 else "exists"
        raise BillplanError(f"nothing was written: {', '.join(there)} {verb} already", hint=hint)
    for path, text in files.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
        except OSError as error:
            hint = "choose another folder with --out"
            raise BillplanError(f"cannot write {path}: {error.strerror}", hint=hint) from None


def _tell(call: Call, found: Import, files: list[str], unread: str) -> None:
    counts = {plural: len(bodies) for plural, bodies in found.bodies.items()}
    if call.form == "json":
        click.echo(json.dumps({"files": files, "imported": counts, "skipped": dict(sorted(found.skipped.items()))}))
        return
    for path, (plural, count) in zip(files, counts.items(), strict=True):
        what = (plural if count > 1 else BY_PLURAL[plural].name).replace("_", " ")
        click.echo(f"{path}: {count} {what}")
    for reason, count in sorted(found.skipped.items()):
        click.echo(f"left out: {count} ({reason})")
    if not files:
        click.echo("There is nothing to import.")
    elif unread:
        click.echo(f"Next: add {unread} under specs: in billplan.yaml, then billplan plan")
    else:
        click.echo("Next: billplan plan")
