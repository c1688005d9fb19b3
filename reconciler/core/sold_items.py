"""What a subscription says of itself, read from Stripe's object in the words that rows are held against. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from reconciler.core.held_facts import ADDRESS
from reconciler.core.migration_facts import AccountFacts, PriceFacts
from reconciler.core.migrations import Migration, Named, Row
from reconciler.core.money import show_amount
from reconciler.core.values import Ref, Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A subscription's terms. `scheduled`: a schedule still decides what becomes of it."""

    status: str
    started: int
    anchor: int
    trial_end: int | None
    cancel_at: int | None
    scheduled: bool
    items: tuple[tuple[str, int | None], ...]
    currency: str
    collection_method: str
    days_until_due: int | None
    tax_rates: tuple[str, ...]
    automatic_tax: bool
    coupons: tuple[str, ...]
    metadata: Mapping[str, str] = field(default_factory=dict)


def found_terms(raw: Mapping[str, Value], phases: Sequence[Mapping[str, Value]]) -> Found:
    """Read a raw subscription whose discounts are expanded; prices that its phases make for it alone are called by what
    they cost."""
    items = [item for phase in phases for item in phase["items"]]
    named = {str(item["price"]) for item in items if "price" in item}
    adhoc = any("price_data" in item for item in items)
    return Found(
        status=str(raw["status"]),
        started=int(raw["start_date"]),
        anchor=int(raw["billing_cycle_anchor"]),
        trial_end=raw.get("trial_end"),
        cancel_at=raw.get("cancel_at"),
        scheduled=raw.get("schedule") is not None,
        items=tuple(_item(one, adhoc and _id(one["price"]) not in named) for one in raw["items"]["data"]),
        currency=str(raw["currency"]),
        collection_method=str(raw["collection_method"]),
        days_until_due=raw.get("days_until_due"),
        tax_rates=tuple(sorted(_id(one) for one in raw.get("default_tax_rates") or ())),
        automatic_tax=bool((raw.get("automatic_tax") or {}).get("enabled")),
        coupons=tuple(_coupon(one) for one in raw.get("discounts") or ()),
        metadata=raw.get("metadata") or {},
    )


def adhoc_label(product: str, amount: int, currency: str, interval: str, count: int) -> str:
    """Call a price that was made for one row by what it costs."""
    every = interval if count == 1 else f"{count} {interval}s"
    return f"{product} at {show_amount(amount, currency)} per {every}"


def _item(one: Mapping[str, Value], adhoc: bool) -> tuple[str, int | None]:
    price, recurring = one["price"], one["price"].get("recurring") or {}
    quantity = None if recurring.get("usage_type") == "metered" else one.get("quantity")
    if adhoc and price.get("unit_amount") is not None and recurring:
        label = adhoc_label(
            _id(price["product"]),
            int(price["unit_amount"]),
            str(price["currency"]),
            str(recurring["interval"]),
            int(recurring.get("interval_count") or 1),
        )
        return label, quantity
    return str(price["id"]), quantity


def _coupon(discount: Value) -> str:
    """Name the coupon of a discount."""
    if not isinstance(discount, Mapping):
        return str(discount)
    source = discount.get("source") or {}
    return _id(source.get("coupon"))


def _id(value: Value) -> str:
    return str(value["id"]) if isinstance(value, Mapping) else "" if value is None else str(value)


def facts_as_sold(migration: Migration, row: Row, raw: Mapping[str, Value], facts: AccountFacts) -> AccountFacts:
    """The facts with the prices that a subscription has, where these were replaced since it was scheduled: rows name
    them by address, and without `follow_prices` what was scheduled keeps the price of then."""
    if row.terms is None or migration.follow_prices:
        return facts
    sold = {str(price["metadata"][ADDRESS]): price for price in _marked(raw)}
    if not sold:
        return facts
    kept: dict[Named, PriceFacts] = {}
    for item in row.terms.items:
        named = item.price
        if isinstance(named, Ref) and named in facts.prices:
            price = sold.get(str(named.address))
            if price is not None and price["id"] != facts.prices[named].id:
                kept[named] = _as_sold(facts.prices[named], price)
    return replace(facts, prices={**facts.prices, **kept}) if kept else facts


def _marked(raw: Mapping[str, Value]) -> Iterator[Mapping[str, Value]]:
    for item in raw["items"]["data"]:
        price = item["price"]
        if (price.get("metadata") or {}).get(ADDRESS):
            yield price


def _as_sold(known: PriceFacts, price: Mapping[str, Value]) -> PriceFacts:
    amount, recurring = price.get("unit_amount_decimal"), price["recurring"]
    unit = None if amount is None or known.metered else Decimal(str(amount))
    return replace(
        known,
        id=str(price["id"]),
        currency=str(price["currency"]),
        amounts={str(price["currency"]): unit},
        interval=str(recurring["interval"]),
        interval_count=int(recurring.get("interval_count") or 1),
        tax_behavior=str(price.get("tax_behavior") or "unspecified"),
    )
