"""Who would be billed twice: rows whose customer has the product already, or gets it by another row. Pure, linear."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from reconciler.core.address import Address
from reconciler.core.migration_facts import AccountFacts, Held
from reconciler.core.migrations import EXISTING_SUBSCRIPTION, Fault, Item, Migration, Named, Row
from reconciler.core.row_standing import SCHEDULE, apart
from reconciler.core.values import Ref

# https://docs.stripe.com/api/subscription_schedules/create: active or scheduled subscriptions of one customer.
MOST_SUBSCRIPTIONS = 500
_WAYS_OUT = "end it first, or let the row waive existing_subscription if the customer is to have both"

Products = frozenset[Named]
_NONE: Products = frozenset()


class Doubles:
    """Knows what customers have and get. `fresh` are the rows of all migrations that are not in the account yet;
    `made` are rows whose schedules are there, with prices of their own: of those only the row tells the product."""

    def __init__(
        self,
        facts: AccountFacts,
        fresh: Iterable[tuple[Migration, Row, Address]],
        made: Iterable[tuple[Migration, Row, Address]] = (),
    ) -> None:
        self._facts = facts
        self._products: dict[Named, Products] = {}
        rows = [one for one in fresh if one[1].terms is not None]
        self._counts = Counter(row.terms.customer for _, row, _ in rows if row.terms is not None)
        self._others: dict[tuple[str, Named], list[tuple[Row, Address]]] = {}
        every = [*rows, *(one for one in made if one[1].terms is not None)]
        self._sharing = Counter(row.terms.customer for _, row, _ in every if row.terms is not None)
        for migration, row, address in every:
            if row.terms is not None and self._sharing[row.terms.customer] > 1:
                for product in self._of_row(migration, row):
                    self._others.setdefault((row.terms.customer, product), []).append((row, address))
        self._going_on: dict[str, int] = {}
        self._keyed = _keyed(rows)

    def faults(self, migration: Migration, row: Row, address: Address, known: Collection[str]) -> Iterator[Fault]:
        """Go through what bills a row's customer for one of its products already, or will. `known` are ids of what is
        the row itself, or was told already."""
        terms = row.terms
        if terms is None:
            return
        held = self._facts.holdings.by_customer.get(terms.customer, ())
        if not held and self._sharing[terms.customer] < 2:
            return
        mine = self._of_row(migration, row)
        for one in apart(held):
            if one.id not in known and one.address != address and not mine.isdisjoint(self._sold(one)):
                yield _held_already(one, terms.customer, address)
        others = [pair for p in mine for pair in self._others.get((terms.customer, p), ())[:2] if pair[0] is not row]
        if others:
            its_row, other = others[0]
            summary = f"{terms.customer} gets the same product by {other}, at {its_row.source}"
            yield Fault(reason=EXISTING_SUBSCRIPTION, column="customer", summary=summary, hint=_ROW_HINT)

    def has_other(self, row: Row, address: Address, migration: Migration, known: Collection[str]) -> bool:
        """Say whether a row's customer has one of its products by something else than what is `known`."""
        terms = row.terms
        held = () if terms is None else self._facts.holdings.by_customer.get(terms.customer, ())
        return len(held) > 1 and any(self.faults(migration, row, address, known))

    def _sold(self, held: Held) -> frozenset[str]:
        """Name what something is about, the further phases of its schedule included."""
        schedule = self._facts.holdings.by_id.get(held.schedule or "")
        return held.products | schedule.products if schedule is not None and schedule.billing else held.products

    def too_many(self, row: Row) -> Fault | None:
        """Count a row among those of its customer; say so where that is more than Stripe takes."""
        terms = row.terms
        if terms is None:
            return None
        held = self._facts.holdings.by_customer.get(terms.customer, ())
        if len(held) + self._counts[terms.customer] <= MOST_SUBSCRIPTIONS:
            return None
        count = self._going_on.get(terms.customer)
        count = (len(apart(held)) if count is None else count) + 1
        self._going_on[terms.customer] = count
        if count <= MOST_SUBSCRIPTIONS:
            return None
        summary = f"{terms.customer} would have {count} subscriptions, and Stripe takes {MOST_SUBSCRIPTIONS} a customer"
        hint = "spread them over several customers"
        return Fault(reason="too_many_subscriptions", column="customer", summary=summary, hint=hint)

    def same_key(self, migration: Migration, row: Row, address: Address) -> Fault | None:
        """Say so where a row of another migration has the same key under the same name, and is not there yet either."""
        others = self._keyed.get((migration.key, row.key), ())
        other = next((one for one in others if one != address), None)
        if other is None:
            return None
        summary = f"{migration.key} {row.key!r} is that of {other} as well"
        hint = "one row is one subscription: take one of the two out, or give it another key"
        return Fault(reason="key_in_two_migrations", column=f"metadata.{migration.key}", summary=summary, hint=hint)

    def _of_row(self, migration: Migration, row: Row) -> Products:
        items = () if row.terms is None else row.terms.items
        if len(items) == 1 and not migration.then:
            return self._of_item(items[0])
        every = (*items, *(item for then in migration.then for item in then.items))
        return frozenset(product for item in every for product in self._of_item(item))

    def _of_item(self, item: Item) -> Products:
        """Name an item's product by its id where that is known; sets are shared, since rows share a few prices."""
        named = item.named
        if named is None:
            return _NONE
        found = self._products.get(named)
        if found is None:
            price = self._facts.prices.get(named) if item.price is not None else None
            product = named if item.price is None else None if price is None else price.product
            known = self._facts.ids.get(product, product) if isinstance(product, Ref) else product
            found = self._products[named] = _NONE if known is None else frozenset((known,))
        return found


_ROW_HINT = "take one of the two rows out, or let both waive existing_subscription if the customer is to have both"


def _keyed(rows: Sequence[tuple[Migration, Row, Address]]) -> Mapping[tuple[str, str], list[Address]]:
    if len({migration.name for migration, _, _ in rows}) < 2:
        return {}
    found: dict[tuple[str, str], list[Address]] = {}
    for migration, row, address in rows:
        if migration.key and row.key:
            found.setdefault((migration.key, row.key), []).append(address)
    return found


def _held_already(one: Held, customer: str, address: Address) -> Fault:
    what = "schedule" if one.object == SCHEDULE else "subscription"
    whose = f", which is {one.address}" if one.address is not None else ""
    if one.address is None and one.project is not None:
        whose = f", which is of the billplan project {one.project!r}"
    summary = f"{customer} has the {what} {one.id} ({one.status}) for the same product already{whose}"
    hint = f"if it is this row, set adopt to {one.id}; else {_WAYS_OUT}"
    if one.address is not None:
        hint = f"if that row was renamed, {moved_line(one.address, address)}; else {_WAYS_OUT}"
    return Fault(reason=EXISTING_SUBSCRIPTION, column="customer", summary=summary, hint=hint)


def moved_line(before: Address, after: Address) -> str:
    """Write the `moved:` entry that lets a row keep what it is under its new address: of the whole migration where its
    key is the same."""
    if before.key == after.key:
        before, after = Address(before.kind, before.name), Address(after.kind, after.name)
    return f"moved: [{{from: {in_yaml(before)}, to: {in_yaml(after)}}}]"


def in_yaml(address: Address) -> str:
    """Write an address as YAML takes it inside brackets."""
    text = str(address)
    if '"' not in text:
        return text
    return "'" + text.replace("'", "''") + "'"
