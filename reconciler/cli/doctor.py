"""`billplan doctor`: is everything in place?"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence

import click

from reconciler.cli.options import Call, project_options
from reconciler.core.types import show_moment
from reconciler.engine.doctor import Check, Health, examine
from reconciler.engine.migrations import kinds_for
from reconciler.engine.publishing import publishes
from reconciler.errors import BillplanError, SpecError
from reconciler.kinds import KINDS
from reconciler.kinds.entitlement_feature import ENTITLEMENT_FEATURE
from reconciler.project import Project
from reconciler.views.page import Page

_MARKS = {Health.OK: ("ok", "green"), Health.WARNING: ("warning", "yellow"), Health.FAILED: ("FAILED", "red")}
_MARGIN = 9


@click.command("doctor", short_help="Check specs, key, account, permissions, clock, store and lock.")
@project_options("text", "json")
def doctor_command(call: Call) -> int:
    """Check specs, key, account, permissions, clock, store and lock; name what a restricted key lacks. Changes nothing.

    \b
    Exit codes: 0 all is well, or there are only warnings; 1 a check failed.
    Example:  billplan doctor --env live
    """
    with call.project() as project:
        checks = list(_checks(project))
    if call.form == "json":
        found = [{"name": c.name, "health": c.health, "detail": c.detail, "hint": c.hint} for c in checks]
        click.echo(json.dumps(found, indent=2))
    else:
        click.echo(_show(checks, call), color=True)
    return 1 if any(c.health is Health.FAILED for c in checks) else 0


def _show(checks: Sequence[Check], call: Call) -> str:
    page = Page(color=call.color, width=call.width)
    for check in checks:
        word, style = _MARKS[check.health]
        page.line((word.rjust(_MARGIN - 2), style), f"  {check.name}: {check.detail}", hang=_MARGIN)
        if check.hint:
            page.line(check.hint, indent=_MARGIN)
    return page.text().rstrip("\n")


def _checks(project: Project) -> Iterator[Check]:
    yield _tried("specs", lambda: f"{len(project.validate())} resources declared")
    store = _tried("store", lambda: project.wiring.store_name)
    yield store
    try:
        api = project.wiring.api
    except BillplanError as error:
        yield Check(name="key", health=Health.FAILED, detail=error.message, hint=error.hint)
        return
    target_is_known = False
    published = (ENTITLEMENT_FEATURE,) if publishes(project.specs) else ()
    kinds = (*KINDS, *published, *kinds_for(project.specs.migrations))
    for check in examine(api, project.wiring.pins, project.wiring.clock, kinds):
        target_is_known = target_is_known or (check.name == "clock" and check.health is Health.OK)
        yield check
    if target_is_known and store.health is Health.OK:
        yield _lock(project)


def _lock(project: Project) -> Check:
    try:
        holder = project.wiring.locks.holder(str(project.scope))
    except BillplanError as error:
        return Check(name="lock", health=Health.FAILED, detail=error.message, hint=error.hint)
    if holder is None:
        return Check(name="lock", health=Health.OK, detail="free")
    detail = f"held by {holder.who} since {show_moment(holder.since)}"
    hint = "if that apply is gone for good, break its lock: billplan unlock"
    return Check(name="lock", health=Health.WARNING, detail=detail, hint=hint)


def _tried(name: str, check: Callable[[], str]) -> Check:
    try:
        return Check(name=name, health=Health.OK, detail=check())
    except SpecError as error:
        return Check(name=name, health=Health.FAILED, detail=error.message, hint="see: billplan validate")
    except BillplanError as error:
        return Check(name=name, health=Health.FAILED, detail=error.message, hint=error.hint)
