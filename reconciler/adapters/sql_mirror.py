"""The mirror in the SQL store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Table, and_, case, delete, exists, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from reconciler.adapters.mirror_pages import code_page
from reconciler.adapters.page_writer import PageWriter
from reconciler.core.mirrored import Parent, Source, Version
from reconciler.core.standing import Standing, Status, Window
from reconciler.core.values import Value
from reconciler.mirrored import EVENT, TYPES
from reconciler.ports.mirror import Doubt, EventPage, Kept, Page, Put
from reconciler.store.bulk import delete_among
from reconciler.store.database import Database
from reconciler.store.group_commit import GroupCommit
from reconciler.store.mirror_rows import (
    Reading,
    Target,
    code_rows,
    mark_doubted,
    mark_gone,
    nothing_of,
    read_raw,
    versions_of,
    write_rows,
)
from reconciler.store.mirror_tables import (
    LINES,
    MIRROR_CURSORS,
    MIRROR_DOUBTS,
    MIRROR_SEEN,
    MIRROR_TYPES,
    MIRROR_WINDOWS,
    RAW_OBJECTS,
    TABLES,
)
from reconciler.store.mirror_windows import move_window, window_row
from reconciler.store.subscribed import read_subscribed

_READ_AT_ONCE = 500
# Few enough that others who write wait for a moment only.
_FORGOTTEN_AT_ONCE = 5_000
# Below this a second process takes longer to start than it saves.
_PAGES_ALONE = 20


class SqlMirror:
    """Implements `reconciler.ports.mirror.Mirror` for one account in one mode. Safe from several threads."""

    def __init__(
        self, database: Database, account: str, livemode: bool, pages_alone: int | None = _PAGES_ALONE
    ) -> None:
        """In a long listing, after `pages_alone` pages, others are written by a second process; None: never."""
        self._database = database
        self._target = Target(account, livemode)
        self._writer = PageWriter(database, self._target, pages_alone)
        self._pages = GroupCommit(self._writer.commit)

    def standings(self) -> Mapping[str, Standing]:
        """How far each type is, by name."""
        table = MIRROR_TYPES
        wanted = [c for c in table.c if c.name not in ("account", "livemode")]
        with self._database.read() as connection:
            rows = connection.execute(select(*wanted).where(self._target.of(table))).mappings().all()
        known = {row["type"]: Standing(**{**row, "status": Status(row["status"])}) for row in rows}
        return {name: known.get(name, Standing(type=name)) for name in TYPES}

    def counts(self) -> Mapping[str, int]:
        """How many live objects each type has."""
        with self._database.read() as connection:
            return {name: self._count(connection, table) for name, table in TABLES.items()}

    def _count(self, connection: Connection, table: Table) -> int:
        query = select(func.count()).select_from(table).where(self._target.of(table), table.c.deleted_at.is_(None))
        return connection.execute(query).scalar_one()

    def begin(
        self, type: str, run: int, windows: Sequence[Window], wanted_after: int | None, settles: bool = False
    ) -> None:
        """Begin a listing of a type at `run`; windows left over from another one are dropped.

        If it `settles` the doubts about this type, all that there are now are struck off.
        """
        with self._database.write() as connection:
            self._clear(connection, type, MIRROR_WINDOWS, MIRROR_SEEN, *([MIRROR_DOUBTS] if settles else []))
            # Events are never swept, so no run asks when they were observed; and to age them is to scan them all.
            if type != EVENT.name:
                self._age(connection, type, run)
            if windows:
                rows = [window_row(self._target, type, window) for window in windows]
                connection.execute(insert(MIRROR_WINDOWS), rows)
            values = {"status": Status.SYNCING.value, "started_at": run, "wanted_after": wanted_after, "detail": ""}
            self._set(connection, type, values)

    def _age(self, connection: Connection, type: str, run: int) -> None:
        """Let what was observed in the very second in which a listing begins count as observed before it."""
        table = TABLES[type]
        same = (self._target.of(table), table.c.deleted_at.is_(None), table.c.observed_at >= run)
        aged = {"observed_at": run - 1, "observed_by": Source.READ.value}
        connection.execute(update(table).where(*same).values(**aged))

    def windows(self, type: str) -> Sequence[Window]:
        """What is left of the listing under way."""
        table = MIRROR_WINDOWS
        wanted = [c for c in table.c if c.name not in ("account", "livemode", "type")]
        query = select(*wanted).where(self._target.of(table), table.c.type == type).order_by(table.c.id)
        with self._database.read() as connection:
            return tuple(Window(**row) for row in connection.execute(query).mappings())

    def listing(self) -> AbstractContextManager[None]:
        """Store pages faster until the block ends: with a second process, once there are many."""
        return self._writer.helped()

    def put_page(self, page: Page) -> Kept:
        """Store a page's newer rows and its window's progress, together."""
        # Before the store's turn comes: this takes as long as the rest.
        return self._pages.add(self._writer.packed(code_page(page)))

    def put_events(self, page: EventPage) -> Kept:
        """Store events, what they say, and their window's progress, together."""
        with self._database.write() as connection:
            write_rows(connection, self._target, EVENT.name, code_rows(page.rows), Reading(page.at, Source.READ))
            changed = self._put(connection, page.puts)
            mark_doubted(connection, self._target, ((d.type, d.id) for d in page.doubts))
            rest = move_window(connection, self._target, EVENT.name, page.window, page.rest)
        return Kept(changed=changed, rest=tuple(page.rest) if rest is None else rest)

    def put(self, puts: Sequence[Put], settled: Sequence[Doubt] = ()) -> None:
        """Store rows that were read singly, and strike off the doubts that this settles."""
        with self._database.write() as connection:
            self._put(connection, puts)
            for type in sorted({doubt.type for doubt in settled}):
                ids = [doubt.id for doubt in settled if doubt.type == type]
                delete_among(connection, MIRROR_DOUBTS, "id", (*self._target.values(), type), ids)

    def _put(self, connection: Connection, puts: Sequence[Put]) -> int:
        changed = 0
        ordered = sorted(puts, key=_group)
        for (type, at, source, gone), group in groupby(ordered, key=_group):
            reading = Reading(at, source, certain=source is Source.READ)
            if gone:
                rows = [p.row or nothing_of(type, p.id) for p in group]
                changed += sum(mark_gone(connection, self._target, type, row, reading) for row in rows)
            else:
                coded = code_rows(p.row for p in group if p.row)
                written = write_rows(connection, self._target, type, coded, reading)
                mark_doubted(connection, self._target, ((type, id) for id in written.doubted))
                changed += written.changed
        return changed

    def unseen(self, type: str, run: int) -> Sequence[str]:
        """The ids of live rows that the listing begun at `run` did not bring."""
        table, seen, types = TABLES[type], MIRROR_SEEN, MIRROR_TYPES
        brought = exists().where(self._target.of(seen), seen.c.type == type, seen.c.id == table.c.id)
        query = select(table.c.id).where(
            self._target.of(table), table.c.deleted_at.is_(None), table.c.observed_at < run, ~brought
        )
        with self._database.read() as connection:
            after = connection.execute(
                select(types.c.wanted_after).where(self._target.of(types), types.c.type == type)
            ).scalar()
            if after is not None and "created" in table.c:
                query = query.where(table.c.created >= after)
            return tuple(connection.execute(query.order_by(table.c.id)).scalars())

    def finish(self, type: str, listed_at: int, as_of: int) -> None:
        """End a listing: the type is ready."""
        with self._database.write() as connection:
            self._clear(connection, type, MIRROR_WINDOWS, MIRROR_SEEN)
            values = {"status": Status.READY.value, "listed_at": listed_at, "as_of": as_of, "detail": ""}
            self._set(connection, type, {**values, "created_after": MIRROR_TYPES.c.wanted_after})

    def fail(self, type: str, status: Status, detail: str) -> None:
        """Say why a type is not ready; its windows stay, for the next run to go on with."""
        table = MIRROR_TYPES
        # Of a listing that had ended there is nothing to go on with.
        started = case((table.c.status == Status.READY.value, None), else_=table.c.started_at)
        with self._database.write() as connection:
            self._set(connection, type, {"status": status.value, "detail": detail, "started_at": started})

    def advance(self, types: Sequence[str], as_of: int) -> None:
        """Say that these types are caught up as of then."""
        table = MIRROR_TYPES
        with self._database.write() as connection:
            connection.execute(update(table).where(self._target.of(table), table.c.type.in_(types)).values(as_of=as_of))

    def cursor(self) -> int | None:
        """From when on events must be read, by Stripe's clock; None before the first listing."""
        table = MIRROR_CURSORS
        with self._database.read() as connection:
            return connection.execute(select(table.c.events_from).where(self._target.of(table))).scalar()

    def move_cursor(self, to: int) -> None:
        """Move it."""
        with self._database.write() as connection:
            made = self._insert(connection, MIRROR_CURSORS).values(**self._target.key(), events_from=to)
            connection.execute(
                made.on_conflict_do_update(index_elements=["account", "livemode"], set_={"events_from": to})
            )

    def known_events(self, ids: Sequence[str]) -> set[str]:
        """Which of these events are stored already."""
        return set(self.versions(EVENT.name, ids))

    def forget_events(self, before: int) -> None:
        """Drop events created before then, in one transaction after another."""
        table, whose = TABLES[EVENT.name], self._target.values()
        old = select(table.c.id).where(self._target.of(table), table.c.created < before).limit(_FORGOTTEN_AT_ONCE)
        full = True
        while full:
            with self._database.write() as connection:
                ids = connection.execute(old).scalars().all()
                delete_among(connection, RAW_OBJECTS, "id", (*whose, EVENT.name), ids)
                delete_among(connection, table, "id", whose, ids)
            full = len(ids) == _FORGOTTEN_AT_ONCE

    def versions(self, type: str, ids: Sequence[str]) -> Mapping[str, Version]:
        """How new the rows with these ids are; those that do not exist are left out."""
        with self._database.read() as connection:
            return versions_of(connection, self._target, type, ids)

    def parents(self, parent: Parent) -> Sequence[str]:
        """The ids of all parents that have not been deleted, in order."""
        table = TABLES[parent.type]
        column = table.c[parent.column]
        query = (
            select(column).distinct().where(self._target.of(table), table.c.deleted_at.is_(None), column.is_not(None))
        )
        with self._database.read() as connection:
            return tuple(connection.execute(query.order_by(column)).scalars())

    def ids_where(self, type: str, column: str, value: Value) -> Sequence[str]:
        """The ids of live rows with this value in a column."""
        table = TABLES[type]
        query = select(table.c.id).where(self._target.of(table), table.c.deleted_at.is_(None), table.c[column] == value)
        with self._database.read() as connection:
            return tuple(connection.execute(query.order_by(table.c.id)).scalars())

    def value(self, type: str, id: str, column: str) -> Value:
        """One column of one row; None where there is no such row."""
        table = TABLES[type]
        with self._database.read() as connection:
            return connection.execute(select(table.c[column]).where(self._target.of(table), table.c.id == id)).scalar()

    def due(self, type: str, column: str, after: int, until: int) -> Sequence[str]:
        """The ids of live rows whose moment in a column lies after `after` and not after `until`."""
        table = TABLES[type]
        moment = table.c[column]
        query = select(table.c.id).where(
            self._target.of(table), table.c.deleted_at.is_(None), moment > after, moment <= until
        )
        with self._database.read() as connection:
            return tuple(connection.execute(query.order_by(table.c.id)).scalars())

    def doubt(self, doubts: Sequence[Doubt]) -> None:
        """Note what must be read again."""
        with self._database.write() as connection:
            mark_doubted(connection, self._target, ((d.type, d.id) for d in doubts))

    def doubts(self) -> Sequence[Doubt]:
        """What must be read again."""
        table = MIRROR_DOUBTS
        query = select(table.c.type, table.c.id).where(self._target.of(table)).order_by(table.c.type, table.c.id)
        with self._database.read() as connection:
            return tuple(Doubt(*row) for row in connection.execute(query))

    def doubt_counts(self) -> Mapping[str, int]:
        """How many objects of each type must be read again; types without any are left out."""
        table = MIRROR_DOUBTS
        query = select(table.c.type, func.count()).where(self._target.of(table)).group_by(table.c.type)
        with self._database.read() as connection:
            return {type: count for type, count in connection.execute(query)}

    def events_of(self, ids: Sequence[str]) -> Iterator[Mapping[str, Value]]:
        """The stored events about these objects, newest first."""
        table, raw = TABLES[EVENT.name], RAW_OBJECTS
        same = and_(*(raw.c[name] == table.c[name] for name in ("account", "livemode", "id")))
        query = select(raw.c.raw).join_from(table, raw, and_(same, raw.c.type == EVENT.name))
        newest = (table.c.created.desc(), table.c.id.desc())
        with self._database.read() as connection:
            for first in range(0, len(ids), _READ_AT_ONCE):
                some = ids[first : first + _READ_AT_ONCE]
                about = query.where(self._target.of(table), table.c.object_id.in_(some)).order_by(*newest)
                yield from map(read_raw, connection.execute(about).scalars())

    def subscriptions_by_price(self, prices: Sequence[str]) -> Mapping[str, int]:
        """How many subscriptions that have not been canceled each of these prices has."""
        items, owners = LINES["subscription_items"], TABLES["subscription"]
        same = and_(
            *(owners.c[name] == items.c[name] for name in ("account", "livemode")), owners.c.id == items.c.subscription
        )
        query = (
            select(items.c.price, func.count(items.c.subscription.distinct()))
            .join_from(items, owners, same)
            .where(self._target.of(items))
            .where(owners.c.deleted_at.is_(None), owners.c.status != "canceled")
            .group_by(items.c.price)
        )
        with self._database.read() as connection:
            counts = {price: count for price, count in connection.execute(query)}
        return {price: counts.get(price, 0) for price in prices}

    def subscribed(self, statuses: Sequence[str]) -> Iterator[tuple[str, str, str]]:
        """(subscription, customer, product) of every entry of a subscription that has one of these statuses."""
        with self._database.read() as connection:
            yield from read_subscribed(connection, self._target, statuses)

    def raws(self, type: str) -> Iterator[Mapping[str, Value]]:
        """Every live object of a type, decimals as Decimal."""
        table, raw = TABLES[type], RAW_OBJECTS
        same = (raw.c.account == table.c.account) & (raw.c.livemode == table.c.livemode) & (raw.c.id == table.c.id)
        query = (
            select(raw.c.raw)
            .join_from(table, raw, same & (raw.c.type == type))
            .where(self._target.of(table), table.c.deleted_at.is_(None))
            .order_by(table.c.id)
        )
        with self._database.read() as connection:
            streamed = connection.execution_options(yield_per=_READ_AT_ONCE)
            for text in streamed.execute(query).scalars():
                yield read_raw(text)

    def raw(self, type: str, id: str) -> Mapping[str, Value] | None:
        """One object, deleted or not; None where there is no such row."""
        table = RAW_OBJECTS
        query = select(table.c.raw).where(self._target.of(table), table.c.type == type, table.c.id == id)
        with self._database.read() as connection:
            text = connection.execute(query).scalar()
        return None if text is None else read_raw(text)

    def _insert(self, connection: Connection, table: Table) -> Any:
        return (postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert)(table)

    def _set(self, connection: Connection, type: str, values: Mapping[str, Any]) -> None:
        """Change a type's row, making it where there is none."""
        first = {"status": Status.PENDING.value, "detail": ""}
        row = {**self._target.key(), "type": type, **first}
        connection.execute(self._insert(connection, MIRROR_TYPES).values(row).on_conflict_do_nothing())
        table = MIRROR_TYPES
        connection.execute(update(table).where(self._target.of(table), table.c.type == type).values(**values))

    def _clear(self, connection: Connection, type: str, *tables: Table) -> None:
        for table in tables:
            connection.execute(delete(table).where(self._target.of(table), table.c.type == type))


def mirrored_accounts(database: Database, livemode: bool) -> list[str]:
    """The accounts that a store has a mirror of, in one mode."""
    table = MIRROR_TYPES
    query = select(table.c.account).distinct().where(table.c.livemode == livemode).order_by(table.c.account)
    with database.read() as connection:
        return list(connection.execute(query).scalars())


def _group(put: Put) -> tuple[str, int, Source, bool]:
    return put.type, put.at, put.source, put.gone
