"""`billplan plan`: the difference between the specs and Stripe."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from reconciler.adapters.plan_store import save_plan
from reconciler.cli.options import Call, consent_options, echo_review, project_options
from reconciler.core.plan import Plan
from reconciler.errors import PlanRefused
from reconciler.project import Consent

CHANGES = 2


@click.command("plan", short_help="Show what would change in Stripe, in calls and in money.")
@click.option("--out", type=click.Path(path_type=Path), help="Save the plan for apply; .gz is compressed.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 if there are changes.")
@click.option("--select", multiple=True, metavar="GLOB", help="Plan only these addresses and what they need.")
@click.option(
    "--refresh",
    type=click.Choice(["auto", "live", "none"]),
    default="auto",
    show_default=True,
    help="auto: the mirror if it was synced, caught up; live: Stripe's lists; none: the mirror as it is.",
)
@consent_options
@project_options("text", "json", "markdown")
def plan_command(
    call: Call, out: Path | None, detailed_exitcode: bool, select: tuple[str, ...], refresh: str, consent: Consent
) -> int:
    """Show what would change in Stripe, in calls and in money. Changes nothing; a read-only key is enough.

    \b
    Exit codes: 0 done, 1 error, 2 changes (with --detailed-exitcode), 3 wrong target, 4 refused by a guard.
    Example:  billplan plan --out plan.jsonl
              billplan plan --select 'price.pro_*' --detailed-exitcode
              billplan plan --refresh none     (from the mirror alone: no key, no request)
    """
    with call.project() as project:
        review = project.plan(select=select, consent=consent, refresh=refresh)
    echo_review(review, call)
    if out is not None:
        save_plan(review.plan, out)
        given = [f"--allow={one}" for one in consent.allow]
        given += [] if consent.max_changes is None else [f"--max-changes={consent.max_changes}"]
        way_on = f"Apply exactly this with: billplan apply {shlex.join([str(out), *given])}"
        click.echo(f"Saved to {out}. {way_on if review.plan.applicable else 'It is refused as it is.'}", err=True)
    return exit_code(review.plan, detailed_exitcode)


def exit_code(plan: Plan, detailed: bool) -> int:
    """Choose the exit code: 4 if refused, 2 if asked for and something changes, else 0."""
    if not plan.applicable:
        return PlanRefused.exit_code
    return CHANGES if detailed and not plan.empty else 0
