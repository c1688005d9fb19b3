"""How many live subscriptions stay on prices that are about to be replaced or archived."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from reconciler.core.attrs import root
from reconciler.core.changes import Action, Change
from reconciler.engine.listing import list_pages
from reconciler.errors import RemoteRejected
from reconciler.ports.billing import BillingApi

# Up to so many prices are asked for one by one; for more, one listing of all subscriptions is cheaper.
_ONE_BY_ONE = 3


def count_subscriptions(api: BillingApi, changes: Sequence[Change]) -> tuple[Change, ...]:
    """Add to each replaced or archived price's change how many subscriptions keep billing it."""
    leaving = {c.remote_id for c in changes if _leaves(c) and c.remote_id}
    if not leaving:
        return tuple(changes)
    try:
        counts = _count(api, sorted(leaving))
    except RemoteRejected as error:
        if error.status != 403:
            raise
        note = "its subscriptions were not counted: the key lacks rak_subscription_read"
        return tuple(replace(c, notes=(*c.notes, note)) if _leaves(c) else c for c in changes)
    return tuple(replace(c, notes=(*c.notes, _note(counts[str(c.remote_id)]))) if _leaves(c) else c for c in changes)


def _leaves(change: Change) -> bool:
    sold_by_subscription = any(root(name) == "recurring" for name in change.before)
    return change.address.kind == "price" and change.action in (Action.REPLACE, Action.RETIRE) and sold_by_subscription


def _count(api: BillingApi, prices: Sequence[str]) -> Counter[str]:
    counts: Counter[str] = Counter()
    if len(prices) <= _ONE_BY_ONE:
        for price in prices:
            counts[price] = sum(len(page) for page, _ in list_pages(api, "/v1/subscriptions", {"price": price}))
        return counts
    for page, _ in list_pages(api, "/v1/subscriptions", {}):
        for subscription in page:
            counts.update({str(item["price"]["id"]) for item in subscription["items"]["data"]})
    return counts


def _note(count: int) -> str:
    if not count:
        return "no live subscription uses the old price"
    if count == 1:
        return "1 live subscription stays on the old price, and keeps paying it"
    return f"{count} live subscriptions stay on the old price, and keep paying it"
