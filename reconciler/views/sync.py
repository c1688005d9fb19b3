"""The end of a sync: what each type came to."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from reconciler.core.mirror_status import TypeStatus
from reconciler.core.standing import Status
from reconciler.core.types import show_moment
from reconciler.views.mirror import type_document, write_reasons, write_target, write_types
from reconciler.views.moments import span
from reconciler.views.outline import counted
from reconciler.views.page import Page
from reconciler.views.redact import redact_value


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncEnd:
    """What a sync did: the types it was about, those it `listed`, those found missing, and why any failed.

    `elapsed`: how many seconds the whole of it took. `bindings`: how many were `new` to the store, and how many
    external ids in customers' metadata were `disputed` (several customers have them) or `unusable`.
    """

    account: str
    livemode: bool
    types: Sequence[TypeStatus]
    listed: Collection[str] = ()
    skipped: Mapping[str, str] = field(default_factory=dict)
    failed: Mapping[str, str] = field(default_factory=dict)
    bindings: Mapping[str, int] = field(default_factory=dict)
    elapsed: float

    def seconds(self, one: TypeStatus) -> int | None:
        """How long the listing of a type took, no longer than this sync; None where it was not listed."""
        standing = one.standing
        if one.type not in self.listed or standing.listed_at is None or standing.started_at is None:
            return None
        return max(0, min(standing.listed_at - standing.started_at, round(self.elapsed)))


def render_sync_json(end: SyncEnd) -> str:
    """Write the end of a sync as one JSON document."""
    document = {
        "account": end.account,
        "livemode": end.livemode,
        "complete": not end.failed,
        "seconds": round(end.elapsed, 1),
        "types": [{**type_document(one), "listed_in_seconds": end.seconds(one)} for one in end.types],
        "skipped": dict(end.skipped),
        "failed": dict(end.failed),
        "bindings": dict(end.bindings),
    }
    return json.dumps(redact_value(document), indent=2)


def render_sync(end: SyncEnd, *, color: bool, width: int) -> str:
    """Write the end of a sync for a terminal of so many columns; why something failed is the error's to tell."""
    page = Page(color=color, width=width)
    write_target(page, end.account, end.livemode)
    write_types(page, end.types, ("", lambda one: _came_to(one, end)))
    write_reasons(page, ("Skipped, since this account does not have it", "bold"), end.skipped.items())
    write_reasons(page, ("Customer bindings", "bold"), _bindings(end))
    page.gap()
    moments = [one.standing.as_of for one in end.types if one.standing.fresh and one.standing.as_of is not None]
    if end.failed:
        page.line((f"{counted(len(end.failed), 'type')} failed.", "bold red"))
    elif moments:
        page.line((f"Complete as of {show_moment(min(moments))}, in {span(end.elapsed)}.", "bold green"))
    return page.text()


def _bindings(end: SyncEnd) -> list[tuple[str, str]]:
    """What the customers' metadata told of bindings that the store did not know."""
    told = {
        "new": "learned from the customers' metadata",
        "disputed": "not learned: several customers have that external id in their metadata",
        "unusable": "not learned: what the metadata has is no external id",
    }
    return [(str(end.bindings[name]), why) for name, why in told.items() if end.bindings.get(name)]


def _came_to(one: TypeStatus, end: SyncEnd) -> str:
    seconds = end.seconds(one)
    if seconds is not None:
        after = one.standing.created_after
        since = "" if after is None else f", what was created since {show_moment(after)}"
        return f"listed in {span(seconds) if seconds else 'under 1 s'}{since}"
    return "caught up" if one.standing.status is Status.READY and one.type not in end.failed else ""
