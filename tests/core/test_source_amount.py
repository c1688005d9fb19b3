"""What a subscription comes to at its source each period, as its account shows it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from reconciler.core.source_amount import amount_each_period


def item(amount: Any, quantity: int | None = 1, **price: Any) -> dict[str, Any]:
    said = {"billing_scheme": "per_unit", "unit_amount": amount, "unit_amount_decimal": None, **price}
    return {"price": said, "quantity": quantity}


def coupon(**said: Any) -> dict[str, Any]:
    return {"duration": "forever", "percent_off": None, "amount_off": None, "currency": None, **said}


@pytest.mark.parametrize(
    ("items", "coupons", "amount"),
    [
        ([item(2500)], [], 2500),
        ([item(2500, 3), item(100, 7)], [], 8200),
        ([item(None, 1000, unit_amount_decimal=Decimal("0.125"))], [], 125),
        ([item(None, 3, unit_amount_decimal="0.5")], [], 2),
        ([item(2500, 0)], [], 0),
        ([item(999)], [coupon(percent_off=Decimal("12.5"))], 874),
        ([item(2500)], [coupon(amount_off=500, currency="usd")], 2000),
        ([item(400)], [coupon(amount_off=500, currency="usd")], 0),
        ([item(2500)], [coupon(amount_off=500, currency="eur", currency_options={"usd": {"amount_off": 600}})], 1900),
        ([item(2500)], [coupon(amount_off=500, currency="eur")], None),
        ([item(2500)], [coupon(percent_off=10, applies_to={"products": ["prod_1"]})], None),
        ([item(None, billing_scheme="tiered")], [], None),
        ([item(2500, transform_quantity={"divide_by": 10, "round": "up"})], [], None),
        ([item(None)], [], None),
    ],
)
def test_the_amount_of_a_period(items: list[Any], coupons: list[Any], amount: int | None) -> None:
    assert amount_each_period({"currency": "usd", "items": {"data": items}}, coupons) == amount
