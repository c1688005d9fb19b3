"""`billplan migrations`: rows checked, how far they are, and what went live against what was said."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import click

from reconciler.cli.migrations_cancel import cancel_command
from reconciler.cli.migrations_convert import convert_command, template_command
from reconciler.cli.migrations_draft import draft_command
from reconciler.cli.new_file import refuse_existing, write_new
from reconciler.cli.options import Call, project_options
from reconciler.core.checked_rows import CheckedMigration
from reconciler.core.diagnostics import SourceRange
from reconciler.core.toolkit_csv import csv_text, failed_lines
from reconciler.core.types import show_moment
from reconciler.core.verified_row import Verdict
from reconciler.engine.look import RefreshMode
from reconciler.engine.migrating import Checked
from reconciler.errors import SpecError
from reconciler.project import Project
from reconciler.specfiles.findings import Findings
from reconciler.specfiles.row_source import RowFile, RowFormat, read_lines
from reconciler.views.diagnostics import render_diagnostics
from reconciler.views.migration_check import check_document, check_lines
from reconciler.views.migration_status import head, render_status, status_document
from reconciler.views.migration_verify import render_verify, verify_document

FAILED, DIFFERS = 1, 2
_REFRESH = click.option(
    "--refresh",
    type=click.Choice(["auto", "live", "none"]),
    default="auto",
    show_default=True,
    help="auto: the mirror if it was synced, caught up; live: Stripe's lists; none: the mirror as it is.",
)


@click.group(
    "migrations", short_help="Check, follow, verify and roll back subscription migrations; convert their files."
)
def migrations_command() -> None:
    """Check the rows of subscription migrations, follow them, verify what went live, and roll back what has not.

    A plan and an apply schedule them; these commands tell what plans do not, and convert files.

    \b
    Example:  billplan migrations check zuora-2026 --out failed.csv
              billplan migrations status
    """


@migrations_command.command("check", short_help="Check every row, by itself and against the account.")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--offline", is_flag=True, help="Check rows by themselves alone: no key is needed.")
@click.option("--out", type=click.Path(path_type=Path), help="Write failing rows here; of several files, a folder.")
@_REFRESH
@project_options("text", "json")
def check_command(call: Call, names: tuple[str, ...], offline: bool, out: Path | None, refresh: str) -> int:
    """Check every row of migrations, all without a NAME: by itself, and then against the account. Changes nothing.

    --out writes the failing rows as they came, with their reasons in a column processing_error. Mend that file and
    declare it, or copy its rows back: the column is read over.

    \b
    Exit codes: 0 all rows are good, 1 some fail.
    Example:  billplan migrations check
              billplan migrations check zuora-2026 --offline --out failed.csv
    """
    if offline and refresh != "auto":
        raise click.UsageError("--offline asks Stripe nothing, and reads no mirror: --refresh does not go with it")
    with call.project() as project:
        migrations = project.migrations
        files = _files(project, names, out)
        refuse_existing(list(files.values()))
        checked = migrations.check_offline(names) if offline else migrations.check(names, RefreshMode(refresh))
        written = _write_failing(project, checked.migrations, files)
    _tell(call, checked, written, offline)
    return 0 if checked.good else FAILED


def _files(project: Project, names: Sequence[str], out: Path | None) -> dict[str, Path]:
    """Choose the file for each migration that has one of its own: `--out` itself, or where there are several, in it."""
    if out is None:
        return {}
    known = project.specs.migrations.migrations
    found = [one.name for one in known if one.csv and (not names or one.name in names)]
    if len(found) == 1 and not out.is_dir():
        return {found[0]: out}
    return {name: out / f"{quote(name, safe=' ')}.csv" for name in found}


def _write_failing(project: Project, checked: Sequence[CheckedMigration], files: dict[str, Path]) -> list[str]:
    written = []
    for one in checked:
        csv, path = one.migration.csv, files.get(one.migration.name)
        reasons = {f.row.source.line: f.words for f in one.failing if f.row.source.path == csv}
        if path is None or not reasons:
            continue
        file = RowFile(
            path=project.file.folder / csv,
            shown=csv,
            format=RowFormat.CSV,
            source=SourceRange(csv, 1, 1),
            fields=(),
            required=(),
            delimiter=one.migration.delimiter,
        )
        findings = Findings()
        write_new(path, csv_text(failed_lines(read_lines(file, findings), reasons), file.delimiter))
        if findings:
            raise SpecError(findings)
        written.append(str(path))
    return written


def _tell(call: Call, checked: Checked, written: Sequence[str], offline: bool) -> None:
    if call.form == "json":
        click.echo(check_document(checked.migrations, checked.notes, written))
        return
    for line in check_lines(checked.migrations, checked.notes, offline=offline):
        click.echo(line)
    for path in written:
        click.echo(f"{path}: the failing rows, with the reasons in processing_error")


@migrations_command.command("status", short_help="Say how far migrations are, and until when they can be canceled.")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--rows", is_flag=True, help="List every row, too.")
@_REFRESH
@project_options("text", "json")
def status_command(call: Call, names: tuple[str, ...], rows: bool, refresh: str) -> None:
    """Say of migrations, all without a NAME, how many rows of each batch are not released, waiting, to be scheduled,
    scheduled, live, ended, canceled or failed; when they go live, and how long they can be canceled.

    \b
    Example:  billplan migrations status
              billplan migrations status zuora-2026 --rows --format json
    """
    with call.project() as project:
        found = project.migrations.status(names, RefreshMode(refresh))
    if call.form == "json":
        target = {
            "account": found.account,
            "livemode": found.livemode,
            "now": show_moment(found.now),
            "as_of": None if found.as_of is None else show_moment(found.as_of),
        }
        click.echo(status_document(target, found.migrations, found.orphans, rows=rows))
        return
    page = head(found.account, found.livemode, found.as_of, found.now, (call.color, call.width))
    text = render_status(found.migrations, found.orphans, found.now, page, rows=rows)
    click.echo(text.rstrip("\n"), color=True)
    if found.notes:
        click.echo(render_diagnostics(found.notes, color=call.color).rstrip("\n"), err=True, color=True)


@migrations_command.command("verify", short_help="Hold what went live against its rows: dates, amounts, items, tax.")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--row", "keys", multiple=True, metavar="KEY", help="Only the row of this key; may be repeated.")
@project_options("text", "json")
def verify_command(call: Call, names: tuple[str, ...], keys: tuple[str, ...]) -> int:
    """Hold the subscriptions that went live against their rows: status, dates, first invoice, items and quantities,
    taxes, discount, collection, metadata. Rows whose first charge is still to come are told apart. Changes nothing.

    \b
    Exit codes: 0 all is as the rows say, 2 something differs.
    Example:  billplan migrations verify zuora-2026
              billplan migrations verify --row sub_1 --row sub_2
    """
    with call.project() as project:
        found = project.migrations.verify(names, frozenset(keys))
    shown = [(one.migration.name, one.rows, one.others) for one in found.migrations]
    if call.form == "json":
        target = {"account": found.account, "livemode": found.livemode, "now": show_moment(found.now)}
        click.echo(verify_document(target, shown))
    else:
        page = head(found.account, found.livemode, None, found.now, (call.color, call.width))
        click.echo(render_verify(shown, page).rstrip("\n"), color=True)
    differs = any(row.verdict is Verdict.DIFFERS for one in found.migrations for row in one.rows)
    return DIFFERS if differs else 0


migrations_command.add_command(cancel_command)
migrations_command.add_command(convert_command)
migrations_command.add_command(draft_command)
migrations_command.add_command(template_command)
