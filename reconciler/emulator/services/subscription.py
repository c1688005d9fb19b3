"""Subscriptions: `/v1/subscriptions`, as far as counting them and their prices needs."""

from __future__ import annotations

from typing import Any

from reconciler.emulator.commit import add, replace
from reconciler.emulator.currency import CURRENCY
from reconciler.emulator.errors import (
    EmulatorGap,
    ParameterError,
    StripeError,
    exclusive_parameters,
    missing_parameter,
    no_such,
    not_found,
)
from reconciler.emulator.listing import CURSORS, SPAN, Query, page, span
from reconciler.emulator.metadata import Metadata, merge
from reconciler.emulator.route import Answer, Call, Routes
from reconciler.emulator.rules.subscription import ENDED, end_subscription, period_end
from reconciler.emulator.schema import (
    EXPAND,
    GAP,
    TIMESTAMP,
    Array,
    Boolean,
    Choice,
    Hash,
    Integer,
    Kind,
    Text,
    WordOr,
    nested,
)
from reconciler.emulator.shapes import subscription
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World

ROUTES = Routes("subscription", "rak_subscription")
PATH = "/v1/subscriptions"

STATUSES = (
    "active",
    "canceled",
    "incomplete",
    "incomplete_expired",
    "past_due",
    "paused",
    "trialing",
    "unpaid",
)
_COLLECTION = Choice(("charge_automatically", "send_invoice"))
_BOTH_GAPS = (
    "add_invoice_items",
    "application_fee_percent",
    "automatic_tax",
    "billing_cycle_anchor",
    "billing_schedules",
    "billing_thresholds",
    "cancel_at",
    "default_payment_method",
    "default_source",
    "default_tax_rates",
    "discounts",
    "invoice_settings",
    "off_session",
    "on_behalf_of",
    "payment_behavior",
    "payment_settings",
    "pending_invoice_item_interval",
    "proration_behavior",
    "transfer_data",
    "trial_from_plan",
    "trial_settings",
)
_CREATE_GAPS = ("backdate_start_date", "billing_cycle_anchor_config", "billing_mode", "customer_account")
_UPDATE_GAPS = ("cancellation_details", "items", "pause_collection", "proration_date", "trial_end")
_ITEM: dict[str, Kind] = {
    "billing_thresholds": GAP,
    "current_trial": GAP,
    "discounts": GAP,
    "metadata": Metadata(blank=False),
    "plan": GAP,
    "price": Text(),
    "price_data": GAP,
    "quantity": Integer(0),
    "tax_rates": GAP,
}
_BOTH: dict[str, Kind] = {
    **dict.fromkeys(_BOTH_GAPS, GAP),
    "cancel_at_period_end": Boolean(),
    "collection_method": _COLLECTION,
    "days_until_due": Integer(0),
    "expand": EXPAND,
    "metadata": Metadata(),
}
CREATE = Hash(
    {
        **_BOTH,
        **dict.fromkeys(_CREATE_GAPS, GAP),
        "currency": CURRENCY,
        "customer": Text(),
        "description": Text(500),
        "items": Array(Hash(_ITEM), 20),
        "trial_end": WordOr(("now",), TIMESTAMP),
        "trial_period_days": Integer(1, 730),
    },
    ("customer", "items"),
)
UPDATE = Hash({**_BOTH, **dict.fromkeys(_UPDATE_GAPS, GAP), "description": Text(500, blank=True)})
RETRIEVE = Hash({"expand": EXPAND})
CANCEL = Hash(
    {
        "cancellation_details": Hash(
            {
                "comment": Text(blank=True),
                "feedback": Choice(
                    (
                        "customer_service",
                        "low_quality",
                        "missing_features",
                        "other",
                        "switched_service",
                        "too_complex",
                        "too_expensive",
                        "unused",
                    ),
                    blank=True,
                ),
                "feedback_option": GAP,
            }
        ),
        "expand": EXPAND,
        "invoice_now": Boolean(),
        "prorate": Boolean(),
    }
)
LIST = Hash(
    {
        **CURSORS,
        "automatic_tax": Hash({"enabled": Boolean()}, ("enabled",)),
        "collection_method": _COLLECTION,
        "created": SPAN,
        "current_period_end": SPAN,
        "current_period_start": SPAN,
        "customer": Text(),
        "customer_account": GAP,
        "plan": GAP,
        "price": Text(),
        "status": Choice(("all", "ended", *STATUSES)),
        "test_clock": GAP,
    }
)


def find(world: World, id: str) -> Record:
    """The subscription in a path."""
    record = world.tables["subscription"].get(id)
    if record is None:
        raise not_found("subscription", id)
    return record


