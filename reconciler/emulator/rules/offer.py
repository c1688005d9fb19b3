"""From the parameters of a new subscription to the deal that it is, or to what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reconciler.emulator.billing.calendar import boundary, is_boundary
from reconciler.emulator.billing.deal import Deal
from reconciler.emulator.errors import (
    EmulatorGap,
    ParameterError,
    StripeError,
    exclusive_parameters,
    missing_parameter,
)
from reconciler.emulator.metadata import merge
from reconciler.emulator.rules import agreement
from reconciler.emulator.rules.basket import Basket
from reconciler.emulator.rules.course import agree_extras
from reconciler.emulator.rules.subscription_terms import PERIOD_ENDS
from reconciler.emulator.shapes import subscription as shape
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World


def offer(world: World, basket: Basket, params: Mapping[str, Any], customer: Record) -> Deal:
    """The deal that a request asks for; refuses one that cannot be made, or that the emulator cannot bill."""
    prices = agreement.agree_items(basket, params["items"], "items")
    currency = params.get("currency", prices[0]["currency"])
    agreement.agree_currency(prices, currency, ("items", "currency"))
    cycle, trial_end = prices[0]["recurring"], trial_of(params, world.now())
    anchor = _anchor(world, params, cycle, trial_end)
    extras = agree_extras(world, basket, params.get("add_invoice_items", ()), ("add_invoice_items", currency))
    given = _given(world, params, customer, (prices, extras))
    given["cancel_at"] = _end(world, params, (trial_end or anchor or boundary(world.now(), cycle, 1), cycle))
    prorated = params.get("proration_behavior", "create_prorations") == "create_prorations"
    coupons = agreement.agree_coupons(world, params.get("discounts"), currency, "discounts")
    if coupons and prorated and anchor not in (None, boundary(world.now(), cycle, 1)):
        raise EmulatorGap("prorations of what is discounted", "discounts")
    return Deal(
        given=given,
        customer=customer["id"],
        items=tuple(_items(world, params["items"], prices)),
        currency=currency,
        coupons=tuple(coupons),
        extras=tuple(extras),
        trial_end=trial_end,
        anchor=anchor,
        prorated=prorated,
        start=_start(world, params, anchor),
    )


def _given(
    world: World, params: Mapping[str, Any], customer: Record, sold: tuple[Sequence[Record], Sequence[Record]]
) -> dict[str, Any]:
    """The fields that stand on the subscription as they were asked for."""
    check_collection(params)
    if params.get("proration_behavior") == "always_invoice":
        raise EmulatorGap("prorations that are invoiced at once", "proration_behavior")
    prices, extras = sold
    priced = [*prices, *filter(None, (world.tables["price"].get(extra["price"]) for extra in extras))]
    rates = agreement.agree_rates(world, params.get("default_tax_rates"), priced, "default_tax_rates")
    automatic = params.get("automatic_tax", {}).get("enabled", False)
    if automatic:
        if rates or any(one.get("tax_rates") for one in (*params["items"], *extras)):
            raise StripeError("You cannot set tax rates where automatic tax is enabled.", "default_tax_rates")
        agreement.agree_automatic_tax(world, customer, priced, "automatic_tax")
    method = params.get("default_payment_method")
    if method is not None:
        agreement.agree_method(world, customer["id"], method, "default_payment_method")
    ends = params.get("cancel_at_period_end", False)
    found: dict[str, Any] = {
        "automatic_tax": shape.OWN_TAX if automatic else shape.UNSET["automatic_tax"],
        "cancel_at_period_end": ends,
        "collection_method": params.get("collection_method", "charge_automatically"),
        "days_until_due": params.get("days_until_due"),
        "default_payment_method": method,
        "default_tax_rates": rates,
        "description": params.get("description"),
        "metadata": merge({}, params.get("metadata") or {}),
        "test_clock": customer["test_clock"],
    }
    if ends or params.get("cancel_at"):
        details = {"comment": None, "feedback": None, "feedback_option": None, "reason": "cancellation_requested"}
        found |= {"canceled_at": world.now(), "cancellation_details": details}
    return found


def _items(world: World, given: Sequence[Mapping[str, Any]], prices: Sequence[Record]) -> list[Record]:
    found = []
    for position, (values, price) in enumerate(zip(given, prices, strict=True)):
        param = f"items[{position}][tax_rates]"
        rates = agreement.agree_rates(world, values.get("tax_rates"), [price], param)
        kept = {name: values[name] for name in ("metadata", "quantity") if name in values}
        found.append({**kept, "price": price["id"], "tax_rates": rates})
    return found


def trial_of(params: Mapping[str, Any], now: int) -> int | None:
    """When the trial ends that a request asks for."""
    if "trial_end" in params and "trial_period_days" in params:
        raise exclusive_parameters(("trial_end", "trial_period_days"))
    if "trial_period_days" in params:
        return now + int(params["trial_period_days"]) * 86400
    end = params.get("trial_end", "now")
    if end == "now":
        return None
    agreement.agree_trial(end, now, "trial_end")
    return int(end)


def _anchor(world: World, params: Mapping[str, Any], cycle: Record, trial_end: int | None) -> int | None:
    """The first day of a whole period, if that is not the first day of all."""
    anchor: int | None = params.get("billing_cycle_anchor")
    if anchor is None or anchor == world.now():
        return None
    if trial_end is not None:
        raise EmulatorGap("a billing cycle anchor beside a trial", "billing_cycle_anchor")
    if anchor < world.now():
        raise ParameterError(
            "Invalid timestamp: must be an integer Unix timestamp in the future.", "billing_cycle_anchor"
        )
    natural = boundary(world.now(), cycle, 1)
    if anchor > natural:
        raise StripeError(
            f"`billing_cycle_anchor` cannot be later than next natural billing date ({natural}) for plan.",
            "billing_cycle_anchor",
        )
    return anchor


def _start(world: World, params: Mapping[str, Any], anchor: int | None) -> int | None:
    start: int | None = params.get("backdate_start_date")
    if start is None:
        return None
    if start > world.now():
        raise ParameterError("`backdate_start_date` must be in the past.", "backdate_start_date")
    if params.get("proration_behavior") != "none" or anchor is None:
        # With prorations Stripe bills the time since then; without an anchor the periods would run from that day.
        raise EmulatorGap(
            "backdated subscriptions but those with `proration_behavior=none` and a `billing_cycle_anchor`",
            "backdate_start_date",
        )
    return start


def _end(world: World, params: Mapping[str, Any], first: tuple[int, Record]) -> int | None:
    """The day on which a subscription is to end; `first` is the end of its first period, and its cycle."""
    agreement.agree_ending(params)
    chosen = params.get("cancel_at")
    if chosen is None:
        return None
    if chosen in PERIOD_ENDS:
        return first[0]
    return _checked_end(world, chosen, first, params)


def check_end(world: World, chosen: Any, record: Record, params: Mapping[str, Any]) -> int:
    """The day on which a subscription that runs is to end."""
    price = world.tables["price"].get(record["items"][0]["price"])
    assert price is not None, "prices are never deleted"
    return _checked_end(world, chosen, (record["items"][0]["current_period_end"], price["recurring"]), params)


def _checked_end(world: World, chosen: Any, first: tuple[int, Record], params: Mapping[str, Any]) -> int:
    if chosen == "max_billed_until":
        raise EmulatorGap("subscriptions that are billed ahead", "cancel_at")
    if chosen <= world.now():
        raise ParameterError("Invalid timestamp: must be an integer Unix timestamp in the future.", "cancel_at")
    # Within the period that runs, nothing is credited unless that is asked for; in a later one something always is.
    free = chosen < first[0] and params.get("proration_behavior", "create_prorations") == "none"
    if not free and not is_boundary(*first, chosen):
        raise EmulatorGap("credit for the rest of the period in which a subscription ends", "cancel_at")
    return int(chosen)


def check_collection(params: Mapping[str, Any]) -> None:
    """Refuse invoices without a term, and a term without invoices."""
    sends = params.get("collection_method", "charge_automatically") == "send_invoice"
    if sends and "days_until_due" not in params:
        raise missing_parameter("days_until_due")
    if not sends and "days_until_due" in params:
        raise ParameterError("`days_until_due` is only for `collection_method=send_invoice`.", "days_until_due")
