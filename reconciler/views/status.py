"""The status of the mirror: how far each type is, how old it is, who is at work, and the last apply."""

from __future__ import annotations

import json
from collections.abc import Iterator

from reconciler.core.holder import Holder
from reconciler.core.mirror_status import MirrorStatus, TypeStatus
from reconciler.core.plan_json import use_document
from reconciler.core.standing import Status
from reconciler.core.types import show_moment
from reconciler.views.mirror import moment, plain, type_document, write_reasons, write_target, write_types
from reconciler.views.moments import age, when
from reconciler.views.page import Page
from reconciler.views.product_use import write_use
from reconciler.views.redact import redact_value

_RUNS = {"done": "done", "partial": "applied in part", "stopped": "stopped before its end"}


def render_status_json(status: MirrorStatus) -> str:
    """Write the status as one JSON document."""
    run = status.last_apply
    last = {"by": run.actor, "ended_at": moment(run.finished_at), "outcome": run.outcome} if run else None
    document = {
        "account": status.account,
        "livemode": status.livemode,
        "now": show_moment(status.now),
        "types": [{**type_document(one), "age_seconds": one.age(status.now)} for one in status.types],
        "events_read_up_to": moment(status.cursor),
        "syncing": _holder_document(status.syncing),
        "applying": _holder_document(status.applying),
        "last_apply": last,
    }
    if status.product_use is not None:
        document["product_use"] = use_document(status.product_use)
    return json.dumps(redact_value(document), indent=2)


def _holder_document(holder: Holder | None) -> dict[str, str] | None:
    return None if holder is None else {"who": holder.who, "since": show_moment(holder.since)}


def render_status(status: MirrorStatus, *, color: bool, width: int) -> str:
    """Write the status for a terminal of so many columns."""
    page = Page(color=color, width=width)
    write_target(page, status.account, status.livemode)
    write_types(page, status.types, (f"{'age':8}complete as of", lambda one: _age(one, status.now)))
    _write_reasons(page, status)
    page.gap()
    for name, words in _facts(status):
        page.line(f"{name:13}{words}", hang=13)
    if status.product_use is not None:
        write_use(page, status.product_use, "billplan status --format json")
    return page.text()


def _age(one: TypeStatus, now: int) -> str:
    seconds, as_of = one.age(now), one.standing.as_of
    return "" if seconds is None or as_of is None else f"{age(seconds):8}{show_moment(as_of)}"


def _write_reasons(page: Page, status: MirrorStatus) -> None:
    def of(wanted: Status) -> list[TypeStatus]:
        return [one for one in status.types if one.standing.status is wanted]

    errors = [(one.type, f"{one.standing.detail}{_before(one, status.now)}") for one in of(Status.ERROR)]
    write_reasons(page, ("Failed; the next billplan sync tries again", "bold red"), errors)
    skipped = [(one.type, one.standing.detail) for one in of(Status.SKIPPED)]
    write_reasons(page, ("Skipped, since this account does not have it", "bold"), skipped)
    pending = [(one.type, one.standing.detail) for one in of(Status.PENDING) if one.standing.detail]
    write_reasons(page, ("To be listed anew by the next billplan sync", "bold yellow"), pending)
    if status.syncing is None:
        begun = [(one.type, "billplan sync goes on where it stopped") for one in of(Status.SYNCING)]
        write_reasons(page, ("Interrupted", "bold yellow"), begun)
    limited = [(one.type, one.standing.created_after) for one in status.types]
    since = [(type, f"only what was created since {show_moment(at)}") for type, at in limited if at is not None]
    write_reasons(page, ("In part, as --created-after asked", "bold yellow"), since)


def _before(one: TypeStatus, now: int) -> str:
    """What an error left behind: rows that were complete once, and are not counted on."""
    as_of = one.standing.as_of
    return "" if as_of is None else f"; its rows are of {when(as_of, now)}"


def _facts(status: MirrorStatus) -> Iterator[tuple[str, str]]:
    if all(one.standing.status is Status.PENDING for one in status.types):
        yield "mirror", "nothing was mirrored yet: billplan sync does it"
    if status.cursor is not None:
        yield "events", f"read up to {when(status.cursor, status.now)}"
    doubts = [f"{one.doubts:,} of {one.type}" for one in status.types if one.doubts]
    if doubts:
        yield "doubts", f"to be read again by the next billplan sync: {', '.join(doubts)}"
    yield "sync", _at_work(status.syncing, status.now)
    yield "apply", _at_work(status.applying, status.now)
    run = status.last_apply
    if run is None or run.finished_at is None:
        yield "last apply", "none is in this store"
    else:
        outcome = _RUNS.get(run.outcome or "", plain(run.outcome or ""))
        yield "last apply", f"{outcome} at {when(run.finished_at, status.now)}, by {plain(run.actor)}"


def _at_work(holder: Holder | None, now: int) -> str:
    return "none is running" if holder is None else f"running since {when(holder.since, now)}, by {plain(holder.who)}"
