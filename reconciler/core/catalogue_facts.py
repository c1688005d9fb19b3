"""What migrations need to know of the catalogue: prices, products, coupons and tax rates as a plan leaves them. Pure.

What a plan makes or replaces has no id yet: rows that name it follow the new one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from reconciler.core.changes import Action
from reconciler.core.migration_facts import CouponFacts, PriceFacts, RateFacts
from reconciler.core.migrations import Item, Migration, Named, WantedMigrations
from reconciler.core.planner import Planner
from reconciler.core.resources import Observed
from reconciler.core.values import Attrs, Ref, Value, replace_refs

PRICE, PRODUCT, COUPON, TAX_RATE = "price", "product", "coupon", "tax_rate"


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What rows name of the catalogue, each once."""

    prices: frozenset[Named] = frozenset()
    products: frozenset[Named] = frozenset()
    coupons: frozenset[Named] = frozenset()
    rates: frozenset[Named] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogueFacts:
    """All that rows name and that there is, or will be. `ids` are those of what is there already, by reference."""

    prices: Mapping[Named, PriceFacts] = field(default_factory=dict)
    products: Mapping[Named, bool] = field(default_factory=dict)
    coupons: Mapping[Named, CouponFacts] = field(default_factory=dict)
    rates: Mapping[Named, RateFacts] = field(default_factory=dict)
    ids: Mapping[Ref, str] = field(default_factory=dict)


def named_in(wanted: WantedMigrations) -> Names:
    """List what rows and further phases name."""
    items: set[Item] = set()
    fees: set[Named] = set()
    coupons: set[Named | None] = set()
    rates: set[Named | None] = set()
    for _, row in wanted.rows():
        terms = row.terms
        if terms is None:
            continue
        items.update(terms.items)
        fees.update(fee.product for fee in terms.fees)
        coupons.add(terms.coupon)
        rates.add(terms.default_tax_rate)
    for migration in wanted.migrations:
        items.update(_items_of(migration))
        coupons.update(one.coupon for one in migration.then)
    return Names(
        prices=frozenset(item.price for item in items if item.price is not None),
        products=frozenset([*fees, *(item.adhoc.product for item in items if item.adhoc is not None)]),
        coupons=frozenset(one for one in coupons if one is not None),
        rates=frozenset(one for one in rates if one is not None),
    )


def _items_of(migration: Migration) -> Iterator[Item]:
    for one in migration.then:
        yield from one.items


def catalogue_facts(planner: Planner, names: Names, now: int) -> CatalogueFacts:
    """Tell what a planner that has drafted knows of names. `now` is epoch seconds, UTC."""
    reading = _Reading(planner)
    prices = {name: _price(name, one) for name in names.prices if (one := reading.find(PRICE, name)) is not None}
    rates = {name: _rate(one) for name in names.rates if (one := reading.find(TAX_RATE, name)) is not None}
    coupons = {name: _coupon(one, now) for name in names.coupons if (one := reading.find(COUPON, name)) is not None}
    sold = names.products | {price.product for price in prices.values()}
    products = {name: one.alive for name in sold if (one := reading.find(PRODUCT, name)) is not None}
    return CatalogueFacts(prices=prices, products=products, coupons=coupons, rates=rates, ids=reading.ids())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Resource:
    """A resource as the plan leaves it; `id` is None where the plan makes it."""

    id: str | None
    attrs: Attrs
    alive: bool


