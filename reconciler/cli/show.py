"""`billplan show`: a saved plan, in any format."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.adapters.plan_store import load_plan
from reconciler.cli.options import Call, echo_review, project_options
from reconciler.project import Review


@click.command("show")
@click.argument("file", type=click.Path(path_type=Path))
@project_options("text", "json", "markdown")
def show_command(call: Call, file: Path) -> None:
    """Show a saved plan. Reads nothing but the file.

    \b
    Example:  billplan show plan.jsonl --format markdown
    """
    echo_review(Review(plan=load_plan(file)), call)
