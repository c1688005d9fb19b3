"""The passage of time: everything that became due is made up for, in order, each at the moment at which it was due.

So it does not matter whether a clock was advanced in one go or day by day, nor when somebody looks.
"""

from __future__ import annotations

from collections.abc import Callable

from reconciler.emulator.billing.cycle import turn
from reconciler.emulator.billing.invoicing import finalize, overdue
from reconciler.emulator.billing.phase import step
from reconciler.emulator.rules.credit import lapse
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World


def _bill(world: World, record: Record) -> None:
    if record["status"] == "draft":
        finalize(world, record)
    else:
        overdue(world, record)


# Of one moment, what comes first: credits that expire then pay for nothing more; a phase decides what a period that
# begins with it costs.
ORDER: tuple[tuple[str, Callable[[World, Record], None]], ...] = (
    ("billing.credit_grant", lapse),
    ("subscription_schedule", step),
    ("subscription", turn),
    ("invoice", _bill),
)


def elapse(world: World, clock: str = "", until: int | None = None) -> None:
    """Let everything happen that is due by a clock until a moment; the world's own clock until its now."""
    until = world.real_now() if until is None else until
    while True:
        waiting = [
            (soonest, rank)
            for rank, (name, _) in enumerate(ORDER)
            if (soonest := world.tables[name].soonest(clock)) is not None
        ]
        if not waiting:
            return
        (moment, position), rank = min(waiting, key=lambda one: (one[0][0], one[1]))
        if moment > until:
            return
        name, happen = ORDER[rank]
        record = world.tables[name].get(position[2])
        assert record is not None, "what is due is there"
        with world.at(moment):
            happen(world, record)
        if world.tables[name].soonest(clock) == (moment, position):
            raise AssertionError(f"time stands still for {record['id']} at {moment}")
