"""The options that commands share, and what they are called with."""

from __future__ import annotations

import functools
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from reconciler.cli.progress import progress_for
from reconciler.project import Consent, Project, Review

Command = Callable[..., Any]
MIN_WIDTH, MAX_WIDTH = 60, 140


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """How a command was called: which project, in which environment, with which output."""

    config: Path | None
    environment: str | None
    variables: dict[str, str]
    var_files: tuple[Path, ...]
    form: str

    def project(self) -> Project:
        """Load the project; long work shows its progress on stderr."""
        return Project.load(
            self.config,
            environment=self.environment,
            variables=self.variables,
            var_files=self.var_files,
            progress=progress_for(sys.stderr),
        )

    @property
    def color(self) -> bool:
        """Whether results are shown in colour: on a terminal, unless NO_COLOR is set."""
        return sys.stdout.isatty() and not os.environ.get("NO_COLOR")

    @property
    def width(self) -> int:
        """The width of the output in columns."""
        return max(MIN_WIDTH, min(MAX_WIDTH, shutil.get_terminal_size((100, 24)).columns))


def project_options(*forms: str) -> Callable[[Command], Command]:
    """Add --config, --env, --var, --var-file and --format; hand the command a Call."""

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def called(
            config: Path | None,
            env: str | None,
            var: tuple[str, ...],
            var_file: tuple[Path, ...],
            form: str,
            **rest: Any,
        ) -> Any:
            call = Call(config=config, environment=env, variables=_pairs(var), var_files=var_file, form=form)
            return command(call, **rest)

        path = click.Path(path_type=Path)
        options = (
            click.option("--config", type=path, help="The billplan.yaml to use; default: here or above."),
            click.option("--env", metavar="NAME", help="Take environments/NAME.yaml over billplan.yaml."),
            click.option("--var", multiple=True, metavar="NAME=VALUE", help="Set a variable of the specs."),
            click.option("--var-file", multiple=True, type=path, help="Set variables from a YAML file."),
            click.option(
                "--format", "form", type=click.Choice(forms), default=forms[0], show_default=True, help="Output format."
            ),
        )
        for option in reversed(options):
            called = option(called)
        return called

    return decorate


def consent_options(command: Command) -> Command:
    """Add --allow, --takeover and --max-changes; hand the command a Consent. It may have --skip-invalid of its own."""

    @functools.wraps(command)
    def called(
        *args: Any,
        allow: tuple[str, ...],
        takeover: tuple[str, ...],
        max_changes: int | None,
        skip_invalid: bool = False,
        **rest: Any,
    ) -> Any:
        consent = Consent(allow=allow, takeover=takeover, max_changes=max_changes, skip_refused=skip_invalid)
        return command(*args, consent=consent, **rest)

    options = (
        click.option(
            "--allow",
            multiple=True,
            metavar="CLASS:GLOB",
            callback=_checked_allow,
            help="Allow changes of a class, such as irreversible:coupon.old_*.",
        ),
        click.option(
            "--takeover", multiple=True, metavar="ADDRESS", help="Take an object over from another billplan project."
        ),
        click.option("--max-changes", type=click.IntRange(min=0), help="Instead of guards.max_changes."),
    )
    for option in reversed(options):
        called = option(called)
    return called


def _checked_allow(context: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    classes = ("cosmetic", "entitlement", "money", "irreversible")
    for one in given:
        name, colon, glob = one.partition(":")
        if not colon or not glob or name.lower() not in classes:
            raise click.BadParameter(f"{one!r} is not CLASS:GLOB with a class of {', '.join(classes)}")
    return given


def _pairs(given: tuple[str, ...]) -> dict[str, str]:
    pairs = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{one!r} is not NAME=VALUE", param_hint="--var")
        pairs[name] = value
    return pairs


def echo_review(review: Review, call: Call) -> None:
    """Write a plan to stdout, piece by piece."""
    for chunk in review.chunks(call.form, color=call.color, width=call.width):
        click.echo(chunk, nl=False, color=True)
