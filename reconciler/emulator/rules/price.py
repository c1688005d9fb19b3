"""What a price must be: the parameters that describe one, and the rules between them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from reconciler.emulator.currency import CURRENCY
from reconciler.emulator.errors import (
    ParameterError,
    StripeError,
    exclusive_parameters,
    missing_parameter,
    no_such,
)
from reconciler.emulator.metadata import Metadata
from reconciler.emulator.schema import Array, Boolean, Choice, Hash, Integer, Kind, Map, Number, Text, WordOr, nested
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World

MAX_AMOUNT = 999_999_999_999
AMOUNT = Integer(0, MAX_AMOUNT)
FRACTION = Number(12, Decimal(0), Decimal(MAX_AMOUNT))
TAX_BEHAVIOR = Choice(("exclusive", "inclusive", "unspecified"))
INTERVAL = Choice(("day", "month", "week", "year"))

# Three years at most, in each unit.
LONGEST = {"day": 1095, "week": 156, "month": 36, "year": 3}

CUSTOM = Hash({"enabled": Boolean(), "maximum": AMOUNT, "minimum": AMOUNT, "preset": AMOUNT}, ("enabled",))
TIERS = Array(
    Hash(
        {
            "flat_amount": AMOUNT,
            "flat_amount_decimal": FRACTION,
            "unit_amount": AMOUNT,
            "unit_amount_decimal": FRACTION,
            "up_to": WordOr(("inf",), Integer(1)),
        },
        ("up_to",),
    )
)
AMOUNTS: dict[str, Kind] = {"custom_unit_amount": CUSTOM, "unit_amount": AMOUNT, "unit_amount_decimal": FRACTION}


def currency_options(blank: bool = False) -> Map:
    """Amounts in further currencies."""
    return Map(Hash({**AMOUNTS, "tax_behavior": TAX_BEHAVIOR, "tiers": TIERS}), CURRENCY, blank)


PRICE_DATA = Hash(
    {
        **AMOUNTS,
        "currency": CURRENCY,
        "currency_options": currency_options(),
        "metadata": Metadata(blank=False),
        "recurring": Hash({"interval": INTERVAL, "interval_count": Integer(1)}, ("interval",)),
        "tax_behavior": TAX_BEHAVIOR,
    },
    ("currency",),
)
RECURRING = Hash(
    {
        "interval": INTERVAL,
        "interval_count": Integer(1),
        "meter": Text(),
        "trial_period_days": Integer(1, 730),
        "usage_type": Choice(("licensed", "metered")),
    },
    ("interval",),
)


def check_price(world: World, params: Mapping[str, Any]) -> None:
    """Refuse parameters that do not describe one price."""
    tiered = params.get("billing_scheme", "per_unit") == "tiered"
    check_amounts(params, tiered, "")
    if tiered and "tiers_mode" not in params:
        raise missing_parameter("tiers_mode")
    if not tiered and "tiers_mode" in params:
        raise ParameterError("`tiers_mode` can only be set when `billing_scheme=tiered`.", "tiers_mode")
    if tiered and "transform_quantity" in params:
        raise ParameterError("`transform_quantity` cannot be combined with `tiers`.", "transform_quantity")
    if tiered and "recurring" not in params:
        raise ParameterError("`billing_scheme=tiered` is only for recurring prices.", "billing_scheme")
    if "custom_unit_amount" in params and "recurring" in params:
        raise ParameterError("`custom_unit_amount` is only for one-time prices.", "custom_unit_amount")
    if "recurring" in params:
        _check_recurring(world, params["recurring"])
    check_options(params.get("currency_options", {}), params, tiered)


def check_options(options: Mapping[str, Any], params: Mapping[str, Any], tiered: bool) -> None:
    """Refuse currency options that are the price's own, or priced by another scheme than the price."""
    for currency, values in options.items():
        name = nested("currency_options", currency)
        if currency == params["currency"]:
            raise ParameterError(f"`{name}` is the currency of the price itself.", name)
        check_amounts(values, tiered, name)
        if ("custom_unit_amount" in values) != (params.get("custom_unit_amount") is not None):
            raise ParameterError(f"`{name}` must be priced like the price itself.", name)
        own = [tier["up_to"] or "inf" for tier in params.get("tiers") or []]
        if tiered and [tier["up_to"] for tier in values["tiers"]] != own:
            raise ParameterError(f"The tiers of `{name}` must have the same `up_to` as the price's own.", name)


