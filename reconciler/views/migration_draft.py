"""What was drafted from another account: files, and words on what is not in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from reconciler.core.row_columns import METADATA
from reconciler.core.source_draft import DraftForm, OldId, SourceDraft
from reconciler.core.toolkit_csv import csv_text, in_toolkit_order
from reconciler.views.outline import counted

_ALWAYS = ("customer", "start_date", "price", "quantity", "coupon", "collection_method", "source_subscription")
_NOTES = {
    "metadata": "with metadata, which is not carried over: add metadata.NAME columns where it is wanted",
    "default_payment_method": "with a payment method of its own: here the customer's default one is charged",
    "past_due": "past due: end_source takes only what is paid",
}


def render_rows(draft: SourceDraft, form: DraftForm) -> Iterator[str]:
    """Write the rows as CSV, with the toolkit's columns in its order."""
    names = [*_ALWAYS, f"{METADATA}.{form.key}", *(name for row in draft.rows for name in row)]
    columns = in_toolkit_order(names)
    priced = any("price" in row for row in draft.rows) or not draft.rows
    columns = [name for name in columns if priced or name not in ("price", "quantity")]
    return csv_text([columns, *([row.get(name, "") for name in columns] for row in draft.rows)])


def render_map(ids: Iterable[OldId]) -> Iterator[str]:
    """Write a map as CSV: old id, new id, and what it is."""
    return csv_text([("old_id", "new_id", "about"), *((one.old, one.new, one.about) for one in ids)])


def draft_lines(draft: SourceDraft) -> Iterator[str]:
    """Say what was drafted, and what is not in it and why, line by line."""
    for one in draft.left_out:
        yield f"left out {one.id}: {'; '.join(one.words)}"
    yield f"{counted(len(draft.rows), 'row')}, {len(draft.left_out):,} left out"
    for reason, count in draft.reasons.items():
        yield f"  {count:>7,}  {reason}"
    for note, count in sorted(draft.notes.items()):
        yield f"{counted(count, 'row')} {_NOTES[note]}"
    for sort, ids in sorted(draft.maps.items()):
        missing = sum(not one.new for one in ids)
        if ids:
            yield f"{counted(len(ids), _noun(sort))}, {missing:,} without a new id yet"


def draft_document(draft: SourceDraft, written: Sequence[str], source: str) -> dict[str, Any]:
    """Spell the same for machines."""
    return {
        "source_account": source,
        "written": list(written),
        "rows": len(draft.rows),
        "left_out": [{"id": one.id, "reasons": list(one.reasons), "words": list(one.words)} for one in draft.left_out],
        "reasons": draft.reasons,
        "notes": dict(sorted(draft.notes.items())),
        "maps": {
            sort: {"ids": len(ids), "without_new_id": sum(not one.new for one in ids)}
            for sort, ids in sorted(draft.maps.items())
        },
    }


def _noun(sort: str) -> str:
    return sort.replace("_", " ")
