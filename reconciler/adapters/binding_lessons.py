"""What the customers' metadata tells of bindings, taken into the SQL store."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, and_, delete, insert, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite

from reconciler.adapters.binding_queries import insert_text, of_project
from reconciler.core.bindings import BoundBy
from reconciler.core.idempotency import Scope
from reconciler.ports.bindings import Lesson
from reconciler.store.binding_tables import BINDINGS, DISPUTES, LEARNED
from reconciler.store.database import Database
from reconciler.store.location import Backend

# Few enough that others who write to SQLite wait for a moment only.
_AT_ONCE = 10_000

Pairs = Sequence[tuple[str, str]]


def bound_pairs(connection: Connection, scope: Scope) -> dict[str, str]:
    """The external ids of all bound customers, without what is reserved for some."""
    table, bound = BINDINGS, BINDINGS.c.bound_by != BoundBy.RESERVED.value
    rows = connection.execute(select(table.c.customer, table.c.external_id).where(of_project(scope, table), bound))
    return {row[0]: row[1] for row in rows}


def take_in(database: Database, scope: Scope, lesson: Lesson, at: int) -> int:
    """Bind what is new on both sides, replace the disputes, and note how far that is; `at` is epoch seconds, UTC.

    Returns how many bindings were new. A binding that came from metadata gives way if both its sides are in dispute
    now: it was learned before the other customer had it. Writes nothing where nothing changes.
    """
    with database.read() as connection:
        new, known = _new(connection, scope, lesson), _is_known(connection, scope, lesson)
    count = 0
    while len(new) > _AT_ONCE:
        with database.write() as connection:
            _free(connection, scope, lesson, new[:_AT_ONCE])
            count += _bind(connection, scope, new[:_AT_ONCE], at)
        new = new[_AT_ONCE:]
    if new or not known:
        # Together, so that whoever finds the note finds all that it stands for, and of two who learn at once the
        # disputes and the note are of the same one.
        with database.write() as connection:
            # First, since it makes another who learns wait: in PostgreSQL both would write the disputes at once.
            _note(connection, scope, lesson)
            _replace_disputes(connection, scope, lesson)
            _free(connection, scope, lesson, new)
            count += _bind(connection, scope, new, at)
    return count


def _new(connection: Connection, scope: Scope, lesson: Lesson) -> Pairs:
    table = BINDINGS
    query = select(table.c.external_id, table.c.customer).where(of_project(scope, table))
    bound = connection.execute(query.where(~_outdated(lesson))).all()
    ids, customers = {row[0] for row in bound}, {row[1] for row in bound}
    # In one order, so that two who learn the same at once wait for each other and never both.
    return sorted(pair for pair in lesson.found if pair[0] not in ids and pair[1] not in customers)


def _is_known(connection: Connection, scope: Scope, lesson: Lesson) -> bool:
    """Whether the disputes and how far it is are in the store already."""
    table = DISPUTES
    as_of = connection.execute(select(LEARNED.c.as_of).where(of_project(scope, LEARNED))).scalar()
    kept = select(table.c.external_id, table.c.customer).where(of_project(scope, table))
    return as_of == lesson.as_of and {(row[0], row[1]) for row in connection.execute(kept)} == set(lesson.disputed)


def _outdated(lesson: Lesson) -> ColumnElement[bool]:
    """The reservations that are older than what the metadata tells: it has come to something else, or to this."""
    return and_(BINDINGS.c.bound_by == BoundBy.RESERVED.value, BINDINGS.c.bound_at <= lesson.as_of)


def _free(connection: Connection, scope: Scope, lesson: Lesson, pairs: Pairs) -> None:
    """Take out the reservations that stand in the way of what the metadata tells."""
    if not pairs:
        return
    table, ids, customers = BINDINGS, {pair[0] for pair in pairs}, {pair[1] for pair in pairs}
    outdated = and_(of_project(scope, table), _outdated(lesson))
    for id, customer in connection.execute(select(table.c.external_id, table.c.customer).where(outdated)).all():
        if id in ids or customer in customers:
            connection.execute(delete(table).where(outdated, table.c.external_id == id))


def _bind(connection: Connection, scope: Scope, pairs: Pairs, at: int) -> int:
    if not pairs:
        return 0
    backend = Backend(connection.dialect.name)
    text, values = insert_text(backend), (*_whose(scope).values(), BoundBy.METADATA.value, at)
    if backend is Backend.POSTGRESQL:
        ids, customers = ([pair[side] for pair in pairs] for side in (0, 1))
        return connection.exec_driver_sql(text, (*values, ids, customers)).rowcount
    return connection.exec_driver_sql(text, [(*values, *pair) for pair in pairs]).rowcount


def _note(connection: Connection, scope: Scope, lesson: Lesson) -> None:
    made = (postgresql if connection.dialect.name == Backend.POSTGRESQL else sqlite).insert(LEARNED)
    row = made.values(**_whose(scope), as_of=lesson.as_of)
    connection.execute(row.on_conflict_do_update(index_elements=list(_whose(scope)), set_={"as_of": lesson.as_of}))


def _replace_disputes(connection: Connection, scope: Scope, lesson: Lesson) -> None:
    table = DISPUTES
    connection.execute(delete(table).where(of_project(scope, table)))
    rows = [{**_whose(scope), "external_id": id, "customer": customer} for id, customer in sorted(lesson.disputed)]
    if rows:
        connection.execute(insert(table), rows)
        disputed = select(table.c.external_id, table.c.customer).where(of_project(scope, table))
        learned = BINDINGS.c.bound_by == BoundBy.METADATA.value
        doubtful = learned & tuple_(BINDINGS.c.external_id, BINDINGS.c.customer).in_(disputed)
        connection.execute(delete(BINDINGS).where(of_project(scope, BINDINGS), doubtful))


def _whose(scope: Scope) -> dict[str, str | bool]:
    return {"account": scope.account, "livemode": scope.livemode, "project": scope.project}
