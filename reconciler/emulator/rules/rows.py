"""Pages of what one record holds inside itself: the lines of an invoice, the items of a subscription."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reconciler.emulator.errors import exclusive_parameters, no_such
from reconciler.emulator.route import Page
from reconciler.emulator.wire import Record

NAMES = {"line_item": "invoice line item", "subscription_item": "subscription_item"}


def page_of(rows: Sequence[Record], kind: str, url: str, params: Mapping[str, Any]) -> Page:
    """One page in the order in which the record shows them; refuses both cursors at once, and one of no row."""
    after, before = params.get("starting_after", ""), params.get("ending_before", "")
    if after and before:
        raise exclusive_parameters(("starting_after", "ending_before"))
    ids = [row["id"] for row in rows]
    for name, cursor in (("starting_after", after), ("ending_before", before)):
        if cursor and cursor not in ids:
            raise no_such(NAMES[kind], cursor, name)
    limit = params.get("limit", 10)
    if before:
        end = ids.index(before)
        first = max(end - limit, 0)
        return Page(list(rows[first:end]), first > 0, url)
    first = ids.index(after) + 1 if after else 0
    return Page(list(rows[first : first + limit]), first + limit < len(rows), url)
