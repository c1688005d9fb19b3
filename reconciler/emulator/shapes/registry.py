"""All shapes, by the name that Stripe's `object` field gives them."""

from __future__ import annotations

from reconciler.emulator.shapes.account import ACCOUNT
from reconciler.emulator.shapes.charge import CHARGE
from reconciler.emulator.shapes.coupon import COUPON
from reconciler.emulator.shapes.credit_balance_summary import CREDIT_BALANCE_SUMMARY
from reconciler.emulator.shapes.credit_balance_transaction import CREDIT_BALANCE_TRANSACTION
from reconciler.emulator.shapes.credit_grant import CREDIT_GRANT
from reconciler.emulator.shapes.customer import CUSTOMER
from reconciler.emulator.shapes.discount import DISCOUNT
from reconciler.emulator.shapes.event import EVENT
from reconciler.emulator.shapes.feature import FEATURE
from reconciler.emulator.shapes.invoice import INVOICE, LINE_ITEM
from reconciler.emulator.shapes.meter import METER
from reconciler.emulator.shapes.meter_event import METER_EVENT
from reconciler.emulator.shapes.payment_method import PAYMENT_METHOD
from reconciler.emulator.shapes.price import PRICE
from reconciler.emulator.shapes.product import PRODUCT
from reconciler.emulator.shapes.product_feature import PRODUCT_FEATURE
from reconciler.emulator.shapes.promotion_code import PROMOTION_CODE
from reconciler.emulator.shapes.shape import Shape
from reconciler.emulator.shapes.subscription import SUBSCRIPTION, SUBSCRIPTION_ITEM
from reconciler.emulator.shapes.subscription_schedule import SUBSCRIPTION_SCHEDULE
from reconciler.emulator.shapes.tax_rate import TAX_RATE
from reconciler.emulator.shapes.tax_settings import TAX_SETTINGS
from reconciler.emulator.shapes.test_clock import TEST_CLOCK

SHAPES: dict[str, Shape] = {
    shape.table: shape
    for shape in (
        ACCOUNT,
        PRODUCT,
        PRICE,
        COUPON,
        DISCOUNT,
        PROMOTION_CODE,
        TAX_RATE,
        TAX_SETTINGS,
        TEST_CLOCK,
        METER,
        METER_EVENT,
        CUSTOMER,
        PAYMENT_METHOD,
        SUBSCRIPTION,
        SUBSCRIPTION_ITEM,
        SUBSCRIPTION_SCHEDULE,
        INVOICE,
        LINE_ITEM,
        CHARGE,
        FEATURE,
        PRODUCT_FEATURE,
        CREDIT_GRANT,
        CREDIT_BALANCE_TRANSACTION,
        CREDIT_BALANCE_SUMMARY,
        EVENT,
    )
}
