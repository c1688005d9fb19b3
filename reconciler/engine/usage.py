"""Who has subscribed to what: the subscriptions that stay on a price which leaves, and those of each product."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from reconciler.core.attrs import root
from reconciler.core.changes import Action, Change
from reconciler.core.product_use import ACTIVE_STATUSES, Subscribed, count_subscribed
from reconciler.core.values import Value
from reconciler.engine.listing import list_pages
from reconciler.errors import RemoteRejected
from reconciler.ports.billing import BillingApi

# Up to so many prices are asked for one by one; for more, one listing of all subscriptions is cheaper.
_ONE_BY_ONE = 3
_ITEMS = "/v1/subscription_items"


# How many live subscriptions there are of each of these prices.
Count = Callable[[Sequence[str]], Mapping[str, int]]


def note_subscriptions(changes: Sequence[Change], counted: Count | None) -> tuple[Change, ...]:
    """Add to each replaced or archived price's change how many subscriptions keep billing it.

    `counted` tells it for prices' ids; None where nothing can.
    """
    leaving = {c.remote_id for c in changes if _leaves(c) and c.remote_id}
    if not leaving:
        return tuple(changes)
    if counted is None:
        return _noted(changes, "its subscriptions were not counted: the mirror has none (billplan sync)")
    try:
        counts = counted(sorted(leaving))
    except RemoteRejected as error:
        if error.status != 403:
            raise
        return _noted(changes, "its subscriptions were not counted: the key lacks rak_subscription_read")
    return tuple(
        replace(c, notes=(*c.notes, _note(counts.get(str(c.remote_id), 0)))) if _leaves(c) else c for c in changes
    )


def _noted(changes: Sequence[Change], note: str) -> tuple[Change, ...]:
    return tuple(replace(c, notes=(*c.notes, note)) if _leaves(c) else c for c in changes)


def _leaves(change: Change) -> bool:
    sold_by_subscription = any(root(name) == "recurring" for name in change.before)
    return change.address.kind == "price" and change.action in (Action.REPLACE, Action.RETIRE) and sold_by_subscription


def count_live(api: BillingApi, prices: Sequence[str]) -> Counter[str]:
    """Count the live subscriptions of prices by listing them."""
    counts: Counter[str] = Counter()
    if len(prices) <= _ONE_BY_ONE:
        for price in prices:
            counts[price] = sum(len(page) for page, _ in list_pages(api, "/v1/subscriptions", {"price": price}))
        return counts
    for page, _ in list_pages(api, "/v1/subscriptions", {}):
        for subscription in page:
            counts.update({str(item["price"]["id"]) for item in _items(api, subscription)})
    return counts


def subscribed_live(api: BillingApi) -> Subscribed:
    """Count who has subscribed to which products by listing all subscriptions."""

    def items() -> Iterator[tuple[str, str, str]]:
        for page, _ in list_pages(api, "/v1/subscriptions", {}):
            for one in page:
                if one["status"] in ACTIVE_STATUSES:
                    customer = one["customer"]["id"] if isinstance(one["customer"], Mapping) else one["customer"]
                    for item in _items(api, one):
                        yield str(one["id"]), str(customer), str(item["price"]["product"])

    try:
        return count_subscribed(items())
    except RemoteRejected as error:
        if error.status != 403:
            raise
        return Subscribed(unknown="the key lacks rak_subscription_read")


def whole_items(api: BillingApi, subscription: Mapping[str, Value], path: str = _ITEMS) -> Mapping[str, Value]:
    """Fetch the items that an answer left out; `path` is where they are listed."""
    items = _items(api, subscription, path)
    return {**subscription, "items": {**subscription["items"], "data": items, "has_more": False}}


def _items(api: BillingApi, subscription: Mapping[str, Value], path: str = _ITEMS) -> list[Mapping[str, Value]]:
    """All items of a subscription: an answer shows the first ten."""
    if not subscription["items"].get("has_more"):
        return list(subscription["items"]["data"])
    pages = list_pages(api, path, {"subscription": subscription["id"]})
    return [item for page, _ in pages for item in page]


def _note(count: int) -> str:
    if not count:
        return "no live subscription uses the old price"
    if count == 1:
        return "1 live subscription stays on the old price, and keeps paying it"
    return f"{count} live subscriptions stay on the old price, and keep paying it"
