"""Migrated subscriptions as subscription schedules: what a plan's steps send, and what an apply sees of each."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.core.fields import ChangeClass, Field, OnChange
from reconciler.core.kind import Kind, Lookup, OnReplace, Request
from reconciler.core.migrations import KIND
from reconciler.core.shapes import Struct
from reconciler.core.types import Flag, Moment, Reference, Text
from reconciler.core.values import Value
from reconciler.kinds.shared import METADATA, no_rules

PATH = "/v1/subscription_schedules"
# https://docs.stripe.com/api/subscription_schedules/object: the others have ended.
OPEN = ("not_started", "active")


def phases_start(raw: Mapping[str, Value]) -> int:
    """Say when the first phase of a raw schedule begins, in epoch seconds, UTC."""
    return int(raw["phases"][0]["start_date"])


class _Schedule(Struct):
    """A schedule: its start is that of its first phase, and whether it was canceled tells its status."""

    __slots__ = ()

    def read(self, raw: Value) -> Value:
        told = {"canceled": raw.get("status") == "canceled"}
        if raw.get("phases"):
            told["start_date"] = phases_start(raw)
        return Struct.read(self, {**raw, **told})


def _alive(raw: Mapping[str, Value]) -> bool:
    return raw.get("status") in OPEN


SUBSCRIPTION_MIGRATION = Kind(
    name=KIND,
    plural="subscription_migrations",
    doc="Moves a subscription into Stripe Billing: a schedule that starts it.",
    body=_Schedule(
        fields=(
            Field(
                name="customer",
                type=Reference(kind="customer", declared=False),
                doc="Who subscribes.",
                on_change=OnChange.REFUSE,
            ),
            Field(
                name="start_date",
                type=Moment(),
                doc="When the subscription starts.",
                change_class=ChangeClass.MONEY,
            ),
            Field(
                name="end_behavior",
                type=Text(),
                doc="What becomes of the subscription after the last phase.",
                change_class=ChangeClass.MONEY,
            ),
            Field(name="canceled", type=Flag(), doc="Whether it was taken back.", on_change=OnChange.REFUSE),
            Field(name="status", type=Text(), doc="Whether it has started, or ended.", on_change=OnChange.REFUSE),
            METADATA,
        )
    ),
    lookup=Lookup(path=PATH, listings=({},), permission="rak_subscription_schedule_read"),
    natural_key=None,
    bulk=True,
    on_replace=OnReplace.REFUSED,
    create_class=ChangeClass.MONEY,
    retire=Request(
        verb="cancel",
        method="post",
        path=f"{PATH}/{{id}}/cancel",
        params={},
        expect={"status": "canceled"},
        undo="raise attempt: of its migration and apply: it is scheduled anew",
    ),
    revive=None,
    removals=("cancel", "release", "forget"),
    retire_unasked=False,
    check=no_rules,
    alive=_alive,
)
