"""What else an event tells: the objects that may not be what they were, besides the one that it is about."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.core.mirrored import DUE, Touch

_NEW_CARD = "payment_method"
# A coupon that may be used so often takes all its codes along when it is.
_USED_UP = ("coupon", "max_redemptions")
_GRANT = ("credit_grant", "customer")

TOUCHES: Mapping[str, tuple[Touch, ...]] = {
    "discount": (
        Touch(type="customer", path=("customer",)),
        Touch(type="subscription", path=("subscription",)),
        Touch(type="invoice", path=("invoice",)),
        # An event has the shape of the account's own API version, and it was `coupon` before 2025-09-30.
        Touch(type="coupon", path=("source", "coupon")),
        Touch(type="coupon", path=("coupon",)),
        Touch(type="promotion_code", path=("promotion_code",)),
        Touch(type="promotion_code", path=("source", "coupon"), column="coupon", given=_USED_UP),
        Touch(type="promotion_code", path=("coupon",), column="coupon", given=_USED_UP),
    ),
    "dispute": (Touch(type="charge", path=("charge",)),),
    "refund": (Touch(type="charge", path=("charge",)),),
    "credit_note": (Touch(type="invoice", path=("invoice",)),),
    # A code is active only while its coupon is valid.
    "coupon": (Touch(type="promotion_code", column="coupon", when=("coupon.deleted", DUE)),),
    "customer": (Touch(type=_NEW_CARD, path=("invoice_settings", "default_payment_method"), unknown=True),),
    "subscription": (Touch(type=_NEW_CARD, path=("default_payment_method",), unknown=True),),
    "billing.credit_grant": (
        Touch(type="credit_balance_summary", path=("customer",)),
        Touch(type="credit_balance_transaction", path=("customer",)),
    ),
    "billing.credit_balance_transaction": (
        Touch(type="credit_grant", path=("credit_grant",)),
        Touch(type="credit_balance_summary", path=("credit_grant",), via=_GRANT),
        Touch(type="credit_balance_transaction", path=("credit_grant",), via=_GRANT),
    ),
}
