"""`billplan init`: a new project."""

from __future__ import annotations

import json
import re
from pathlib import Path

import click
from jinja2 import Environment, PackageLoader, StrictUndefined

from reconciler.errors import BillplanError

_TEMPLATES = {
    "billplan.yaml": "billplan.yaml.j2",
    "specs/catalogue.yaml": "catalogue.yaml.j2",
    ".gitignore": "gitignore.j2",
    ".github/workflows/billplan.yml": "workflow.yml.j2",
}
_PROJECT = re.compile(r"[a-z0-9-]{1,24}")


@click.command("init", short_help="Make a new project: billplan.yaml, specs/, .gitignore, a CI workflow.")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=Path())
@click.option("--project", help="The ownership marker, [a-z0-9-]{1,24}; default: the folder's name.")
@click.option("--mode", type=click.Choice(["test", "live"]), default="test", show_default=True, help="Of the account.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="Output format.")
def init_command(folder: Path, project: str | None, mode: str, form: str) -> None:
    """Make a new project: billplan.yaml, specs/, .gitignore and a CI workflow. Overwrites nothing.

    \b
    Example:  billplan init billing --project acme
    """
    name = project or re.sub(r"[^a-z0-9-]+", "-", folder.absolute().name.lower()).strip("-")[:24]
    if not _PROJECT.fullmatch(name):
        whose = "" if project else ", and the folder's name gives no other"
        raise click.BadParameter(f"{name!r} is not 1 to 24 of a-z, 0-9 and -{whose}", param_hint="--project")
    if (folder / "billplan.yaml").exists():
        raise BillplanError(f"{folder / 'billplan.yaml'} exists already", hint="edit it, or choose another folder")
    written, kept = _write(folder, name, mode)
    if form == "json":
        click.echo(json.dumps({"project": name, "written": written, "kept": kept}))
    else:
        _tell(folder, written, kept)


def _write(folder: Path, name: str, mode: str) -> tuple[list[str], list[str]]:
    """Write what is not there yet; return the paths written, and those kept."""
    environment = Environment(
        loader=PackageLoader("reconciler.cli"), undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False
    )
    written: list[str] = []
    kept: list[str] = []
    for target, template in _TEMPLATES.items():
        path = folder / target
        if path.exists():
            kept.append(str(path))
            continue
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(
                environment.get_template(template).render(project=_scalar(name), mode=mode), encoding="utf-8"
            )
        except OSError as error:
            hint = "choose another folder"
            raise BillplanError(f"cannot write {path}: {error.strerror}", hint=hint) from None
        written.append(str(path))
    return written, kept


def _tell(folder: Path, written: list[str], kept: list[str]) -> None:
    for path in kept:
        click.echo(f"kept    {path} (it exists)")
    for path in written:
        click.echo(f"written {path}")
    if not (folder / ".git").exists() and any((above / ".git").exists() for above in folder.absolute().parents):
        click.echo(
            "\nGitHub reads workflows at the root of the repository only: move .github there, and tell its steps"
        )
        click.echo("where the project is, by working-directory:.")
    click.echo(
        "\nNext: export STRIPE_API_KEY=..., then billplan doctor.\n"
        "What your account has already comes in with billplan import; then billplan plan."
    )


def _scalar(name: str) -> str:
    """Write a project's name so that no reader of YAML takes it for a number, a truth value or a list."""
    return (
        name
        if re.fullmatch(r"[a-z]+-[a-z0-9-]+|[a-z]{4,}", name) and name not in ("true", "false", "null")
        else f'"{name}"'
    )
