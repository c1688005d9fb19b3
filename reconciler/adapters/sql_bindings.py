"""The bindings in the SQL store, and what a bound customer has, by the mirror beside them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property, lru_cache
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, insert, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from reconciler.adapters.binding_queries import bound_customer_text, candidates_query, insert_text, whole_as_of
from reconciler.core.bindings import Bound, BoundBy, Customer
from reconciler.core.first_touch import TOLD, Candidates
from reconciler.core.idempotency import Scope
from reconciler.core.resolved import BoundCustomer
from reconciler.core.unlocked import Unlocked
from reconciler.core.values import Value
from reconciler.errors import StoreError
from reconciler.ports.bindings import Claim
from reconciler.store.binding_tables import BINDINGS, DISPUTES
from reconciler.store.database import Database
from reconciler.store.direct_reads import DirectReads
from reconciler.store.location import Backend
from reconciler.store.mirror_rows import read_raw

# Few enough that others who write to SQLite wait for a moment only.
_LEARNED_AT_ONCE = 10_000
_CLAIMS = 3


class SqlBindings:
    """Implements `TouchStore` and `LearningStore` of `reconciler.ports.bindings`. Safe from several threads."""

    def __init__(self, database: Database, scope: Scope) -> None:
        self._database = database
        self._scope = scope
        self._whose = (scope.account, scope.livemode, scope.project)
        self._reads = DirectReads(database)

    def close(self) -> None:
        """Close the connections that are kept for `bound_customer`. Idempotent."""
        self._reads.close()

    def claim(self, external_id: str, customer: str, by: BoundBy, at: int) -> Claim:
        """Bind, unless either side is bound otherwise; durable when this returns. Atomic over threads and processes."""
        pair = (external_id, customer)
        with self._database.read() as connection:
            bound = self._sides(connection, *pair)
        # Whoever comes late has no need to wait for a turn to write.
        for _ in range(_CLAIMS):
            if bound:
                return Claim(made=False, holds=(bound[0].external_id, bound[0].customer) == pair, bound=bound)
            with self._database.write() as connection:
                made = self._insert(connection, pair, by, at)
                # A look of its own: PostgreSQL shows it what the insertion has just waited for.
                bound = self._sides(connection, *pair)
            if made:
                return Claim(made=True, holds=True, bound=bound)
        # What stood against it was gone each time before it could be read.
        raise StoreError(f"the bindings in {self._database.shown} are being changed by another program")

    def claimed(self, external_id: str) -> Bound | None:
        """The binding of an external id."""
        query = _BOUND.where(self._of(BINDINGS), BINDINGS.c.external_id == external_id)
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else _bound(*row)

    def all(self) -> Mapping[str, Bound]:
        """Every binding, by external id."""
        with self._database.read() as connection:
            rows = connection.execute(_BOUND.where(self._of(BINDINGS))).all()
        return {row[0]: _bound(*row) for row in rows}

    def learn(self, found: Iterable[tuple[str, str]], at: int) -> int:
        """Take in (external id, customer) pairs that customers' metadata tells, where neither side is known yet.

        Returns how many were new. Writes nothing where none is.
        """
        table = BINDINGS
        with self._database.read() as connection:
            known = connection.execute(select(table.c.external_id, table.c.customer).where(self._of(table))).all()
        ids, customers = {row[0] for row in known}, {row[1] for row in known}
        # In one order, so that two who learn the same at once wait for each other and never both.
        new = iter(sorted(pair for pair in found if pair[0] not in ids and pair[1] not in customers))
        count = 0
        while some := list(islice(new, _LEARNED_AT_ONCE)):
            with self._database.write() as connection:
                count += self._take_in(connection, some, at)
        return count

    def dispute(self, found: Iterable[tuple[str, str]]) -> None:
        """Keep which external ids the metadata of several customers has, in the place of what was kept before."""
        table, wanted = DISPUTES, set(found)
        kept = select(table.c.external_id, table.c.customer).where(self._of(table))
        with self._database.read() as connection:
            if {(row[0], row[1]) for row in connection.execute(kept)} == wanted:
                return
        rows = [(*self._whose, *pair) for pair in sorted(wanted)]
        with self._database.write() as connection:
            connection.execute(delete(table).where(self._of(table)))
            if rows:
                connection.execute(insert(table), [dict(zip(table.c.keys(), row, strict=True)) for row in rows])

    def bound_customer(self, external_id: str) -> BoundCustomer | None:
        """The customer that an external id is bound to, and what it has; None where it is not bound."""
        rows = self._reads.rows(self._bound_customer_text, (*self._whose, external_id))
        if not rows:
            return None
        customer, as_of = rows[0][0], rows[0][1]
        if as_of is None:
            return BoundCustomer(id=customer, as_of=None)
        # A customer without a current subscription, or an item without a mapping, has a row with nothing here.
        unlocked = tuple(Unlocked(mapping=row[2], features=_features(row[3])) for row in rows if row[2] is not None)
        return BoundCustomer(id=customer, as_of=as_of, unlocked=unlocked)

    def candidates(self, external_id: str, email_key: str) -> Candidates | None:
        """What is known of an external id that is not bound, and of an e-mail; None where the mirror has not all
        customers."""
        disputed = select(DISPUTES.c.customer).where(self._of(DISPUTES), DISPUTES.c.external_id == external_id)
        with self._database.read() as connection:
            as_of = connection.execute(whole_as_of(self._scope, "customer")).scalar()
            if as_of is None:
                return None
            rows = connection.execute(candidates_query(self._scope, email_key, TOLD + 1)).all()
            return Candidates(
                as_of=as_of,
                customers=tuple(_customer(row, as_of) for row in rows),
                bound={row.id: row.external_id for row in rows if row.external_id is not None},
                disputed=tuple(connection.execute(disputed.order_by(DISPUTES.c.customer)).scalars()),
            )

    @cached_property
    def _bound_customer_text(self) -> str:
        return bound_customer_text(self._database.backend)

    def _of(self, table: Table) -> ColumnElement[bool]:
        scope = self._scope
        of_mode = and_(table.c.account == scope.account, table.c.livemode == scope.livemode)
        return and_(of_mode, table.c.project == scope.project)

    def _sides(self, connection: Connection, external_id: str, customer: str) -> tuple[Bound, ...]:
        """What is bound of an external id and a customer: nothing, one binding, or two."""
        either = or_(BINDINGS.c.external_id == external_id, BINDINGS.c.customer == customer)
        rows = connection.execute(_BOUND.where(self._of(BINDINGS), either).order_by(BINDINGS.c.external_id))
        return tuple(_bound(*row) for row in rows)

    def _insert(self, connection: Connection, pair: tuple[str, str], by: BoundBy, at: int) -> bool:
        dialect = postgresql if self._database.backend is Backend.POSTGRESQL else sqlite
        row = dict(zip(BINDINGS.c.keys(), (*self._whose, *pair, by.value, at), strict=True))
        new = dialect.insert(BINDINGS).values(row).on_conflict_do_nothing().returning(BINDINGS.c.external_id)
        return connection.execute(new).first() is not None

    def _take_in(self, connection: Connection, pairs: Sequence[tuple[str, str]], at: int) -> int:
        text, learned = insert_text(self._database.backend), (BoundBy.METADATA.value, at)
        if self._database.backend is Backend.POSTGRESQL:
            ids, customers = ([pair[side] for pair in pairs] for side in (0, 1))
            return connection.exec_driver_sql(text, (*self._whose, *learned, ids, customers)).rowcount
        return connection.exec_driver_sql(text, [(*self._whose, *learned, *pair) for pair in pairs]).rowcount


_BOUND = select(BINDINGS.c.external_id, BINDINGS.c.customer, BINDINGS.c.bound_by, BINDINGS.c.bound_at)


def _bound(external_id: str, customer: str, by: str, at: int) -> Bound:
    return Bound(external_id=external_id, customer=customer, by=BoundBy(by), at=at)


def _customer(row: Any, as_of: int) -> Customer:
    metadata = read_raw(row.raw).get("metadata") or {}
    return Customer(id=row.id, created=row.created or 0, as_of=as_of, email=row.email, metadata=metadata)


# There are as many texts as mappings, and each is read some thousand times a second.
@lru_cache(maxsize=4096)
def _features(text: str) -> Mapping[str, Value]:
    features: Mapping[str, Value] = json.loads(text)
    return features
