"""The windows of listings under way, as the store numbers them; a number is never given twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, update

from reconciler.core.standing import Window
from reconciler.store.mirror_rows import Target
from reconciler.store.mirror_tables import MIRROR_WINDOWS

_COLUMNS = ("listing", "parent", "since", "until", "cursor", "reached")
_WINDOWS = MIRROR_WINDOWS.c
# Built once: for each page they would take longer to build than to run.
_END = delete(MIRROR_WINDOWS).where(_WINDOWS.id == bindparam("window"))
_MOVE = (
    update(MIRROR_WINDOWS)
    .where(_WINDOWS.id == bindparam("window"))
    .values({name: bindparam(name) for name in ("since", "until", "cursor", "reached")})
)
_ADD = insert(MIRROR_WINDOWS).returning(_WINDOWS.id)


def window_row(target: Target, type: str, window: Window) -> dict[str, Any]:
    """A window as its row, without a number."""
    return {**target.key(), "type": type, **{name: getattr(window, name) for name in _COLUMNS}}


def move_window(
    connection: Connection, target: Target, type: str, window: Window, rest: Sequence[Window]
) -> tuple[Window, ...] | None:
    """Put what is left of a window in its place: the first part keeps its number.

    None, and nothing written, where the window is not there any more: its listing was dropped or has ended.
    """
    if not rest:
        return () if connection.execute(_END, {"window": window.id}).rowcount else None
    first, *others = rest
    values = {"since": first.since, "until": first.until, "cursor": first.cursor, "reached": first.reached}
    if not connection.execute(_MOVE, {"window": window.id, **values}).rowcount:
        return None
    # One by one: they are few, and many in one statement may come back in another order.
    ids = [connection.execute(_ADD, window_row(target, type, other)).scalar_one() for other in others]
    return (replace(first, id=window.id), *(replace(w, id=id) for w, id in zip(others, ids, strict=True)))
