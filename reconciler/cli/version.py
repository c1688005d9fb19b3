"""`billplan version`."""

from __future__ import annotations

import json
import platform
from importlib.metadata import version

import click
import stripe

from reconciler.core.plan import FORMAT_VERSION


@click.command("version", short_help="Print the versions of billplan and of what it works with.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", help="Output format.")
def version_command(form: str) -> None:
    """Print the versions of billplan, the plan format, the Stripe SDK and API, and Python.

    \b
    Example:  billplan version --format json
    """
    found = {
        "billplan": version("billplan"),
        "plan_format": FORMAT_VERSION,
        "stripe_sdk": version("stripe"),
        "stripe_api": stripe.api_version,
        "python": platform.python_version(),
    }
    click.echo(json.dumps(found) if form == "json" else "\n".join(f"{k} {v}" for k, v in found.items()))
