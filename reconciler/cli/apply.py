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
from reconciler.views.outcome import render_applied, render_result, result_document


@click.command("apply")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--auto-approve", is_flag=True, help="Do not ask. Needed where there is no terminal.")
@click.option("--skip-invalid", is_flag=True, help="Leave refused changes out and apply the rest.")
@click.option("--select", multiple=True, metavar="GLOB", help="Without FILE: plan only these addresses.")
@click.option("--lock-timeout", type=click.IntRange(min=0), default=0, help="Seconds to wait for the lock.")
@consent_options
@project_options("text", "json")
def apply_command(call: Call, file: Path | None, consent: Consent, **flags: object) -> int:
    """Apply a saved plan, or make one, ask, and apply it. Running the same plan again is safe.

    \b
    Exit codes: 0 done, 3 wrong target or stale plan, 4 refused, 5 in part: run the same command again, or plan anew.
    Example:  billplan apply plan.jsonl --auto-approve
    """
    if file is not None and flags["select"]:
        raise click.UsageError("--select goes with a new plan, not with a saved one")
    with call.project() as project:
        consent = _with_skips(consent, bool(flags["skip_invalid"]))
        plan = load_plan(file) if file is not None else _planned(project, flags["select"], consent)
        if plan.empty:
            _say(call, plan, "Nothing to do. Stripe matches the specs.")
            return 0
        if not flags["auto_approve"]:
            _ask(call, plan)
        wait = flags["lock_timeout"]
        applied = project.apply(
            plan, consent=consent, wait_seconds=wait if isinstance(wait, int) else 0, on_result=_teller(call)
        )
        return _conclude(call, project, plan, applied)


def _with_skips(consent: Consent, skip_refused: bool) -> Consent:
    return Consent(
        allow=consent.allow,
        takeover=consent.takeover,
        max_changes=consent.max_changes,
        skip_refused=skip_refused,
    )


def _planned(project: Project, select: object, consent: Consent) -> Plan:
    return project.plan(select=select if isinstance(select, tuple) else (), consent=consent).plan


def _ask(call: Call, plan: Plan) -> None:
    """Show the plan and ask: yes in test mode, the project's name in live mode."""
    if call.form == "json" or not sys.stdin.isatty():
        raise click.UsageError("without a terminal to ask on, apply needs --auto-approve")
    click.echo(Review(plan=plan).render("text", color=call.color, width=call.width), color=True)
    live = plan.header.livemode
    word = plan.header.project if live else "yes"
    question = f"This is LIVE mode. Type the project's name ({word}) to apply" if live else "Type yes to apply"
    if click.prompt(question, default="", show_default=False) != word:
        click.echo("Nothing was applied.", err=True)
        raise click.exceptions.Exit(1)


def _teller(call: Call) -> Callable[[Result], None]:
    """Tell each step's result as it comes: a line of text, or a line of JSON."""

    def tell(result: Result) -> None:
        if call.form == "json":
            click.echo(json.dumps(result_document(result)))
        elif result.outcome is not Outcome.SKIPPED:
            click.echo(render_result(result, color=call.color, width=call.width), color=True)

    return tell


def _say(call: Call, plan: Plan, words: str) -> None:
    if call.form == "json":
        click.echo(json.dumps({"type": "summary", "plan": plan.digest, "complete": True, "steps": 0}))
    else:
        click.echo(words)


def _conclude(call: Call, project: Project, plan: Plan, applied: Applied) -> int:
    left = len(project.verify(plan).changes) if applied.complete else 0
    click.echo(render_applied(plan, applied.results, left, form=call.form), color=True)
    return 0 if applied.complete and not left else PartialApply.exit_code
