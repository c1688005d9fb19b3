"""What a row, or a later phase of it, subscribes to: its prices looked up, with what they cost and how often. Pure.

An offer is only made of prices that can be on one subscription; else there are faults instead of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reconciler.core.migration_facts import AccountFacts, PriceFacts
from reconciler.core.migrations import Duration, Fault, Fee, Item, Named
from reconciler.core.row_amounts import Line, Ratio, priced, ratio
from reconciler.core.values import Ref, Value

INTERVALS, CURRENCIES = "intervals_differ", "currencies_differ"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sold:
    """One item of an offer. `price` is what Stripe is told, `product` the id where it is known. `unit` is what one
    costs in the offer's currency, None where that depends on usage or quantity. `tax_behavior` is empty for
    unspecified."""

    price: Value
    product: Named
    unit: Ratio | None
    quantity: int
    metered: bool
    tax_behavior: str
    adhoc: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What is subscribed to, in the order of the row, and in which currency and period it is billed.

    `metered`: some of it is billed by usage, when a period has ended. `only_metered`: nothing of it is billed when a
    period begins. `known`: it is known what a period costs when it begins.
    """

    sold: tuple[Sold, ...]
    currency: str
    cycle: Duration
    metered: bool
    only_metered: bool
    known: bool


def read_offer(
    items: Sequence[Item], fees: Sequence[Fee], currency: str | None, facts: AccountFacts
) -> tuple[Offer | None, tuple[Fault, ...]]:
    """Look the prices of items up and say whether they can be billed together, and with the fees.

    `currency` is what the row names; without that it is billed in that of its first item.
    """
    found = [None if item.price is None else facts.prices[item.price] for item in items]
    chosen = currency or _currency(items[0], found[0])
    cycle = _cycle(items[0], found[0])
    faults = [fault for item, price in zip(items, found, strict=True) for fault in _item_faults(item, price)]
    if not faults:
        faults = [
            *_currency_faults(items, found, chosen, named=currency is not None),
            *_fee_faults(fees, chosen),
        ]
        # Most rows have one price, and there are many of them.
        if len(items) > 1:
            faults += [*_cycle_faults(items, found, cycle), *_repeated(found)]
    if faults:
        return None, tuple(faults)
    sold = tuple(_sold(item, price, chosen, facts) for item, price in zip(items, found, strict=True))
    usage = sum(one.metered for one in sold)
    return Offer(
        sold=sold,
        currency=chosen,
        cycle=cycle,
        metered=usage > 0,
        only_metered=usage == len(sold),
        known=all(one.metered or one.unit is not None for one in sold),
    ), ()


def id_of(named: Named, facts: AccountFacts) -> Named:
    """The id of what is named, or the reference itself where nobody knows it yet."""
    return facts.ids.get(named, named) if isinstance(named, Ref) else named


def _sold(item: Item, price: PriceFacts | None, currency: str, facts: AccountFacts) -> Sold:
    if price is None:
        assert item.adhoc is not None, "an item has a price or is ad hoc"
        adhoc = item.adhoc
        product = id_of(adhoc.product, facts)
        recurring = {"interval": adhoc.interval, "interval_count": adhoc.interval_count}
        data = {"currency": adhoc.currency, "product": product, "recurring": recurring, "unit_amount": adhoc.amount}
        quantity = 1 if item.quantity is None else item.quantity
        return Sold(
            price=data,
            product=product,
            unit=(adhoc.amount, 1),
            quantity=quantity,
            metered=False,
            tax_behavior="",
            adhoc=True,
        )
    amount = price.amounts.get(currency)
    return Sold(
        price=price.id or price.named,
        product=id_of(price.product, facts),
        unit=None if amount is None or price.metered else ratio(amount),
        quantity=1 if item.quantity is None else item.quantity,
        metered=price.metered,
        tax_behavior="" if price.tax_behavior == "unspecified" else price.tax_behavior,
        adhoc=False,
    )


