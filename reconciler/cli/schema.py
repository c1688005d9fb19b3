"""`billplan schema`: the JSON Schemas of the spec language."""

from __future__ import annotations

import json
from pathlib import Path

import click

from reconciler.core.suggest import suggestion
from reconciler.errors import BillplanError
from reconciler.specfiles.json_schema import schemas, write_schemas


@click.command("schema", short_help="Print or write the JSON Schemas of the spec language.")
@click.argument("name", required=False)
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Write all of them into a folder.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="Of names and counts.")
def schema_command(name: str | None, out: Path | None, form: str) -> None:
    """Print a JSON Schema (products, prices, ..., specs, billplan), the names of all, or write them to a folder.

    \b
    Example:  billplan schema prices
              billplan schema --out .schemas
    """
    known = {file.removesuffix(".schema.json"): schema for file, schema in schemas().items()}
    if out is not None:
        try:
            files = [str(path) for path in write_schemas(out)]
        except OSError as error:
            raise BillplanError(f"cannot write to {out}: {error.strerror}", hint="choose another folder") from None
        click.echo(json.dumps({"written": files}) if form == "json" else f"{len(files)} files written to {out}")
    elif name is None:
        click.echo(json.dumps(sorted(known)) if form == "json" else "\n".join(sorted(known)))
    elif name not in known:
        raise click.UsageError(f"there is no schema {name}; {suggestion(name, known) or 'see billplan schema'}")
    else:
        click.echo(json.dumps(known[name], indent=2))
