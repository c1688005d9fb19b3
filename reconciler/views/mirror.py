"""The types of the mirror as rows: what the status and the end of a sync have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from reconciler.core.mirror_status import TypeStatus
from reconciler.core.standing import Status
from reconciler.core.types import show_moment
from reconciler.views.notation import clean
from reconciler.views.page import Page
from reconciler.views.redact import redact_text

_STYLES = {
    Status.PENDING: "yellow",
    Status.SYNCING: "yellow",
    Status.READY: "green",
    Status.ERROR: "bold red",
    Status.SKIPPED: "dim",
}
_UNCOUNTED = (Status.PENDING, Status.SKIPPED)


def plain(text: str) -> str:
    """Write a text of Stripe's or of somebody's machine: redacted and harmless."""
    return clean(redact_text(text))


def moment(at: int | None) -> str | None:
    """Write a moment for JSON."""
    return None if at is None else show_moment(at)


def type_document(one: TypeStatus) -> dict[str, Any]:
    """Lay out one type as JSON."""
    standing = one.standing
    return {
        "type": one.type,
        "table": one.table,
        "status": standing.status.value,
        "objects": one.count,
        "doubts": one.doubts,
        "as_of": moment(standing.as_of),
        "listed_at": moment(standing.listed_at),
        "created_after": moment(standing.created_after),
        "detail": standing.detail or None,
    }


def write_target(page: Page, account: str, livemode: bool) -> None:
    """Say whose mirror it is."""
    mode = ("*** LIVE MODE ***", "bold white on red") if livemode else ("TEST MODE", "bold green")
    page.line(mode, f"  account {plain(account)}")
    page.gap()


def write_types(page: Page, types: Sequence[TypeStatus], last: tuple[str, Callable[[TypeStatus], str]]) -> None:
    """Write a table of types; `last` is the heading of its last column and what stands there."""
    heading, words = last
    counts = [_count(one) for one in types]
    name = max([len("type"), *(len(one.type) for one in types)])
    number = max([len("objects"), *map(len, counts)])
    page.line((f"{'type':{name}}  {'status':7}  {'objects':>{number}}  {heading}".rstrip(), "dim"), indent=2)
    for one, count in zip(types, counts, strict=True):
        status = one.standing.status
        shown = (f"{status.value:7}", _STYLES[status])
        page.line(f"{one.type:{name}}  ", shown, f"  {count:>{number}}  {words(one)}".rstrip(), indent=2, hang=0)


def _count(one: TypeStatus) -> str:
    return "-" if one.standing.status in _UNCOUNTED and not one.count else f"{one.count:,}"


def write_reasons(page: Page, heading: tuple[str, str], reasons: Iterable[tuple[str, str]]) -> None:
    """Write why types are as they are, each reason once with all its types: (type, reason) pairs."""
    grouped: dict[str, list[str]] = {}
    for type, reason in reasons:
        grouped.setdefault(reason, []).append(type)
    if not grouped:
        return
    page.gap()
    page.line(heading)
    for reason, types in grouped.items():
        page.line(f"{', '.join(types)}: {plain(reason)}", indent=2)
