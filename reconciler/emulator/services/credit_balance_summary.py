"""The credit balance of a customer: `/v1/billing/credit_balance_summary`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reconciler.emulator.errors import ParameterError, missing_parameter, no_such
from reconciler.emulator.route import Answer, Call, Routes
from reconciler.emulator.rules.credit import balances
from reconciler.emulator.rules.owner import owned
from reconciler.emulator.schema import EXPAND, GAP, Choice, Hash, Text
from reconciler.emulator.services.credit_grant import SCOPE, check_scope
from reconciler.emulator.shapes import credit_balance_summary
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World

# Inferred: Stripe publishes no permission for balances, so it is taken to be that of the grants.
ROUTES = Routes("billing.credit_balance_summary", "rak_billing_credit_grant")
PATH = "/v1/billing/credit_balance_summary"

FILTERS = ("applicability_scope", "credit_grant")
RETRIEVE = Hash(
    {
        "customer": Text(),
        "customer_account": GAP,
        "expand": EXPAND,
        "filter": Hash({"applicability_scope": SCOPE, "credit_grant": Text(), "type": Choice(FILTERS)}, ("type",)),
    },
    ("filter",),
)


@ROUTES.route("get", PATH, RETRIEVE)
def retrieve(world: World, call: Call) -> Answer:
    if "customer" not in call.params:
        raise missing_parameter("customer")
    customer = owned(world, call.params)["customer"]
    counts = _counting(world, call.params["filter"], customer)
    # Of a customer who was deleted, the time of the world itself.
    clock = world.clock_of(world.tables["customer"].get(customer) or {})
    with world.at(world.time_of(clock)):
        return credit_balance_summary.build(world, customer, balances(world, customer, counts))


def _counting(world: World, chosen: dict[str, Any], customer: str) -> Callable[[Record], bool]:
    """Which grants a filter means: one, or those whose credits can pay for everything in a scope."""
    kind = chosen["type"]
    if kind not in chosen:
        raise missing_parameter(f"filter[{kind}]")
    for other in FILTERS:
        if other != kind and other in chosen:
            raise ParameterError(f"`filter[{other}]` cannot be given with the type `{kind}`.", f"filter[{other}]")
    if kind == "credit_grant":
        id = chosen["credit_grant"]
        record = world.tables["billing.credit_grant"].get(id)
        if record is None or record["customer"] != customer:
            raise no_such("credit grant", id, "filter[credit_grant]")
        return lambda record: bool(record["id"] == id)
    scope = chosen["applicability_scope"]
    check_scope(world, scope, "filter[applicability_scope]")
    return lambda record: _covers(record["applicability_config"]["scope"], scope)


def _covers(granted: dict[str, Any], asked: dict[str, Any]) -> bool:
    if "price_type" in granted:
        return True
    return "prices" in asked and all(named in granted["prices"] for named in asked["prices"])
