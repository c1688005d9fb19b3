"""What has come since a plan of migrations was made, and keeps a row from being made: its key is on something else by
now, its customer has subscribed to something, or its migration was rolled back."""

from __future__ import annotations

from collections.abc import Iterable, Set

from reconciler.core.address import Address
from reconciler.core.migrations import KIND
from reconciler.core.plan import Absent, Plan, Step
from reconciler.core.resources import Observed
from reconciler.engine.refresh import list_kind
from reconciler.kinds.migrated_subscription import MIGRATED_SUBSCRIPTION
from reconciler.ports.billing import BillingApi

# Stripe's clocks may differ a little between machines; what is listed "since" begins so much earlier.
_OVERLAP_SECONDS = 300


def begun_since(plan: Plan, api: BillingApi) -> tuple[Observed, ...]:
    """List the subscriptions that may have come since a plan of migrations looked; of other plans none. Raises
    RemoteError."""
    if not any(isinstance(s.precondition, Absent) and s.address.kind == KIND for s in plan.steps):
        return ()
    seen = plan.header.created_at if plan.header.mirror_as_of is None else plan.header.mirror_as_of
    since = min(seen, plan.header.created_at) - _OVERLAP_SECONDS
    return tuple(list_kind(api, MIGRATED_SUBSCRIPTION, {"created": {"gte": since}}))


class Obstacles:
    """What keeps rows from being made: a store would tell that another plan was applied since, but not every apply
    has the same one."""

    def __init__(self, observed: Iterable[Observed], plan: Plan) -> None:
        creates = [s.precondition for s in plan.steps if isinstance(s.precondition, Absent)]
        attrs = {f"metadata[{one.key[0]}]": one.key[0] for one in creates if one.key is not None}
        known = {id for one in creates for id in one.incarnations}
        self._holders: dict[tuple[str, str], list[Observed]] = {}
        self._rolled_back: set[str] = set()
        self._came: dict[str, list[str]] = {}
        own = {s.address for s in plan.steps if s.address.kind == KIND}
        for one in observed:
            if one.owner is not None and one.remote_id not in known and _is_taken_back(one, plan):
                self._rolled_back.add("" if one.owner.address is None else one.owner.address.name)
            if one.alive and one.created > plan.header.created_at and not _is_of(one, plan, own):
                self._came.setdefault(str(one.attrs.get("customer")), []).append(one.remote_id)
            for attr, name in attrs.items():
                if one.alive and attr in one.attrs:
                    self._holders.setdefault((name, str(one.attrs[attr])), []).append(one)

    def words(self, step: Step, precondition: Absent) -> str:
        """Say what keeps a step from being sent; empty where nothing does. A row's key may be a customer's data."""
        if step.address.kind == KIND and step.address.name in self._rolled_back:
            return (
                "not sent: schedules of its migration were made and canceled since the plan was made; make a new plan"
            )
        found = () if precondition.key is None else self._holders.get(precondition.key, ())
        ids = sorted({one.remote_id for one in found if not _is_own(one, step)} - set(precondition.incarnations))
        if ids and precondition.key is not None:
            where = f"its metadata.{precondition.key[0]} is on {' and '.join(ids)} by now"
            return f"not sent: {where}, which would bill a second time; make a new plan"
        came = self._came.get(str(step.params.get("customer")), ()) if step.address.kind == KIND else ()
        if not came:
            return ""
        return f"not sent: its customer has got {' and '.join(came)} since the plan was made; make a new plan"


def _is_own(one: Observed, step: Step) -> bool:
    return one.kind == step.kind and one.owner is not None and one.owner.address == step.address


def _is_of(one: Observed, plan: Plan, addresses: Set[Address]) -> bool:
    owner = one.owner
    return owner is not None and owner.project == plan.header.project and owner.address in addresses


def _is_taken_back(one: Observed, plan: Plan) -> bool:
    """Say whether a schedule of the plan's project was made after the plan, and canceled by now."""
    ours = one.kind == KIND and one.owner is not None and one.owner.project == plan.header.project
    return ours and one.attrs.get("status") == "canceled" and one.created > plan.header.created_at