class _Reading:
    """Finds resources by reference or by id, as a plan leaves them."""

    def __init__(self, planner: Planner) -> None:
        self._planner = planner
        self._addresses = {
            (found.head.kind, found.head.remote_id): address
            for address, found in planner.located.items()
            if found.head is not None and not found.refused
        }

    def ids(self) -> dict[Ref, str]:
        """Give the ids of all resources that stay the object that they are."""
        creates = self._planner.steps.creates
        return {
            Ref(address): found.head.remote_id
            for address, found in self._planner.located.items()
            if found.head is not None and address not in creates
        }

    def find(self, kind: str, named: Named) -> _Resource | None:
        """Find what a row names; None where there is no such thing, and none will be."""
        return self._declared(named) if isinstance(named, Ref) else self._literal(kind, named)

    def _declared(self, ref: Ref) -> _Resource | None:
        desired = self._planner.desired.get(ref.address)
        if desired is None:
            return None
        if ref.address in self._planner.steps.creates:
            attrs = self._settled(desired.attrs)
            return _Resource(id=None, attrs=attrs, alive=attrs.get("active", True) is not False)
        head = self._planner.located[ref.address].head
        if head is None:
            return None
        change = self._planner.changes.get(ref.address)
        if change is not None and change.action is Action.REFUSED:
            return _Resource(id=head.remote_id, attrs=head.attrs, alive=head.alive)
        attrs = {**head.attrs, **self._settled(desired.attrs)}
        # What is declared is revived, and what is declared inactive is archived.
        alive = desired.attrs.get("active", True) is not False and not head.spent
        return _Resource(id=head.remote_id, attrs=attrs, alive=alive)

    def _literal(self, kind: str, id: str) -> _Resource | None:
        head = self._planner.snapshot.by_id.get((kind, id))
        if head is None:
            return None
        address = self._addresses.get((kind, id))
        if address is not None and address not in self._planner.steps.creates:
            return self._declared(Ref(address))
        # What has a successor is archived when that is there.
        return _Resource(id=id, attrs=head.attrs, alive=head.alive and address is None and not self._leaves(head))

    def _leaves(self, head: Observed) -> bool:
        """Say whether this very plan archives or deletes what no spec declares any more."""
        owner = head.owner
        if owner is None or owner.address is None or owner.project != self._planner.request.project:
            return False
        change = self._planner.changes.get(owner.address)
        return change is not None and change.action is Action.RETIRE

    def _settled(self, attrs: Attrs) -> Attrs:
        """Put the ids of what is there already where attributes refer to it."""

        def known(ref: Ref) -> Value:
            found = self._planner.located.get(ref.address)
            if found is None or found.head is None or ref.address in self._planner.steps.creates:
                return ref
            return found.head.remote_id

        settled: dict[str, Value] = replace_refs(attrs, known)
        return settled


def _price(named: Named, one: _Resource) -> PriceFacts:
    attrs = one.attrs
    recurring = attrs.get("recurring") or {}
    metered = recurring.get("usage_type") == "metered"
    counted = metered or attrs.get("transform_quantity") is not None
    amounts = {str(attrs["currency"]): _amount(attrs, counted=counted)}
    for name, option in attrs.items():
        if name.startswith("currency_options["):
            amounts[name[17:-1]] = _amount(option or {}, counted=counted)
    return PriceFacts(
        named=named,
        id=one.id,
        product=attrs["product"],
        currency=str(attrs["currency"]),
        amounts=amounts,
        interval=str(recurring.get("interval") or ""),
        interval_count=int(recurring.get("interval_count") or 1),
        metered=metered,
        active=one.alive,
        tax_behavior=str(attrs.get("tax_behavior") or "unspecified"),
    )


def _amount(part: Mapping[str, Value], *, counted: bool) -> Decimal | None:
    """Say what one unit costs; None where that depends on how many there are."""
    amount = part.get("unit_amount")
    return None if counted or amount is None or part.get("tiers") is not None else Decimal(str(amount))


def _coupon(one: _Resource, now: int) -> CouponFacts:
    attrs = one.attrs
    off = {str(attrs["currency"]): int(attrs["amount_off"])} if attrs.get("amount_off") is not None else {}
    if off:
        options = {n[17:-1]: o for n, o in attrs.items() if n.startswith("currency_options[") and o}
        off |= {currency: int(option["amount_off"]) for currency, option in options.items()}
    percent, until = attrs.get("percent_off"), attrs.get("redeem_by")
    months = attrs.get("duration_in_months")
    return CouponFacts(
        id=one.id,
        percent_off=None if percent is None else Decimal(str(percent)),
        amounts_off=off,
        duration=str(attrs.get("duration") or "once"),
        months=None if months is None else int(months),
        products=frozenset((attrs.get("applies_to") or {}).get("products") or ()),
        valid=one.alive and (until is None or int(until) > now),
    )


def _rate(one: _Resource) -> RateFacts:
    return RateFacts(
        id=one.id,
        percentage=Decimal(str(one.attrs["percentage"])),
        inclusive=bool(one.attrs["inclusive"]),
        active=one.alive,
    )
