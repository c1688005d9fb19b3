"""Whether what a subscription or a phase is agreed on can be billed: its items, its taxes, its coupons, its payer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reconciler.emulator.errors import (
    EmulatorGap,
    ParameterError,
    StripeError,
    exclusive_parameters,
    missing_parameter,
    no_such,
)
from reconciler.emulator.rules.basket import Basket
from reconciler.emulator.schema import nested
from reconciler.emulator.shapes.coupon import is_valid
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World


def agree_items(basket: Basket, given: Sequence[Mapping[str, Any]], param: str) -> list[Record]:
    """The prices of the items; refuses what cannot be billed together."""
    prices: list[Record] = []
    for position, values in enumerate(given):
        name = f"{param}[{position}]"
        price = basket.recurring(values, name)
        if price in prices:
            raise StripeError(
                f"Subscription items must have different prices: `{price['id']}` is there twice.", nested(name, "price")
            )
        prices.append(price)
    if not prices:
        raise missing_parameter(param)
    cycles = {(price["recurring"]["interval"], price["recurring"]["interval_count"]) for price in prices}
    if len(cycles) > 1:
        raise EmulatorGap("subscriptions of prices with different intervals", param)
    return prices


def agree_currency(prices: Sequence[Record], currency: str, names: tuple[str, str]) -> None:
    """Refuse prices of several currencies; `names` are the parameters of the prices and of the currency."""
    if all(price["currency"] == currency for price in prices):
        return
    if all(price["currency"] == currency or currency in price["currency_options"] for price in prices):
        raise EmulatorGap("subscriptions in another currency than their prices' own", names[1])
    raise StripeError("All prices on a subscription must have the same currency.", names[0])


def agree_customer(world: World, customer: Record, currency: str) -> None:
    """Refuse a customer who is billed in another currency, or has as many subscriptions as one may have."""
    running = [
        record
        for record in world.tables["subscription"].having("customer", customer["id"])
        if record["status"] not in ("canceled", "incomplete_expired")
    ]
    waiting = [
        record
        for record in world.tables["subscription_schedule"].having("customer", customer["id"])
        if record["status"] == "not_started"
    ]
    if len(running) + len(waiting) >= 500:
        raise StripeError("A customer can have at most 500 active or scheduled subscriptions.", "customer")
    used = {record["currency"] for record in running} | {record["phases"][0]["currency"] for record in waiting}
    if customer["currency"] is not None:
        used.add(customer["currency"])
    for other in sorted(used - {currency}):
        raise StripeError(
            "You cannot combine currencies on a single customer. This customer has an active subscription, "
            f"subscription schedule, discount, quote, or invoice item with currency {other}.",
            "customer",
        )


def agree_rates(world: World, ids: Sequence[str] | None, prices: Sequence[Record], param: str) -> list[str]:
    """The tax rates that are named; refuses those that cannot be applied to the prices."""
    rates: list[Record] = []
    for position, id in enumerate(ids or ()):
        name = f"{param}[{position}]"
        rate = world.tables["tax_rate"].get(id)
        if rate is None:
            raise no_such("tax rate", id, name)
        if not rate["active"]:
            raise StripeError(f"The tax rate `{id}` is inactive.", name)
        wrong = "exclusive" if rate["inclusive"] else "inclusive"
        if any(price["tax_behavior"] == wrong for price in prices):
            raise StripeError(
                f"The tax rate `{id}` is {'inclusive' if rate['inclusive'] else 'exclusive'}, which its price's "
                f"`tax_behavior`, {wrong}, does not allow.",
                name,
            )
        rates.append(rate)
    if len({rate["inclusive"] for rate in rates}) > 1:
        raise EmulatorGap("inclusive and exclusive tax rates on one line", param)
    return [rate["id"] for rate in rates]


def agree_automatic_tax(world: World, customer: Record, prices: Sequence[Record], param: str) -> None:
    """Refuse automatic tax where Stripe Tax is not set up, or does not know what to compute."""
    if not world.tax_places:
        raise StripeError(
            "You must have a valid head office address to enable automatic tax calculation. Visit "
            "https://dashboard.stripe.com/settings/tax to update it.",
            param,
        )
    if not (customer["address"] or {}).get("country"):
        raise StripeError(
            "The customer's location isn't recognized. Set a valid customer address in order to automatically "
            "calculate tax.",
            param,
            "customer_tax_location_invalid",
        )
    for price in prices:
        if price["tax_behavior"] == "unspecified":
            # An account may have a default behaviour for such prices; the emulated one has none.
            raise StripeError(
                f"The price `{price['id']}` has no `tax_behavior`, which automatic tax needs.",
                param,
            )


def agree_coupons(world: World, given: Sequence[Mapping[str, Any]] | None, currency: str, param: str) -> list[Record]:
    """The coupons that are named, each valid and of the currency."""
    found: list[Record] = []
    for position, values in enumerate(given or ()):
        name = nested(f"{param}[{position}]", "coupon")
        if "coupon" not in values:
            raise missing_parameter(name)
        coupon = world.tables["coupon"].get(values["coupon"])
        if coupon is None:
            raise no_such("coupon", values["coupon"], name)
        if not is_valid(world, coupon):
            raise StripeError(f"Coupon expired: {coupon['id']}", name, "coupon_expired")
        options = {coupon["currency"], *coupon["currency_options"]}
        if coupon["amount_off"] is not None and currency not in options:
            raise StripeError(
                f"The coupon `{coupon['id']}` is of another currency than the subscription: {currency}.", name
            )
        if coupon in found:
            raise StripeError(f"The coupon `{coupon['id']}` is there twice.", name)
        found.append(coupon)
    return found


def agree_method(world: World, customer_id: str, id: str, param: str) -> None:
    """Refuse a payment method that is not the customer's."""
    method = world.tables["payment_method"].get(id)
    if method is None:
        raise no_such("PaymentMethod", id, param)
    if method["customer"] != customer_id:
        raise StripeError(
            f"The customer does not have a payment method with the ID {id}. The payment method must be attached to "
            "the customer.",
            param,
            "resource_missing",
        )


def agree_ending(params: Mapping[str, Any]) -> None:
    """Refuse two ends at once."""
    if params.get("cancel_at") and params.get("cancel_at_period_end"):
        raise exclusive_parameters(("cancel_at", "cancel_at_period_end"))


def agree_trial(end: int, start: int, param: str) -> None:
    """Refuse a trial that ends before it began, or that lasts longer than two years."""
    if end <= start:
        raise ParameterError("Invalid timestamp: must be an integer Unix timestamp in the future.", param)
    if end > start + 730 * 86400:
        raise ParameterError("Invalid trial_end: a trial can last at most two years (730 days).", param)
