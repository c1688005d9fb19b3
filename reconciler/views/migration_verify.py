"""What went live against its rows, for people and programs: what differs, row by row, and what is not billed yet."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from reconciler.core.money import show_amount
from reconciler.core.types import show_moment
from reconciler.core.verified_row import Verdict, VerifiedRow
from reconciler.views.mirror import moment, plain
from reconciler.views.outline import counted
from reconciler.views.page import Page
from reconciler.views.redact import redact_text

# A migration's name, its rows that went live, and how many did not.
Verified = tuple[str, Sequence[VerifiedRow], int]
_MOST_WAITING = 20


def verify_document(target: Mapping[str, Any], migrations: Sequence[Verified]) -> str:
    """Write it as JSON; `target` goes before it."""
    document = {
        **target,
        "as_said": not any(one.verdict is Verdict.DIFFERS for _, rows, _ in migrations for one in rows),
        "migrations": [
            {
                "name": name,
                "counts": {verdict.value: sum(one.verdict is verdict for one in rows) for verdict in Verdict},
                "not_live": others,
                "first_invoices": dict(sorted(Counter(o.invoice.status for o in rows if o.invoice).items())),
                "rows": [_row(one) for one in rows],
            }
            for name, rows, others in migrations
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def _row(one: VerifiedRow) -> dict[str, Any]:
    first, invoice = one.first, one.invoice
    return {
        "address": str(one.address),
        "file": one.row.source.path,
        "line": one.row.source.line,
        "subscription": one.subscription or None,
        "verdict": one.verdict.value,
        "differences": [
            {"what": d.what, "row_says": redact_text(d.said), "stripe_has": redact_text(d.found)}
            for d in one.deviations
        ],
        "first_charge": None
        if first is None
        else {"at": moment(first.at), "amount": first.amount, "currency": first.currency, "plus_tax": first.plus_tax},
        "invoice": None
        if invoice is None
        else {"id": invoice.id, "at": moment(invoice.created), "total": invoice.total, "status": invoice.status},
    }


def render_verify(migrations: Sequence[Verified], page: Page) -> str:
    """Write it for a terminal, below what the page has already."""
    for name, rows, others in migrations:
        counts = Counter(one.verdict for one in rows)
        parts = [f"{counts[Verdict.AS_SAID]:,} as their rows say", f"{counts[Verdict.DIFFERS]:,} differ"]
        parts.append(f"{counts[Verdict.NOT_BILLED]:,} not billed yet")
        told = f"{counted(len(rows), 'row')} went live: {', '.join(parts)}" if rows else "no row went live"
        page.line((plain(f"{name}: {told}; {others:,} not live"), "bold"))
        unpaid = Counter(one.invoice.status for one in rows if one.invoice is not None and one.invoice.status != "paid")
        for status, count in sorted(unpaid.items()):
            page.line(plain(f"{counted(count, 'first invoice')} {status}, not paid"), indent=2)
        for one in rows:
            if one.verdict is Verdict.DIFFERS:
                _write_row(page, one)
        _write_waiting(page, [one for one in rows if one.verdict is Verdict.NOT_BILLED])
        page.gap()
    return page.text()


def _write_row(page: Page, one: VerifiedRow) -> None:
    there = f"{one.subscription}, " if one.subscription else ""
    page.line(plain(f"{one.address} ({there}{one.row.source.path}:{one.row.source.line})"), indent=2)
    for deviation in one.deviations:
        page.line(plain(f"{deviation.what}: row says {deviation.said} / Stripe has {deviation.found}"), indent=4)


def _write_waiting(page: Page, rows: Sequence[VerifiedRow]) -> None:
    waiting = sorted(((o.first.at, str(o.address), o) for o in rows if o.first is not None), key=lambda one: one[:2])
    for at, address, one in waiting[:_MOST_WAITING]:
        amount = None if one.first is None else one.first.amount
        shown = "by usage" if amount is None or one.first is None else show_amount(amount, one.first.currency)
        tax = " plus tax" if one.first is not None and one.first.plus_tax else ""
        page.line(plain(f"{address}: not billed yet, first charge {shown}{tax} on {show_moment(at)}"), indent=2)
    if len(waiting) > _MOST_WAITING:
        page.line(f"... and {len(waiting) - _MOST_WAITING:,} more that are not billed yet", indent=2)
