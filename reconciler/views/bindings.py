"""The buckets of customers as text, JSON and CSV, and bindings as spec rows. E-mail addresses only where asked for."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.core.bindings import Customer
from reconciler.core.buckets import Binding, Buckets, Reason, Unclear
from reconciler.core.customer_standing import CustomerStanding
from reconciler.core.types import show_moment
from reconciler.views.mirror import moment
from reconciler.views.moments import when
from reconciler.views.notation import clean
from reconciler.views.outline import counted
from reconciler.views.page import Page
from reconciler.views.redact import redact_text

WORDS: Mapping[Reason, str] = {
    Reason.NO_EMAIL: "no e-mail address",
    Reason.SHARED_EMAIL: "several customers share its e-mail address",
    Reason.SHARED_ID: "its external id is in the metadata of another customer too",
    Reason.UNUSABLE_ID: "what is in its metadata cannot be an external id",
}
ATTENTION_COLUMNS = (
    "customer", "external_id", "reason", "email", "created", "active_subscriptions", "last_invoice", "candidates",
)  # fmt: skip
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_MOST = 200
_FEW = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What the lists are made from: the buckets, whose they are, and how old; moments are epoch seconds, UTC."""

    account: str
    livemode: bool
    now: int
    as_of: int
    buckets: Buckets
    standings: Mapping[str, CustomerStanding] | None
    emails: bool = False

    def email(self, customer: Customer | None) -> str | None:
        """A customer's e-mail address, redacted unless it is asked for."""
        return None if customer is None or not customer.email else redact_text(customer.email, emails=self.emails)

    def use(self, customer: Customer) -> dict[str, Any]:
        """What tells a customer from others; None where the mirror does not know."""
        standing = None if self.standings is None else self.standings.get(customer.id, CustomerStanding())
        return {
            "customer": customer.id,
            "created": show_moment(customer.created),
            "active_subscriptions": None if standing is None else standing.subscriptions,
            "last_invoice": None if standing is None else moment(standing.last_invoice),
        }


Rows = list[dict[str, Any]]


def bound_rows(shown: Shown) -> Rows:
    """Lay out the bindings."""
    return [
        {
            "external_id": redact_text(one.external_id, emails=shown.emails),
            "customer": one.customer_id,
            "email": shown.email(one.customer),
            "bound_by": one.by or "metadata",
            "bound_at": moment(one.at),
            "state": _state(one),
        }
        for one in shown.buckets.bound
    ]


def _state(one: Binding) -> str:
    if one.customer is None:
        return "customer deleted"
    if one.written:
        return "bound"
    fresh = one.at is not None and one.at >= one.customer.as_of
    return "not mirrored yet" if fresh else "not in its metadata as mirrored"


def pending_rows(shown: Shown) -> Rows:
    """Lay out the customers that are bound on first touch."""
    return [{**shown.use(one), "email": shown.email(one)} for one in shown.buckets.pending]


def attention_rows(shown: Shown) -> Rows:
    """Lay out the customers that need attention, with those that they could be mistaken for."""
    return [
        {
            **shown.use(one.customer),
            "reason": one.reason.value,
            "email": shown.email(one.customer),
            "candidates": [shown.use(other) for other in one.candidates if other.id != one.customer.id],
        }
        for one in shown.buckets.attention
    ]


def render_json(shown: Shown, bucket: str, rows: Rows) -> str:
    """Write one bucket as a JSON document, with the counts of all."""
    document = {
        "account": shown.account,
        "livemode": shown.livemode,
        "as_of": show_moment(shown.as_of),
        "counts": counts(shown.buckets),
        bucket: rows,
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def counts(buckets: Buckets) -> dict[str, int]:
    """Count what is in each bucket."""
    sizes = (len(buckets.bound), len(buckets.pending), len(buckets.attention))
    return dict(zip(("bound", "pending", "attention"), sizes, strict=True))


def render_csv(columns: Sequence[str], rows: Iterable[Mapping[str, Any]], exact: Collection[str] = ()) -> str:
    """Write rows as CSV, so that no spreadsheet takes a cell for a formula; `exact` columns stay as they are."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row.get(name), name in exact) for name in columns])
    return out.getvalue()


def _cell(value: Any, exact: bool) -> str:
    if isinstance(value, list):
        return " ".join(str(one["customer"]) for one in value)
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) and not exact else text


def render_attention_csv(shown: Shown) -> str:
    """Write the list that is filled in: the external id is for a person to say."""
    return render_csv(ATTENTION_COLUMNS, ({**row, "external_id": ""} for row in attention_rows(shown)))


def render_bucket(shown: Shown, bucket: str, *, color: bool, width: int, all_rows: bool = False) -> str:
    """Write one bucket for a terminal of so many columns; a long one is cut, and the rest counted."""
    page = Page(color=color, width=width)
    mode = ("*** LIVE MODE ***", "bold white on red") if shown.livemode else ("TEST MODE", "bold green")
    page.line(mode, f"  account {clean(shown.account)}, customers as of {when(shown.as_of, shown.now)}")
    sizes = counts(shown.buckets)
    named = f"{sizes['bound']:,} bound, {sizes['pending']:,} pending (bound on first touch)"
    page.line((f"{named}, {sizes['attention']:,} in need of attention", "bold"))
    lines = {"bound": _bound_lines, "pending": _pending_lines, "attention": _attention_lines}[bucket](shown)
    few = lines if all_rows or len(lines) <= _MOST else lines[:_FEW]
    page.gap()
    for line in few:
        page.line(line, indent=2, hang=4)
    if len(few) < len(lines):
        page.line((f"... and {len(lines) - len(few):,} more", "bold"), "; to see them all: --format csv", indent=2)
    return page.text()


def _bound_lines(shown: Shown) -> list[str]:
    rows = bound_rows(shown)
    wide = min(max((len(clean(row["external_id"])) for row in rows), default=0), 40)
    return [
        f"{clean(row['external_id']):{wide}}  {row['customer']}"
        + (f"  {clean(row['email'])}" if shown.emails and row["email"] else "")
        + f"  by {row['bound_by']}"
        + (f"  {row['bound_at']}" if row["bound_at"] else "")
        + (f"  ({row['state']})" if row["state"] != "bound" else "")
        for row in rows
    ]


def _pending_lines(shown: Shown) -> list[str]:
    return [f"{row['customer']}  {clean(row['email'] or '')}  {_used(row)}" for row in pending_rows(shown)]


def _used(row: Mapping[str, Any]) -> str:
    created = f"created {row['created'][:10]}"
    if row["active_subscriptions"] is None:
        return f"{created}, subscriptions and invoices are not in the mirror"
    last = f"last invoice {row['last_invoice'][:10]}" if row["last_invoice"] else "no invoice"
    return f"{created}, {counted(row['active_subscriptions'], 'active subscription')}, {last}"


def _attention_lines(shown: Shown) -> list[str]:
    """Group the customers that are mistaken for each other, so that each group is read once."""
    lines: list[str] = []
    told: set[str] = set()
    for one in shown.buckets.attention:
        if one.customer.id in told:
            continue
        told.update(other.id for other in one.candidates)
        lines.append(_group(one, shown))
    return lines


def _group(one: Unclear, shown: Shown) -> str:
    email = shown.email(one.customer)
    head = f"{WORDS[one.reason]}{f' ({clean(email)})' if email else ''}"
    rows = [shown.use(other) for other in one.candidates]
    return "\n".join([f"{head}:", *(f"  {row['customer']}  {_used(row)}" for row in rows)])
