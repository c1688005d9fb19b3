"""The bindings in the SQL store, and what a bound customer has, by the mirror beside them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cached_property, lru_cache
from typing import Any

from sqlalchemy import select

from reconciler.adapters.binding_lessons import bound_pairs, take_in
from reconciler.adapters.binding_queries import bound_customer_text, candidates_query, whole_as_of
from reconciler.adapters.sql_claims import SqlClaims
from reconciler.core.bindings import Customer
from reconciler.core.first_touch import TOLD, Candidates
from reconciler.core.idempotency import Scope
from reconciler.core.resolved import BoundCustomer
from reconciler.core.unlocked import Unlocked
from reconciler.core.values import Value
from reconciler.ports.bindings import Lesson
from reconciler.store.binding_tables import DISPUTES, LEARNED
from reconciler.store.database import Database
from reconciler.store.direct_reads import DirectReads
from reconciler.store.mirror_rows import read_raw


class SqlBindings(SqlClaims):
    """Implements `TouchStore` and `LearningStore` of `reconciler.ports.bindings`. Safe from several threads."""

    def __init__(self, database: Database, scope: Scope) -> None:
        super().__init__(database, scope)
        self._reads = DirectReads(database)

    def close(self) -> None:
        """Close the connections that are kept for `bound_customer`. Idempotent."""
        self._reads.close()

    def by_customer(self) -> Mapping[str, str]:
        """The external id of every customer that is bound."""
        with self._database.read() as connection:
            return bound_pairs(connection, self._scope)

    def learn(self, lesson: Lesson, at: int) -> int:
        """Take in what the metadata of all customers tells; return how many bindings were new.

        Writes nothing where nothing is, not even how far it is.
        """
        return take_in(self._database, self._scope, lesson, at)

    def bound_customer(self, external_id: str) -> BoundCustomer | None:
        """The customer that an external id is bound to, and what it has; None where it is not bound."""
        rows = self._reads.rows(self._bound_customer_text, (*self._whose, external_id))
        if not rows:
            return None
        customer, as_of, mapped = rows[0][0], rows[0][1], rows[0][2] is not None
        if as_of is None or not mapped:
            return BoundCustomer(id=customer, as_of=as_of, mapped=mapped)
        # A customer without a current subscription, or an item without a mapping, has a row with nothing here.
        unlocked = tuple(Unlocked(mapping=row[3], features=_features(row[4])) for row in rows if row[3] is not None)
        return BoundCustomer(id=customer, as_of=as_of, unlocked=unlocked)

    def candidates(self, external_id: str, email_key: str | None) -> Candidates | None:
        """What is known of an external id that is not bound, and of an e-mail if one is given; None where the mirror
        has not all customers."""
        disputed = select(DISPUTES.c.customer).where(self._of(DISPUTES), DISPUTES.c.external_id == external_id)
        with self._database.read() as connection:
            as_of = connection.execute(whole_as_of(self._scope, "customer")).scalar()
            if as_of is None:
                return None
            wanted = None if email_key is None else candidates_query(self._scope, email_key, TOLD + 1)
            rows = [] if wanted is None else connection.execute(wanted).all()
            learned = connection.execute(select(LEARNED.c.as_of).where(self._of(LEARNED))).scalar()
            return Candidates(
                as_of=as_of,
                learned=learned == as_of,
                customers=tuple(_customer(row, as_of) for row in rows),
                bound={row.id: row.external_id for row in rows if row.external_id is not None},
                disputed=tuple(connection.execute(disputed.order_by(DISPUTES.c.customer)).scalars()),
            )

    @cached_property
    def _bound_customer_text(self) -> str:
        return bound_customer_text(self._database.backend)


def _customer(row: Any, as_of: int) -> Customer:
    metadata = read_raw(row.raw).get("metadata") or {}
    return Customer(id=row.id, created=row.created or 0, as_of=as_of, email=row.email, metadata=metadata)


# There are as many texts as mappings, and each is read some thousand times a second.
@lru_cache(maxsize=4096)
def _features(text: str) -> Mapping[str, Value]:
    features: Mapping[str, Value] = json.loads(text)
    return features
