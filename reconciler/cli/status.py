"""`billplan status`: how far the mirror is, and who is at work."""

from __future__ import annotations

import click

from reconciler.cli.options import Call, project_options
from reconciler.views.status import render_status, render_status_json


@click.command("status", short_help="Show how far the mirror is and how old, the last apply, and who is at work.")
@project_options("text", "json")
def status_command(call: Call) -> None:
    """Show how far the mirror is and how old, the last apply, and who is at work. Reads the store alone.

    No key is needed. A type counts as complete only while its last sync went well. A project with product mappings is
    told how many active subscriptions each product has, and what the mappings leave out.

    \b
    Example:  billplan status
              billplan status --format json
    """
    with call.project() as project:
        status = project.status()
    if call.form == "json":
        click.echo(render_status_json(status))
    else:
        click.echo(render_status(status, color=call.color, width=call.width).rstrip("\n"), color=True)
