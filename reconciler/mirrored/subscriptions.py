"""Subscriptions with their items, ended ones included, and subscription schedules."""

from __future__ import annotations

from reconciler.core.mirrored import Lines, Mirrored
from reconciler.mirrored.columns import CREATED, flag, text, whole

SUBSCRIPTION = Mirrored(
    name="subscription",
    object="subscription",
    table="subscriptions",
    path="/v1/subscriptions",
    permission="rak_subscription_read",
    # Without it, canceled ones are left out: https://docs.stripe.com/api/subscriptions/list
    listings=({"status": "all"},),
    carries={"default_payment_method": "payment_method"},
    inline=(
        "default_tax_rates[]",
        "items.data[].price",
        "items.data[].plan",
        "items.data[].tax_rates[]",
        "test_clock",
    ),
    columns=(
        CREATED,
        text("customer", indexed=True),
        text("status"),
        text("currency"),
        text("collection_method"),
        whole("days_until_due"),
        whole("start_date"),
        whole("billing_cycle_anchor"),
        whole("trial_start"),
        whole("trial_end"),
        whole("cancel_at"),
        flag("cancel_at_period_end"),
        whole("canceled_at"),
        whole("ended_at"),
        text("default_payment_method"),
        text("latest_invoice"),
        text("schedule"),
        text("metadata.billplan_project"),
        text("metadata.billplan_address"),
    ),
    lines=(
        Lines(
            table="subscription_items",
            name="items",
            owner="subscription",
            path="/v1/subscription_items",
            params={"subscription": "{id}"},
            columns=(
                text("id"),
                text("price", indexed=True),
                text("price.product", "product"),
                whole("quantity"),
                whole("created"),
                whole("current_period_start"),
                whole("current_period_end"),
            ),
        ),
    ),
)

SUBSCRIPTION_SCHEDULE = Mirrored(
    name="subscription_schedule",
    object="subscription_schedule",
    table="subscription_schedules",
    path="/v1/subscription_schedules",
    permission="rak_subscription_schedule_read",
    inline=("default_settings.default_payment_method", "test_clock"),
    columns=(
        CREATED,
        text("customer", indexed=True),
        text("subscription", indexed=True),
        text("status"),
        text("end_behavior"),
        whole("current_phase.start_date", "current_phase_start"),
        whole("current_phase.end_date", "current_phase_end"),
        whole("canceled_at"),
        whole("completed_at"),
        whole("released_at"),
        text("released_subscription"),
        text("metadata.billplan_project"),
        text("metadata.billplan_address"),
    ),
)
