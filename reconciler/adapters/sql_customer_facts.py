"""What the mirror tells of customers beyond their own rows, in a few queries over all of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from sqlalchemy import ColumnElement, Table, func, select

from reconciler.core.customer_standing import CustomerStanding
from reconciler.store.database import Database
from reconciler.store.mirror_tables import TABLES

_ACTIVE = ("active", "trialing", "past_due", "unpaid")
# SQLite takes 32,766 values in one statement; so few keep every statement short.
_AT_ONCE = 500


class SqlCustomerFacts:
    """Reads the mirror of one account in one mode."""

    def __init__(self, database: Database, account: str, livemode: bool) -> None:
        self._database = database
        self._account = account
        self._livemode = livemode

    def standings(self) -> Mapping[str, CustomerStanding]:
        """How much each customer is in use, by id; those with neither subscription nor invoice are left out."""
        subscriptions, invoices = TABLES["subscription"], TABLES["invoice"]
        counted = select(subscriptions.c.customer, func.count()).where(
            *self._live(subscriptions), subscriptions.c.status.in_(_ACTIVE)
        )
        latest = select(invoices.c.customer, func.max(invoices.c.created)).where(*self._live(invoices))
        with self._database.read() as connection:
            active = {row[0]: row[1] for row in connection.execute(counted.group_by(subscriptions.c.customer))}
            last = {row[0]: row[1] for row in connection.execute(latest.group_by(invoices.c.customer))}
        return {
            id: CustomerStanding(subscriptions=active.get(id, 0), last_invoice=last.get(id))
            for id in active.keys() | last.keys()
        }

    def gone(self, email_keys: Collection[str]) -> frozenset[str]:
        """Which of these e-mail addresses (by their keys) a customer had that was deleted."""
        customers = TABLES["customer"]
        found: set[str] = set()
        with self._database.read() as connection:
            for some in _parts(sorted(email_keys)):
                query = select(customers.c.email_key).where(
                    *self._target(customers), customers.c.deleted_at.is_not(None), customers.c.email_key.in_(some)
                )
                found.update(connection.execute(query).scalars())
        return frozenset(found)

    def _target(self, table: Table) -> tuple[ColumnElement[bool], ...]:
        return table.c.account == self._account, table.c.livemode == self._livemode

    def _live(self, table: Table) -> tuple[ColumnElement[bool], ...]:
        return (*self._target(table), table.c.deleted_at.is_(None), table.c.customer.is_not(None))


def _parts(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(keys), _AT_ONCE):
        yield keys[first : first + _AT_ONCE]
