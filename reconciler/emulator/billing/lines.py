"""The lines that items leave on invoices: of whole periods, of trials, of parts of a period, and what is added once."""

from __future__ import annotations

from datetime import UTC, datetime
from fractions import Fraction
from sys import intern

from reconciler.emulator.billing.reckoning import Values
from reconciler.emulator.rules.amount import TIMES, amount_of, describe, exact_of, rounded
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World

Span = tuple[int, int]


def price_of(world: World, id: str) -> Record:
    record = world.tables["price"].get(id)
    assert record is not None, "prices are never deleted"
    return record


def metered(item: Record) -> bool:
    """Whether an item is billed for what was used."""
    return item["quantity"] is None


def whole_line(world: World, item: Record, span: Span) -> Values:
    """A whole period of an item."""
    price, quantity = price_of(world, item["price"]), item["quantity"] or 0
    words = describe(price, _name(world, price), quantity)
    return {**_line(item, span, quantity), "amount": amount_of(price, quantity), "description": intern(words)}


def usage_line(world: World, item: Record, span: Span, quantity: int) -> Values:
    """What was used of a metered item in a span, which is over."""
    return whole_line(world, {**item, "quantity": quantity}, span)


def trial_line(world: World, item: Record, span: Span) -> Values:
    """A trial of an item, which costs nothing."""
    price, quantity = price_of(world, item["price"]), item["quantity"] or 0
    words = f"Trial period for {_name(world, price)}"
    return {**_line(item, span, quantity), "amount": 0, "description": intern(words)}


def part_line(world: World, item: Record, span: Span, period: Span, credited: bool = False) -> Values:
    """The part of a period that a span is, to the second; credited if it was paid for and is not used."""
    price, quantity = price_of(world, item["price"]), item["quantity"] or 0
    share = Fraction(span[1] - span[0], period[1] - period[0]) * (-1 if credited else 1)
    day = datetime.fromtimestamp(span[0], UTC).strftime("%d %b %Y")
    words = f"{'Unused' if credited else 'Remaining'} time on {quantity} {TIMES} {_name(world, price)} after {day}"
    return {
        **_line(item, span, quantity),
        "amount": rounded(exact_of(price, quantity) * share),
        "description": words,
        "invoice_item": world.new_id("ii"),
        "proration": True,
    }


def extra_line(world: World, extra: Record, moment: int) -> Values:
    """Something that is added to an invoice once."""
    price, quantity = price_of(world, extra["price"]), extra["quantity"]
    return {
        "amount": amount_of(price, quantity),
        "description": intern(_name(world, price)),
        "end": moment,
        "invoice_item": world.new_id("ii"),
        "metadata": extra["metadata"],
        "price": extra["price"],
        "quantity": quantity,
        "rates": extra["tax_rates"],
        "start": moment,
    }


def _line(item: Record, span: Span, quantity: int) -> Values:
    return {
        "end": span[1],
        "metadata": item["metadata"],
        "price": item["price"],
        "quantity": quantity,
        "rates": item.get("tax_rates"),
        "start": span[0],
        "subscription_item": item["id"],
    }


def _name(world: World, price: Record) -> str:
    product = world.tables["product"].get(price["product"])
    name: str = price["product"] if product is None else product["name"]
    return name
