"""`billplan sync`: the mirror, brought up to date."""

from __future__ import annotations

import re
import time
from collections.abc import Collection
from dataclasses import asdict
from datetime import UTC, datetime

import click

from reconciler.adapters.system_clock import SystemClock
from reconciler.cli.options import Call, project_options
from reconciler.core.mirror_status import TypeStatus
from reconciler.core.suggest import suggestion
from reconciler.engine.mirror_status import types_of
from reconciler.engine.sync import Synced
from reconciler.mirrored import EVENT, MIRRORED
from reconciler.project import Project
from reconciler.views.sync import SyncEnd, render_sync, render_sync_json

_TYPES = (*MIRRORED, EVENT)
# A type may be called by its own name or by its table's.
_NAMES = {name: m.name for m in _TYPES for name in (m.name, m.table)}
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


def _checked_objects(context: click.Context, parameter: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    """Read `customer,products` into names of types, each once, in the order of the mirror."""
    words = [word.strip().lower().replace("-", "_") for one in given for word in one.split(",")]
    unknown = [word for word in words if word not in _NAMES]
    if unknown:
        told = " ".join(_refused(word) for word in unknown)
        raise click.BadParameter(f"{told} The types are {', '.join(m.name for m in _TYPES)}.")
    named = {_NAMES[word] for word in words}
    return tuple(m.name for m in _TYPES if m.name in named)


def _refused(word: str) -> str:
    near = suggestion(word, _NAMES)
    return f"There is no type {word!r}{f', {near}' if near else '.'}"


def _checked_moment(context: click.Context, parameter: click.Parameter, given: str | None) -> int | None:
    """Read a day, which begins at 00:00 UTC, or a date and time with its zone, into epoch seconds."""
    if given is None:
        return None
    text = given.strip()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        message = f"{given!r} is no date such as 2026-01-31, nor a date and time such as 2026-01-31T08:00:00Z"
        raise click.BadParameter(message) from None
    if moment.tzinfo is None:
        if not _DAY.fullmatch(text):
            raise click.BadParameter(f"{given!r} has no time zone: write {moment.isoformat()}Z for UTC")
        moment = moment.replace(tzinfo=UTC)
    # An offset can take the first and the last day of all out of the calendar.
    seconds = int((moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds())
    if seconds > SystemClock().now():
        raise click.BadParameter(f"{given!r} is in the future: nothing was created after it")
    return max(0, seconds)


@click.command("sync", short_help="Copy the account into the store's mirror, or catch up with what changed.")
@click.option(
    "--objects",
    multiple=True,
    metavar="TYPE,...",
    callback=_checked_objects,
    help="Only these types and those they hang on, such as customer,product.",
)
@click.option(
    "--created-after",
    metavar="ISO",
    callback=_checked_moment,
    help="List only what was created since this day (UTC) or moment.",
)
@click.option("--full", is_flag=True, help="List everything again, also what was listed before.")
@project_options("text", "json")
def sync_command(call: Call, objects: tuple[str, ...], created_after: int | None, full: bool) -> int:
    """Copy the account into the store's mirror, or catch up with what changed since. Changes nothing in Stripe.

    A sync that ends early loses nothing: the same command goes on where it stopped.

    \b
    Exit codes: 0 done, 1 error, 3 wrong target, 5 some types failed, or another sync is running.
    Example:  billplan sync
              billplan sync --objects customer,subscription --created-after 2026-01-01
              billplan sync --full     (finds also what changed without an event)
    """
    begun = time.monotonic()
    with call.project() as project:
        try:
            synced = project.sync(objects=objects, created_after=created_after, full=full)
        except KeyboardInterrupt:
            click.echo("What was read is kept: the same command goes on where it stopped.", err=True)
            raise
        types = _types(project, synced, objects)
    end = SyncEnd(
        account=synced.account,
        livemode=synced.livemode,
        types=types,
        listed=synced.listed,
        skipped=synced.skipped,
        failed=synced.failed,
        bindings=asdict(synced.learned),
        elapsed=time.monotonic() - begun,
    )
    if call.form == "json":
        click.echo(render_sync_json(end))
    else:
        click.echo(render_sync(end, color=call.color, width=call.width).rstrip("\n"), color=True)
    synced.check()
    return 0


def _types(project: Project, synced: Synced, asked: Collection[str]) -> tuple[TypeStatus, ...]:
    """The types that a sync was about: all of them, or those asked for and what came with them."""
    mirror = project.wiring.mirrors.of(synced.account, synced.livemode)
    about = {*asked, *synced.listed, *synced.skipped, *synced.failed}
    return () if mirror is None else tuple(one for one in types_of(mirror) if not asked or one.type in about)