def _currency(item: Item, price: PriceFacts | None) -> str:
    if price is not None:
        return price.currency
    return "" if item.adhoc is None else item.adhoc.currency


def _cycle(item: Item, price: PriceFacts | None) -> Duration:
    one = item.adhoc if price is None else price
    assert one is not None, "an item has a price or is ad hoc"
    return Duration(interval=one.interval, interval_count=one.interval_count)


def _item_faults(item: Item, price: PriceFacts | None) -> Iterator[Fault]:
    if price is None:
        return
    if not price.interval:
        yield Fault(
            reason="price_one_time",
            column="price",
            summary=f"{item.price} is a one-time price, and a subscription needs recurring ones",
            hint="name a recurring price of the product; what is charged once belongs in add_invoice_items",
        )
    elif price.metered and item.quantity is not None:
        yield Fault(
            reason="metered_quantity",
            column="quantity",
            summary=f"{item.price} is metered, and takes no quantity: {item.quantity}",
            hint="leave the quantity empty; usage comes from its meter",
        )


def _cycle_faults(items: Sequence[Item], found: Sequence[PriceFacts | None], cycle: Duration) -> Iterator[Fault]:
    cycles = [_cycle(item, price) for item, price in zip(items, found, strict=True)]
    if all(one == cycle for one in cycles):
        return
    listed = ", ".join(
        f"{shown(item)} every {one.interval_count} {one.interval}" for item, one in zip(items, cycles, strict=True)
    )
    yield Fault(
        reason=INTERVALS,
        column="price",
        summary=f"its prices have different intervals: {listed}",
        hint="one subscription bills in one interval; make a row of each",
    )


def _currency_faults(
    items: Sequence[Item], found: Sequence[PriceFacts | None], currency: str, *, named: bool
) -> Iterator[Fault]:
    for item, price in zip(items, found, strict=True):
        if price is None:
            assert item.adhoc is not None, "an item has a price or is ad hoc"
            if item.adhoc.currency == currency:
                continue
            offered, column = item.adhoc.currency, "adhoc_items.currency"
        elif currency == price.currency or currency in price.amounts:
            continue
        else:
            offered, column = ", ".join(sorted({price.currency, *price.amounts})), "currency" if named else "price"
        yield Fault(
            reason=CURRENCIES,
            column=column,
            summary=f"{shown(item)} is in {offered}, and the subscription in {currency}",
            hint=f"name prices that have {currency}, or another currency in the column `currency`",
        )


def _fee_faults(fees: Sequence[Fee], currency: str) -> Iterator[Fault]:
    for place, fee in enumerate(fees):
        if fee.currency != currency:
            yield Fault(
                reason="fee_currency",
                column=f"add_invoice_items.{place}.currency",
                summary=f"the fee is in {fee.currency}, and the subscription in {currency}",
                hint=f"say the fee in {currency}",
            )


def _repeated(found: Sequence[PriceFacts | None]) -> Iterator[Fault]:
    """Two names of one price: the id, and the address of the resource that has it."""
    seen: set[Named] = set()
    for price in found:
        if price is None:
            continue
        if (price.id or price.named) in seen:
            yield Fault(
                reason="price_twice",
                column="price",
                summary=f"{price.named} is there twice, once by its id",
                hint="name it once, with the quantities added up",
            )
        seen.add(price.id or price.named)


def whole_lines(offer: Offer) -> list[Line] | None:
    """The lines of a period as it begins, the last item first as Stripe has them; None where one is not known."""
    if not offer.known:
        return None
    return [(_whole(one), one.product) for one in reversed(offer.sold)]


def _whole(one: Sold) -> int:
    # Usage is billed when the period has ended, so that a period begins with nothing of it.
    if one.metered or one.unit is None:
        return 0
    return priced(one.unit, one.quantity)


def shown(item: Item) -> str:
    """An item in words: its price, or what is made up for it."""
    return str(item.price) if item.adhoc is None else f"the ad-hoc price of {item.adhoc.product}"
