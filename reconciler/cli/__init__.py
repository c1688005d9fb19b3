"""The command line: one file a command; each parses, calls one use case, renders, and chooses the exit code."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from reconciler.cli.apply import apply_command
from reconciler.cli.bindings import bindings_command
from reconciler.cli.demo import demo_command
from reconciler.cli.doctor import doctor_command
from reconciler.cli.drift import drift_command
from reconciler.cli.emulator import emulator_command
from reconciler.cli.import_specs import import_command
from reconciler.cli.init import init_command
from reconciler.cli.migrations import migrations_command
from reconciler.cli.plan import plan_command
from reconciler.cli.report import report, report_usage, wants_json
from reconciler.cli.schema import schema_command
from reconciler.cli.show import show_command
from reconciler.cli.status import status_command
from reconciler.cli.sync import sync_command
from reconciler.cli.unlock import unlock_command
from reconciler.cli.validate import validate_command
from reconciler.cli.version import version_command
from reconciler.errors import BillplanError

INTERRUPTED = 130


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def billplan() -> None:
    """Terraform for Stripe billing: declare it in YAML, review the plan, apply it once.

    \b
    A first look, on an emulated Stripe:  billplan demo
    Your own project:                     billplan init, then billplan plan
    """


for command in (
    init_command,
    validate_command,
    plan_command,
    show_command,
    apply_command,
    drift_command,
    sync_command,
    status_command,
    import_command,
    bindings_command,
    migrations_command,
    schema_command,
    doctor_command,
    unlock_command,
    version_command,
    emulator_command,
    demo_command,
):
    billplan.add_command(command)


def run(args: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; a bug of ours keeps its traceback."""
    as_json = wants_json(sys.argv[1:] if args is None else args)
    try:
        code = billplan.main(args=args, prog_name="billplan", standalone_mode=False)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except BillplanError as error:
        return report(error, as_json=as_json)
    except click.ClickException as error:
        return report_usage(error, as_json=as_json)
    except (click.Abort, KeyboardInterrupt):
        return _interrupted()
    except RuntimeError as error:
        # A Ctrl-C while threads are waited for can come before a lock is taken again that is then given back: Python
        # raises this over the interrupt.
        if isinstance(error.__context__, KeyboardInterrupt):
            return _interrupted()
        raise
    return code if isinstance(code, int) else 0


def _interrupted() -> int:
    click.echo("interrupted", err=True)
    return INTERRUPTED


def main() -> NoReturn:
    """Run billplan as a program."""
    sys.exit(run())
