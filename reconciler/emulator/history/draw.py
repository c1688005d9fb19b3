"""Drawing by lot among the objects that are there."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from reconciler.emulator.table import Table
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World

# Something that may happen; false if there is nothing that it could happen to.
Happening = Callable[[World, Random], bool]
# So often it is tried blindly, before all that fit are looked up: most tables are long, and most records fit.
TRIES = 20


def draw(
    random: Random, table: Table, fits: Callable[[Record], bool] | None = None, status: str | None = None
) -> Record | None:
    """One of a table's records that fit, of a status if one is given; None if there is none."""
    order = table.narrowest({} if status is None else {"status": status})
    for _ in range(TRIES if order else 0):
        record = table.get(random.choice(order)[2])
        if record is not None and (fits is None or fits(record)):
            return record
    fitting = [record for record in table.walk(order, (0, len(order)), upward=True) if fits is None or fits(record)]
    return random.choice(fitting) if fitting else None


def title(random: Random) -> str:
    """A name that hardly anything has yet."""
    return f"{random.choice(('Basic', 'Extra', 'Max', 'Mini', 'Nova', 'Plus', 'Team'))} {random.randrange(10**6):06d}"
