"""Subscriptions of another account that are to end when the rows begin which replace them."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.core.fields import ChangeClass, Field, OnChange
from reconciler.core.kind import Kind, Lookup, OnReplace, Request
from reconciler.core.shapes import Struct
from reconciler.core.source_facts import GOING_ON, SOURCE_PATH, period_end
from reconciler.core.source_steps import SOURCE_SUBSCRIPTION as NAME
from reconciler.core.types import Flag, Moment, Reference, Text
from reconciler.core.values import Value
from reconciler.kinds.shared import METADATA, no_rules

BELOW = "v1/subscriptions"
_REFUSE = OnChange.REFUSE


class _Subscription(Struct):
    """A subscription: its period is that of its items, where they all have the same."""

    __slots__ = ()

    def read(self, raw: Value) -> Value:
        return Struct.read(self, {**raw, "period_end": period_end(raw)})


def _place(raw: Mapping[str, Value], account: str) -> dict[str, Value]:
    return {**raw, "id": f"{account}/{BELOW}/{raw['id']}"}


def _alive(raw: Mapping[str, Value]) -> bool:
    return raw.get("status") in GOING_ON


SOURCE_SUBSCRIPTION = Kind(
    name=NAME,
    plural="source_subscriptions",
    doc="A subscription of another account, which ends when its row begins.",
    body=_Subscription(
        fields=(
            Field(name="status", type=Text(), doc="What it is at.", on_change=_REFUSE),
            Field(
                name="cancel_at",
                type=Moment(),
                doc="When it ends.",
                change_class=ChangeClass.MONEY,
                clearable=True,
            ),
            Field(
                name="cancel_at_period_end",
                type=Flag(),
                doc="Whether it ends with its period.",
                change_class=ChangeClass.MONEY,
            ),
            Field(name="canceled_at", type=Moment(), doc="When it was asked to end.", on_change=_REFUSE),
            Field(name="period_end", type=Moment(), doc="When its period ends.", on_change=_REFUSE),
            Field(
                name="schedule",
                type=Reference(kind="subscription_schedule", declared=False),
                doc="The schedule that manages it.",
                on_change=_REFUSE,
            ),
            METADATA,
        )
    ),
    # Without it, canceled ones are left out: https://docs.stripe.com/api/subscriptions/list
    lookup=Lookup(
        path=SOURCE_PATH.rstrip("/"), listings=({"status": "all"},), permission="rak_subscription_read", below=BELOW
    ),
    natural_key=None,
    marked=False,
    bulk=True,
    place=_place,
    on_replace=OnReplace.REFUSED,
    retire=Request(
        verb="keep",
        method="get",
        path=f"{SOURCE_PATH}{{id}}",
        params={},
        expect={},
        undo="no plan ends a subscription at its source without a row that replaces it",
    ),
    revive=None,
    removals=(),
    retire_unasked=False,
    check=no_rules,
    alive=_alive,
)
