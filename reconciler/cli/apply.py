"""`billplan apply`: a saved plan, or a new one after a question."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import click

from reconciler.adapters.plan_store import load_plan
from reconciler.cli.options import Call, consent_options, project_options
from reconciler.core.plan import Plan
from reconciler.core.results import Outcome, Result
from reconciler.engine.apply import Applied
from reconciler.errors import PartialApply
from reconciler.project import Consent, Project, Review
from reconciler.views.outcome import plan_document, render_applied, render_result, result_document


@click.command("apply", short_help="Apply a saved plan, or make one, ask, and apply it.")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--auto-approve", is_flag=True, help="Do not ask. Needed where there is no terminal.")
@click.option("--skip-invalid", is_flag=True, help="Leave refused changes out and apply the rest.")
@click.option("--select", multiple=True, metavar="GLOB", help="Without FILE: plan only these addresses.")
@click.option("--lock-timeout", type=click.IntRange(min=0), default=0, help="Seconds to wait for the lock.")
@consent_options
@project_options("text", "json")
def apply_command(
    call: Call,
    file: Path | None,
    consent: Consent,
    *,
    auto_approve: bool,
    select: tuple[str, ...],
    lock_timeout: int,
) -> int:
    """Apply a saved plan, or make one, ask, and apply it. Running the same plan again is safe.

    \b
    Exit codes: 0 done, 1 error, 3 wrong target or stale plan, 4 refused,
                5 in part: run the same command again, or plan anew.
    Example:  billplan apply plan.jsonl --auto-approve
    """
    if file is not None and (select or consent.takeover):
        given = "--select" if select else "--takeover"
        raise click.UsageError(f"{given} goes with a new plan, not with a saved one: give it to billplan plan")
    if not auto_approve:
        need_terminal(call, "apply")
    with call.project() as project:
        plan = project.plan(select=select, consent=consent).plan if file is None else load_plan(file)
        show_plan(call, plan)
        project.check(plan, consent=consent)
        if plan.empty:
            return _conclude(call, project, plan, Applied(results=()))
        if not auto_approve:
            ask(plan)
        applied = project.apply(plan, consent=consent, wait_seconds=lock_timeout, on_result=teller(call))
        return _conclude(call, project, plan, applied)


def need_terminal(call: Call, command: str) -> None:
    """Raise a usage error where nobody can be asked."""
    if call.form == "json":
        raise click.UsageError(f"with --format json nothing is asked: {command} needs --auto-approve")
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError(f"without a terminal to ask on, {command} needs --auto-approve")


def show_plan(call: Call, plan: Plan) -> None:
    """Show what is about to be applied, so that the log of a run says it, too."""
    if call.form == "json":
        click.echo(json.dumps(plan_document(plan)))
    else:
        click.echo(Review(plan=plan).render("text", color=call.color, width=call.width), color=True)


def ask(plan: Plan) -> None:
    """Ask for yes in test mode, for the project's name in live mode."""
    live = plan.header.livemode
    word = plan.header.project if live else "yes"
    question = f"This is LIVE mode. Type the project's name ({word}) to apply" if live else "Type yes to apply"
    if click.prompt(question, default="", show_default=False).strip() != word:
        click.echo("Nothing was applied.", err=True)
        raise click.exceptions.Exit(1)


def teller(call: Call) -> Callable[[Result], None]:
    """Tell each step's result as it comes: a line of text, or a line of JSON."""
    color, width = call.color, call.width

    # By print: on a terminal, a live bar takes sys.stdout over to write above itself, and click.echo goes past that.
    def tell(result: Result) -> None:
        if call.form == "json":
            print(json.dumps(result_document(result)), flush=True)
        elif result.outcome is not Outcome.SKIPPED:
            print(render_result(result, color=color, width=width), flush=True)

    return tell


def _conclude(call: Call, project: Project, plan: Plan, applied: Applied) -> int:
    left = project.verify(plan) if applied.complete and plan.steps else ()
    ended = render_applied(plan, applied.results, left, form=call.form)
    if call.form == "json" or not plan.empty:
        click.echo(ended, color=True)
    return 0 if applied.complete and not left else PartialApply.exit_code
