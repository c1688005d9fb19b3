"""The rows of a migration with what each is in the account, and the batch that it is in. Pure, linear in rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from reconciler.core.address import Address
from reconciler.core.batches import assign_batches
from reconciler.core.locate import Moves
from reconciler.core.migration_facts import Holdings
from reconciler.core.migrations import Migration, Row, row_address
from reconciler.core.row_standing import Place, RowStanding, place

# Of a row that was never there: its batch was rolled back before its turn came.
_WITH_ITS_BATCH = Place(standing=RowStanding.CANCELED)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedRow:
    """A row and its place. `origin` is the address that it had before, where it was moved. `fresh`: a plan may make it,
    since it never started, and was not rolled back under the present attempt, by itself or with its batch."""

    row: Row
    address: Address
    place: Place
    batch: str
    origin: Address | None = None
    fresh: bool = False

    def sells_by_itself(self, migration: Migration) -> bool:
        """Say whether its schedule is there with a price that was made for it, of which no list tells the product."""
        schedule, terms = self.place.schedule, self.row.terms
        if schedule is None or not schedule.billing or terms is None:
            return False
        return any(i.adhoc is not None for i in (*terms.items, *(i for then in migration.then for i in then.items)))


def placed_rows(migration: Migration, moves: Moves, holdings: Holdings) -> tuple[PlacedRow, ...]:
    """Find every row of a migration in the account, and name its batch."""
    found: list[tuple[Row, Address, Address | None, Place]] = []
    recorded: dict[str, str] = {}
    declared = {batch.name for batch in migration.batches}
    for row in migration.rows:
        address = row_address(migration.name, row.key)
        origin = moves.origin(address)
        key = (migration.key, row.key) if migration.key and row.key else None
        seen = place((address,) if origin is None else (address, origin), key, holdings)
        # One that is made once more is put into a batch anew where its own is declared no more.
        if seen.standing is not None and (seen.batch in declared or not _is_fresh(seen, migration.attempt)):
            recorded[row.key] = seen.batch
        found.append((row, address, origin, seen))
    batches = assign_batches(migration, recorded)
    gone = _taken_back(((seen, recorded[row.key]) for row, _, _, seen in found if row.key in recorded), migration)
    placed = []
    for (row, address, origin, seen), batch in zip(found, batches, strict=True):
        if batch in gone and seen.standing is None and not seen.strangers:
            seen = _WITH_ITS_BATCH
        fresh = not migration.canceled and not seen.twice and _is_fresh(seen, migration.attempt)
        placed.append(PlacedRow(row=row, address=address, place=seen, batch=batch, origin=origin, fresh=fresh))
    return tuple(placed)


def _taken_back(seen: Iterable[tuple[Place, str]], migration: Migration) -> frozenset[str]:
    """Name the batches that were rolled back whole under the present attempt: an apply that was interrupted has left
    rows of them that were never scheduled, and a job that runs again must not schedule those."""
    gone: set[str] = set()
    going_on: set[str] = set()
    for one, batch in seen:
        if one.schedule is not None and one.schedule.attempt >= migration.attempt:
            (gone if one.standing is RowStanding.CANCELED else going_on).add(batch)
    return frozenset(() if migration.canceled else gone - going_on)


def _is_fresh(seen: Place, attempt: int) -> bool:
    if seen.standing is RowStanding.CANCELED:
        return seen.schedule is not None and attempt > seen.schedule.attempt
    return seen.standing is None
