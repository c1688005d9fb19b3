"""All shapes, by the name that Stripe's `object` field gives them."""

from __future__ import annotations

from reconciler.emulator.shapes.account import ACCOUNT
from reconciler.emulator.shapes.coupon import COUPON
from reconciler.emulator.shapes.customer import CUSTOMER
from reconciler.emulator.shapes.event import EVENT
from reconciler.emulator.shapes.meter import METER
from reconciler.emulator.shapes.price import PRICE
from reconciler.emulator.shapes.product import PRODUCT
from reconciler.emulator.shapes.promotion_code import PROMOTION_CODE
from reconciler.emulator.shapes.shape import Shape
from reconciler.emulator.shapes.subscription import SUBSCRIPTION
from reconciler.emulator.shapes.tax_rate import TAX_RATE

SHAPES: dict[str, Shape] = {
    shape.table: shape
    for shape in (ACCOUNT, PRODUCT, PRICE, COUPON, PROMOTION_CODE, TAX_RATE, METER, CUSTOMER, SUBSCRIPTION, EVENT)
}
