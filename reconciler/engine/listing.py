"""Listing: pages of 100, newest first, each object once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reconciler.core.values import Value
from reconciler.ports.billing import BillingApi

PAGE = 100


def list_pages(
    api: BillingApi, path: str, params: Mapping[str, Value]
) -> Iterator[tuple[list[Mapping[str, Value]], int]]:
    """Yield each page's raw objects, and Stripe's time of the answer in epoch seconds."""
    cursor: dict[str, Value] = {}
    while True:
        answer = api.request("get", path, {**params, "limit": PAGE, **cursor})
        objects = list(answer.body["data"])
        yield objects, answer.date
        if not answer.body["has_more"] or not objects:
            return
        cursor = {"starting_after": objects[-1]["id"]}
