"""The order in which resources depend on each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

from reconciler.core.address import Address


def find_cycle(depends_on: Mapping[Address, Sequence[Address]]) -> tuple[Address, ...]:
    """Find a circle of addresses, first and last the same; empty where there is none."""
    try:
        TopologicalSorter(depends_on).prepare()
    except CycleError as error:
        return tuple(reversed(error.args[1]))
    return ()


def in_dependency_order(depends_on: Mapping[Address, Sequence[Address]]) -> tuple[Address, ...]:
    """Put what others depend on first, and otherwise sort by address, so that a plan does not depend on file order."""
    sorter = TopologicalSorter({a: [d for d in deps if d in depends_on] for a, deps in depends_on.items()})
    sorter.prepare()
    ordered: list[Address] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready(), key=str)
        ordered += ready
        sorter.done(*ready)
    return tuple(ordered)
