"""What the grown account's subscriptions left behind: payment methods, renewals, invoices and charges."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace as changed
from typing import Any

from reconciler.emulator.commit import advance
from reconciler.emulator.history.contracts import Contract, in_period
from reconciler.emulator.history.past import DAY, HOUR, Past
from reconciler.emulator.history.people import Buyer
from reconciler.emulator.rules.billing import Bill, Outcome, attach_payment_method, bill
from reconciler.emulator.shapes import invoice
from reconciler.emulator.wire import Record

CARDS: tuple[dict[str, Any], ...] = (
    {},
    {},
    {"brand": "mastercard", "last4": "4444", "exp_month": 8, "exp_year": 2031},
    {"brand": "amex", "last4": "0005", "exp_month": 3, "exp_year": 2029},
    {"last4": "5556", "funding": "debit", "exp_year": 2030, "country": "GB"},
)
# How many of its latest periods a subscription still has invoices of.
PERIODS = (2, 3, 3, 4, 5, 6, 8)


def equip(past: Past, made: Contract, buyer: Buyer, record: Record) -> Record:
    """Give the customer a way to pay: most by default, some for this subscription only, some none."""
    if made.fate in ("paused", "incomplete", "incomplete_expired") or record["collection_method"] == "send_invoice":
        return record
    card = past.random.choice(CARDS)
    if past.chance(85):
        attach_payment_method(past.world, buyer.id, made.signed, card)
        return record
    method = attach_payment_method(past.world, buyer.id, made.signed, card, default=False)
    return past.turn({**record, "default_payment_method": method["id"]}, made.signed)


def bill_periods(past: Past, made: Contract, record: Record) -> Iterator[int]:
    """Write a subscription's periods until its end or now, with the invoices of the latest ones.

    Tells of each moment before writing it, so that what else the customer has can be written in between.
    """
    if made.fate == "paused":
        return
    if made.fate.startswith("incomplete"):
        # Its first invoice was never paid.
        outcome = Outcome.VOID if made.fate == "incomplete_expired" else Outcome.OPEN
        bill(past.world, record["id"], made.signed, Bill(outcome, "subscription_create", settled=made.ended))
        return
    last = made.reached(past.now if made.ended is None else max(made.ended - 1, made.signed))
    first = max(0, last + 1 - past.random.choice(PERIODS))
    for number in range(first, last + 1):
        start = made.cycle(number)
        yield start
        active = {**in_period(as_it_is(past, record), start, made.cycle(number + 1)), "status": "active"}
        past.turn(active, start)
        reason = "subscription_create" if start == made.signed else "subscription_cycle"
        how = _outcome(past, made, active, (last - number, start))
        _bill(past, made, active, start, changed(how, reason=reason, usage=_usage(past, active)))


def as_it_is(past: Past, record: Record) -> Record:
    """A subscription after what else was written of it."""
    found = past.world.tables["subscription"].get(record["id"])
    assert found is not None, "subscriptions are never deleted"
    return found


def _bill(past: Past, made: Contract, record: Record, start: int, how: Bill) -> None:
    bill(past.world, record["id"], start, how)
    if how.outcome is Outcome.PAID and past.chance(2):
        _refund(past, record["customer"], made.until)


def _outcome(past: Past, made: Contract, record: Record, place: tuple[int, int]) -> Bill:
    """How the invoice ends that begins a period, so many periods before the last."""
    before, start = place
    if past.now - start < HOUR:
        return Bill(Outcome.DRAFT)
    if made.fate == "past_due" and before == 0:
        return Bill(Outcome.OPEN, failures=1 + past.random.randrange(3))
    if made.fate == "unpaid" and before < 2:
        return Bill(Outcome.OPEN, failures=4) if before == 1 else Bill(Outcome.OPEN)
    if record["collection_method"] == "send_invoice":
        paid = start + past.random.randrange(1, 40) * DAY
        return Bill(settled=_settled(made, start, paid)) if paid <= made.until else Bill(Outcome.OPEN)
    die, later = past.random.randrange(100), _settled(made, start, min(start + 4 * DAY, made.until))
    if die < 2:
        return Bill(Outcome.UNCOLLECTIBLE, failures=4, settled=later)
    if die < 4:
        return Bill(Outcome.VOID, settled=later)
    return Bill(failures=1, settled=later) if die < 8 else Bill()


def _settled(made: Contract, start: int, later: int) -> int:
    """When an invoice is settled: at once if the customer has other subscriptions.

    Whether a customer owes is told when an invoice is settled, and a customer's events must be in order.
    """
    return later if made.alone else start


def _usage(past: Past, record: Record) -> dict[str, int]:
    return {
        line["id"]: past.random.choice((0, 900, 12_345, 480_000, 1_500_000))
        for line in record["items"]
        if line["quantity"] is None
    }


def _refund(past: Past, customer: str, until: int) -> None:
    """Give back the latest charge, or half of it."""
    charges = past.world.tables["charge"].having("customer", customer)
    if not charges or charges[-1]["status"] != "succeeded" or charges[-1].get("amount_refunded"):
        return
    amount = charges[-1]["amount"]
    given = amount if past.chance(60) else max(amount // 2, 1)
    moment = past.between(charges[-1]["created"], until)
    refunded = {**charges[-1], "amount_refunded": given, "refunded": given == amount}
    advance(past.world, refunded, "refunded", moment)


def one_off(past: Past, customer: Record, offer: Record) -> None:
    """A draft for something that is paid once; nobody has sent it yet."""
    created = past.between(max(customer["created"], past.ago(90)), past.now)
    values = {
        "amount": offer["unit_amount"],
        "description": "As agreed by phone",
        "end": created,
        "price": offer["id"],
        "quantity": 1,
        "start": created,
    }
    drafted = {
        "currency": offer["currency"],
        "customer": customer,
        "lines": [invoice.build_line(past.world, values)],
    }
    past.make(invoice.build(past.world, drafted, past.world.free_id("in", "invoice"), created))
