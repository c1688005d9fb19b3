"""`billplan migrations cancel`: rolls back at once what has not started, under the lock and through the journal."""

from __future__ import annotations

from collections.abc import Sequence

import click

from reconciler.cli.apply import ask, need_terminal, show_plan, teller
from reconciler.cli.options import Call, project_options
from reconciler.core.changes import Action
from reconciler.core.roll_back import RollBackScope, Spared
from reconciler.core.suggest import suggestion
from reconciler.engine.apply import Applied
from reconciler.engine.migrating import Migrations
from reconciler.engine.roll_back import RollBack
from reconciler.errors import BillplanError, PartialApply
from reconciler.project import Consent, Project
from reconciler.views.migration_roll_back import ended_document, ended_lines, meant_lines


@click.command("cancel", short_help="Roll back at once what has not started.")
@click.argument("name")
@click.option("--batch", help="Only the rows of this batch.")
@click.option("--row", "keys", multiple=True, metavar="KEY", help="Only the row of this key; may be repeated.")
@click.option("--auto-approve", is_flag=True, help="Do not ask. Needed where there is no terminal.")
@click.option("--max-changes", type=click.IntRange(min=0), help="Instead of guards.max_changes.")
@project_options("text", "json")
def cancel_command(
    call: Call, name: str, batch: str | None, keys: tuple[str, ...], auto_approve: bool, max_changes: int | None
) -> int:
    """Cancel every schedule of the migration NAME that has not started, or those of a batch or of some rows.

    It is planned, shown, asked for and applied as if the block said  state: canceled. What has started stays.
    A NAME that no block declares any more is what its rows left behind.

    \b
    Exit codes: 0 all is canceled, 1 error, 3 wrong target, 4 refused by a guard,
                5 in part: some started meanwhile, or were changed by others.
    Example:  billplan migrations cancel zuora-2026
              billplan migrations cancel zuora-2026 --batch canary --auto-approve
    """
    if not auto_approve:
        need_terminal(call, "cancel")
    scope = RollBackScope(migration=name, batch=batch, keys=frozenset(keys))
    consent = Consent(max_changes=max_changes)
    with call.project() as project:
        migrations = project.migrations_within(consent)
        meant = migrations.plan_roll_back(scope)
        if meant.plan.empty and not migrations.declares(name):
            raise _nothing_left(project, name)
        _show(call, meant)
        applied = Applied(results=())
        if not meant.plan.empty:
            project.check(meant.plan, consent=consent)
            if not auto_approve:
                ask(meant.plan)
            applied = project.apply(meant.plan, consent=consent, on_result=teller(call))
        failed = _failed(scope, meant, applied, migrations)
        attempt = next((m.attempt for m in project.specs.migrations.migrations if m.name == name), None)
    undone = {result.step.address for result in applied.results if not result.good}
    canceled = sum(c.action is Action.RETIRE and c.address not in undone for c in meant.plan.changes)
    if call.form == "json":
        click.echo(ended_document(scope, meant.view, canceled, failed))
    else:
        click.echo("\n".join(ended_lines(scope, meant.view, canceled, failed, attempt)))
    return PartialApply.exit_code if failed else 0


def _nothing_left(project: Project, name: str) -> BillplanError:
    hint = suggestion(name, [one.name for one in project.specs.migrations.migrations])
    message = f"no migration {name!r} is declared, and nothing that can be canceled is left of one"
    return BillplanError(message, hint=hint or f"billplan migrations status {name} says what is left of it")


def _show(call: Call, meant: RollBack) -> None:
    show_plan(call, meant.plan)
    if call.form == "text":
        click.echo("\n".join(meant_lines(meant.view)))


def _failed(scope: RollBackScope, meant: RollBack, applied: Applied, migrations: Migrations) -> Sequence[Spared]:
    """List what was to be canceled and is not: too late, changed meanwhile, or, named by its key, started."""
    found = {result.step.address: result.detail for result in applied.results if not result.good}
    if applied.results and not found:
        left = migrations.plan_roll_back(scope).plan.changes
        found = {change.address: "a new plan still finds it waiting" for change in left}
    spared = [Spared(address=address, reason=reason) for address, reason in found.items()]
    return [*spared, *meant.view.late, *(meant.view.started if scope.keys else ())]
