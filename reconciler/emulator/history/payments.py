"""What happens to money: invoices are sent, paid, voided or written off, and charges are given back."""

from __future__ import annotations

from random import Random

from reconciler.emulator.commit import add, advance, replace
from reconciler.emulator.history.draw import draw
from reconciler.emulator.rules.billing import Bill, Outcome, bill
from reconciler.emulator.shapes import charge
from reconciler.emulator.shapes.invoice import due_of
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World


def invoice_paid(world: World, random: Random) -> bool:
    """By the customer's default card if there is one, else outside of Stripe; who was late is active again."""
    found = _open(world, random)
    if found is None:
        return False
    now, due = world.now(), due_of(found)
    owner = world.tables["customer"].get(found["customer"])
    assert owner is not None, "only invoices of customers that are there are drawn"
    method = owner["invoice_settings"]["default_payment_method"]
    paid = {**found, "paid_at": now, "status": "paid", "next_payment_attempt": None}
    if due and method is not None:
        values = {
            "amount": due,
            "currency": found["currency"],
            "customer": owner["id"],
            "payment_intent": world.new_id("pi"),
            "payment_method": method,
            "status": "succeeded",
        }
        add(world, charge.build(world, values, world.free_id("ch", "charge"), now), "succeeded")
        paid["attempt_count"] = found.get("attempt_count", 0) + 1
    elif due:
        paid["paid_off_stripe"] = True
    advance(world, paid, "paid")
    advance(world, paid, "payment_succeeded")
    replace(world, {**owner, "delinquent": False})
    _recover(world, found)
    return True


def _recover(world: World, invoice: Record) -> None:
    record = world.tables["subscription"].get(invoice["subscription"] or "")
    if record is not None and record["status"] in ("incomplete", "past_due", "unpaid"):
        replace(world, {**record, "status": "active"})


def _open(world: World, random: Random) -> Record | None:
    table = world.tables["customer"]
    return draw(random, world.tables["invoice"], lambda record: record["customer"] in table, "open")


def invoice_drafted(world: World, random: Random) -> bool:
    """A subscription's next invoice is written, and not yet sent."""
    found = draw(random, world.tables["subscription"], status="active")
    if found is not None:
        bill(world, found["id"], world.now(), Bill(Outcome.DRAFT, "subscription_update"))
    return found is not None


def invoice_finalized(world: World, random: Random) -> bool:
    """A draft gets its number, and waits to be paid."""
    table = world.tables["customer"]
    found = draw(random, world.tables["invoice"], lambda record: record["customer"] in table, "draft")
    owner = None if found is None else table.get(found["customer"])
    if found is None or owner is None:
        return False
    sequence = owner["next_invoice_sequence"]
    replace(world, {**owner, "next_invoice_sequence": sequence + 1})
    number = f"{owner['invoice_prefix']}-{sequence:04d}"
    opened = {"automatically_finalizes_at": None, "finalized_at": world.now(), "number": number, "status": "open"}
    advance(world, {**found, **opened}, "finalized")
    return True


def invoice_voided(world: World, random: Random) -> bool:
    return _closed(world, random, "void", "voided")


def invoice_written_off(world: World, random: Random) -> bool:
    return _closed(world, random, "uncollectible", "marked_uncollectible")


def _closed(world: World, random: Random, status: str, verb: str) -> bool:
    found = _open(world, random)
    if found is None:
        return False
    closed = {"next_payment_attempt": None, "status": status, f"{verb}_at": world.now()}
    advance(world, {**found, **closed}, verb)
    return True


def charge_refunded(world: World, random: Random) -> bool:
    """All of a charge is given back, or half of what is left of it."""
    found = draw(random, world.tables["charge"], lambda record: _left(record) > 0)
    if found is None:
        return False
    left = _left(found)
    given = found.get("amount_refunded", 0) + (left if random.randrange(2) else -(-left // 2))
    advance(world, {**found, "amount_refunded": given, "refunded": given == found["amount"]}, "refunded")
    return True


def _left(record: Record) -> int:
    return int(record["amount"]) - int(record.get("amount_refunded", 0)) if record["status"] == "succeeded" else 0
