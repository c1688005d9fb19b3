"""The statements by which bindings are looked up and learned."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Select, Table, and_, select

from reconciler.core.bindings import BoundBy
from reconciler.core.idempotency import Scope
from reconciler.core.product_use import ACTIVE_STATUSES
from reconciler.store.binding_tables import BINDINGS, MAPPED_PRODUCTS
from reconciler.store.location import Backend
from reconciler.store.mirror_tables import LINES, MIRROR_TYPES, RAW_OBJECTS, TABLES

# A chain of outer joins: SQLite would write an inner join on their right side down first, all of it.
_BOUND_CUSTOMER = """
SELECT b.customer,
       (SELECT t.as_of FROM {types} t
         WHERE t.account = b.account AND t.livemode = b.livemode AND t.type = 'subscription'
           AND t.created_after IS NULL),
       (SELECT 1 FROM {mapped} a
         WHERE a.account = b.account AND a.livemode = b.livemode AND a.project = b.project LIMIT 1),
       m.mapping, m.features
  FROM {bindings} b
  LEFT JOIN {subscriptions} s
    ON s.account = b.account AND s.livemode = b.livemode AND s.customer = b.customer
   AND s.status IN ({active}) AND s.deleted_at IS NULL
  LEFT JOIN {items} i
    ON i.account = s.account AND i.livemode = s.livemode AND i.subscription = s.id
  LEFT JOIN {mapped} m
    ON m.account = b.account AND m.livemode = b.livemode AND m.project = b.project AND m.product = i.product
 WHERE b.account = {mark} AND b.livemode = {mark} AND b.project = {mark} AND b.external_id = {mark}
   AND b.bound_by <> '{reserved}'
"""

_COLUMNS = "account, livemode, project, bound_by, bound_at, external_id, customer"


def bound_customer_text(backend: Backend) -> str:
    """The one statement that an application's every request makes.

    Its values are account, mode, project and external id; its rows the customer, up to when the mirror has every
    change of all subscriptions, 1 if the project has any mapping, and a mapping with its features, for each item of a
    current subscription.
    """
    return _BOUND_CUSTOMER.format(
        bindings=_name(BINDINGS, backend),
        types=_name(MIRROR_TYPES, backend),
        subscriptions=_name(TABLES["subscription"], backend),
        items=_name(LINES["subscription_items"], backend),
        mapped=_name(MAPPED_PRODUCTS, backend),
        active=", ".join(f"'{status}'" for status in ACTIVE_STATUSES),
        mark=_mark(backend),
        reserved=BoundBy.RESERVED.value,
    )


def insert_text(backend: Backend) -> str:
    """The statement that binds where neither side is bound: a row in SQLite, columns of rows in PostgreSQL.

    Its values are account, mode, project, what binds and when, and the external ids and customers.
    """
    into = f"INSERT INTO {_name(BINDINGS, backend)} ({_COLUMNS})"
    if backend is Backend.POSTGRESQL:
        rows = "SELECT %s, %s, %s, %s, %s, * FROM unnest(%s::text[], %s::text[])"
    else:
        rows = "VALUES (?, ?, ?, ?, ?, ?, ?)"
    return f"{into} {rows} ON CONFLICT DO NOTHING"


def of_project(scope: Scope, table: Table) -> ColumnElement[bool]:
    """The rows that are a project's."""
    of_mode = and_(table.c.account == scope.account, table.c.livemode == scope.livemode)
    return and_(of_mode, table.c.project == scope.project)


def whole_as_of(scope: Scope, type: str) -> Select[Any]:
    """Up to when the mirror has every change of all objects of a type; nothing where it has not all of them."""
    table = MIRROR_TYPES
    of_type = and_(table.c.account == scope.account, table.c.livemode == scope.livemode, table.c.type == type)
    return select(table.c.as_of).where(of_type, table.c.created_after.is_(None))


def candidates_query(scope: Scope, email_key: str, limit: int) -> Select[Any]:
    """The mirror's customers with an e-mail, by age, each with the external id that it is bound to."""
    customers, raws, bound = TABLES["customer"], RAW_OBJECTS, BINDINGS
    same = (raws.c.account == customers.c.account) & (raws.c.livemode == customers.c.livemode)
    its = (bound.c.account == customers.c.account) & (bound.c.livemode == customers.c.livemode)
    return (
        select(customers.c.id, customers.c.created, customers.c.email, raws.c.raw, bound.c.external_id)
        .join_from(customers, raws, same & (raws.c.type == "customer") & (raws.c.id == customers.c.id))
        .outerjoin(bound, its & (bound.c.project == scope.project) & (bound.c.customer == customers.c.id))
        .where(customers.c.account == scope.account, customers.c.livemode == scope.livemode)
        .where(customers.c.email_key == email_key, customers.c.deleted_at.is_(None))
        .order_by(customers.c.created, customers.c.id)
        .limit(limit)
    )


def _name(table: Table, backend: Backend) -> str:
    return table.fullname if backend is Backend.POSTGRESQL else table.name


def _mark(backend: Backend) -> str:
    return "%s" if backend is Backend.POSTGRESQL else "?"
