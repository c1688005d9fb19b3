"""`billplan migrations draft`: rows and maps from the subscriptions of the account that a migration comes from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import click

from reconciler.cli.new_file import refuse_existing, write_new
from reconciler.cli.options import Call, project_options
from reconciler.core.row_columns import METADATA
from reconciler.engine.source_draft import Drafted
from reconciler.errors import SpecError
from reconciler.project import Project
from reconciler.specfiles import codes
from reconciler.views.migration_draft import draft_document, draft_lines, render_map, render_rows
from reconciler.views.mirror import plain

_ALWAYS = ("price", "customer", "coupon")


@click.command("draft", short_help="Draft rows and maps from the account that a migration comes from.")
@click.argument("name")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder for migrations/NAME.csv and maps/; default: that of billplan.yaml.",
)
@project_options("text", "json")
def draft_command(call: Call, name: str, out: Path | None) -> None:
    """Draft the rows of the migration NAME, and maps of old ids, from the subscriptions of its source account.

    It is read with the read key of source_account in the migration's block, whose file may be missing yet. Active,
    trialing and past-due subscriptions become rows; what cannot be carried over is told, one by one. A new id is filled
    in where this account has the same one, or one price with the same lookup key, currency and period. Overwrites
    nothing, changes nothing in either account, and writes no e-mail addresses.

    \b
    Example:  billplan migrations draft old-account --out .
    """
    with call.project() as project:
        _check_known(project, name)
        folder = project.file.folder if out is None else out
        files = _places(folder, name)
        if _has_source(project, name):
            refuse_existing(list(files.values()))
        drafted = project.migrations.draft(name)
    written = [str(path) for path in _write(drafted, files)]
    if call.form == "json":
        click.echo(json.dumps(draft_document(drafted.draft, written, drafted.source), indent=2, ensure_ascii=False))
        return
    for path in written:
        click.echo(f"written {path}")
    for line in draft_lines(drafted.draft):
        click.echo(plain(line))
    click.echo(_next(drafted, name))


def _check_known(project: Project, name: str) -> None:
    """Raise what is wrong with the specs where that may be why a migration is not known. Its own file and maps may be
    missing: they are what is drafted."""
    specs = project.specs
    others = [d for d in specs.diagnostics if d.code != codes.UNREADABLE]
    if others and name not in {one.name for one in specs.migrations.migrations}:
        raise SpecError(others)


def _has_source(project: Project, name: str) -> bool:
    """Say whether a migration comes from an account; where it does not, that is told before files in the way are."""
    return any(one.name == name and one.source_account is not None for one in project.specs.migrations.migrations)


def _places(folder: Path, name: str) -> dict[str, Path]:
    maps = {sort: folder / "maps" / f"{sort}s.csv" for sort in (*_ALWAYS, "tax_rate")}
    return {"": folder / "migrations" / f"{quote(name, safe=' ')}.csv", **maps}


def _write(drafted: Drafted, files: dict[str, Path]) -> Iterator[Path]:
    write_new(files[""], render_rows(drafted.draft, drafted.form))
    yield files[""]
    for sort, ids in drafted.draft.maps.items():
        if ids or sort in _ALWAYS:
            write_new(files[sort], render_map(ids))
            yield files[sort]


def _next(drafted: Drafted, name: str) -> str:
    sorts = [sort for sort, ids in drafted.draft.maps.items() if ids]
    maps = ", ".join(f"{sort}: maps/{sort}s.csv" for sort in sorts)
    settings = [
        "source: internal:Stripe",
        f"csv: migrations/{quote(name, safe=' ')}.csv",
        f"key: {METADATA}.{drafted.form.key}",
        f"amount_unit: {drafted.form.unit}",
        f"maps: {{{maps}}}",
    ]
    head = f"Next: fill in the new ids, and let the block {name} have"
    return "\n".join([head, *(f"    {line}" for line in settings), f"then billplan migrations check {name}"])
