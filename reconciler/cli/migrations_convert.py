"""`billplan migrations convert` and `template`: rows from one form into another, and empty files to begin with."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from reconciler.cli.new_file import refuse_existing, write_new
from reconciler.core.dashboard_export import KEY, Drafted, ExportMaps, Header, draft_rows
from reconciler.core.diagnostics import SourceRange
from reconciler.core.row_columns import METADATA
from reconciler.core.toolkit_csv import TEMPLATES, csv_text, in_toolkit_order
from reconciler.errors import SpecError
from reconciler.specfiles import codes
from reconciler.specfiles.row_conversion import lines_of, rows_of_csv, rows_of_yaml
from reconciler.views.migration_specs import migration_specs
from reconciler.views.mirror import plain
from reconciler.views.outline import counted

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
_EXPORTED = ("id", "Customer ID")
_FORM = click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="Output format.")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """The options of a conversion."""

    to: str | None
    source: str | None
    out: Path | None
    name: str | None
    key: str | None
    amount_unit: str | None
    prices: Path | None
    customers: Path | None
    coupons: Path | None
    form: str

    def check(self) -> None:
        """Raise a usage error for options that do not go together."""
        export = {"--prices": self.prices, "--customers": self.customers, "--coupons": self.coupons}
        if (self.to is None) == (self.source is None):
            raise click.UsageError("give either --to yaml, --to csv or --from dashboard")
        if self.source is not None:
            if self.prices is None or self.out is None:
                raise click.UsageError("--from dashboard needs --prices FILE, old ids and new ones, and --out DIR")
            if self.key is not None or self.amount_unit is not None:
                raise click.UsageError("--key and --amount-unit do not go with --from dashboard")
            return
        given = [name for name, value in export.items() if value is not None]
        if given:
            raise click.UsageError(f"{' and '.join(given)} go with --from dashboard")
        if self.to == "csv" and self.amount_unit is not None:
            raise click.UsageError("--amount-unit goes with --to yaml: a file has no place for it")
        if self.form == "json" and self.out is None:
            raise click.UsageError("--format json tells what was written, and so needs --out")


@click.command("convert", short_help="Turn toolkit CSVs into YAML and back, and the Dashboard's export into rows.")
@click.argument("file", type=_FILE)
@click.option("--to", type=click.Choice(["yaml", "csv"]), help="What to write: a block with inline rows, or a CSV.")
@click.option("--from", "source", type=click.Choice(["dashboard"]), help="FILE is the Dashboard's subscription export.")
@click.option("--out", type=click.Path(path_type=Path), help="The file to write, of an export the folder.")
@click.option("--name", help="The migration; default: the file's name, of YAML the only one with rows.")
@click.option("--key", help="The metadata that identifies a row, as in metadata.third_party_sub_id.")
@click.option(
    "--amount-unit", type=click.Choice(["major", "minor"]), help="What the CSV's amounts are in: 21.50 or 2150."
)
@click.option("--prices", type=_FILE, help="Of an export: CSV of old price ids and new ones.")
@click.option("--customers", type=_FILE, help="Of an export: CSV of old customer ids and new ones; default: they stay.")
@click.option("--coupons", type=_FILE, help="Of an export: CSV of old coupon ids and new ones.")
@_FORM
def convert_command(file: Path, **given: Any) -> None:
    """Turn a toolkit CSV into a subscription_migrations block with inline rows, such a block into a toolkit CSV, or the
    Dashboard's export of another account's subscriptions into rows. Nothing is lost, and nothing checked: check does.

    \b
    Example:  billplan migrations convert rows.csv --to yaml --key metadata.old_id --out specs/migration.yaml
              billplan migrations convert specs/migration.yaml --to csv --out rows.csv
              billplan migrations convert subscriptions.csv --from dashboard --prices maps/prices.csv --out migrations
    """
    wanted = _Wanted(**given)
    wanted.check()
    if wanted.source is not None:
        _from_dashboard(file, wanted)
    elif wanted.to == "yaml":
        _to_yaml(file, wanted)
    else:
        _to_csv(file, wanted)


def _check_form(file: Path, to: str) -> None:
    """Raise a usage error where the file is plainly not what is turned into `to`."""
    yaml = file.suffix.lower() in (".yaml", ".yml")
    if yaml != (to == "csv") and (yaml or file.suffix.lower() == ".csv"):
        form, other = ("YAML", "csv") if yaml else ("a CSV", "yaml")
        raise click.UsageError(f"{file} is {form} already, by its name: --to {other} turns it into the other form")
    if to == "yaml":
        _, lines, _ = lines_of(file, _EXPORTED)
        _, names = next(lines, (1, []))
        if not Header(names).missing:
            raise click.UsageError(f"{file} is an export of the Dashboard: --from dashboard takes it")


def _to_yaml(file: Path, wanted: _Wanted) -> None:
    _check_form(file, "yaml")
    found = rows_of_csv(file, wanted.key or "")
    name = wanted.name or file.stem
    if found.amounts and wanted.amount_unit is None:
        message = (
            "the file has columns of amounts: say with --amount-unit whether 21.50 is written (major) or 2150 (minor)"
        )
        raise click.UsageError(message)
    settings = {"key": f"{METADATA}.{found.key}"}
    if wanted.amount_unit is not None:
        settings["amount_unit"] = wanted.amount_unit
    told = {"migration": name, "rows": len(found.bodies)}
    _write(wanted, migration_specs(name, settings, found.bodies), told)


def _to_csv(file: Path, wanted: _Wanted) -> None:
    _check_form(file, "csv")
    found = rows_of_yaml(file, wanted.name or "", wanted.key or "")
    column = f"{METADATA}.{found.key}"
    columns = in_toolkit_order([column, *(name for row in found.rows.values() for name in row)])
    told: dict[str, Any] = {"rows": len(found.rows), "key": column}
    if found.unit:
        told["amount_unit"] = found.unit
    _write(wanted, _table(columns, found.rows.values()), told)


def _table(columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> Iterable[str]:
    return csv_text([columns, *([row.get(name, "") for name in columns] for row in rows)])


def _write(wanted: _Wanted, pieces: Iterable[str], told: Mapping[str, Any]) -> None:
    words = ", ".join(f"{name} {value}" for name, value in told.items())
    if wanted.out is None:
        for piece in pieces:
            click.echo(piece, nl=False)
        click.echo(words, err=True)
        return
    write_new(wanted.out, pieces)
    click.echo(json.dumps({"written": str(wanted.out), **told}) if wanted.form == "json" else f"{wanted.out}: {words}")


def _from_dashboard(file: Path, wanted: _Wanted) -> None:
    out, prices = wanted.out, wanted.prices
    if out is None or prices is None:
        raise ValueError("checked before")
    name = wanted.name or file.stem
    path = out / f"{name}.csv"
    refuse_existing([path])
    maps = ExportMaps(
        prices=_map(prices),
        customers=None if wanted.customers is None else _map(wanted.customers),
        coupons=None if wanted.coupons is None else _map(wanted.coupons),
    )
    drafted = _drafted(file, maps)
    columns = in_toolkit_order(["customer", "start_date", "price", *(n for row in drafted.rows for n in row)])
    if not any("price" in row for row in drafted.rows) and drafted.rows:
        columns.remove("price")
    write_new(path, _table(columns, drafted.rows))
    _tell_drafted(file, path, name, drafted, wanted.form)


def _drafted(file: Path, maps: ExportMaps) -> Drafted:
    shown, lines, findings = lines_of(file, _EXPORTED)
    line, names = next(lines, (1, []))
    header = Header(names)
    if header.missing and not findings:
        hint = "export the subscriptions from the Dashboard with all columns"
        summary = f"the export has no column {', '.join(header.missing)}"
        findings.report(codes.UNKNOWN_COLUMN, summary, SourceRange(shown, line, 1), hint)
    drafted = Drafted() if findings else draft_rows(header, lines, maps)
    if findings:
        raise SpecError(findings)
    return drafted


def _map(path: Path) -> dict[str, str]:
    """Read old ids and new ones: the first two columns; raise SpecError for what cannot be."""
    shown, lines, findings = lines_of(path, ())
    line, header = next(lines, (1, []))
    if len(header) < 2 and not findings:
        hint = "its first line names the columns, each other one is an old id and a new one"
        findings.report(codes.WRONG_SHAPE, "the map has fewer than two columns", SourceRange(shown, line, 1), hint)
    ids: dict[str, str] = {}
    for number, cells in lines:
        place = SourceRange(shown, number, 1)
        old, new = (cells[0].strip(), cells[1].strip()) if len(cells) > 1 else ("", "")
        if not old:
            findings.report(codes.WRONG_SHAPE, "the line has no old id", place, "fill it in, or take the line out")
        elif ids.setdefault(old, new) != new:
            findings.report(codes.BAD_SOURCE, f"{old!r} has another new id before", place, "keep the one that is meant")
    if findings:
        raise SpecError(findings)
    return ids


def _tell_drafted(file: Path, path: Path, name: str, drafted: Drafted, form: str) -> None:
    if form == "json":
        left_out = [{"line": o.line, "id": o.id, "reason": o.reason, "words": o.words} for o in drafted.left_out]
        told = {"written": str(path), "rows": len(drafted.rows), "left_out": left_out, "reasons": drafted.reasons}
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
        return
    for one in drafted.left_out:
        click.echo(plain(f"{file}:{one.line}: left out{f' {one.id}' if one.id else ''}: {one.words}"), err=True)
    click.echo(f"{path}: {counted(len(drafted.rows), 'row')}, {len(drafted.left_out):,} left out")
    for reason, count in drafted.reasons.items():
        click.echo(f"  {count:>7,}  {reason}")
    block = f"{{source: internal:Stripe, csv: {path}, key: {METADATA}.{KEY}}}"
    click.echo(f"Next: subscription_migrations: {{{json.dumps(name)}: {block}}}, then billplan migrations check")


@click.command("template", short_help="Write the toolkit's three empty CSVs.")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), default=Path(), help="The folder; default: here."
)
@_FORM
def template_command(out: Path, form: str) -> None:
    """Write the toolkit's three empty CSVs: basic.csv, multi-price.csv and ad-hoc.csv. Overwrites nothing.

    \b
    Example:  billplan migrations template --out migrations
    """
    files = {out / name: columns for name, columns in TEMPLATES.items()}
    refuse_existing(list(files))
    for path, columns in files.items():
        write_new(path, csv_text([columns]))
    if form == "json":
        click.echo(json.dumps({"written": [str(path) for path in files]}))
        return
    for path in files:
        click.echo(f"written {path}")
