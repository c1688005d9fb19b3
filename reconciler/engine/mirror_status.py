"""The status of every type of the mirror, read from the store."""

from __future__ import annotations

from reconciler.core.mirror_status import TypeStatus
from reconciler.core.mirrored import Mirrored
from reconciler.core.standing import Standing
from reconciler.mirrored import TYPES
from reconciler.ports.mirror import Mirror


def types_of(mirror: Mirror) -> tuple[TypeStatus, ...]:
    """Read the status of every type, events last."""
    standings, counts, doubts = mirror.standings(), mirror.counts(), mirror.doubt_counts()
    return tuple(_status(m, standings[m.name], counts[m.name], doubts.get(m.name, 0)) for m in TYPES.values())


def no_types() -> tuple[TypeStatus, ...]:
    """Give the status of every type where there is no store yet."""
    return tuple(_status(m, Standing(type=m.name), 0, 0) for m in TYPES.values())


def _status(mirrored: Mirrored, standing: Standing, count: int, doubts: int) -> TypeStatus:
    return TypeStatus(type=mirrored.name, table=mirrored.table, standing=standing, count=count, doubts=doubts)
