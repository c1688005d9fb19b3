"""Meter events: `/v1/billing/meter_events`. What was used is reported once and never read back.

Stricter than Stripe, which checks customers and values only later and reports what was wrong by an event: both are
refused at once.
"""

from __future__ import annotations

import re
from typing import Any

from reconciler.emulator.commit import add
from reconciler.emulator.errors import EmulatorGap, ParameterError, StripeError, missing_parameter, no_such
from reconciler.emulator.route import Answer, Call, Routes
from reconciler.emulator.rules.usage import EVENTS, closed
from reconciler.emulator.schema import EXPAND, TIMESTAMP, Hash, Map, Text
from reconciler.emulator.shapes import meter_event
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World

# Inferred from `rak_billing_meter`: which permission Stripe asks for is not known.
ROUTES = Routes("billing.meter_event", "rak_billing_meter_event")
PATH = "/v1/billing/meter_events"
OLDEST, NEWEST = 35 * 24 * 60 * 60, 5 * 60

CREATE = Hash(
    {
        "event_name": Text(100),
        "expand": EXPAND,
        "identifier": Text(100),
        "payload": Map(Text(100)),
        "timestamp": TIMESTAMP,
    },
    ("event_name", "payload"),
)

_WHOLE = re.compile(r"-?\d{1,15}", re.ASCII)
_DECIMAL = re.compile(r"-?\d{1,15}\.\d+", re.ASCII)


@ROUTES.route("post", PATH, CREATE)
def create(world: World, call: Call) -> Answer:
    """Take an event once: a second one of the same identifier is refused, however much later it comes."""
    params = call.params
    meter = _meter(world, params["event_name"])
    customer = _customer(world, meter, params["payload"])
    value = _value(meter, params["payload"])
    with world.at(world.time_of(world.clock_of(customer))):
        now = world.now()
        timestamp = params.get("timestamp", now)
        if not now - OLDEST <= timestamp <= now + NEWEST:
            raise ParameterError(
                "The timestamp must be within the past 35 calendar days or up to 5 minutes in the future.", "timestamp"
            )
        if params.get("identifier", "") in world.tables[EVENTS]:
            raise StripeError(f"An event already exists with identifier {params['identifier']}.")
        held = closed(world, meter["id"], customer["id"], timestamp)
        if held is not None:
            raise EmulatorGap(f"usage of a period for which `{held['id']}` was billed already", "timestamp")
        values: dict[str, Any] = {
            "customer": customer["id"],
            "identifier": params.get("identifier") or world.free_id("mtrevt", EVENTS),
            "meter": meter,
            "payload": params["payload"],
            "timestamp": timestamp,
            "value": value,
        }
        return add(world, meter_event.build(world, values, now))


def _meter(world: World, event_name: str) -> Record:
    for record in world.tables["billing.meter"].having("event_name", event_name):
        if record["status"] == "active":
            if record["event_time_window"] is not None:
                raise EmulatorGap("usage that is aggregated before it is sent", "event_name")
            return record
    raise StripeError(f"No active meter found for event name {event_name}.", "event_name")


def _customer(world: World, meter: Record, payload: dict[str, str]) -> Record:
    key = meter["customer_mapping"]["event_payload_key"]
    if key not in payload:
        raise missing_parameter(f"payload[{key}]")
    record = world.tables["customer"].get(payload[key])
    if record is None:
        raise no_such("customer", payload[key], f"payload[{key}]")
    return record


def _value(meter: Record, payload: dict[str, str]) -> int:
    """How much was used: negative to take back what was reported too much; 1 for a meter that only counts events."""
    key = meter["value_settings"]["event_payload_key"]
    for name in payload:
        if name not in (key, meter["customer_mapping"]["event_payload_key"]):
            raise EmulatorGap("dimensions of meter events", f"payload[{name}]")
    if key not in payload:
        if meter["default_aggregation"]["formula"] != "count":
            raise missing_parameter(f"payload[{key}]")
        return 1
    if _DECIMAL.fullmatch(payload[key]):
        raise EmulatorGap("usage in fractions of a unit", f"payload[{key}]")
    if not _WHOLE.fullmatch(payload[key]):
        raise ParameterError(f"Invalid value: {payload[key]}; must be a number", f"payload[{key}]")
    return int(payload[key])