@ROUTES.route("post", PATH, CREATE)
def create(world: World, call: Call) -> Answer:
    params, forced = call.params, call.forced
    if params["customer"] not in world.tables["customer"]:
        raise no_such("customer", params["customer"], "customer")
    prices = _prices(world, params)
    created = world.now() if forced.created is None else forced.created
    trial_end = _trial_end(params, created)
    if not forced.status:
        _check_payable(params, prices, trial_end)
    _check_collection(params)
    id = forced.id or world.free_id("sub", "subscription")
    if id in world.tables["subscription"]:
        raise StripeError("Subscription already exists.", "id", "resource_already_exists")
    record = subscription.build(world, params, id, created)
    lines = [
        subscription.build_line(world, line, created, trial_end or period_end(created, price["recurring"]))
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


def _prices(world: World, params: dict[str, Any]) -> list[Record]:
    """The prices of the lines; refuses what cannot be billed together."""
    prices: list[Record] = []
    for position, line in enumerate(params["items"]):
        name = nested(f"items[{position}]", "price")
        if "price" not in line:
            raise missing_parameter(name)
        price = world.tables["price"].get(line["price"])
        if price is None:
            raise no_such("price", line["price"], name)
        if not price["active"]:
            raise StripeError("The price specified is inactive. This field only accepts active prices.", name)
        if price["type"] != "recurring":
            raise StripeError(
                "The price specified is set to `type=one_time` but this field only accepts prices with "
                "`type=recurring`.",
                name,
            )
        if price in prices:
            raise StripeError(f"Subscription items must have different prices: `{price['id']}` is there twice.", name)
        if price["recurring"]["usage_type"] == "metered" and "quantity" in line:
            raise ParameterError("A metered price takes no quantity.", nested(f"items[{position}]", "quantity"))
        prices.append(price)
    if not prices:
        raise missing_parameter("items")
    _check_together(prices, str(params.get("currency", prices[0]["currency"])))
    return prices


def _check_together(prices: list[Record], currency: str) -> None:
    cycles = {(price["recurring"]["interval"], price["recurring"]["interval_count"]) for price in prices}
    if len(cycles) > 1:
        raise EmulatorGap("subscriptions of prices with different intervals", "items")
    if any(price["currency"] != currency for price in prices):
        if all(price["currency"] == currency or currency in price["currency_options"] for price in prices):
            raise EmulatorGap("subscriptions in another currency than their prices' own", "currency")
        raise StripeError("All prices on a subscription must have the same currency.", "items")


def _trial_end(params: dict[str, Any], created: int) -> int | None:
    if "trial_end" in params and "trial_period_days" in params:
        raise exclusive_parameters(("trial_end", "trial_period_days"))
    if "trial_period_days" in params:
        return created + int(params["trial_period_days"]) * 86400
    end = params.get("trial_end", "now")
    if end == "now":
        return None
    if end <= created:
        raise ParameterError("Invalid timestamp: must be an integer Unix timestamp in the future.", "trial_end")
    return int(end)


def _check_payable(params: dict[str, Any], prices: list[Record], trial_end: int | None) -> None:
    """Without a trial or an invoice to send, Stripe charges at once; here no customer can have a way to pay."""
    charged = params.get("collection_method", "charge_automatically") == "charge_automatically"
    free = all(price["unit_amount"] == 0 or price["recurring"]["usage_type"] == "metered" for price in prices)
    if charged and trial_end is None and not free:
        raise StripeError(
            "This customer has no attached payment source or default payment method. Please consider adding a "
            "default payment method.",
            code="resource_missing",
        )


def _check_collection(params: dict[str, Any]) -> None:
    sends = params.get("collection_method", "charge_automatically") == "send_invoice"
    if sends and "days_until_due" not in params:
        raise missing_parameter("days_until_due")
    if not sends and "days_until_due" in params:
        raise ParameterError("`days_until_due` is only for `collection_method=send_invoice`.", "days_until_due")


@ROUTES.route("get", PATH + "/{id}", RETRIEVE)
def retrieve(world: World, call: Call) -> Answer:
    return find(world, call.id)


@ROUTES.route("post", PATH + "/{id}", UPDATE)
def update(world: World, call: Call) -> Answer:
    before, params = find(world, call.id), call.params
    if before["status"] in ENDED:
        raise StripeError("A canceled subscription can only update its cancellation_details and metadata.")
    plain = ("cancel_at_period_end", "collection_method", "days_until_due", "description")
    changes = {name: params[name] for name in plain if name in params}
    if "metadata" in params:
        changes["metadata"] = merge(before["metadata"], params["metadata"])
    if changes.get("collection_method") == "charge_automatically":
        changes["days_until_due"] = None
    after = {**before, **changes}
    if after["collection_method"] == "send_invoice" and after["days_until_due"] is None:
        raise missing_parameter("days_until_due")
    if "days_until_due" in params and after["collection_method"] != "send_invoice":
        _check_collection({"days_until_due": params["days_until_due"]})
    if after["cancel_at_period_end"] != before["cancel_at_period_end"]:
        ends = after["cancel_at_period_end"]
        after["cancel_at"] = after["items"][0]["current_period_end"] if ends else None
        after["canceled_at"] = world.now() if ends else None
        after["cancellation_details"] = {
            **before["cancellation_details"],
            "reason": "cancellation_requested" if ends else None,
        }
    return replace(world, after)


@ROUTES.route("delete", PATH + "/{id}", CANCEL)
def cancel(world: World, call: Call) -> Answer:
    record = find(world, call.id)
    if record["status"] in ENDED:
        raise not_found("subscription", call.id)
    return end_subscription(world, record, call.params.get("cancellation_details", {}))


@ROUTES.route("get", PATH, LIST)
def list_(world: World, call: Call) -> Answer:
    params = call.params
    status = params.get("status")
    wanted: dict[str, Any] = {name: params[name] for name in ("customer", "price") if name in params}
    if status in STATUSES:
        wanted["status"] = status
    spans = {name: span(params[name]) for name in ("current_period_start", "current_period_end") if name in params}

    def passes(record: Record) -> bool:
        if status is None and record["status"] == "canceled":
            return False
        if status == "ended" and record["status"] not in ENDED:
            return False
        if "collection_method" in params and record["collection_method"] != params["collection_method"]:
            return False
        # The emulator has no subscription with automatic tax.
        if params.get("automatic_tax", {}).get("enabled", False):
            return False
        return all(
            any(first <= line[name] <= last for line in record["items"]) for name, (first, last) in spans.items()
        )

    return page(world, Query("subscription", PATH, wanted, (passes,), span(params.get("created"))), params)
