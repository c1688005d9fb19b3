"""The price: its record and what an answer shows of it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from reconciler.emulator.metadata import merge
from reconciler.emulator.shapes.shape import Link, Part, Shape
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World


def build(world: World, params: dict[str, Any], id: str, created: int) -> Record:
    """A new price from checked parameters; its product is in them."""
    recurring = params.get("recurring")
    return {
        "id": id,
        "object": "price",
        "active": params.get("active", True),
        "billing_scheme": params.get("billing_scheme", "per_unit"),
        "created": created,
        "currency": params["currency"],
        "currency_options": {
            currency: option(values, params.get("tax_behavior"))
            for currency, values in params.get("currency_options", {}).items()
        },
        "livemode": world.livemode,
        "lookup_key": params.get("lookup_key"),
        "metadata": merge({}, params.get("metadata", {})),
        "nickname": params.get("nickname"),
        "product": params["product"],
        "recurring": None if recurring is None else _recurring(recurring),
        "tax_behavior": params.get("tax_behavior", "unspecified"),
        "tiers_mode": params.get("tiers_mode"),
        "transform_quantity": params.get("transform_quantity"),
        "type": "one_time" if recurring is None else "recurring",
        **_amounts(params),
    }


def option(values: dict[str, Any], tax_behavior: str | None = None) -> Record:
    """What a price costs in one more currency."""
    return {"tax_behavior": values.get("tax_behavior", tax_behavior or "unspecified"), **_amounts(values)}


def amount(values: dict[str, Any], name: str) -> Record:
    """An amount as Stripe shows it twice: the integer, null if there are decimals, and the decimal string."""
    whole, text = values.get(name), values.get(f"{name}_decimal")
    if whole is None and text is not None and Decimal(text) == Decimal(text).to_integral_value():
        whole = int(Decimal(text))
    return {name: whole, f"{name}_decimal": text if whole is None else str(whole)}


def _amounts(values: dict[str, Any]) -> Record:
    tiers = values.get("tiers")
    return {
        "custom_unit_amount": _custom(values.get("custom_unit_amount")),
        "tiers": None if tiers is None else [_tier(tier) for tier in tiers],
        **amount(values, "unit_amount"),
    }


def _custom(values: dict[str, Any] | None) -> Record | None:
    return None if values is None else {name: values.get(name) for name in ("maximum", "minimum", "preset")}


def _tier(values: dict[str, Any]) -> Record:
    up_to = values["up_to"]
    return {
        **amount(values, "flat_amount"),
        **amount(values, "unit_amount"),
        "up_to": None if up_to == "inf" else up_to,
    }


def _recurring(values: dict[str, Any]) -> Record:
    return {
        "interval": values["interval"],
        "interval_count": values.get("interval_count", 1),
        "meter": values.get("meter"),
        "trial_period_days": values.get("trial_period_days"),
        "usage_type": values.get("usage_type", "licensed"),
    }


def present(world: World, record: Record) -> Record:
    """Everything, with the price's own currency among its options as Stripe has it."""
    own = {name: record[name] for name in ("custom_unit_amount", "tax_behavior", "unit_amount", "unit_amount_decimal")}
    options = {record["currency"]: {**own, "tiers": record["tiers"]}, **record["currency_options"]}
    if record["billing_scheme"] != "tiered":
        options = {
            currency: {name: value for name, value in values.items() if name != "tiers"}
            for currency, values in options.items()
        }
    shown = {**record, "currency_options": options}
    shown.pop("inline", None)
    return shown


PRICE = Shape("price", "price", present, {"product": Link("product"), "tiers": Part(), "currency_options": Part()})
