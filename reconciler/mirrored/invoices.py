"""Invoices with their lines, and the charges that paid them."""

from __future__ import annotations

from reconciler.core.mirrored import Lines, Mirrored
from reconciler.mirrored.columns import CREATED, decimal, flag, text, whole

INVOICE = Mirrored(
    name="invoice",
    object="invoice",
    table="invoices",
    path="/v1/invoices",
    permission="rak_invoice_read",
    deleted_by="invoice.deleted",
    inline=("default_tax_rates[]", "test_clock"),
    columns=(
        CREATED,
        text("customer", indexed=True),
        text("parent.subscription_details.subscription", indexed=True),
        text("number"),
        text("status"),
        text("billing_reason"),
        text("collection_method"),
        text("currency"),
        whole("subtotal"),
        whole("total"),
        whole("amount_due"),
        whole("amount_paid"),
        whole("amount_remaining"),
        whole("attempt_count"),
        whole("due_date"),
        whole("period_start"),
        whole("period_end"),
        whole("next_payment_attempt"),
        whole("status_transitions.finalized_at"),
        whole("status_transitions.paid_at"),
        whole("status_transitions.voided_at"),
    ),
    lines=(
        Lines(
            table="invoice_lines",
            name="lines",
            owner="invoice",
            path="/v1/invoices/{id}/lines",
            columns=(
                text("id"),
                text("pricing.price_details.price"),
                text("parent.subscription_item_details.subscription_item"),
                text("description"),
                whole("amount"),
                text("currency"),
                whole("quantity"),
                decimal("pricing.unit_amount_decimal"),
                whole("period.start", "period_start"),
                whole("period.end", "period_end"),
            ),
        ),
    ),
)

CHARGE = Mirrored(
    name="charge",
    object="charge",
    table="charges",
    path="/v1/charges",
    permission="rak_charge_read",
    columns=(
        CREATED,
        text("customer", indexed=True),
        text("payment_intent"),
        text("payment_method"),
        text("status"),
        text("currency"),
        whole("amount"),
        whole("amount_captured"),
        whole("amount_refunded"),
        flag("paid"),
        flag("refunded"),
        flag("disputed"),
        text("failure_code"),
    ),
)
