"""What another Stripe account tells of the subscriptions that rows come from. Pure.

Moments are epoch seconds, UTC.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from reconciler.core.address import Address
from reconciler.core.values import Value

# Requests to another account than the project's have paths below this one, with that account's id.
SOURCE_PATH = "/source/"
# What a subscription carries that is to end at its source: the row that takes its place, and whose row that is.
MOVED_TO, MOVED_BY = "billplan_moved_to", "billplan_moved_by"
_ENDED = frozenset({"canceled", "incomplete_expired"})
# What may be carried over: nothing is owed, and a period runs.
GOING_ON = frozenset({"active", "trialing"})


def source_path(account: str, path: str) -> str:
    """Write the path of a request to another account: /source/acct_1/v1/subscriptions."""
    return f"{SOURCE_PATH}{account}{path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSubscription:
    """A subscription at its source. `status` is Stripe's; `period_end` is when its period ends, None where its items'
    do not end together. `cancel_at` is when it is to end, None where it goes on, `canceled_at` when that was asked for,
    and `at_period_end` whether as the end of its period. `schedule` manages it, where one does. `moved_to` and
    `moved_by` are what it carries of a move, empty where nothing."""

    id: str
    status: str
    period_end: int | None
    cancel_at: int | None = None
    canceled_at: int | None = None
    at_period_end: bool = False
    schedule: str | None = None
    moved_to: str = ""
    moved_by: str = ""

    @property
    def ended(self) -> bool:
        """Say whether it is over for good."""
        return self.status in _ENDED

    def is_moved(self, addresses: Iterable[Address], mover: str) -> bool:
        """Say whether it was set to end for one of these rows of this project."""
        return self.moved_by == mover and self.moved_to in {str(one) for one in addresses}


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFacts:
    """The account (acct_...) that a migration's rows come from.

    `mover` is what subscriptions carry there that this project has set to end. `subscriptions` are those that rows
    name, by id, and `moved` those that carry a move of this project's, by the row's address; both are there where
    `listed`, which is so where something ends there. `ids` are those that rows name, as (sort, id), and that are ids of
    that account.
    """

    account: str
    mover: str
    subscriptions: Mapping[str, SourceSubscription] = field(default_factory=dict)
    moved: Mapping[str, SourceSubscription] = field(default_factory=dict)
    ids: frozenset[tuple[str, str]] = frozenset()
    listed: bool = False


def period_end(raw: Mapping[str, Value]) -> int | None:
    """Say when the period of a raw subscription ends; None where its items' do not end together."""
    ends = {int(item["current_period_end"]) for item in (raw.get("items") or {}).get("data", ())}
    return ends.pop() if len(ends) == 1 else None


def read_source(raw: Mapping[str, Value]) -> SourceSubscription:
    """Read a raw subscription of another account."""
    metadata = raw.get("metadata") or {}
    end, schedule = period_end(raw), raw.get("schedule")
    cancel_at = raw.get("cancel_at")
    if cancel_at is None and raw.get("cancel_at_period_end"):
        cancel_at = end
    return SourceSubscription(
        id=str(raw["id"]),
        status=str(raw["status"]),
        period_end=end,
        cancel_at=None if cancel_at is None else int(cancel_at),
        canceled_at=raw.get("canceled_at"),
        at_period_end=bool(raw.get("cancel_at_period_end")),
        schedule=str(schedule["id"]) if isinstance(schedule, Mapping) else schedule,
        moved_to=str(metadata.get(MOVED_TO) or ""),
        moved_by=str(metadata.get(MOVED_BY) or ""),
    )
