"""How commands tell what went wrong: on stderr, as text, or as one JSON document where results are JSON."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from itertools import pairwise

import click

from reconciler.errors import BillplanError, SpecError
from reconciler.views.diagnostics import render_diagnostics
from reconciler.views.errors import error_json, render_error

USAGE = 64


def wants_json(args: Sequence[str]) -> bool:
    """Say whether a command line asks for JSON: known even where the rest of it cannot be understood."""
    forms = [after for option, after in pairwise(args) if option == "--format"]
    forms += [a.removeprefix("--format=") for a in args if a.startswith("--format=")]
    return "json" in forms


def report(error: BillplanError, *, as_json: bool) -> int:
    """Write an error to stderr; return the exit code that it asks for."""
    color = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    if as_json:
        shown = error_json(error)
    elif isinstance(error, SpecError):
        shown = render_diagnostics(error.diagnostics, color=color)
    else:
        shown = render_error(error, color=color)
    click.echo(shown.rstrip("\n"), err=True, color=True)
    return error.exit_code


def report_usage(error: click.ClickException, *, as_json: bool) -> int:
    """Write to stderr what is wrong with a command line; return the exit code for it."""
    if as_json:
        told = {"type": "UsageError", "message": error.format_message(), "hint": None, "exit_code": USAGE}
        click.echo(json.dumps({"error": told}, indent=2), err=True)
    else:
        error.show()
    return USAGE
