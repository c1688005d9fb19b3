"""`billplan doctor`: is everything in place?"""

from __future__ import annotations

import json
from collections.abc import Iterator

import click

from reconciler.cli.options import Call, project_options
from reconciler.engine.doctor import Check, Health, examine
from reconciler.errors import BillplanError, SpecError
from reconciler.kinds import KINDS
from reconciler.project import Project

_MARKS = {Health.OK: ("ok", "green"), Health.WARNING: ("warning", "yellow"), Health.FAILED: ("FAILED", "red")}


@click.command("doctor")
@project_options("text", "json")
def doctor_command(call: Call) -> int:
    """Check specs, key, account, permissions, clock, store and lock; name what a restricted key lacks.

    \b
    Example:  billplan doctor --env live
    """
    with call.project() as project:
        checks = list(_checks(project))
    if call.form == "json":
        click.echo(
            json.dumps([{"name": c.name, "health": c.health, "detail": c.detail, "hint": c.hint} for c in checks])
        )
    else:
        for check in checks:
            word, colour = _MARKS[check.health]
            click.echo(f"{click.style(word.rjust(7), fg=colour)}  {check.name}: {check.detail}", color=call.color)
            if check.hint:
                click.echo(f"         {check.hint}")
    return 1 if any(c.health is Health.FAILED for c in checks) else 0


def _checks(project: Project) -> Iterator[Check]:
    yield _tried("specs", lambda: f"{len(project.validate())} resources declared")
    yield _tried("store", lambda: project.store_name)
    try:
        api = project.api
    except BillplanError as error:
        yield Check(name="key", health=Health.FAILED, detail=error.message, hint=error.hint)
        return
    yield from examine(api, project.pins, project.clock, KINDS)
    yield _tried("lock", lambda: _lock(project))


def _lock(project: Project) -> str:
    holder = project.locks.holder(str(project.scope))
    return "free" if holder is None else f"held by {holder.who}"


def _tried(name: str, check: object) -> Check:
    try:
        detail = check() if callable(check) else ""
    except SpecError as error:
        return Check(name=name, health=Health.FAILED, detail=error.message, hint="see: billplan validate")
    except BillplanError as error:
        return Check(name=name, health=Health.FAILED, detail=error.message, hint=error.hint)
    return Check(name=name, health=Health.OK, detail=str(detail))
