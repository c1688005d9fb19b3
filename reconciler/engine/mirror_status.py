"""The status of every type of the mirror, read from the store."""

from __future__ import annotations

from reconciler.core.mirror_status import TypeStatus
from reconciler.core.mirrored import Mirrored
from reconciler.core.standing import Standing
from reconciler.mirrored import EVENT, MIRRORED
from reconciler.ports.mirror import Mirror


def types_of(mirror: Mirror) -> tuple[TypeStatus, ...]:
    """Read the status of every type, events last."""
    standings, counts = mirror.standings(), mirror.counts()
    doubts = [doubt.type for doubt in mirror.doubts()]
    return tuple(_status(m, standings[m.name], counts[m.name], doubts.count(m.name)) for m in (*MIRRORED, EVENT))


def _status(mirrored: Mirrored, standing: Standing, count: int, doubts: int) -> TypeStatus:
    return TypeStatus(type=mirrored.name, table=mirrored.table, standing=standing, count=count, doubts=doubts)
