"""Drift: what changed outside billplan since it was last applied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from reconciler.core.changes import Action, Drift
from reconciler.core.plan import Plan


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
    changes = tuple(
        replace(c, reason=f"{addresses[c.address]} was applied and is gone from Stripe")
        if c.address in addresses
        else c
        for c in plan.changes
    )
    return replace(plan, changes=changes, drift=(*plan.drift, *drift))
