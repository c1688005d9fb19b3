"""Credit grants: `/v1/billing/credit_grants`. They expire or are voided, never deleted."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from reconciler.emulator.commit import replace
from reconciler.emulator.currency import CURRENCY
from reconciler.emulator.errors import (
    ParameterError,
    StripeError,
    exclusive_parameters,
    missing_parameter,
    no_such,
    not_found,
)
from reconciler.emulator.listing import CURSORS, Query, page
from reconciler.emulator.metadata import Metadata, merge
from reconciler.emulator.route import Answer, Call, Routes
from reconciler.emulator.rules.credit import applied, expire, grant, metered, unused, void
from reconciler.emulator.rules.owner import owned
from reconciler.emulator.schema import EXPAND, GAP, TIMESTAMP, Array, Choice, Hash, Integer, Text, WordOr
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World

# Inferred from `rak_billing_meter`: Stripe publishes no permission for credit grants.
ROUTES = Routes("billing.credit_grant", "rak_billing_credit_grant")
PATH = "/v1/billing/credit_grants"
MOST_UNUSED = 100

MONETARY = Hash({"currency": CURRENCY, "value": Integer(1)}, ("currency", "value"))
SCOPE = Hash({"price_type": Choice(("metered",)), "prices": Array(Hash({"id": Text()}, ("id",)), 20)})
CREATE = Hash(
    {
        "amount": Hash({"monetary": MONETARY, "type": Choice(("monetary",))}, ("type",)),
        "applicability_config": Hash({"scope": SCOPE}, ("scope",)),
        "category": Choice(("paid", "promotional")),
        "customer": Text(),
        "customer_account": GAP,
        "effective_at": TIMESTAMP,
        "expand": EXPAND,
        "expires_at": TIMESTAMP,
        "metadata": Metadata(blank=False),
        "name": Text(100),
        "priority": Integer(0, 100),
    },
    ("amount", "applicability_config"),
)
UPDATE = Hash({"expand": EXPAND, "expires_at": WordOr(("",), TIMESTAMP), "metadata": Metadata(blank=False)})
RETRIEVE = Hash({"expand": EXPAND})
LIST = Hash({**CURSORS, "customer": Text(), "customer_account": GAP})


def find(world: World, id: str) -> Record:
    """The grant in a path."""
    record = world.tables["billing.credit_grant"].get(id)
    if record is None:
        raise not_found("credit grant", id)
    return record


def lived(world: World, record: Record) -> AbstractContextManager[None]:
    """The time by which a grant lives: that of its customer's test clock, or the world's own."""
    return world.at(world.time_of(record["test_clock"] or ""))


@ROUTES.route("post", PATH, CREATE)
def create(world: World, call: Call) -> Answer:
    params = call.params
    if "monetary" not in params["amount"]:
        raise missing_parameter("amount[monetary]")
    if "customer" not in params:
        raise missing_parameter("customer")
    customer = world.tables["customer"].get(params["customer"])
    if customer is None:
        raise no_such("customer", params["customer"], "customer")
    _check_currency(customer, params["amount"]["monetary"]["currency"])
    with world.at(world.time_of(world.clock_of(customer))):
        return _create(world, call)


def _check_currency(customer: Record, currency: str) -> None:
    """Refuse credits that could never be applied: a customer is billed in one currency. That Stripe does is a guess."""
    if customer["currency"] not in (None, currency):
        raise StripeError(
            "You cannot combine currencies on a single customer. This customer is billed in "
            f"{customer['currency']}, so credits in {currency} could not be applied.",
            "amount[monetary][currency]",
        )


def _create(world: World, call: Call) -> Record:
    params, forced = call.params, call.forced
    created = world.now() if forced.created is None else forced.created
    check_scope(world, params["applicability_config"]["scope"], "applicability_config[scope]")
    if params.get("effective_at", created + 1) <= created:
        raise ParameterError("`effective_at` must be in the future.", "effective_at")
    _check_expiry(params.get("expires_at"), max(created, params.get("effective_at", created)))
    grants = world.tables["billing.credit_grant"]
    if sum(unused(world, record) for record in grants.having("customer", params["customer"])) >= MOST_UNUSED:
        raise StripeError(f"A customer can have at most {MOST_UNUSED} unused credit grants.", "customer")
    if forced.id in grants:
        raise StripeError("Credit grant already exists.", "id", "resource_already_exists")
    return grant(world, {**params, "id": forced.id}, created)


def check_scope(world: World, scope: dict[str, Any], param: str) -> None:
    """Refuse a scope that says nothing, or both things, or names what credits cannot pay for."""
    if "price_type" in scope and "prices" in scope:
        raise exclusive_parameters((f"{param}[price_type]", f"{param}[prices]"))
    if "price_type" not in scope and "prices" not in scope:
        raise missing_parameter(f"{param}[price_type]")
    seen: set[str] = set()
    for position, named in enumerate(scope.get("prices", ())):
        place = f"{param}[prices][{position}][id]"
        price = world.tables["price"].get(named["id"])
        if price is None:
            raise no_such("price", named["id"], place)
        if named["id"] in seen:
            raise StripeError(f"The price `{named['id']}` is there twice.", place)
        seen.add(named["id"])
        if not metered(price):
            raise StripeError(f"The price `{named['id']}` has no billing meter: credits cannot pay for it.", place)


def _check_expiry(expires_at: int | None, after: int) -> None:
    if expires_at is not None and expires_at <= after:
        raise ParameterError(
            "`expires_at` must be in the future, and after the credits become effective.", "expires_at"
        )


@ROUTES.route("get", PATH + "/{id}", RETRIEVE)
def retrieve(world: World, call: Call) -> Answer:
    return find(world, call.id)


@ROUTES.route("post", PATH + "/{id}", UPDATE)
def update(world: World, call: Call) -> Answer:
    before = find(world, call.id)
    with lived(world, before):
        return _update(world, before, call.params)


def _update(world: World, before: Record, params: dict[str, Any]) -> Record:
    changes: dict[str, Any] = {}
    if "expires_at" in params:
        _check_open(before)
        changes["expires_at"] = None if params["expires_at"] == "" else params["expires_at"]
        _check_expiry(changes["expires_at"], max(world.now(), before["effective_at"]))
    if "metadata" in params:
        changes["metadata"] = merge(before["metadata"], params["metadata"])
    after = {**before, **changes}
    return replace(world, before if after == before else {**after, "updated": world.now()})


def _check_open(record: Record) -> None:
    if record["voided_at"] is not None:
        raise StripeError(f"The credit grant `{record['id']}` was voided.")
    if record["ended"]:
        raise StripeError(f"The credit grant `{record['id']}` has expired.")


@ROUTES.route("post", PATH + "/{id}/expire", RETRIEVE)
def expire_(world: World, call: Call) -> Answer:
    """End a grant now. Refuses one that is not effective yet, which can be voided instead."""
    record = find(world, call.id)
    _check_open(record)
    with lived(world, record):
        if record["effective_at"] > world.now():
            raise StripeError(f"The credit grant `{call.id}` is not effective yet, so it cannot expire.")
        return expire(world, record, world.now())


@ROUTES.route("post", PATH + "/{id}/void", RETRIEVE)
def void_(world: World, call: Call) -> Answer:
    """Cancel a grant. Refuses one of which an invoice took anything."""
    record = find(world, call.id)
    _check_open(record)
    if applied(world, call.id):
        raise StripeError(f"The credit grant `{call.id}` was applied to an invoice, so it cannot be voided.")
    with lived(world, record):
        return void(world, record, world.now())


@ROUTES.route("get", PATH, LIST)
def list_(world: World, call: Call) -> Answer:
    """All grants, or those of a customer. Without the customer, those on a test clock are left out: a guess."""

    def passes(record: Record) -> bool:
        return "customer" in call.params or record["test_clock"] is None

    return page(world, Query("billing.credit_grant", PATH, owned(world, call.params), (passes,)), call.params)
