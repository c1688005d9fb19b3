"""The account itself, its customers, and the payment methods that they pay with by default."""

from __future__ import annotations

from reconciler.core.mirrored import Mirrored
from reconciler.mirrored.columns import CREATED, email, flag, text, whole

ACCOUNT = Mirrored(
    name="account",
    object="account",
    table="accounts",
    path="/v1/account",
    retrieve="/v1/account",
    permission="rak_accounts_kyc_basic_read",
    by_created=False,
    single=True,
    polled=True,
    columns=(CREATED, text("country"), text("default_currency"), text("email")),
)

CUSTOMER = Mirrored(
    name="customer",
    object="customer",
    table="customers",
    path="/v1/customers",
    permission="rak_customer_read",
    deleted_by="customer.deleted",
    carries={"invoice_settings.default_payment_method": "payment_method"},
    inline=("test_clock",),
    columns=(
        CREATED,
        text("email"),
        email("email", "email_key"),
        text("name"),
        text("currency"),
        whole("balance"),
        flag("delinquent"),
        text("default_source"),
        text("invoice_settings.default_payment_method"),
        text("metadata.billplan_project"),
        text("test_clock"),
    ),
)

PAYMENT_METHOD = Mirrored(
    name="payment_method",
    object="payment_method",
    table="payment_methods",
    path="",
    retrieve="/v1/payment_methods/{id}",
    permission="rak_payment_method_read",
    by_created=False,
    columns=(
        CREATED,
        text("customer", indexed=True),
        text("type"),
        text("card.brand", "card_brand"),
        text("card.last4", "card_last4"),
        whole("card.exp_month", "card_exp_month"),
        whole("card.exp_year", "card_exp_year"),
    ),
)
