"""The parameters that subscriptions and the phases of schedules share: what is sold, reduced and taxed."""

from __future__ import annotations

from decimal import Decimal

from reconciler.emulator.currency import CURRENCY
from reconciler.emulator.metadata import Metadata
from reconciler.emulator.rules.price import AMOUNT, FRACTION, INTERVAL, MAX_AMOUNT, TAX_BEHAVIOR
from reconciler.emulator.schema import GAP, Array, Boolean, Choice, Hash, Integer, Kind, Number, Text

MAX_ITEMS = 20
MAX_QUANTITY = 999_999_999
COLLECTION = Choice(("charge_automatically", "send_invoice"))
PRORATION = Choice(("always_invoice", "create_prorations", "none"))
# As many as an invoice's line can bear.
TAX_RATES = Array(Text(), 5, blank=True)
AUTOMATIC_TAX = Hash({"enabled": Boolean(), "liability": GAP}, ("enabled",))
# What stands behind a code is a coupon all the same; only coupons themselves are modelled.
DISCOUNTS = Array(Hash({"coupon": Text(), "discount": GAP, "promotion_code": GAP}), 20, blank=True)

_PRICE_DATA: dict[str, Kind] = {
    "currency": CURRENCY,
    "product": Text(),
    "tax_behavior": TAX_BEHAVIOR,
    "unit_amount": AMOUNT,
    "unit_amount_decimal": FRACTION,
}
PRICE_DATA = Hash(
    {**_PRICE_DATA, "recurring": Hash({"interval": INTERVAL, "interval_count": Integer(1)}, ("interval",))},
    ("currency", "product", "recurring"),
)
# What is added to an invoice once may be a credit.
EXTRA_DATA = Hash(
    {
        **_PRICE_DATA,
        "unit_amount": Integer(-MAX_AMOUNT, MAX_AMOUNT),
        "unit_amount_decimal": Number(12, Decimal(-MAX_AMOUNT), Decimal(MAX_AMOUNT)),
    },
    ("currency", "product"),
)
ITEM: dict[str, Kind] = {
    "billing_thresholds": GAP,
    "discounts": GAP,
    "metadata": Metadata(blank=False),
    "plan": GAP,
    "price": Text(),
    "price_data": PRICE_DATA,
    "quantity": Integer(0, MAX_QUANTITY),
    "tax_rates": TAX_RATES,
}
EXTRAS = Array(
    Hash(
        {
            "discountable": GAP,
            "discounts": GAP,
            "metadata": Metadata(blank=False),
            "period": GAP,
            "price": Text(),
            "price_data": EXTRA_DATA,
            "quantity": Integer(0, MAX_QUANTITY),
            "tax_rates": TAX_RATES,
        }
    ),
    MAX_ITEMS,
)
