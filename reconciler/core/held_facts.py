"""Reads the raw schedules and subscriptions that migrations must know of, and passes over the others. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from reconciler.core.address import Address, parse_address
from reconciler.core.migration_facts import Held
from reconciler.core.migrations import ATTEMPT, BATCH, KIND, SOURCE, WantedMigrations
from reconciler.core.phase_shape import phase_shape
from reconciler.core.sent_terms import SentTerms, sent_terms
from reconciler.core.values import Value

SCHEDULE, SUBSCRIPTION = "subscription_schedule", "subscription"
PROJECT, ADDRESS, DIGEST = "billplan_project", "billplan_address", "billplan_digest"

# The product of a price, by its id; None where it is not known.
ProductOf = Callable[[str], str | None]
_NO_KEYS: Mapping[str, str] = {}


class HeldReading:
    """Reads schedules and subscriptions. Not a value: it remembers texts that repeat, and in `unknown` the ids of those
    that have a price whose product it could not tell. Safe from several threads."""

    def __init__(self, wanted: WantedMigrations, project: str, product_of: ProductOf) -> None:
        self._project = project
        self._product_of = product_of
        terms = [row.terms for _, row in wanted.rows() if row.terms is not None]
        # A customer's id is in memory once, however often it is read.
        self._customers = {one.customer: one.customer for one in terms}
        self._keys: dict[str, dict[str, str]] = {}
        for migration in wanted.migrations:
            if migration.key:
                self._keys.setdefault(migration.key, {}).update((row.key, row.key) for row in migration.rows)
        self._sets: dict[tuple[str, ...], tuple[frozenset[str], frozenset[str]]] = {}
        self._texts: dict[str, str] = {}
        self._sent: dict[SentTerms, SentTerms] = {}
        self._inline: dict[str, str] = {}
        self.unknown: set[str] = set()

    def read(self, raw: Mapping[str, Value], as_of: int) -> Held | None:
        """Read one, as of then (epoch seconds, UTC); None for one that is no row's, and not of a row's customer."""
        metadata = raw.get("metadata") or {}
        project, address = metadata.get(PROJECT), self._address(metadata)
        keys = {name: known[key] for name, known in self._keys.items() if (key := metadata.get(name)) in known}
        customer = _id(raw.get("customer"))
        if address is None and not keys and customer not in self._customers:
            return None
        schedule = raw.get("object") == SCHEDULE
        prices, products, whole = self._sold(tuple(_prices(raw) if schedule else self._subscribed(raw)))
        held = Held(
            object=SCHEDULE if schedule else SUBSCRIPTION,
            id=str(raw["id"]),
            customer=self._customers.get(customer, customer),
            status=self._once(raw["status"]),
            created=int(raw["created"]),
            start=_start(raw),
            address=address,
            project=None if project is None else self._once(project),
            keys=keys or _NO_KEYS,
            digest=str(metadata.get(DIGEST) or ""),
            batch=self._once(metadata.get(BATCH) or ""),
            attempt=_whole(metadata.get(ATTEMPT)),
            products=products,
            prices=prices,
            schedule=None if schedule else _id(raw.get("schedule")) or None,
            subscription=(_id(raw.get("subscription")) or raw.get("released_subscription")) if schedule else None,
            source=str(metadata.get(SOURCE) or ""),
            shape=phase_shape(_start(raw), raw["phases"]) if address is not None and _waits(raw) else None,
            sent=self._terms(raw) if schedule and (address is not None or keys) else None,
            as_of=as_of,
        )
        if not whole and held.billing and address is None:
            # A row of ours says itself what it sells.
            self.unknown.add(held.id)
        return held

    def _terms(self, raw: Mapping[str, Value]) -> SentTerms | None:
        if not raw.get("phases"):
            return None
        sent = sent_terms(raw["phases"], raw.get("end_behavior"))
        return self._sent.setdefault(sent, sent)

    def _once(self, text: Value) -> str:
        return self._texts.setdefault(str(text), str(text))

    def _address(self, metadata: Mapping[str, Value]) -> Address | None:
        if metadata.get(PROJECT) != self._project:
            return None
        try:
            address = parse_address(str(metadata.get(ADDRESS, "")))
        except ValueError:
            return None
        return address if address.kind == KIND else None

    def _subscribed(self, raw: Mapping[str, Value]) -> Iterator[str]:
        for item in raw["items"]["data"]:
            price = item["price"]
            if isinstance(price, Mapping):
                # Of a price that was made for one subscription no list tells.
                self._inline.setdefault(str(price["id"]), _id(price["product"]))
            yield _id(price)

    def _sold(self, ids: tuple[str, ...]) -> tuple[frozenset[str], frozenset[str], bool]:
        """Name prices and their products, each set in memory once; also whether all products are known."""
        sold = self._sets.get(ids)
        if sold is not None:
            return *sold, True
        products = [self._inline.get(id) or self._product_of(id) for id in ids]
        found = frozenset(ids), frozenset(one for one in products if one is not None)
        if None in products:
            return *found, False
        self._sets[ids] = found
        return *found, True


def _prices(raw: Mapping[str, Value]) -> Iterator[str]:
    for phase in raw.get("phases") or ():
        for item in phase["items"]:
            yield _id(item["price"])


def _waits(raw: Mapping[str, Value]) -> bool:
    return raw["status"] == "not_started" and bool(raw.get("phases"))


def _start(raw: Mapping[str, Value]) -> int:
    phases = raw.get("phases")
    return int(phases[0]["start_date"] if phases else raw.get("start_date") or raw["created"])


def _id(value: Value) -> str:
    """Name what may be there whole, as its id or not at all."""
    return str(value["id"]) if isinstance(value, Mapping) else "" if value is None else str(value)


def _whole(value: Value) -> int:
    text = str(value or "")
    return int(text) if text.isascii() and text.isdigit() else 1
