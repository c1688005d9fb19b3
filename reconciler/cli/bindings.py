"""`billplan bindings`: who is bound, who will be on first touch, and who needs a person to say whose they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from reconciler.cli.options import Call, Command, project_options
from reconciler.core.bindings import WantedBindings
from reconciler.core.buckets import undeclared
from reconciler.core.diagnostics import Diagnostic, SourceRange
from reconciler.core.resolution import Answer, resolution_of
from reconciler.engine.buckets import BucketsSeen, look_at_buckets
from reconciler.errors import BillplanError, SpecError
from reconciler.project import Project
from reconciler.specfiles.findings import Findings
from reconciler.specfiles.row_source import DELIMITERS, RowFile, RowFormat, read_rows
from reconciler.views.binding_specs import render_binding_specs
from reconciler.views.bindings import (
    Rows,
    Shown,
    attention_rows,
    bound_rows,
    pending_rows,
    render_attention_csv,
    render_bucket,
    render_csv,
    render_json,
)

_BOUND = ("external_id", "customer", "email", "bound_by", "bound_at", "state")
_PENDING = ("customer", "email", "created", "active_subscriptions", "last_invoice")


@click.group("bindings", short_help="Show who is bound, pending, or needs attention; turn answers into specs.")
def bindings_command() -> None:
    """Show which customers are bound to ids of your own, which will be on first touch, and which need attention.

    All of it is read from the store: no key is needed, and nothing is asked of Stripe or changed in it.

    \b
    Example:  billplan bindings attention --format csv > answers.csv
              billplan bindings resolve answers.csv --out specs/answered.yaml
    """


def _emails(command: Command) -> Command:
    option = click.option("--emails", is_flag=True, help="Show e-mail addresses in full.")
    return option(command)


def _shown(seen: BucketsSeen, emails: bool) -> Shown:
    return Shown(
        account=seen.account,
        livemode=seen.livemode,
        now=seen.now,
        as_of=seen.as_of,
        buckets=seen.buckets,
        standings=seen.standings,
        emails=emails,
    )


def _show(call: Call, emails: bool, bucket: str, rows: Callable[[Shown], Rows], table: Callable[[Shown], str]) -> None:
    with call.project() as project:
        shown = _shown(look_at_buckets(project.wiring.offline, project.wiring.pins), emails)
    match call.form:
        case "json":
            click.echo(render_json(shown, bucket, rows(shown)))
        case "csv":
            click.echo(table(shown), nl=False)
        case _:
            text = render_bucket(shown, bucket, color=call.color, width=call.width)
            click.echo(text.rstrip("\n"), color=True)


@bindings_command.command("list", short_help="List the bindings, however they came about.")
@_emails
@project_options("text", "json", "csv")
def list_command(call: Call, *, emails: bool) -> None:
    """List the bindings, however they came about: by a plan, on first touch, or found in metadata.

    \b
    Example:  billplan bindings list --format csv
    """
    _show(call, emails, "bound", bound_rows, lambda shown: render_csv(_BOUND, bound_rows(shown)))


@bindings_command.command("pending", short_help="List the customers that are bound on first touch.")
@_emails
@project_options("text", "json", "csv")
def pending_command(call: Call, *, emails: bool) -> None:
    """List the customers that are bound on first touch: no other customer has their e-mail address.

    \b
    Example:  billplan bindings pending
    """
    _show(call, emails, "pending", pending_rows, lambda shown: render_csv(_PENDING, pending_rows(shown)))


@bindings_command.command("attention", short_help="List the customers that only a person can tell apart.")
@_emails
@project_options("text", "json", "csv")
def attention_command(call: Call, *, emails: bool) -> None:
    """List the customers without an e-mail address, or with one that others share, and what tells them apart.

    As CSV it has an empty column external_id: fill it in where you know, and give the file to bindings resolve.

    \b
    Example:  billplan bindings attention --format csv > answers.csv
    """
    _show(call, emails, "attention", attention_rows, render_attention_csv)


@bindings_command.command("resolve", short_help="Turn a filled-in list of bindings attention into spec rows.")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="The spec file to write; default: stdout.")
@project_options("text")
def resolve_command(call: Call, file: Path, out: Path | None) -> None:
    """Turn a filled-in list of bindings attention into spec rows, for review. Binds nothing: a plan does.

    Rows without an external id are left out and counted.

    \b
    Example:  billplan bindings resolve answers.csv --out specs/answered.yaml
    """
    with call.project() as project:
        wanted = _wanted(project)
        answers = _answers(file)
        seen = look_at_buckets(project.wiring.offline, project.wiring.pins)
    found = resolution_of(answers, wanted, seen.seen, seen.project)
    if found.wrong:
        raise SpecError([_wrong(file, *one) for one in found.wrong])
    text = render_binding_specs(found.bindings, "Written by billplan bindings resolve, to be reviewed and planned.")
    told = f"{len(found.bindings):,} to bind, {found.blank:,} left blank"
    _write(out, text, f"{told}. Next: billplan plan" if out is not None else f"{told}.")


def _wrong(file: Path, line: int, wrong: str, hint: str) -> Diagnostic:
    return Diagnostic(code="BP1507", summary=wrong, source=SourceRange(str(file), line, 1), hint=hint)


def _wanted(project: Project) -> WantedBindings:
    specs = project.specs
    if specs.diagnostics:
        raise SpecError(specs.diagnostics)
    return specs.bindings


def _answers(file: Path) -> Sequence[Answer]:
    """Read the list; raise SpecError with everything that is wrong with the file."""
    findings = Findings()
    fields = ("customer", "external_id")
    table = RowFile(
        path=file,
        shown=str(file),
        format=RowFormat.CSV,
        source=SourceRange(str(file), 1, 1),
        fields=fields,
        required=fields,
        delimiter=_delimiter(file),
    )
    answers = []
    for row in read_rows(table, findings):
        if row.wrong:
            findings.append(_wrong(file, row.line, row.wrong, row.hint))
        else:
            values: dict[str, Any] = {name: row.values.get(name, "") for name in fields}
            answers.append(
                Answer(line=row.line, customer=values["customer"].strip(), external_id=values["external_id"])
            )
    if findings:
        raise SpecError(findings)
    return answers


def _delimiter(file: Path) -> str:
    """Find what separates the cells: spreadsheets of many countries write another one than they were given."""
    try:
        with file.open(encoding="utf-8-sig") as stream:
            header = stream.readline().rstrip("\r\n")
    except (OSError, ValueError):
        # What is wrong with the file is told where it is read.
        return ","
    return next((one for one in DELIMITERS if "customer" in header.replace('"', "").split(one)), ",")


@bindings_command.command("export", short_help="Write the bindings that no spec declares as spec rows.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="The file to write; default: stdout.")
@project_options("yaml", "csv")
def export_command(call: Call, out: Path | None) -> None:
    """Write the bindings that no spec declares as spec rows, so that git catches up with first touches.

    \b
    Example:  billplan bindings export --out specs/touched.yaml
    """
    with call.project() as project:
        wanted = _wanted(project)
        seen = look_at_buckets(project.wiring.offline, project.wiring.pins)
    found = {one.external_id: one.customer_id for one in undeclared(seen.buckets.bound, wanted)}
    if call.form == "csv":
        rows = [{"external_id": id, "customer": customer} for id, customer in sorted(found.items())]
        text = render_csv(("external_id", "customer"), rows, exact=("external_id", "customer"))
    else:
        text = render_binding_specs(found, "Written by billplan bindings export: bound already, declared from here on.")
    _write(out, text, f"{len(found):,} written")


def _write(out: Path | None, text: str, told: str) -> None:
    """Write a file that is not there yet, or to stdout; say on stderr what it came to."""
    if out is None:
        click.echo(text, nl=False)
    else:
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            with out.open("x", encoding="utf-8", newline="\n") as stream:
                stream.write(text)
        except FileExistsError:
            raise BillplanError(f"nothing was written: {out} exists already", hint="choose another --out") from None
        except OSError as error:
            raise BillplanError(f"cannot write {out}: {error.strerror}", hint="choose another --out") from None
    click.echo(told, err=True)
