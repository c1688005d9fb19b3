"""Invoices: `/v1/invoices`, as far as reading and voiding goes."""

from __future__ import annotations

from typing import Any

from reconciler.emulator.billing.invoicing import void
from reconciler.emulator.errors import EmulatorGap, StripeError, no_such, not_found
from reconciler.emulator.listing import CURSORS, SPAN, Query, page, span
from reconciler.emulator.route import Answer, Call, Routes
from reconciler.emulator.rules.owner import owned
from reconciler.emulator.schema import EXPAND, GAP, Choice, Hash, Text
from reconciler.emulator.shapes import invoice
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World

ROUTES = Routes("invoice", "rak_invoice")
PATH = "/v1/invoices"

RETRIEVE = Hash({"expand": EXPAND})
LIST = Hash(
    {
        **CURSORS,
        "collection_method": Choice(("charge_automatically", "send_invoice")),
        "created": SPAN,
        "customer": Text(),
        "customer_account": GAP,
        "due_date": SPAN,
        "status": Choice(("draft", "open", "paid", "uncollectible", "void")),
        "subscription": Text(),
    }
)


def find(world: World, id: str) -> Record:
    """The invoice in a path."""
    record = world.tables["invoice"].get(id)
    if record is None:
        raise not_found("invoice", id)
    return record


@ROUTES.route("get", PATH + "/{id}", RETRIEVE)
def retrieve(world: World, call: Call) -> Answer:
    return find(world, call.id)


@ROUTES.route("post", PATH + "/{id}/void", RETRIEVE)
def void_(world: World, call: Call) -> Answer:
    """Void an invoice that was finalized and is not paid."""
    record = find(world, call.id)
    if record["status"] not in ("open", "uncollectible"):
        raise StripeError(f"You can only void invoices that are open or uncollectible; this one is {record['status']}.")
    if record.get("starting_balance") or record.get("ending_balance"):
        raise EmulatorGap("the customer's balance of an invoice that is voided")
    held = world.tables["subscription"].get(record["subscription"] or "")
    if held is not None and held["status"] == "past_due" and held.get("latest_invoice") == call.id:
        raise EmulatorGap("what becomes of a late subscription whose invoice is voided")
    with world.at(world.time_of(record.get("test_clock") or "")):
        return void(world, record)


@ROUTES.route("get", PATH, LIST)
def list_(world: World, call: Call) -> Answer:
    params = call.params
    wanted: dict[str, Any] = owned(world, params)
    wanted |= {name: params[name] for name in ("status", "subscription") if name in params}
    if "subscription" in params and params["subscription"] not in world.tables["subscription"]:
        raise no_such("subscription", params["subscription"], "subscription")
    method, due = params.get("collection_method"), span(params.get("due_date"))

    def passes(record: Record) -> bool:
        if method is not None and record.get("collection_method", invoice.UNSET["collection_method"]) != method:
            return False
        # An invoice that is charged at once is never due.
        return "due_date" not in params or due[0] <= (record.get("due_date") or -1) <= due[1]

    return page(world, Query("invoice", PATH, wanted, (passes,), span(params.get("created"))), params)
