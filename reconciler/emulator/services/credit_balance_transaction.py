"""Credit balance transactions: `/v1/billing/credit_balance_transactions`. They are only ever added to."""

from __future__ import annotations

from reconciler.emulator.errors import missing_parameter, no_such, not_found
from reconciler.emulator.listing import CURSORS, Query, page
from reconciler.emulator.route import Answer, Call, Routes
from reconciler.emulator.rules.owner import owned
from reconciler.emulator.schema import EXPAND, GAP, Hash, Text
from reconciler.emulator.world import World

# Inferred: Stripe publishes no permission for them, so it is taken to be that of the grants.
ROUTES = Routes("billing.credit_balance_transaction", "rak_billing_credit_grant")
PATH = "/v1/billing/credit_balance_transactions"

RETRIEVE = Hash({"expand": EXPAND})
LIST = Hash({**CURSORS, "credit_grant": Text(), "customer": Text(), "customer_account": GAP})


@ROUTES.route("get", PATH + "/{id}", RETRIEVE)
def retrieve(world: World, call: Call) -> Answer:
    record = world.tables["billing.credit_balance_transaction"].get(call.id)
    if record is None:
        raise not_found("credit balance transaction", call.id)
    return record


@ROUTES.route("get", PATH, LIST)
def list_(world: World, call: Call) -> Answer:
    """Those of a customer, of one grant if it is named; there is no list over all customers."""
    if "customer" not in call.params:
        raise missing_parameter("customer")
    wanted = owned(world, call.params)
    if "credit_grant" in call.params:
        id = call.params["credit_grant"]
        grant = world.tables["billing.credit_grant"].get(id)
        if grant is None or grant["customer"] != wanted["customer"]:
            raise no_such("credit grant", id, "credit_grant")
        wanted["credit_grant"] = id
    return page(world, Query("billing.credit_balance_transaction", PATH, wanted), call.params)
