"""Meters: what counts usage. They have no metadata, and so no marker: a meter is known by its event name."""

from __future__ import annotations

from reconciler.core.fields import ChangeClass, Field, OnChange
from reconciler.core.kind import Kind, Lookup, OnReplace, Request
from reconciler.core.shapes import Struct
from reconciler.core.types import Text
from reconciler.kinds.shared import EXPAND_REASON, no_rules

_MONEY, _REPLACE = ChangeClass.MONEY, OnChange.REPLACE

METER = Kind(
    name="meter",
    plural="meters",
    doc="Counts usage events; metered prices bill what it counted.",
    body=Struct(
        fields=(
            Field(name="display_name", type=Text(max_length=250), doc="What the Dashboard calls it.", required=True),
            Field(
                name="event_name",
                type=Text(max_length=100),
                doc="The name of the usage events. Cannot change.",
                required=True,
                on_change=OnChange.REFUSE,
                change_class=_MONEY,
            ),
            Field(
                name="default_aggregation",
                type=Struct(
                    fields=(
                        Field(
                            name="formula",
                            type=Text(choices=("count", "last", "sum")),
                            doc="How events become usage.",
                            required=True,
                        ),
                    )
                ),
                doc="How events become usage: {formula: sum}.",
                required=True,
                on_change=_REPLACE,
                change_class=_MONEY,
            ),
            Field(
                name="customer_mapping",
                type=Struct(
                    fields=(
                        Field(
                            name="event_payload_key",
                            type=Text(max_length=100),
                            doc="The payload key that holds the customer id.",
                            required=True,
                        ),
                        Field(name="type", type=Text(choices=("by_id",)), doc="by_id.", required=True),
                    )
                ),
                doc="How an event names its customer.",
                on_change=_REPLACE,
                change_class=_MONEY,
            ),
            Field(
                name="event_time_window",
                type=Text(choices=("day", "hour")),
                doc="The window in which events are aggregated beforehand.",
                on_change=_REPLACE,
                change_class=_MONEY,
            ),
            Field(
                name="value_settings",
                type=Struct(
                    fields=(
                        Field(
                            name="event_payload_key",
                            type=Text(max_length=100),
                            doc="The payload key that holds the value.",
                            required=True,
                        ),
                    )
                ),
                doc="Where an event holds its value.",
                on_change=_REPLACE,
                change_class=_MONEY,
            ),
        ),
        excluded=(("expand", EXPAND_REASON),),
    ),
    lookup=Lookup(path="/v1/billing/meters", listings=({},), by_created=False, permission="rak_billing_meter_read"),
    natural_key="event_name",
    marked=False,
    on_replace=OnReplace.REFUSED,
    retire=Request(
        verb="deactivate",
        method="post",
        path="/v1/billing/meters/{id}/deactivate",
        params={},
        expect={"alive": False},
        undo="declare the meter again with adopt: and apply: it is reactivated",
    ),
    revive=Request(
        verb="reactivate",
        method="post",
        path="/v1/billing/meters/{id}/reactivate",
        params={},
        expect={"alive": True},
        undo="deactivate it again with removed:",
    ),
    removals=("deactivate",),
    retire_unasked=False,
    check=no_rules,
    alive=lambda raw: raw.get("status") != "inactive",
    example=(
        "meters:\n  api_calls:\n    display_name: API calls\n    event_name: api_calls\n"
        "    default_aggregation: {formula: sum}\n"
    ),
)
