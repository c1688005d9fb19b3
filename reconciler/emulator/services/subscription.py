"""Subscriptions: `/v1/subscriptions`. They renew, are billed and end as the clock passes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.emulator.billing.cycle import unbilled
from reconciler.emulator.billing.deal import apply, draw_up, redeem, sign, total_of
from reconciler.emulator.billing.invoicing import payer
from reconciler.emulator.commit import replace
from reconciler.emulator.errors import EmulatorGap, ParameterError, StripeError, missing_parameter, no_such, not_found
from reconciler.emulator.listing import Query, page, span
from reconciler.emulator.metadata import merge
from reconciler.emulator.route import NOT_FORCED, Answer, Call, Routes
from reconciler.emulator.rules import agreement
from reconciler.emulator.rules.basket import Basket
from reconciler.emulator.rules.offer import check_collection, check_end, offer
from reconciler.emulator.rules.planting import plant
from reconciler.emulator.rules.subscription import ENDED, end_subscription
from reconciler.emulator.rules.subscription_terms import CANCEL, CREATE, LIST, PERIOD_ENDS, RETRIEVE, STATUSES, UPDATE
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World

__all__ = ["CREATE", "ROUTES", "STATUSES", "cancel", "create", "update"]

ROUTES = Routes("subscription", "rak_subscription")
PATH = "/v1/subscriptions"
# What a schedule decides cannot be changed beside it.
SCHEDULED = ("cancel_at", "cancel_at_period_end", "collection_method", "default_tax_rates", "discounts")


def find(world: World, id: str) -> Record:
    """The subscription in a path."""
    record = world.tables["subscription"].get(id)
    if record is None:
        raise not_found("subscription", id)
    return record


@ROUTES.route("post", PATH, CREATE)
def create(world: World, call: Call) -> Answer:
    """Create a subscription and bill it; what a seed or a history creates stands still instead."""
    if call.forced != NOT_FORCED:
        return plant(world, call)
    params = call.params
    customer = world.tables["customer"].get(params["customer"])
    if customer is None:
        raise no_such("customer", params["customer"], "customer")
    with world.at(world.time_of(world.clock_of(customer))), Basket(world) as basket:
        deal = offer(world, basket, params, customer)
        agreement.agree_customer(world, customer, deal.currency)
        contract = draw_up(world, deal, world.free_id("sub", "subscription"))
        charged = contract.record["collection_method"] == "charge_automatically"
        if charged and contract.billed and total_of(world, contract) > 0:
            _check_payable(world, contract.record, params.get("payment_behavior", "allow_incomplete"))
        basket.keep()
        return sign(world, contract, at_once=charged)


def _check_payable(world: World, record: Record, behavior: str) -> None:
    """Something must be charged at once. The payment itself never fails here."""
    if behavior in ("default_incomplete", "pending_if_incomplete"):
        raise EmulatorGap("subscriptions that wait for their first payment", "payment_behavior")
    if payer(world, record) is None:
        raise StripeError(
            "This customer has no attached payment source or default payment method. Please consider adding a "
            "default payment method.",
            code="resource_missing",
        )


@ROUTES.route("get", PATH + "/{id}", RETRIEVE)
def retrieve(world: World, call: Call) -> Answer:
    return find(world, call.id)


@ROUTES.route("post", PATH + "/{id}", UPDATE)
def update(world: World, call: Call) -> Answer:
    before, params = find(world, call.id), call.params
    if before["status"] in ENDED:
        raise StripeError("A canceled subscription can only update its cancellation_details and metadata.")
    with world.at(world.time_of(before.get("test_clock") or "")):
        return _update(world, before, params)


def _update(world: World, before: Record, params: Mapping[str, Any]) -> Record:
    _check_scheduled(before, params)
    plain = ("cancel_at_period_end", "collection_method", "days_until_due", "description")
    changes = {name: params[name] for name in plain if name in params}
    if "metadata" in params:
        changes["metadata"] = merge(before["metadata"], params["metadata"])
    if "default_payment_method" in params:
        method = params["default_payment_method"]
        agreement.agree_method(world, before["customer"], method, "default_payment_method")
        changes["default_payment_method"] = method
    if "default_tax_rates" in params:
        prices = [world.tables["price"].get(item["price"]) for item in before["items"]]
        known = [price for price in prices if price is not None]
        rates = agreement.agree_rates(world, params["default_tax_rates"], known, "default_tax_rates")
        if rates and before.get("automatic_tax", {}).get("enabled"):
            raise StripeError("You cannot set tax rates where automatic tax is enabled.", "default_tax_rates")
        changes["default_tax_rates"] = rates
    if changes.get("collection_method") == "charge_automatically":
        changes["days_until_due"] = None
    after = {**before, **changes}
    if after["collection_method"] == "send_invoice" and after["days_until_due"] is None:
        raise missing_parameter("days_until_due")
    if "days_until_due" in params and after["collection_method"] != "send_invoice":
        check_collection({"days_until_due": params["days_until_due"]})
    after = _ended(world, before, after, params)
    return replace(world, _reduced(world, after, params))


def _check_scheduled(before: Record, params: Mapping[str, Any]) -> None:
    if before.get("schedule") is None or "life" not in before:
        return
    for name in SCHEDULED:
        if name in params:
            raise EmulatorGap(f"a change of `{name}` beside the schedule {before['schedule']}", name)


def _ended(world: World, before: Record, after: Record, params: Mapping[str, Any]) -> Record:
    """The subscription with its end: with the period, on a day, or not at all any more."""
    now, period = world.now(), before["items"][0]["current_period_end"]
    agreement.agree_ending(params)
    if "cancel_at" in params:
        chosen = params["cancel_at"]
        end = None if chosen == "" else period if chosen in PERIOD_ENDS else check_end(world, chosen, before, params)
        after = {**after, "cancel_at": end, "cancel_at_period_end": False}
    elif after["cancel_at_period_end"] != before["cancel_at_period_end"]:
        after["cancel_at"] = period if after["cancel_at_period_end"] else None
    if after["cancel_at"] == before["cancel_at"] and after["cancel_at_period_end"] == before["cancel_at_period_end"]:
        return after
    ends = after["cancel_at"] is not None
    details = {**before["cancellation_details"], "reason": "cancellation_requested" if ends else None}
    return {**after, "canceled_at": now if ends else None, "cancellation_details": details}


def _reduced(world: World, after: Record, params: Mapping[str, Any]) -> Record:
    """The subscription with its new discounts.

    While the time before an anchor is free, any update takes the coupons away unless it names them again: Stripe's
    migration guide warns of it.
    """
    if "discounts" not in params:
        free = after.get("life", {}).get("free_until", 0) > world.now()
        return {**after, "discounts": []} if free and after.get("discounts") else after
    if "life" not in after:
        raise EmulatorGap("discounts of a subscription that a seed or a history wrote", "discounts")
    found = []
    for coupon in agreement.agree_coupons(world, params["discounts"], after["currency"], "discounts"):
        made = apply(world, coupon, after)
        redeem(world, made)
        found.append(made["id"])
    return {**after, "discounts": found}


@ROUTES.route("delete", PATH + "/{id}", CANCEL)
def cancel(world: World, call: Call) -> Answer:
    record, params = find(world, call.id), call.params
    if record["status"] in ENDED:
        raise not_found("subscription", call.id)
    with world.at(world.time_of(record.get("test_clock") or "")):
        if "life" in record:
            if params.get("prorate", False) and record["status"] != "trialing":
                raise EmulatorGap("credit for the rest of a period when a subscription is canceled", "prorate")
            if params.get("invoice_now", False) and (record["life"]["pending"] or unbilled(world, record)):
                raise EmulatorGap("a last invoice when a subscription is canceled", "invoice_now")
        return end_subscription(world, record, params.get("cancellation_details", {}))


@ROUTES.route("get", PATH, LIST)
def list_(world: World, call: Call) -> Answer:
    params = call.params
    status, clock = params.get("status"), params.get("test_clock")
    wanted: dict[str, Any] = {name: params[name] for name in ("customer", "price") if name in params}
    if status in STATUSES:
        wanted["status"] = status
    if clock is not None and clock not in world.tables["test_helpers.test_clock"]:
        raise ParameterError(f"No such test clock: '{clock}'", "test_clock", "resource_missing")
    spans = {name: span(params[name]) for name in ("current_period_start", "current_period_end") if name in params}

    def passes(record: Record) -> bool:
        if status is None and record["status"] == "canceled":
            return False
        if status == "ended" and record["status"] not in ENDED:
            return False
        # Those of customers on a test clock are listed only with their customer or their clock.
        if record.get("test_clock") != clock and "customer" not in params:
            return False
        if "collection_method" in params and record["collection_method"] != params["collection_method"]:
            return False
        taxed = record.get("automatic_tax", {}).get("enabled", False)
        if "automatic_tax" in params and params["automatic_tax"]["enabled"] != taxed:
            return False
        return all(
            any(first <= line[name] <= last for line in record["items"]) for name, (first, last) in spans.items()
        )

    return page(world, Query("subscription", PATH, wanted, (passes,), span(params.get("created"))), params)
