"""What an apply leaves to do in the mirror."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.core.bindings import KIND as BINDING
from reconciler.core.kind import STORE_PATH
from reconciler.core.plan import Header
from reconciler.core.results import Result
from reconciler.engine.outside import Mirrors
from reconciler.errors import StoreError
from reconciler.kinds.migrated_subscription import MIGRATED_SUBSCRIPTION
from reconciler.kinds.payer import PAYER
from reconciler.kinds.subscription_migration import SUBSCRIPTION_MIGRATION
from reconciler.mirrored import BY_NAME
from reconciler.ports.mirror import Doubt


def doubt_applied(mirrors: Mirrors, header: Header, results: Sequence[Result]) -> None:
    """Let the mirror read again what an apply touched: the events of it may be listed a while later."""
    # What is polled is listed anew by every sync. A kind of the store may be called as a type of Stripe's.
    remote = [(_type(r.step.kind), r.remote_id) for r in results if not r.step.path.startswith(STORE_PATH)]
    touched = {Doubt(type, id) for type, id in remote if id and type in BY_NAME and not BY_NAME[type].polled}
    try:
        mirror = mirrors.of(header.account, header.livemode)
        if mirror is not None:
            standings = mirror.standings()
            mirror.doubt([d for d in sorted(touched, key=str) if standings[d.type].fresh])
    except StoreError:
        # What was applied is applied: a mirror that cannot be written is told of by the next plan.
        return


# The mirror's types of what steps of these kinds touch; the others are called alike.
_TYPES = {
    BINDING: "customer",
    PAYER.name: "customer",
    SUBSCRIPTION_MIGRATION.name: "subscription_schedule",
    MIGRATED_SUBSCRIPTION.name: "subscription",
}


def _type(kind: str) -> str:
    return _TYPES.get(kind, kind)
