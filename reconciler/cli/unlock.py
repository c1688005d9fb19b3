"""`billplan unlock`: break a lock that its holder left behind."""

from __future__ import annotations

import json
import sys

import click

from reconciler.cli.options import Call, project_options
from reconciler.core.holder import Holder
from reconciler.core.types import show_moment
from reconciler.engine.sync import lock_scope
from reconciler.errors import BillplanError
from reconciler.project import Project


@click.command("unlock", short_help="Release the lock of this project, whoever holds it.")
@click.option("--mirror", is_flag=True, help="The lock of the mirror, which a sync holds, and not that of an apply.")
@click.option("--auto-approve", is_flag=True, help="Do not ask. Needed where there is no terminal.")
@project_options("text", "json")
def unlock_command(call: Call, mirror: bool, auto_approve: bool) -> int:
    """Release the lock of this project, whoever holds it. A running apply that loses it stops before its next call.

    \b
    Example:  billplan unlock
              billplan unlock --mirror
    """
    with call.project() as project:
        scope = _scope(project, mirror)
        holder = project.wiring.locks.holder(scope)
        if holder is None:
            _say(call, None, f"No one holds the lock of {scope}.")
            return 0
        if not auto_approve and not _agreed(call, scope, holder):
            click.echo("The lock was left alone.", err=True)
            return 1
        project.wiring.locks.release(scope)
        since = show_moment(holder.since)
        _say(call, holder.who, f"Released the lock of {scope}, held by {holder.who} since {since}.")
        return 0


def _scope(project: Project, mirror: bool) -> str:
    return lock_scope(_mirrored(project), project.wiring.pins.livemode) if mirror else str(project.scope)


def _mirrored(project: Project) -> str:
    """Name the account whose mirror is meant; Stripe is asked only where neither the project nor the store tells."""
    if project.wiring.pins.account:
        return project.wiring.pins.account
    try:
        return project.wiring.mirrors.only_account()
    except BillplanError:
        return project.scope.account


def _agreed(call: Call, scope: str, holder: Holder) -> bool:
    if call.form == "json" or not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError("without a terminal to ask on, unlock needs --auto-approve")
    click.echo(f"{holder.who} holds the lock of {scope} since {show_moment(holder.since)}.")
    return bool(click.prompt("Type yes to break it", default="", show_default=False).strip() == "yes")


def _say(call: Call, holder: str | None, words: str) -> None:
    click.echo(json.dumps({"released": holder}) if call.form == "json" else words)
