"""What billing leaves behind: payment methods, invoices and charges, with the events that tell of them.

For account histories, which happened in the past: each function takes the moment at which it happened.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from sys import intern
from typing import Any

from reconciler.emulator.commit import add, advance, remembered, replace
from reconciler.emulator.rules.amount import amount_of, describe
from reconciler.emulator.rules.subscription import period_end
from reconciler.emulator.shapes import charge, invoice, payment_method
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World

HOUR = 60 * 60
RETRY = 3 * 24 * HOUR
DESCRIPTIONS = {"subscription_create": "Subscription creation", "subscription_cycle": "Subscription update"}


class Outcome(StrEnum):
    """How an invoice ends."""

    DRAFT = "draft"
    OPEN = "open"
    PAID = "paid"
    UNCOLLECTIBLE = "uncollectible"
    VOID = "void"


@dataclass(frozen=True)
class Bill:
    """What is special about an invoice of a subscription; left alone, it is that of a new period, paid at once.

    `period` is what its lines pay for, if not the current period of each. `usage` holds the quantities of metered
    items by item id. `failures` are the charges that fail first: none if it is sent or paid in the end, else one.
    `settled` is when it was paid, written off or voided, if not at the moment of its creation.
    """

    outcome: Outcome = Outcome.PAID
    reason: str = "subscription_cycle"
    period: tuple[int, int] | None = None
    usage: Mapping[str, int] = field(default_factory=dict)
    failures: int | None = None
    settled: int | None = None

    def failed(self, sent: bool) -> int:
        """How many charges fail."""
        if self.failures is not None:
            return self.failures
        return 0 if sent or self.outcome is Outcome.PAID else 1


PAID_AT_ONCE = Bill()


def attach_payment_method(
    world: World,
    customer_id: str,
    created: int,
    card: Mapping[str, Any] | None = None,
    default: bool = True,
    id: str = "",
) -> Record:
    """Attach a new card to a customer (payment_method.attached); returns the payment method, which may be given an id.

    As the default it becomes the customer's own for invoices, too (customer.updated).
    """
    values = {"customer": customer_id, "card": dict(card or {})}
    id = id or world.free_id("pm", "payment_method")
    record = add(world, payment_method.build(world, values, id, created), "attached")
    if default:
        customer = _customer(world, customer_id)
        settings = {**customer["invoice_settings"], "default_payment_method": id}
        replace(world, {**customer, "invoice_settings": settings}, moment=created)
    return record


def bill(world: World, subscription_id: str, created: int, how: Bill = PAID_AT_ONCE) -> Record:
    """Bill a subscription at a moment in the past, and take the invoice as far as `how` says; returns the invoice.

    What must be charged and is paid needs a payment method, the subscription's or its customer's: ValueError if there
    is none, but for invoices that are sent, which then count as paid outside of Stripe.
    """
    subscription = world.tables["subscription"].get(subscription_id)
    if subscription is None:
        raise ValueError(f"there is no subscription {subscription_id}")
    draft = _draft(world, subscription, created, how)
    if how.outcome is Outcome.DRAFT:
        record = add(world, {**draft, "automatically_finalizes_at": created + HOUR})
    else:
        record = _collect(world, draft, _payer(world, subscription), how)
    latest = world.tables["invoice"].get(subscription.get("latest_invoice") or "")
    if latest is None or latest["created"] <= created:
        replace(world, {**subscription, "latest_invoice": record["id"]}, moment=created)
    return record


def _draft(world: World, subscription: Record, created: int, how: Bill) -> Record:
    """The invoice as it is first written. The newest items come first, as Stripe sorts lines."""
    values = {
        "billing_reason": how.reason,
        "currency": subscription["currency"],
        "customer": _customer(world, subscription["customer"]),
        "lines": [_line(world, item, how) for item in reversed(subscription["items"])],
        "subscription": subscription,
    }
    # Stripe dates an invoice by the time in which it gathered items: nothing for the first, else the period before.
    if how.reason == "subscription_cycle":
        start = values["lines"][0]["start"]
        values["period"] = (_period_before(world, subscription["items"][0]["price"], start), start)
    return invoice.build(world, values, world.free_id("in", "invoice"), created)


def _period_before(world: World, price_id: str, end: int) -> int:
    price = world.tables["price"].get(price_id)
    assert price is not None, "prices are never deleted"
    recurring = price["recurring"]
    return period_end(end, {**recurring, "interval_count": -recurring["interval_count"]})


def _line(world: World, item: Record, how: Bill) -> Record:
    price = world.tables["price"].get(item["price"])
    assert price is not None, "prices are never deleted"
    product = world.tables["product"].get(price["product"])
    name = price["product"] if product is None else product["name"]
    quantity = how.usage.get(item["id"], 0) if item["quantity"] is None else item["quantity"]
    start, end = how.period or (item["current_period_start"], item["current_period_end"])
    values = {
        "amount": amount_of(price, quantity),
        # One description serves the invoices of thousands of customers.
        "description": intern(describe(price, name, quantity)),
        "end": end,
        "metadata": item["metadata"],
        "price": item["price"],
        "quantity": quantity,
        "start": start,
        "subscription_item": item["id"],
    }
    return invoice.build_line(world, values)


def _payer(world: World, subscription: Record) -> str | None:
    """The payment method that is charged."""
    customer = _customer(world, subscription["customer"])
    chosen: str | None = subscription.get("default_payment_method")
    return chosen or customer["invoice_settings"]["default_payment_method"]


def _collect(world: World, draft: Record, method: str | None, how: Bill) -> Record:
    """Finalize an invoice and collect it, or not."""
    created, due = draft["created"], max(invoice.total_of(draft), 0)
    sent = draft.get("collection_method") == "send_invoice"
    if due and method is None and not sent and how.outcome is Outcome.PAID:
        raise ValueError(f"the customer {draft['customer']} has nothing to pay with")
    if remembered(world, created):
        add(world, draft)
    record = _finalized(world, draft, sent)
    if remembered(world, created):
        advance(world, record, "finalized", created)
    if due and method is not None:
        record = _attempt(world, record, (method, due), how)
    elif due and how.outcome is Outcome.PAID:
        record = {**record, "paid_off_stripe": True}
    return _settle(world, record, how)


def _finalized(world: World, draft: Record, sent: bool) -> Record:
    """The open invoice, with the next number of its customer."""
    customer = _customer(world, draft["customer"])
    sequence = customer["next_invoice_sequence"]
    counted = {"currency": customer["currency"] or draft["currency"], "next_invoice_sequence": sequence + 1}
    replace(world, {**customer, **counted}, moment=draft["created"])
    opened = {
        **draft,
        "finalized_at": draft["created"],
        "number": f"{customer['invoice_prefix']}-{sequence:04d}",
        "status": "open",
    }
    if not sent:
        return opened
    subscription = world.tables["subscription"].get(draft["subscription"])
    days = (subscription or {}).get("days_until_due") or 0
    return {**opened, "due_date": draft["created"] + days * 24 * HOUR}


def _attempt(world: World, record: Record, payment: tuple[str, int], how: Bill) -> Record:
    """Charge the payment method: first the failures, then the success."""
    method, due = payment
    values = {
        "amount": due,
        "currency": record["currency"],
        "customer": record["customer"],
        "description": DESCRIPTIONS.get(how.reason),
        "payment_intent": world.new_id("pi"),
        "payment_method": method,
    }
    created, failures = record["created"], how.failed("due_date" in record)
    for count in range(1, failures + 1):
        failed = charge.build(world, {**values, "status": "failed"}, world.free_id("ch", "charge"), created)
        add(world, failed, "failed")
        record = {**record, "attempt_count": count}
        if how.outcome is Outcome.OPEN and "due_date" not in record:
            record["next_payment_attempt"] = created + RETRY
        advance(world, record, "payment_failed", created)
    if failures:
        _mark(world, record["customer"], True, created)
    if how.outcome is Outcome.PAID:
        paid_at = created if how.settled is None else how.settled
        paid = charge.build(world, {**values, "status": "succeeded"}, world.free_id("ch", "charge"), paid_at)
        add(world, paid, "succeeded")
        record = {**record, "attempt_count": failures + 1}
    return record


def _settle(world: World, record: Record, how: Bill) -> Record:
    """The last stage of an invoice, and what Stripe tells of it."""
    moment = record["created"] if how.settled is None else how.settled
    match how.outcome:
        case Outcome.PAID:
            record = {**record, "paid_at": moment, "status": "paid"}
            advance(world, record, "paid", moment)
            advance(world, record, "payment_succeeded", moment)
        case Outcome.UNCOLLECTIBLE:
            record = {**record, "marked_uncollectible_at": moment, "status": "uncollectible"}
            advance(world, record, "marked_uncollectible", moment)
        case Outcome.VOID:
            record = {**record, "status": "void", "voided_at": moment}
            advance(world, record, "voided", moment)
        case _:
            world.tables["invoice"].put(record)
    if how.outcome in (Outcome.PAID, Outcome.UNCOLLECTIBLE):
        _mark(world, record["customer"], False, moment)
    return record


def _mark(world: World, customer_id: str, delinquent: bool, moment: int) -> None:
    """Say whether the customer owes: the last change of any of its invoices decides."""
    replace(world, {**_customer(world, customer_id), "delinquent": delinquent}, moment=moment)


def _customer(world: World, id: str) -> Record:
    record = world.tables["customer"].get(id)
    if record is None:
        raise ValueError(f"there is no customer {id}")
    return record
