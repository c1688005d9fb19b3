"""What the products of an account unlock by their mappings, and what customers lose where that changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field

from reconciler.core.feature_values import is_more, merged
from reconciler.core.product_use import Subscribed
from reconciler.core.values import Attrs, Value

_NO_LOSS = "no customer with an active subscription loses anything by it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlocked:
    """The mapping of a product, by name, and the features that come with it."""

    mapping: str
    features: Mapping[str, Value] = field(default_factory=dict)


ByProduct = Mapping[str, Unlocked]


def unlocked(mappings: Mapping[str, Attrs], changed: Set[str]) -> dict[str, Unlocked]:
    """Say what each product unlocks. One that two mappings list is with the `changed` one, as the store has it: the
    mapping that was written last."""
    return {
        str(product): Unlocked(mapping=name, features=attrs.get("features") or {})
        for name, attrs in sorted(mappings.items(), key=lambda one: (one[0] in changed, one[0]))
        for product in attrs.get("stripe_products") or ()
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrowing:
    """What each product unlocks before and after the mappings of these names are changed.

    A product that comes to unlock less does so by the change of the mapping that it was with, or, where that one stays
    as it is, by the change of the mapping that takes the product over.
    """

    before: ByProduct
    after: ByProduct
    changed: Set[str]

    def losses(self, subscribed: Subscribed) -> dict[str, tuple[str, ...]]:
        """Say, by changed mapping, how many customers lose what, all their products taken together.

        Every loss is told once. A change that takes from nobody what it could have says that, and one that takes
        nothing from any product is left out.
        """
        causes = self._causes()
        narrowing = sorted(set(causes.values()))
        if subscribed.unknown:
            note = f"how many customers lose something by it was not counted: {subscribed.unknown}"
            return {name: (note,) for name in narrowing}
        tallies = {name: _Tally() for name in narrowing}
        for products, count in subscribed.customers.items():
            self._count(products, count, causes, tallies)
        return {name: tuple(tally.notes()) or (_NO_LOSS,) for name, tally in tallies.items()}

    def _causes(self) -> dict[str, str]:
        """Name the change by which each product unlocks less, or has another name."""
        causes = {}
        for product, had in self.before.items():
            has = self.after.get(product)
            if has is not None and has.mapping == had.mapping and not _less(had, has):
                continue
            cause = had.mapping if had.mapping in self.changed or has is None else has.mapping
            if cause in self.changed:
                causes[product] = cause
        return causes

    def _count(self, products: Set[str], count: int, causes: Mapping[str, str], tallies: Mapping[str, _Tally]) -> None:
        """Count what so many customers of these products lose, each thing at the first change that takes it."""
        taken = {p: causes[p] for p in sorted(products) if p in causes}
        if not taken:
            return
        had = {p: self.before[p] for p in products if p in self.before}
        has = [self.after[p] for p in products if p in self.after]
        for mapping in {one.mapping for one in had.values()} - {one.mapping for one in has}:
            takers = {cause for p, cause in taken.items() if had[p].mapping == mapping}
            for tally in _told_at(takers, takers, tallies):
                tally.gone[mapping] += count
        then, now = merged(one.features for one in had.values()), merged(one.features for one in has)
        for name in [name for name, value in then.items() if is_more(value, now.get(name))]:
            gave = [(had[p].features.get(name), cause) for p, cause in taken.items()]
            most = {cause for value, cause in gave if not is_more(then[name], value)}
            takers = {cause for value, cause in gave if is_more(value, now.get(name))}
            for tally in _told_at(most, takers, tallies):
                (tally.less if is_more(now.get(name), None) else tally.lost)[name] += count


@dataclass(slots=True)
class _Tally:
    """How many customers lose a mapping's name, a feature, or a part of one, by one change; and the other changes where
    losses are told that it has a part in."""

    gone: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    less: Counter[str] = field(default_factory=Counter)
    elsewhere: set[str] = field(default_factory=set)

    def notes(self) -> Iterator[str]:
        for name in sorted(self.gone):
            yield f"{_customers(self.gone[name])} not have {name} any more"
        for name in sorted(self.lost):
            yield f"{_customers(self.lost[name], 'loses', 'lose')} {name}"
        for name in sorted(self.less):
            yield f"{_customers(self.less[name], 'gets', 'get')} less of {name}"
        if self.elsewhere:
            named = " and ".join(sorted(self.elsewhere))
            yield f"what customers lose by this and another change is told at the mapping {named}"


def _told_at(most: Set[str], takers: Set[str], tallies: Mapping[str, _Tally]) -> Iterator[_Tally]:
    """Give the tally of the change at which a loss is told: one of those that take the most. Others point to it."""
    for by in sorted(most)[:1]:
        for other in takers - {by}:
            tallies[other].elsewhere.add(by)
        yield tallies[by]


def _less(had: Unlocked, has: Unlocked) -> bool:
    return any(is_more(value, has.features.get(name)) for name, value in had.features.items())


def _customers(count: int, one: str = "does", more: str = "do") -> str:
    return f"1 customer {one}" if count == 1 else f"{count:,} customers {more}"
