"""The requests to the account that rows come from: a subscription is set to end there, or to go on. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.core.address import Address
from reconciler.core.deadline import deadline_of
from reconciler.core.plan import Step, Unchanged
from reconciler.core.source_facts import MOVED_BY, MOVED_TO, SourceFacts, SourceSubscription, source_path
from reconciler.core.values import Value

SOURCE_SUBSCRIPTION = "source_subscription"
_CANCEL_AT, _TO, _BY = "cancel_at", f"metadata[{MOVED_TO}]", f"metadata[{MOVED_BY}]"


def end_source(
    address: Address, source: SourceSubscription, facts: SourceFacts, start: int, needs: Sequence[str]
) -> Step:
    """Let a subscription end at its source when its row starts; `needs` are the steps by which that one does."""
    return Step(
        id=f"{address}/end_source {_id(source, facts)}",
        address=address,
        kind=SOURCE_SUBSCRIPTION,
        title=f"end {source.id} in {facts.account} when {address} starts",
        method="post",
        path=_path(source, facts),
        params={
            "cancel_at": start,
            # It ends with the period that was paid: nothing is credited, and nothing charged.
            "proration_behavior": "none",
            "metadata": {MOVED_TO: str(address), MOVED_BY: facts.mover},
        },
        precondition=Unchanged(
            remote_id=_id(source, facts),
            before={**_as_seen(source), "period_end": source.period_end, "schedule": None},
        ),
        expect={_CANCEL_AT: start, _TO: str(address), _BY: facts.mover},
        needs=tuple(needs),
        undo="state: canceled on its migration, until an hour before the start: it goes on then",
        deadline=deadline_of(start),
    )


def keep_source(address: Address, source: SourceSubscription, facts: SourceFacts, needs: Sequence[str]) -> Step:
    """Let a subscription go on at its source that was set to end; `needs` are the steps that roll its row back."""
    return Step(
        id=f"{address}/keep_source {_id(source, facts)}",
        address=address,
        kind=SOURCE_SUBSCRIPTION,
        title=f"let {source.id} go on in {facts.account}",
        method="post",
        path=_path(source, facts),
        params={"cancel_at": "", "proration_behavior": "none", "metadata": {MOVED_TO: "", MOVED_BY: ""}},
        precondition=Unchanged(remote_id=_id(source, facts), before=_as_seen(source)),
        expect={_CANCEL_AT: None, _TO: None, _BY: None},
        needs=tuple(needs),
        undo="raise attempt: of its migration and apply: it ends again when the row starts",
    )


def _as_seen(source: SourceSubscription) -> dict[str, Value]:
    return {
        "status": source.status,
        _CANCEL_AT: source.cancel_at,
        # Somebody else may have asked for the very end that is wanted here.
        "cancel_at_period_end": source.at_period_end,
        "canceled_at": source.canceled_at,
        _TO: source.moved_to or None,
        _BY: source.moved_by or None,
    }


def _path(source: SourceSubscription, facts: SourceFacts) -> str:
    return source_path(facts.account, f"/v1/subscriptions/{source.id}")


def _id(source: SourceSubscription, facts: SourceFacts) -> str:
    return f"{facts.account}/v1/subscriptions/{source.id}"
