"""Words for tests: a change of a plan, its steps, and edits that somebody else makes."""

from __future__ import annotations

import itertools
from typing import Any

from reconciler.core.changes import Change
from reconciler.core.plan import Plan
from tests.account import Account

PRODUCT: dict[str, Any] = {"name": "Pro"}
PRICE: dict[str, Any] = {
    "product": "product.pro",
    "currency": "usd",
    "unit_amount": 2900,
    "recurring": {"interval": "month"},
}

_COUNT = itertools.count()


def change(plan: Plan, address: str) -> Change:
    """The change of one address."""
    return next(c for c in plan.changes if str(c.address) == address)


def addresses(plan: Plan) -> list[str]:
    """The addresses that a plan has changes for."""
    return [str(c.address) for c in plan.changes]


def steps(plan: Plan) -> list[str]:
    """The ids of a plan's steps, in their order."""
    return [s.id for s in plan.steps]


def by_hand(account: Account, path: str, **params: Any) -> dict[str, Any]:
    """Do what somebody does in the Dashboard."""
    answer = account.api.request("post", path, params, idempotency_key=f"by-hand-{next(_COUNT)}")
    return dict(answer.body)


def ids(account: Account, table: str, **having: Any) -> list[str]:
    """The ids of the objects of a table that show these values, oldest first."""
    return [r["id"] for r in account.live(table) if all(r[n] == v for n, v in having.items())]
