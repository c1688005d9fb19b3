"""What the products of an account unlock by their mappings, and what customers lose where that changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from reconciler.core.feature_values import is_more, merged
from reconciler.core.product_use import Subscribed
from reconciler.core.values import Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlocked:
    """The mapping of a product, by name, and the features that come with it."""

    mapping: str
    features: Mapping[str, Value] = field(default_factory=dict)


ByProduct = Mapping[str, Unlocked]


def narrowed(mapping: str, before: ByProduct, after: ByProduct) -> bool:
    """Say whether a mapping has products no more that it had, or gives one of them less than before."""
    for product, had in before.items():
        if had.mapping != mapping:
            continue
        has = after.get(product)
        if has is None or has.mapping != mapping:
            return True
        if any(is_more(value, has.features.get(name)) for name, value in had.features.items()):
            return True
    return False


def loss_notes(mapping: str, before: ByProduct, after: ByProduct, subscribed: Subscribed) -> tuple[str, ...]:
    """Say how many customers lose what by a narrowed mapping, all their products taken together."""
    if subscribed.unknown:
        return (f"how many customers lose something by it was not counted: {subscribed.unknown}",)
    leave, lost, less = 0, Counter[str](), Counter[str]()
    for products, count in _concerned(mapping, before, subscribed):
        had = [before[p] for p in products if p in before]
        has = [after[p] for p in products if p in after]
        leave += count if mapping not in {one.mapping for one in has} else 0
        offered = {name for one in had if one.mapping == mapping for name in one.features}
        now, then = merged(one.features for one in has), merged(one.features for one in had)
        for name in sorted(offered):
            if is_more(then[name], now.get(name)):
                (less if is_more(now.get(name), None) else lost)[name] += count
    notes = [f"{_customers(leave)} not have {mapping} any more"] if leave else []
    notes += [f"{_customers(lost[name], 'loses', 'lose')} {name}" for name in sorted(lost)]
    notes += [f"{_customers(less[name], 'gets', 'get')} less of {name}" for name in sorted(less)]
    return tuple(notes) or ("no customer with an active subscription loses anything by it",)


def _concerned(mapping: str, before: ByProduct, subscribed: Subscribed) -> Iterator[tuple[frozenset[str], int]]:
    own = {product for product, had in before.items() if had.mapping == mapping}
    for products, count in subscribed.customers.items():
        if not own.isdisjoint(products):
            yield products, count


def _customers(count: int, one: str = "does", more: str = "do") -> str:
    return f"1 customer {one}" if count == 1 else f"{count:,} customers {more}"
