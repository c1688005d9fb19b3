"""What Stripe would refuse in the middle of an apply, and validate tells before."""

from __future__ import annotations

import pytest

from reconciler.core.validate import check_specs
from reconciler.kinds import BY_NAME
from tests.account import Bodies, specs_of

PRO = {"product.pro": {"name": "Pro"}}
MONTHLY = {"product": "product.pro", "currency": "usd", "unit_amount": 2900, "recurring": {"interval": "month"}}
COUPON = {"coupon.ten": {"percent_off": 10}}

CASES: dict[str, tuple[Bodies, str, str]] = {
    "an unknown currency": (
        {**PRO, "price.m": {**MONTHLY, "currency": "usb"}},
        "Stripe knows no 'usb': not a three-letter currency code such as usd",
        "",
    ),
    "an unknown currency among the options": (
        {**PRO, "price.m": {**MONTHLY, "currency_options": {"zzz": {"unit_amount": 1}}}},
        "'zzz' is not a three-letter currency code",
        "",
    ),
    "an interval over three years": (
        {**PRO, "price.m": {**MONTHLY, "recurring": {"interval": "month", "interval_count": 40}}},
        "recurring.interval_count: the interval is at most three years: 36 times month",
        "",
    ),
    "an amount of more than twelve digits": (
        {**PRO, "price.m": {**MONTHLY, "unit_amount": 10**20}},
        f"unit_amount: {10**20} is above the maximum of 999999999999",
        "",
    ),
    "control characters in a text": (
        {"product.pro": {"name": "Pro\x07"}},
        "name: the text holds control characters",
        "take them out",
    ),
    "a default price of another product": (
        {"product.pro": {"name": "Pro", "default_price": "price.m"}, "product.other": {"name": "Other"},
         "price.m": {**MONTHLY, "product": "product.other"}},
        "price.m is a price of product.other, not of product.pro",
        "a default price is one of the product's own",
    ),
    "a default price that is not for sale": (
        {"product.pro": {"name": "Pro", "default_price": "price.m"}, "price.m": {**MONTHLY, "active": False}},
        "price.m is declared with active: false",
        "",
    ),
    "two codes that differ in case alone": (
        {**COUPON, "promotion_code.a": {"code": "same", "promotion": {"coupon": "coupon.ten"}},
         "promotion_code.b": {"code": "SAME", "promotion": {"coupon": "coupon.ten"}}},
        "promotion_code.b and promotion_code.a both claim the object with code 'SAME'",
        "one Stripe object belongs to one address: take one of them out, or give it another id",
    ),
    "a smallest purchase of nothing": (
        {**COUPON, "promotion_code.a": {"promotion": {"coupon": "coupon.ten"},
         "restrictions": {"minimum_amount": 0, "minimum_amount_currency": "usd"}}},
        "restrictions.minimum_amount: 0 is below the minimum of 1",
        "",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_it_is_told_offline(name: str) -> None:
    bodies, summary, hint = CASES[name]
    _, found = check_specs(specs_of(bodies), BY_NAME, "acme")
    assert [(d.summary, d.hint) for d in found] == [(summary, hint)]
