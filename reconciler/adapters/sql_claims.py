"""Who is bound in the SQL store, and who is first: claims, and reservations until Stripe has answered."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from reconciler.adapters.binding_queries import of_project
from reconciler.core.bindings import Bound, BoundBy
from reconciler.core.idempotency import Scope
from reconciler.errors import StoreError
from reconciler.ports.bindings import Claim
from reconciler.store.binding_tables import BINDINGS
from reconciler.store.database import Database
from reconciler.store.location import Backend

_CLAIMS = 3

_RESERVED = BINDINGS.c.bound_by == BoundBy.RESERVED.value


class SqlClaims:
    """One to one by the database's own keys. Safe from several threads and processes."""

    def __init__(self, database: Database, scope: Scope) -> None:
        self._database = database
        self._scope = scope
        self._whose = (scope.account, scope.livemode, scope.project)

    def claim(self, external_id: str, customer: str, by: BoundBy, at: int) -> Claim:
        """Bind, unless either side is bound or reserved otherwise; durable when this returns. Atomic over threads and
        processes. A reservation of this very pair gives way."""
        return self._claim((external_id, customer), by, at, over=False)

    def reserve(self, external_id: str, customer: str | None, at: int) -> Claim:
        """Reserve, as `claim` binds: for a customer, or for one that is yet to be made."""
        return self._claim((external_id, customer or _to_make(external_id)), BoundBy.RESERVED, at, over=False)

    def settle(self, external_id: str, customer: str, at: int) -> Claim:
        """Bind what Stripe has answered; reservations of either side give way."""
        return self._claim((external_id, customer), BoundBy.PLAN, at, over=True)

    def release(self, bound: Bound) -> None:
        """Take out exactly this binding or reservation, if it is still as it was."""
        same = and_(BINDINGS.c.external_id == bound.external_id, BINDINGS.c.customer == bound.customer)
        by = and_(BINDINGS.c.bound_by == bound.by.value, BINDINGS.c.bound_at == bound.at)
        with self._database.write() as connection:
            connection.execute(delete(BINDINGS).where(self._of(BINDINGS), same, by))

    def claimed(self, external_id: str) -> Bound | None:
        """The binding of an external id."""
        return self._one(BINDINGS.c.external_id == external_id)

    def bound_to(self, customer: str) -> Bound | None:
        """The binding of a customer."""
        return self._one(BINDINGS.c.customer == customer)

    def all(self) -> Mapping[str, Bound]:
        """Every binding, by external id."""
        with self._database.read() as connection:
            rows = connection.execute(_BOUND.where(self._of(BINDINGS), ~_RESERVED)).all()
        return {row[0]: _bound(*row) for row in rows}

    def _one(self, side: ColumnElement[bool]) -> Bound | None:
        with self._database.read() as connection:
            row = connection.execute(_BOUND.where(self._of(BINDINGS), side, ~_RESERVED)).one_or_none()
        return None if row is None else _bound(*row)

    def _claim(self, pair: tuple[str, str], by: BoundBy, at: int, *, over: bool) -> Claim:
        with self._database.read() as connection:
            bound = self._sides(connection, pair)
        # Whoever comes late has no need to wait for a turn to write.
        for _ in range(_CLAIMS):
            if not all(one.by is BoundBy.RESERVED and (over or _pair(one) == pair) for one in bound):
                return Claim(made=False, holds=_pair(bound[0]) == pair, bound=bound)
            with self._database.write() as connection:
                made = self._write(connection, pair, by, at, over=over)
                # A look of its own: PostgreSQL shows it what the insertion has just waited for.
                bound = self._sides(connection, pair)
            if made:
                return Claim(made=True, holds=True, bound=bound)
        # What stood against it was gone each time before it could be read.
        raise StoreError(f"the bindings in {self._database.shown} are being changed by another program")

    def _write(self, connection: Connection, pair: tuple[str, str], by: BoundBy, at: int, *, over: bool) -> bool:
        external_id, customer = (BINDINGS.c.external_id == pair[0]), (BINDINGS.c.customer == pair[1])
        reserved = and_(self._of(BINDINGS), _RESERVED)
        if over:
            connection.execute(delete(BINDINGS).where(reserved, or_(external_id, customer)))
        dialect = postgresql if self._database.backend is Backend.POSTGRESQL else sqlite
        row = dict(zip(_COLUMNS, (*self._whose, *pair, by.value, at), strict=True))
        new = dialect.insert(BINDINGS).values(row).on_conflict_do_nothing().returning(BINDINGS.c.external_id)
        if connection.execute(new).first() is not None:
            return True
        # From now on it counts anew how long a reservation may be in doubt.
        mine = update(BINDINGS).where(reserved, external_id, customer).values(bound_by=by.value, bound_at=at)
        return connection.execute(mine).rowcount > 0

    def _of(self, table: Table) -> ColumnElement[bool]:
        return of_project(self._scope, table)

    def _sides(self, connection: Connection, pair: tuple[str, str]) -> tuple[Bound, ...]:
        """What is bound of an external id and a customer: nothing, one binding, or two."""
        either = or_(BINDINGS.c.external_id == pair[0], BINDINGS.c.customer == pair[1])
        rows = connection.execute(_BOUND.where(self._of(BINDINGS), either).order_by(BINDINGS.c.external_id))
        return tuple(_bound(*row) for row in rows)


_BOUND = select(BINDINGS.c.external_id, BINDINGS.c.customer, BINDINGS.c.bound_by, BINDINGS.c.bound_at)
_COLUMNS = ("account", "livemode", "project", "external_id", "customer", "bound_by", "bound_at")


def _bound(external_id: str, customer: str, by: str, at: int) -> Bound:
    return Bound(external_id=external_id, customer=customer, by=BoundBy(by), at=at)


def _pair(bound: Bound) -> tuple[str, str]:
    return bound.external_id, bound.customer


def _to_make(external_id: str) -> str:
    """What stands in the place of a customer that is yet to be made: no id of Stripe's has a colon."""
    return f"create:{external_id}"
