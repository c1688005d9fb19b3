"""Billing credits: grants, what is left of them for each customer, and how they were used."""

from __future__ import annotations

from reconciler.core.mirrored import Mirrored, Parent
from reconciler.mirrored.columns import CREATED, parent, text, whole

# Only who was granted credit has a balance; Stripe lists balances and transactions customer by customer.
_WHO_HAS_CREDIT = Parent(type="credit_grant", column="customer", param="customer")

CREDIT_GRANT = Mirrored(
    name="credit_grant",
    object="billing.credit_grant",
    table="credit_grants",
    path="/v1/billing/credit_grants",
    permission="rak_billing_credit_grant_read",
    by_created=False,
    due=("effective_at", "expires_at"),
    inline=("test_clock",),
    columns=(
        CREATED,
        whole("updated"),
        text("customer", indexed=True),
        text("name"),
        text("category"),
        text("amount.type", "amount_type"),
        whole("amount.monetary.value", "amount"),
        text("amount.monetary.currency", "currency"),
        whole("priority"),
        whole("effective_at"),
        whole("expires_at", indexed=True),
        whole("voided_at"),
        text("metadata.billplan_project"),
        text("metadata.billplan_address"),
    ),
)

CREDIT_BALANCE_SUMMARY = Mirrored(
    name="credit_balance_summary",
    object="billing.credit_balance_summary",
    table="credit_balance_summaries",
    path="/v1/billing/credit_balance_summary",
    permission="rak_billing_credit_grant_read",
    # The filter is required; metered prices are all that credit applies to by scope of a price type.
    listings=({"filter": {"type": "applicability_scope", "applicability_scope": {"price_type": "metered"}}},),
    by_created=False,
    single=True,
    parent=_WHO_HAS_CREDIT,
    key="customer",
    columns=(text("customer_account"),),
)

CREDIT_BALANCE_TRANSACTION = Mirrored(
    name="credit_balance_transaction",
    object="billing.credit_balance_transaction",
    table="credit_balance_transactions",
    path="/v1/billing/credit_balance_transactions",
    permission="rak_billing_credit_grant_read",
    by_created=False,
    parent=_WHO_HAS_CREDIT,
    inline=("credit_grant", "test_clock"),
    columns=(
        CREATED,
        parent("customer"),
        text("credit_grant", indexed=True),
        text("type"),
        whole("effective_at"),
        text("credit.type", "credit_type"),
        whole("credit.amount.monetary.value", "credit_amount"),
        text("debit.type", "debit_type"),
        whole("debit.amount.monetary.value", "debit_amount"),
    ),
)
