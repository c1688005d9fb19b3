"""Customers: `/v1/customers`."""

from __future__ import annotations

from typing import Any

from reconciler.emulator.commit import add, advance, remove, replace
from reconciler.emulator.errors import ParameterError, StripeError, no_such, not_found
from reconciler.emulator.listing import CURSORS, SPAN, Query, page, span
from reconciler.emulator.metadata import Metadata, merge
from reconciler.emulator.route import Answer, Call, Deleted, Routes
from reconciler.emulator.rules.agreement import agree_method
from reconciler.emulator.rules.subscription import ENDED, end_subscription
from reconciler.emulator.schema import EXPAND, GAP, Array, Choice, Hash, Integer, Kind, Text
from reconciler.emulator.shapes import customer
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World

ROUTES = Routes("customer", "rak_customer")
PATH = "/v1/customers"

_LINES: dict[str, Kind] = {name: Text() for name in customer.ADDRESS}
_SETTINGS: dict[str, Kind] = {
    "custom_fields": Array(Hash({"name": Text(40), "value": Text(140)}, ("name", "value")), 4, blank=True),
    "default_payment_method": Text(blank=True),
    "footer": Text(),
    "rendering_options": Hash(
        {
            "amount_tax_display": Choice(("exclude_tax", "include_inclusive_tax"), blank=True),
            "template": Text(),
        },
        blank=True,
    ),
}
BOTH: dict[str, Kind] = {
    "address": Hash(_LINES, blank=True),
    "balance": Integer(),
    "business_name": Text(150, blank=True),
    "cash_balance": GAP,
    "description": Text(),
    "email": Text(512, pattern=r"[^@\s]+@[^@\s]+"),
    "expand": EXPAND,
    "individual_name": Text(150, blank=True),
    "invoice_prefix": Text(12, pattern=r"[A-Z0-9]{3,12}"),
    "invoice_settings": Hash(_SETTINGS),
    "metadata": Metadata(),
    "name": Text(256),
    "next_invoice_sequence": Integer(1),
    "phone": Text(20),
    "preferred_locales": Array(Text(10)),
    "shipping": Hash({"address": Hash(_LINES), "name": Text(), "phone": Text()}, ("address", "name"), blank=True),
    "source": GAP,
    "tax": GAP,
    "tax_exempt": Choice(("exempt", "none", "reverse"), blank=True),
    "validate": GAP,
}
CREATE = Hash({**BOTH, "payment_method": GAP, "tax_id_data": GAP, "test_clock": Text()})
UPDATE = Hash({**BOTH, "default_source": GAP})
RETRIEVE = Hash({"expand": EXPAND})
LIST = Hash({**CURSORS, "created": SPAN, "email": Text(512), "test_clock": Text()})


def find(world: World, id: str) -> Record:
    """The customer in a path that is to change."""
    record = world.tables["customer"].get(id)
    if record is None:
        raise not_found("customer", id)
    return record


@ROUTES.route("post", PATH, CREATE)
def create(world: World, call: Call) -> Answer:
    params, forced = dict(call.params), call.forced
    id = forced.id or world.free_id("cus", "customer")
    if id in world.tables["customer"]:
        raise StripeError("Customer already exists.", "id", "resource_already_exists")
    clock = params.get("test_clock")
    if clock is not None and clock not in world.tables["test_helpers.test_clock"]:
        raise no_such("test clock", clock, "test_clock")
    if params.get("invoice_settings", {}).get("default_payment_method") is not None:
        _check_method(world, "", params)
    # Whoever lives by a test clock was created at its time.
    now = world.time_of(clock or "")
    created = (world.now() if now is None else now) if forced.created is None else forced.created
    params.setdefault("invoice_prefix", world.new_id("INV").replace("_", ""))
    return add(world, customer.build(world, params, id, created) | {"test_clock": clock})


def _check_method(world: World, id: str, params: dict[str, Any]) -> None:
    """A default for invoices must be attached to the customer; a new one has nothing attached yet."""
    param = "invoice_settings[default_payment_method]"
    agree_method(world, id, params["invoice_settings"]["default_payment_method"], param)


@ROUTES.route("get", PATH + "/{id}", RETRIEVE)
def retrieve(world: World, call: Call) -> Answer:
    """The customer; of a deleted one, that it was deleted."""
    if call.id in world.deleted_customers:
        return Deleted({"id": call.id, "object": "customer"})
    return find(world, call.id)


@ROUTES.route("post", PATH + "/{id}", UPDATE)
def update(world: World, call: Call) -> Answer:
    before, params = find(world, call.id), call.params
    plain = (*customer.PLAIN, "balance", "invoice_prefix", "next_invoice_sequence", "preferred_locales")
    changes: dict[str, Any] = {name: params[name] for name in plain if name in params}
    if "address" in params:
        changes["address"] = customer.address(params["address"])
    if "shipping" in params:
        changes["shipping"] = customer.shipping(params["shipping"])
    if "tax_exempt" in params:
        changes["tax_exempt"] = params["tax_exempt"] or "none"
    if "invoice_settings" in params:
        if params["invoice_settings"].get("default_payment_method") is not None:
            _check_method(world, call.id, params)
        changes["invoice_settings"] = customer.invoice_settings(params["invoice_settings"], before["invoice_settings"])
    if "metadata" in params:
        changes["metadata"] = merge(before["metadata"], params["metadata"])
    if changes.get("next_invoice_sequence", before["next_invoice_sequence"]) < before["next_invoice_sequence"]:
        raise ParameterError("`next_invoice_sequence` cannot go back.", "next_invoice_sequence")
    return replace(world, {**before, **changes})


@ROUTES.route("delete", PATH + "/{id}", Hash({}))
def delete(world: World, call: Call) -> Answer:
    """Delete for good; active subscriptions are canceled first, as Stripe does."""
    record = find(world, call.id)
    for owned in world.tables["subscription"].having("customer", call.id):
        if owned["status"] not in ENDED:
            with world.at(world.time_of(world.clock_of(record))):
                end_subscription(world, owned, {})
    for waiting in world.tables["subscription_schedule"].having("customer", call.id):
        if waiting["status"] == "not_started" and "life" in waiting:
            advance(world, {**waiting, "status": "canceled", "canceled_at": world.now()}, "canceled")
    remove(world, record)
    world.deleted_customers.add(call.id)
    return Deleted(record)


@ROUTES.route("get", PATH, LIST)
def list_(world: World, call: Call) -> Answer:
    clock = call.params.get("test_clock")
    if clock is not None and clock not in world.tables["test_helpers.test_clock"]:
        raise no_such("test clock", clock, "test_clock")
    # Who lives by a test clock is listed only for it.
    wanted = {"test_clock": clock} if clock is not None else {}
    wanted |= {"email": call.params["email"]} if "email" in call.params else {}

    def passes(record: Record) -> bool:
        return bool(record["test_clock"] == clock)

    return page(world, Query("customer", PATH, wanted, (passes,), span(call.params.get("created"))), call.params)
