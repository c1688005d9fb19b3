"""`billplan validate`: the specs by themselves, offline."""

from __future__ import annotations

import json

import click

from reconciler.cli.options import Call, project_options
from reconciler.core.bindings import KIND


@click.command("validate", short_help="Check the specs offline, every mistake at once.")
@project_options("text", "json")
def validate_command(call: Call) -> None:
    """Check the specs offline: every mistake of all files at once, with file, line and column.

    \b
    Example:  billplan validate --env live
    """
    with call.project() as project:
        desired = project.validate()
        counts = {KIND: len(rows)} if (rows := project.specs.bindings.rows) else {}
        for one in desired:
            counts[one.address.kind] = counts.get(one.address.kind, 0) + 1
    if call.form == "json":
        click.echo(json.dumps({"valid": True, "resources": counts}))
    else:
        shown = ", ".join(f"{n} {kind}{'' if n == 1 else 's'}" for kind, n in sorted(counts.items()))
        click.echo(f"The specs are valid: {shown or 'they declare nothing'}.")
