"""What an apply leaves to do in the mirror."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.core.plan import Header
from reconciler.core.results import Result
from reconciler.engine.outside import Mirrors
from reconciler.errors import StoreError
from reconciler.mirrored import BY_NAME
from reconciler.ports.mirror import Doubt


def doubt_applied(mirrors: Mirrors, header: Header, results: Sequence[Result]) -> None:
    """Let the mirror read again what an apply touched: the events of it may be listed a while later."""
    touched = {Doubt(r.step.kind, r.remote_id) for r in results if r.remote_id and r.step.kind in BY_NAME}
    try:
        mirror = mirrors.of(header.account, header.livemode)
        if mirror is not None:
            standings = mirror.standings()
            mirror.doubt([d for d in sorted(touched, key=str) if standings[d.type].fresh])
    except StoreError:
        # What was applied is applied: a mirror that cannot be written is told of by the next plan.
        return
