"""Subscriptions of seeds and histories: they are there as they are told, and the clock leaves them alone."""

from __future__ import annotations

from typing import Any

from reconciler.emulator.commit import add
from reconciler.emulator.errors import EmulatorGap, StripeError, no_such
from reconciler.emulator.route import Call
from reconciler.emulator.rules import agreement
from reconciler.emulator.rules.basket import Basket
from reconciler.emulator.rules.offer import check_collection, trial_of
from reconciler.emulator.rules.subscription import ENDED, period_end
from reconciler.emulator.shapes import subscription
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World

# What such a subscription can say of itself.
KNOWN = frozenset(
    {
        "cancel_at_period_end",
        "collection_method",
        "currency",
        "customer",
        "days_until_due",
        "description",
        "items",
        "metadata",
        "trial_end",
        "trial_period_days",
    }
)


def plant(world: World, call: Call) -> Record:
    """Store a subscription that is given, with the status that is given for it."""
    params, forced = call.params, call.forced
    for name in sorted(params.keys() - KNOWN):
        raise EmulatorGap(f"`{name}` of a subscription that a seed or a history writes", name)
    if params["customer"] not in world.tables["customer"]:
        raise no_such("customer", params["customer"], "customer")
    with Basket(world) as basket:
        prices = agreement.agree_items(basket, params["items"], "items")
        agreement.agree_currency(prices, str(params.get("currency", prices[0]["currency"])), ("items", "currency"))
        created = world.now() if forced.created is None else forced.created
        trial_end = trial_of(params, created)
        if not forced.status:
            _check_payable(params, prices, trial_end)
        check_collection(params)
        id = forced.id or world.free_id("sub", "subscription")
        if id in world.tables["subscription"]:
            raise StripeError("Subscription already exists.", "id", "resource_already_exists")
        basket.keep()
    record = subscription.build(world, params, id, created)
    lines = [
        subscription.build_line(
            world, {**line, "price": price["id"]}, created, trial_end or period_end(created, price["recurring"])
        )
        for line, price in zip(params["items"], prices, strict=True)
    ]
    status = forced.status or ("active" if trial_end is None else "trialing")
    record |= {
        "billing_cycle_anchor": trial_end or created,
        "cancel_at": lines[0]["current_period_end"] if record["cancel_at_period_end"] else None,
        "currency": prices[0]["currency"],
        "ended_at": created if status in ENDED else None,
        "items": lines,
        "status": status,
        "trial_end": trial_end,
        "trial_start": None if trial_end is None else created,
    }
    return add(world, record)


def _check_payable(params: dict[str, Any], prices: list[Record], trial_end: int | None) -> None:
    """Without a trial or an invoice to send, Stripe charges at once; whom a seed names has no way to pay."""
    charged = params.get("collection_method", "charge_automatically") == "charge_automatically"
    free = all(price["unit_amount"] == 0 or price["recurring"]["usage_type"] == "metered" for price in prices)
    if charged and trial_end is None and not free:
        raise StripeError(
            "This customer has no attached payment source or default payment method. Please consider adding a "
            "default payment method.",
            code="resource_missing",
        )
