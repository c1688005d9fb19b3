"""Which batch a row is in. Pure, linear in rows, and stable when the file grows: a scheduled row keeps its batch."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence

from reconciler.core.migrations import Batch, Migration, Row

# What a share is counted in: 2**32 parts are finer than any percentage that somebody writes.
_PARTS = 2**32


def assign_batches(migration: Migration, recorded: Mapping[str, str]) -> tuple[str, ...]:
    """Name each row's batch, in the order of the rows; empty where none takes it.

    `recorded` are the batches of the rows that are scheduled or were, by key: they stay what they are, also where the
    batch is declared no more. The others go to the first batch, in declared order, that takes them: one of a number of
    rows takes so many, those recorded included, in file order; one of a percentage those whose key's hash falls into
    its share, which begins where that of the percentage before ends.
    """
    taken = Counter(recorded.values())
    places = [_Room(batch, taken[batch.name]) for batch in migration.batches]
    share = 0
    for place in places:
        share = place.take_share(share)
    hashed = any(batch.percent is not None for batch in migration.batches)
    return tuple(recorded[row.key] if row.key in recorded else _first(places, row, hashed) for row in migration.rows)


def is_released(migration: Migration, batch: str) -> bool:
    """Say whether a plan may schedule the rows of a batch; without batches it may schedule all."""
    return not migration.batches or batch in migration.released


def _first(places: Sequence[_Room], row: Row, hashed: bool) -> str:
    part = _part(row.key) if hashed else 0
    return next((place.name for place in places if place.takes(row, part)), "")


def _part(key: str) -> int:
    return int.from_bytes(hashlib.sha256(key.encode(errors="surrogatepass")).digest()[:4], "big")


class _Room:
    """What is left of a batch while rows are assigned."""

    def __init__(self, batch: Batch, members: int) -> None:
        self.name = batch.name
        self._batch = batch
        self._left = None if batch.rows is None else batch.rows - members
        self._share: tuple[int, int] | None = None

    def take_share(self, begin: int) -> int:
        """Take the share of a percentage that begins there; return where the next one begins."""
        if self._batch.percent is None:
            return begin
        end = begin + int(self._batch.percent * _PARTS / 100)
        self._share = (begin, end)
        return end

    def takes(self, row: Row, part: int) -> bool:
        """Say whether a row goes here, and if so count it."""
        if self._left is not None and self._left <= 0:
            return False
        if self._batch.where is not None and self.name not in row.filters:
            return False
        if self._share is not None and not self._share[0] <= part < self._share[1]:
            return False
        if self._left is not None:
            self._left -= 1
        return True
