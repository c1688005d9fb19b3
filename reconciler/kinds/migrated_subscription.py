"""Subscriptions of migrations: made by a step of their own in the middle of a period, or started by a schedule, whose
phases hand their metadata on."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.core.fields import ChangeClass, Field, OnChange
from reconciler.core.kind import Kind, Lookup, OnReplace, Request
from reconciler.core.migrations import KIND
from reconciler.core.shapes import Struct
from reconciler.core.types import Moment, Reference, Text
from reconciler.core.values import Value
from reconciler.kinds.shared import METADATA, no_rules

PATH = "/v1/subscriptions"
# https://docs.stripe.com/api/subscriptions/object: the others bill, or may again.
ENDED = ("canceled", "incomplete_expired")


def _alive(raw: Mapping[str, Value]) -> bool:
    return raw.get("status") not in ENDED


MIGRATED_SUBSCRIPTION = Kind(
    name="migrated_subscription",
    plural="migrated_subscriptions",
    doc="What a migration has become: a subscription.",
    body=Struct(
        fields=(
            Field(
                name="customer",
                type=Reference(kind="customer", declared=False),
                doc="Who subscribes.",
                on_change=OnChange.REFUSE,
            ),
            Field(name="status", type=Text(), doc="What it is at.", on_change=OnChange.REFUSE),
            Field(
                name="billing_cycle_anchor",
                type=Moment(),
                doc="The day that its periods are counted from.",
                on_change=OnChange.REFUSE,
            ),
            METADATA,
        )
    ),
    # Without it, canceled ones are left out: https://docs.stripe.com/api/subscriptions/list
    lookup=Lookup(path=PATH, listings=({"status": "all"},), permission="rak_subscription_read"),
    natural_key=None,
    stands_for=KIND,
    bulk=True,
    on_replace=OnReplace.REFUSED,
    create_class=ChangeClass.MONEY,
    retire=Request(
        verb="keep", method="get", path=f"{PATH}/{{id}}", params={}, expect={}, undo="no plan ends a subscription"
    ),
    revive=None,
    removals=(),
    retire_unasked=False,
    check=no_rules,
    alive=_alive,
)
