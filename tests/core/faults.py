"""Blocks that do not hold, each with one thing that is said of it: code, words, and the way out."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

PRICE = {"product": "prod_1", "currency": "usd", "unit_amount": 1000}
MONTHLY = {**PRICE, "recurring": {"interval": "month"}}
TIERS = [{"up_to": 10, "unit_amount": 100}, {"up_to": "inf", "unit_amount": 50}]
TIERED = {
    "product": "prod_1",
    "currency": "usd",
    "recurring": {"interval": "month"},
    "billing_scheme": "tiered",
    "tiers_mode": "volume",
    "tiers": TIERS,
}
COUPON = {"percent_off": 20}
OFF = {"amount_off": 500, "currency": "usd"}
CODE = {"promotion": {"coupon": "c"}}
METER = {"display_name": "Calls", "event_name": "calls", "default_aggregation": {"formula": "sum"}}


def without(body: dict[str, Any], *names: str) -> dict[str, Any]:
    return {n: v for n, v in body.items() if n not in names}


FAULTS: dict[str, tuple[str, Any, str, str, str]] = {
    "no mapping": ("product.x", None, "BP1204", "product.x needs a mapping of fields", ""),
    "a required field": ("product.x", {}, "BP1203", "name is required", "The name that customers see."),
    "null is no value": ("product.x", {"name": None}, "BP1203", "name is required", "The name that customers see."),
    "a number for a text": (
        "product.x",
        {"name": 5},
        "BP1204",
        "name: expected a text, found the number 5",
        'write "5" in quotes',
    ),
    "an empty text": (
        "product.x",
        {"name": ""},
        "BP1207",
        "name: expected a text, found an empty text",
        "it is required: write one",
    ),
    "an empty text of a field that may be left out": (
        "product.x",
        {"name": "X", "unit_label": ""},
        "BP1207",
        "unit_label: expected a text, found an empty text",
        "leave the field out to unset it",
    ),
    "an empty list": (
        "product.x",
        {"name": "X", "images": []},
        "BP1205",
        "images: the list is empty",
        "leave the field out to unset it",
    ),
    "an empty list that is required": (
        "product_mapping.x",
        {"name": "X", "stripe_products": []},
        "BP1205",
        "stripe_products: the list is empty",
        "it is required: list at least one",
    ),
    "nine images": (
        "product.x",
        {"name": "X", "images": ["u"] * 9},
        "BP1205",
        "images: the list has 9 entries, at most 8 are allowed",
        "",
    ),
    "a flag": (
        "product.x",
        {"name": "X", "active": "yes"},
        "BP1204",
        "active: expected true or false, found the text 'yes'",
        "",
    ),
    "a long text": (
        "product.x",
        {"name": "X", "unit_label": "x" * 13},
        "BP1207",
        "unit_label: the text has 13 characters, at most 12 are allowed",
        "",
    ),
    "a metadata key": (
        "product.x",
        {"name": "X", "metadata": {"a[b]": "1"}},
        "BP1207",
        "'a[b]' is not a metadata key: 1 to 40 characters, no square brackets",
        "",
    ),
    "a choice": (
        "price.x",
        {**PRICE, "recurring": {"interval": "monthly"}},
        "BP1206",
        "recurring.interval: 'monthly' is not one of day, week, month, year",
        "did you mean month?",
    ),
    "a point in an amount": (
        "price.x",
        {**PRICE, "unit_amount": Decimal("29.00")},
        "BP1204",
        "unit_amount: expected a whole number, found the number 29.00",
        "amounts are whole numbers of the smallest unit: 2900 is 29.00",
    ),
    "an amount in quotes": (
        "price.x",
        {**PRICE, "unit_amount": "2900"},
        "BP1204",
        "unit_amount: expected a whole number, found the text '2900'",
        "",
    ),
    "a boolean amount": (
        "price.x",
        {**PRICE, "unit_amount": True},
        "BP1204",
        "unit_amount: expected a whole number, found the boolean true",
        "",
    ),
    "a negative amount": (
        "price.x",
        {**PRICE, "unit_amount": -1},
        "BP1205",
        "unit_amount: -1 is below the minimum of 0",
        "",
    ),
    "an unquoted decimal": (
        "price.x",
        {**without(PRICE, "unit_amount"), "unit_amount_decimal": Decimal("0.5")},
        "BP1204",
        "unit_amount_decimal: expected a decimal in quotes, found the number 0.5",
        'write "0.5" in quotes',
    ),
    "13 digits": (
        "price.x",
        {**without(PRICE, "unit_amount"), "unit_amount_decimal": "0.0000000000001"},
        "BP1205",
        "unit_amount_decimal: 0.0000000000001 has more than 12 digits after the point",
        "",
    ),
    "both spellings": (
        "price.x",
        {**PRICE, "unit_amount_decimal": "1"},
        "BP1209",
        "unit_amount and unit_amount_decimal exclude each other",
        "",
    ),
    "a currency": (
        "price.x",
        {**PRICE, "currency": "dollar"},
        "BP1207",
        "currency: the text has 6 characters, at most 3 are allowed",
        "",
    ),
    "a wrong kind of reference": (
        "price.x",
        {**PRICE, "product": "price.pro"},
        "BP1303",
        "'price.pro' does not name a product",
        "expected a product: its address (product.name) or its Stripe id",
    ),
    "a broken reference": (
        "price.x",
        {**PRICE, "product": "product."},
        "BP1303",
        "'product.' is not an address: the name after the dot is missing or needs [\"...\"]",
        "",
    ),
    "no amount": (
        "price.x",
        without(PRICE, "unit_amount"),
        "BP1210",
        "a price needs exactly one of unit_amount, custom_unit_amount or tiers, found none",
        "",
    ),
    "two amounts": (
        "price.x",
        {**PRICE, "custom_unit_amount": {"enabled": True}},
        "BP1210",
        "a price needs exactly one of unit_amount, custom_unit_amount or tiers, "
        "found unit_amount and custom_unit_amount",
        "",
    ),
    "tiers without a scheme": (
        "price.x",
        without(TIERED, "billing_scheme"),
        "BP1210",
        "billing_scheme: tiered and tiers belong together",
        "",
    ),
    "tiers without a mode": (
        "price.x",
        without(TIERED, "tiers_mode"),
        "BP1210",
        "tiers and tiers_mode belong together",
        "tiers_mode is graduated or volume",
    ),
    "tiers without an end": (
        "price.x",
        {**TIERED, "tiers": TIERS[:1]},
        "BP1211",
        "tiers[0]: the last tier needs up_to: inf",
        "",
    ),
    "tiers that descend": (
        "price.x",
        {**TIERED, "tiers": [TIERS[0], TIERS[0], TIERS[1]]},
        "BP1211",
        "tiers must ascend: up_to 10 follows 10",
        "",
    ),
    "a tier for nothing": (
        "price.x",
        {**TIERED, "tiers": [{"up_to": "inf"}]},
        "BP1211",
        "tiers[0]: a tier needs unit_amount or flat_amount, or both",
        "",
    ),
    "tiers of packages": (
        "price.x",
        {**TIERED, "transform_quantity": {"divide_by": 5, "round": "up"}},
        "BP1210",
        "transform_quantity cannot be combined with tiers",
        "",
    ),
    "usage without a meter": (
        "price.x",
        {**PRICE, "recurring": {"interval": "month", "usage_type": "metered"}},
        "BP1210",
        "recurring: usage_type: metered needs a meter",
        "add meter: meter.NAME and declare the meter under meters:",
    ),
    "a meter without usage": (
        "price.x",
        {**PRICE, "recurring": {"interval": "month", "meter": "mtr_1"}},
        "BP1210",
        "a meter counts usage, but usage_type is licensed",
        "add usage_type: metered",
    ),
    "its own currency": (
        "price.x",
        {**PRICE, "currency_options": {"usd": {"unit_amount": 1}}},
        "BP1210",
        "usd is the price's own currency and cannot be one of its currency_options",
        "",
    ),
    "a recurring donation": (
        "price.x",
        {**without(MONTHLY, "unit_amount"), "custom_unit_amount": {"enabled": True}},
        "BP1210",
        "custom_unit_amount is for one-time prices, not for recurring ones",
        "",
    ),
    "no discount": ("coupon.x", {}, "BP1210", "a coupon needs either percent_off or amount_off", ""),
    "two discounts": ("coupon.x", {**COUPON, **OFF}, "BP1210", "a coupon needs either percent_off or amount_off", ""),
    "nothing off": ("coupon.x", {"percent_off": 0}, "BP1205", "percent_off must be above 0", ""),
    "more than all": ("coupon.x", {"percent_off": 101}, "BP1205", "percent_off: 101 is above the maximum of 100", ""),
    "an amount of nothing": ("coupon.x", {"amount_off": 5}, "BP1210", "amount_off and currency belong together", ""),
    "months for once": (
        "coupon.x",
        {**COUPON, "duration_in_months": 3},
        "BP1210",
        "duration: repeating and duration_in_months belong together",
        "",
    ),
    "no months": (
        "coupon.x",
        {**COUPON, "duration": "repeating"},
        "BP1210",
        "duration: repeating and duration_in_months belong together",
        "",
    ),
    "options of a percentage": (
        "coupon.x",
        {**COUPON, "currency_options": {"eur": {"amount_off": 5}}},
        "BP1210",
        "currency_options needs amount_off",
        "",
    ),
    "a moment without a zone": (
        "coupon.x",
        {**COUPON, "redeem_by": "2028-01-01T00:00:00"},
        "BP1208",
        "redeem_by: '2028-01-01T00:00:00' has no time zone",
        "write 2028-01-01T00:00:00Z for UTC",
    ),
    "no moment": (
        "coupon.x",
        {**COUPON, "redeem_by": "soon"},
        "BP1208",
        "redeem_by: expected a date and time such as 2027-01-01T00:00:00Z, found the text 'soon'",
        "",
    ),
    "half a minimum": (
        "promotion_code.x",
        {**CODE, "restrictions": {"minimum_amount": 5}},
        "BP1210",
        "restrictions: minimum_amount and minimum_amount_currency belong together",
        "",
    ),
    "a code with a space": (
        "promotion_code.x",
        {**CODE, "code": "A B"},
        "BP1207",
        "'A B' is not a code of letters, digits and -",
        "",
    ),
    "a small country": (
        "tax_rate.x",
        {"display_name": "V", "percentage": 19, "inclusive": False, "country": "de"},
        "BP1207",
        "'de' is not a two-letter country code",
        "",
    ),
    "a formula": (
        "meter.x",
        {**METER, "default_aggregation": {"formula": "max"}},
        "BP1206",
        "default_aggregation.formula: 'max' is not one of count, last, sum",
        "",
    ),
    "a name that makes no id": (
        'product["ü"]',
        {"name": "X"},
        "BP1207",
        "the default id 'acme-ü' cannot be used",
        "declare id: with a value that fits",
    ),
}
