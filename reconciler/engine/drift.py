"""Drift: what changed outside billplan since it was last applied."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from reconciler.core.changes import Action, Drift, Told
from reconciler.core.kind import STORE_PATH, Kind
from reconciler.core.plan import Plan
from reconciler.core.values import Value


def with_vanished(plan: Plan, applied: Mapping[str, str]) -> Plan:
    """Add to a plan's drift what was applied once and is gone from Stripe; `applied` maps addresses to ids."""
    gone = [c for c in plan.changes if c.action is Action.CREATE and str(c.address) in applied]
    if not gone:
        return plan
    drift = [
        Drift(
            address=c.address,
            remote_id=applied[str(c.address)],
            name="id",
            applied=applied[str(c.address)],
            known=True,
            live=None,
        )
        for c in gone
    ]
    addresses = {c.address: applied[str(c.address)] for c in gone}
    homes = {s.address: "the store" for s in plan.steps if s.path.startswith(STORE_PATH)}
    changes = tuple(
        replace(c, reason=f"{addresses[c.address]} was applied and is gone from {homes.get(c.address, 'Stripe')}")
        if c.address in addresses
        else c
        for c in plan.changes
    )
    return replace(plan, changes=changes, drift=(*plan.drift, *drift))


Events = Callable[[Sequence[str]], Iterable[Mapping[str, Value]]]


def tell(plan: Plan, events: Events, kinds: Mapping[str, Kind]) -> Plan:
    """Add to a plan's drift when, and by which request, each field was changed, where an event tells.

    `events` gives the known events about objects, newest first. The one that is told of made the value that is there
    now: a newer one that is not known yet would be mistaken for an older one otherwise.
    """
    if not plan.drift:
        return plan
    found: dict[tuple[str, str], Told | None] = {}
    wanted: dict[str, list[Drift]] = {}
    # Stripe has no events about the store, only about objects that may have the same id.
    stored = {name for name, kind in kinds.items() if kind.in_store}
    for drift in plan.drift:
        if drift.address.kind not in stored:
            wanted.setdefault(drift.remote_id, []).append(drift)
    for event in events(sorted(wanted)):
        id = str(event["data"]["object"]["id"])
        for drift in wanted[id]:
            name = drift.name
            if (id, name) not in found and _speaks_of(event, name):
                request = event.get("request") or {}
                told = Told(event=str(event["id"]), at=int(event["created"]), request_id=request.get("id"))
                # The newest that speaks of it decides, even if it tells of another value.
                found[id, name] = told if _shows(event, drift, kinds) else None
    return replace(plan, drift=tuple(_told(d, found) if d.address.kind not in stored else d for d in plan.drift))


def _told(drift: Drift, found: Mapping[tuple[str, str], Told | None]) -> Drift:
    return replace(drift, told=found.get((drift.remote_id, drift.name)))


def _shows(event: Mapping[str, Value], drift: Drift, kinds: Mapping[str, Kind]) -> bool:
    """Say whether the object in an event has the value that is there now."""
    kind = kinds.get(drift.address.kind)
    if drift.name == "id" or kind is None:
        return drift.name == "id"
    try:
        observed = kind.observe(event["data"]["object"], int(event["created"]))
    except (KeyError, TypeError, ValueError, AttributeError):
        # The shape of another API version.
        return False
    return bool(observed.attrs.get(drift.name) == drift.live)


def _speaks_of(event: Mapping[str, Value], name: str) -> bool:
    """Say whether an event changed an attribute: `metadata[tier]` stands in `previous_attributes.metadata.tier`."""
    if name == "id":
        return str(event["type"]).endswith(".deleted")
    value: Value = event["data"].get("previous_attributes")
    for key in name.replace("]", "").split("["):
        if not isinstance(value, Mapping):
            return value is not None
        if key not in value:
            return False
        value = value[key]
    return True
