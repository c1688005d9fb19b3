"""`billplan drift`: what changed outside billplan."""

from __future__ import annotations

import click

from reconciler.cli.options import Call, project_options
from reconciler.kinds import BY_NAME
from reconciler.views.drift import render_drift, render_drift_json

DRIFTED = 2


@click.command("drift", short_help="Show what somebody changed in Stripe since it was last applied.")
@project_options("text", "json")
def drift_command(call: Call) -> int:
    """Show what somebody changed in Stripe since it was last applied. Changes nothing.

    \b
    Exit codes: 0 no drift, 2 drift.
    Example:  billplan drift || billplan apply     (sets it back)
    """
    with call.project() as project:
        plan = project.drift().plan
    if call.form == "json":
        click.echo(render_drift_json(plan, BY_NAME))
    else:
        click.echo(render_drift(plan, BY_NAME, color=call.color, width=call.width).rstrip("\n"), color=True)
    return DRIFTED if plan.drift else 0
