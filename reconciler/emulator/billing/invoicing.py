"""The invoices that subscriptions leave: drawn up as drafts, finalized an hour later, and collected.

The emulated account has automatic retries off and leaves late subscriptions past due: both are settings of Stripe's.
An amount that is too small to be charged is charged all the same; Stripe would add it to the customer's balance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from reconciler.emulator.billing.credits import apply_credits, reinstate
from reconciler.emulator.billing.reckoning import Values, in_force, reckon
from reconciler.emulator.commit import add, advance, replace
from reconciler.emulator.shapes import charge, invoice
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World

HOUR = 60 * 60
DAY = 24 * HOUR
DESCRIPTIONS = {"subscription_create": "Subscription creation"}
LOCATION = {
    "code": "customer_tax_location_invalid",
    "message": "The customer's location isn't recognized. Set a valid customer address in order to automatically "
    "calculate tax.",
    "param": "customer[address]",
    "type": "invalid_request_error",
}


@dataclass(frozen=True)
class Issue:
    """Why an invoice is written, and when it is finalized: at once within a request, else after an hour.

    `period` is the time in which it gathered items; `changes` are those of the subscription that come with it.
    """

    reason: str = "subscription_cycle"
    period: tuple[int, int] | None = None
    at_once: bool = False
    changes: Mapping[str, Any] = field(default_factory=dict)


def issue(world: World, subscription: Record, lines: Sequence[Values], how: Issue) -> Record:
    """Write an invoice for a subscription and store both; returns the subscription."""
    now = world.now()
    customer = world.tables["customer"].get(subscription["customer"])
    assert customer is not None, "who is billed is there"
    after = {**subscription, **how.changes}
    discounts = in_force(world, after)
    values = {
        "billing_reason": how.reason,
        "currency": after["currency"],
        "customer": customer,
        "lines": [invoice.build_line(world, line) for line in reckon(world, after, lines, discounts)],
        "period": how.period or (now, now),
        "subscription": {**after, "discounts": [one["id"] for one in discounts]},
    }
    record = invoice.build(world, values, world.free_id("in", "invoice"), now) | {"life": {}}
    if after.get("automatic_tax", {}).get("enabled"):
        located = bool((customer["address"] or {}).get("country"))
        status = "complete" if located else "requires_location_inputs"
        record["automatic_tax"] = {**after["automatic_tax"], "provider": "stripe", "status": status}
    if not how.at_once:
        record["automatically_finalizes_at"] = now + HOUR
    add(world, record)
    after |= {"latest_invoice": record["id"], "discounts": _left(record, discounts)}
    replace(world, after)
    if how.at_once:
        finalize(world, record)
    found = world.tables["subscription"].get(after["id"])
    assert found is not None, "subscriptions are never deleted"
    return found


def _left(record: Record, discounts: Sequence[Record]) -> list[str]:
    """The discounts that go on. One that is good once stays until it took something off: a guess, for trials."""
    used = {id for line in record["lines"] for id, _ in line.get("discounts", ())}
    return [one["id"] for one in discounts if one["terms"]["duration"] != "once" or one["id"] not in used]


def finalize(world: World, record: Record) -> None:
    """Open a draft, with what credits pay of it, and collect it."""
    now = world.now()
    customer = world.tables["customer"].get(record["customer"])
    if customer is None:
        world.tables["invoice"].put({**record, "life": {**record["life"], "stuck": True}})
        return
    if record.get("automatic_tax", {}).get("status") == "requires_location_inputs":
        stuck = {**record, "last_finalization_error": LOCATION, "life": {**record["life"], "stuck": True}}
        advance(world, stuck, "finalization_failed")
        return
    record = apply_credits(world, record)
    sequence = customer["next_invoice_sequence"]
    balance = _balanced(record, customer["balance"])
    customer = {**customer, "currency": customer["currency"] or record["currency"]}
    customer |= {"next_invoice_sequence": sequence + 1, "balance": balance.get("ending_balance", customer["balance"])}
    replace(world, customer)
    opened = {**record, **balance, "finalized_at": now, "status": "open"}
    opened |= {"number": f"{customer['invoice_prefix']}-{sequence:04d}"}
    sent = record.get("collection_method") == "send_invoice"
    if sent:
        subscription = world.tables["subscription"].get(record["subscription"]) or {}
        opened["due_date"] = record["created"] + (subscription.get("days_until_due") or 0) * DAY
    advance(world, opened, "finalized")
    _collect(world, opened, sent)


def _balanced(record: Record, balance: int) -> Values:
    """What an invoice takes from the customer's balance or adds to it; a negative balance is the customer's credit."""
    total = invoice.total_of(record)
    if total >= 0 and balance == 0:
        return {}
    due = max(total + balance, 0) if total > 0 else 0
    return {"amount_due": due, "starting_balance": balance, "ending_balance": total + balance - due}


def _collect(world: World, record: Record, sent: bool) -> None:
    due = invoice.due_of(record)
    if not due:
        _settle(world, record)
        return
    if sent:
        advance(world, record, "sent")
        return
    method = payer(world, world.tables["subscription"].get(record["subscription"]) or record)
    if method is None:
        # That an attempt without anything to charge counts as one is a guess.
        failed = {**record, "attempt_count": 1}
        advance(world, failed, "payment_failed")
        _mark(world, failed, late=True)
        return
    values = {
        "amount": due,
        "currency": record["currency"],
        "customer": record["customer"],
        "description": DESCRIPTIONS.get(record["billing_reason"], "Subscription update"),
        "payment_intent": world.new_id("pi"),
        "payment_method": method,
        "status": "succeeded",
    }
    add(world, charge.build(world, values, world.free_id("ch", "charge"), world.now()), "succeeded")
    _settle(world, {**record, "attempt_count": 1})


def payer(world: World, subscription: Record) -> str | None:
    """The payment method that is charged: the subscription's own, else the customer's default."""
    customer = world.tables["customer"].get(subscription["customer"])
    chosen: str | None = subscription.get("default_payment_method")
    if chosen is None and customer is not None:
        chosen = customer["invoice_settings"]["default_payment_method"]
    return chosen


def _settle(world: World, record: Record) -> None:
    paid = {**record, "paid_at": world.now(), "status": "paid"}
    advance(world, paid, "paid")
    advance(world, paid, "payment_succeeded")
    _mark(world, paid, late=False)


def void(world: World, record: Record) -> Record:
    """Void an open invoice: nobody owes it any more, and the credits that it took come back."""
    now = world.now()
    after = advance(world, {**record, "status": "void", "voided_at": now}, "voided")
    reinstate(world, after)
    return after


def overdue(world: World, record: Record) -> None:
    """The day by which a sent invoice had to be paid has passed."""
    late = {**record, "life": {**record["life"], "overdue": True}}
    advance(world, late, "overdue")
    _mark(world, late, late=True)


def _mark(world: World, record: Record, late: bool) -> None:
    """Say of the customer whether it owes, and of the subscription, if this is its latest invoice."""
    customer = world.tables["customer"].get(record["customer"])
    if customer is not None and customer["delinquent"] != late:
        replace(world, {**customer, "delinquent": late})
    subscription = world.tables["subscription"].get(record["subscription"])
    if subscription is None or subscription.get("latest_invoice") != record["id"]:
        return
    before, after = ("active", "past_due") if late else ("past_due", "active")
    if subscription["status"] == before:
        replace(world, {**subscription, "status": after})
