"""How much Stripe's products are used, and what of it the mappings leave out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

# The statuses of a subscription whose customer has what was bought, or is to have it until somebody says otherwise.
ACTIVE_STATUSES = ("active", "trialing", "past_due", "unpaid")


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscribed:
    """How many active subscriptions, and customers that have any, there are of each set of products.

    `unknown` says why nothing was counted; it is empty where it was.
    """

    subscriptions: Mapping[frozenset[str], int] = field(default_factory=dict)
    customers: Mapping[frozenset[str], int] = field(default_factory=dict)
    unknown: str = ""


def count_subscribed(items: Iterable[tuple[str, str, str]]) -> Subscribed:
    """Count (subscription, customer, product) of every entry of an active subscription."""
    of_subscription: dict[str, set[str]] = {}
    of_customer: dict[str, set[str]] = {}
    for subscription, customer, product in items:
        of_subscription.setdefault(subscription, set()).add(product)
        of_customer.setdefault(customer, set()).add(product)
    return Subscribed(
        subscriptions=Counter(frozenset(products) for products in of_subscription.values()),
        customers=Counter(frozenset(products) for products in of_customer.values()),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class UsedProduct:
    """A product of Stripe's, the mapping that it belongs to, and its active subscriptions; None: not counted."""

    id: str
    name: str
    mapping: str | None
    subscriptions: int | None
    active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductUse:
    """Every product of an account, the most used first. `left_out` counts the active subscriptions that have no mapped
    product at all: what they bought unlocks nothing. `unknown` says why nothing was counted."""

    products: tuple[UsedProduct, ...]
    left_out: int | None
    unknown: str = ""

    @property
    def unmapped(self) -> int:
        """Count the products that belong to no mapping."""
        return sum(product.mapping is None for product in self.products)


def product_use(
    products: Mapping[str, tuple[str, bool]], mapped: Mapping[str, str], subscribed: Subscribed
) -> ProductUse:
    """Put together what is known: names and whether they are active by id, mappings by product, and what was counted.

    Archived products that nobody has and no mapping names are left out.
    """
    counts: Counter[str] = Counter()
    for together, count in subscribed.subscriptions.items():
        counts.update(dict.fromkeys(together, count))
    known = not subscribed.unknown
    found = []
    for id in {**products, **mapped, **counts}:
        name, active = products.get(id, ("", True))
        if active or counts[id] or id in mapped:
            used = counts[id] if known else None
            found.append(UsedProduct(id=id, name=name, mapping=mapped.get(id), subscriptions=used, active=active))
    left_out = sum(n for together, n in subscribed.subscriptions.items() if not together.intersection(mapped))
    return ProductUse(
        products=tuple(sorted(found, key=lambda one: (-(one.subscriptions or 0), one.mapping is not None, one.id))),
        left_out=left_out if known else None,
        unknown=subscribed.unknown,
    )