def check_amounts(values: Mapping[str, Any], tiered: bool, param: str) -> None:
    """Refuse anything but exactly one way to say what one unit costs."""
    given = [name for name in AMOUNTS if name in values]
    if tiered:
        if given:
            raise ParameterError(f"`{given[0]}` cannot be set when `billing_scheme=tiered`.", nested(param, given[0]))
        if "tiers" not in values:
            raise missing_parameter(nested(param, "tiers"))
        _check_tiers(values["tiers"], nested(param, "tiers"))
        return
    if "tiers" in values:
        raise ParameterError("`tiers` can only be set when `billing_scheme=tiered`.", nested(param, "tiers"))
    if len(given) > 1:
        raise exclusive_parameters([nested(param, name) for name in given])
    if not given:
        raise missing_parameter(nested(param, "unit_amount"))
    if given == ["custom_unit_amount"]:
        _check_custom(values["custom_unit_amount"], nested(param, "custom_unit_amount"))


def _check_custom(values: Mapping[str, Any], param: str) -> None:
    if not values["enabled"]:
        raise ParameterError("`enabled` must be true.", nested(param, "enabled"))
    ascending = [values[name] for name in ("minimum", "preset", "maximum") if name in values]
    if ascending != sorted(ascending):
        raise ParameterError("The amounts must satisfy minimum <= preset <= maximum.", param)


def _check_tiers(tiers: list[dict[str, Any]], param: str) -> None:
    if not tiers:
        raise missing_parameter(param)
    reached = 0
    for position, tier in enumerate(tiers):
        name = nested(param, str(position))
        last = position == len(tiers) - 1
        if (tier["up_to"] == "inf") != last:
            raise ParameterError("The last tier, and only the last, must have `up_to=inf`.", nested(name, "up_to"))
        if not last and tier["up_to"] <= reached:
            raise ParameterError("The tiers must be in ascending order of `up_to`.", nested(name, "up_to"))
        reached = reached if last else tier["up_to"]
        for stem in ("flat_amount", "unit_amount"):
            if stem in tier and f"{stem}_decimal" in tier:
                raise exclusive_parameters([nested(name, stem), nested(name, f"{stem}_decimal")])
        if not any("amount" in key for key in tier):
            raise missing_parameter(nested(name, "unit_amount"))


def _check_recurring(world: World, recurring: Mapping[str, Any]) -> None:
    interval, count = recurring["interval"], recurring.get("interval_count", 1)
    if count > LONGEST[interval]:
        raise ParameterError(
            f"The interval must be at most three years: {LONGEST[interval]} of `{interval}`, not {count}.",
            "recurring[interval_count]",
        )
    metered = recurring.get("usage_type", "licensed") == "metered"
    if metered and "meter" not in recurring:
        raise missing_parameter("recurring[meter]")
    if not metered and "meter" in recurring:
        raise ParameterError("`meter` can only be set when `usage_type=metered`.", "recurring[meter]")
    if metered:
        meter = world.tables["billing.meter"].get(recurring["meter"])
        if meter is None:
            raise no_such("meter", recurring["meter"], "recurring[meter]")
        if meter["status"] != "active":
            raise StripeError(f"The meter `{meter['id']}` is inactive.", "recurring[meter]")


def lookup_key_holder(world: World, lookup_key: str) -> Record | None:
    """The price that has a lookup key, archived ones included."""
    holders = world.tables["price"].having("lookup_key", lookup_key)
    return holders[0] if holders else None
