"""The resources that live in the SQL store, of one project in one account and mode, inside one transaction."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, insert, or_, select, text, update

from reconciler.core.idempotency import Scope
from reconciler.core.published import MAPPING
from reconciler.core.values import Value, to_json
from reconciler.store.binding_tables import ANSWERS, MAPPED_PRODUCTS, RESOURCES

# Longer than any plan can be applied.
_REMEMBERED_SECONDS = 30 * 86_400
_SERIALISE = text("SELECT pg_advisory_xact_lock(:key)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """An answer that was given before, and the digest of the request that it answered."""

    request: str
    body: Mapping[str, Value]


class Resources:
    """What a project keeps in the store, seen and changed through one transaction that the caller opens."""

    def __init__(self, connection: Connection, scope: Scope) -> None:
        self._connection = connection
        self._key = {"account": scope.account, "livemode": scope.livemode, "project": scope.project}

    def serialise(self) -> None:
        """Let one transaction after the other change this project's resources; SQLite does so by itself."""
        if self._connection.dialect.name == "postgresql":
            said = f"resources {sorted(self._key.items())}".encode()
            number = int.from_bytes(hashlib.sha256(said).digest()[:8], "big", signed=True)
            self._connection.execute(_SERIALISE, {"key": number})

    def one(self, kind: str, id: str) -> dict[str, Value] | None:
        """One resource; None where there is none."""
        table = RESOURCES
        found = self._connection.execute(select(table.c.raw).where(self._named(kind, id))).scalar()
        return None if found is None else json.loads(found)

    def page(self, kind: str, after: Mapping[str, Value] | None, limit: int) -> Sequence[dict[str, Value]]:
        """So many resources of a kind, the newest first, from the one `after` which the page before ended."""
        table = RESOURCES
        query = select(table.c.raw).where(self._of(table), table.c.kind == kind)
        if after is not None:
            same_second = and_(table.c.created == after["created"], table.c.id < str(after["id"]))
            query = query.where(or_(table.c.created < after["created"], same_second))
        ordered = query.order_by(table.c.created.desc(), table.c.id.desc()).limit(limit)
        return [json.loads(raw) for raw in self._connection.execute(ordered).scalars()]

    def add(self, kind: str, raw: Mapping[str, Value]) -> None:
        """Add a resource whose id is free."""
        row = {**self._key, "kind": kind, "id": raw["id"], "created": raw["created"], "raw": _written(raw)}
        self._connection.execute(insert(RESOURCES).values(row))
        self._map(kind, str(raw["id"]), raw)

    def change(self, kind: str, raw: Mapping[str, Value]) -> None:
        """Put a resource in the place of the one with its id."""
        table = RESOURCES
        self._connection.execute(update(table).where(self._named(kind, str(raw["id"]))).values(raw=_written(raw)))
        self._map(kind, str(raw["id"]), raw)

    def drop(self, kind: str, id: str) -> None:
        """Take a resource away."""
        self._connection.execute(delete(RESOURCES).where(self._named(kind, id)))
        self._map(kind, id, {})

    def remembered(self, key: str) -> Remembered | None:
        """What was answered under an idempotency key."""
        table = ANSWERS
        query = select(table.c.request, table.c.answer).where(self._of(table), table.c.idempotency_key == key)
        row = self._connection.execute(query).one_or_none()
        return None if row is None else Remembered(request=row.request, body=json.loads(row.answer))

    def remember(self, key: str, answer: Remembered, at: int) -> None:
        """Keep an answer, given at `at` (epoch seconds, UTC), and forget what no plan can ask for any more."""
        table = ANSWERS
        self._connection.execute(delete(table).where(self._of(table), table.c.at < at - _REMEMBERED_SECONDS))
        row = {"request": answer.request, "status": 200, "answer": _written(answer.body), "at": at}
        self._connection.execute(insert(table).values({**self._key, "idempotency_key": key, **row}))

    def _map(self, kind: str, id: str, raw: Mapping[str, Value]) -> None:
        """Write which products a mapping has, and what they unlock, to where the application looks it up.

        A product that two mappings list for a while, since it goes over from one to the other, is with the one that was
        written last; what that one lets go of falls back to the other. So there is no moment at which it unlocks
        nothing, whichever of the two is written first, and whether or not the second ever is.
        """
        if kind != MAPPING:
            return
        table, products = MAPPED_PRODUCTS, _products(raw)
        held = self._connection.execute(select(table.c.product).where(self._of(table), table.c.mapping == id))
        let_go = set(held.scalars()).difference(products)
        self._connection.execute(
            delete(table).where(self._of(table), or_(table.c.mapping == id, table.c.product.in_(products)))
        )
        rows = [self._mapped(product, id, raw) for product in products]
        rows += [self._mapped(product, str(other["id"]), other) for product, other in self._heirs(let_go).items()]
        if rows:
            self._connection.execute(insert(table), rows)

    def _heirs(self, products: Set[str]) -> dict[str, Mapping[str, Value]]:
        """The mappings that list products which another one has let go of."""
        if not products:
            return {}
        table = RESOURCES
        query = select(table.c.raw).where(self._of(table), table.c.kind == MAPPING).order_by(table.c.id)
        others = [json.loads(raw) for raw in self._connection.execute(query).scalars()]
        return {product: raw for raw in others for product in _products(raw) if product in products}

    def _mapped(self, product: str, mapping: str, raw: Mapping[str, Value]) -> dict[str, Value]:
        features = _written(raw.get("features") or {})
        return {**self._key, "product": product, "mapping": mapping, "features": features}

    def _of(self, table: Table) -> ColumnElement[bool]:
        return and_(*(table.c[name] == value for name, value in self._key.items()))

    def _named(self, kind: str, id: str) -> ColumnElement[bool]:
        return and_(self._of(RESOURCES), RESOURCES.c.kind == kind, RESOURCES.c.id == id)


def _products(raw: Mapping[str, Value]) -> list[str]:
    return list(dict.fromkeys(str(product) for product in raw.get("stripe_products") or ()))


def _written(value: Value) -> str:
    # ASCII alone: no database minds what a text in there holds.
    written: Any = to_json(value)
    return json.dumps(written, sort_keys=True, separators=(",", ":"))
