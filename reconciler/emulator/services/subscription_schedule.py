"""Subscription schedules: `/v1/subscription_schedules`. Their subscriptions begin and change as the clock passes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from reconciler.emulator.billing.phase import ending, release, start
from reconciler.emulator.commit import add, advance, replace
from reconciler.emulator.errors import (
    EmulatorGap,
    ParameterError,
    StripeError,
    missing_parameter,
    no_such,
    not_found,
)
from reconciler.emulator.listing import CURSORS, SPAN, Query, page, span
from reconciler.emulator.metadata import Metadata, merge
from reconciler.emulator.route import Answer, Call, Routes
from reconciler.emulator.rules import agreement
from reconciler.emulator.rules.adoption import adopt
from reconciler.emulator.rules.amendment import amend
from reconciler.emulator.rules.basket import Basket
from reconciler.emulator.rules.course import Course
from reconciler.emulator.rules.owner import owned
from reconciler.emulator.rules.phase_terms import CHANGED_PHASES, DEFAULT_SETTINGS, PHASES
from reconciler.emulator.rules.subscription import end_subscription
from reconciler.emulator.rules.terms import PRORATION
from reconciler.emulator.rules.transition import check_transitions
from reconciler.emulator.schema import EXPAND, GAP, TIMESTAMP, Boolean, Choice, Hash, Kind, Text, WordOr
from reconciler.emulator.shapes import subscription_schedule
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World

ROUTES = Routes("subscription_schedule", "rak_subscription_schedule")
PATH = "/v1/subscription_schedules"
ENDS = ("canceled_at", "completed_at", "released_at")
OPEN = ("not_started", "active")

_BOTH: dict[str, Kind] = {
    "default_settings": DEFAULT_SETTINGS,
    "end_behavior": Choice(("cancel", "none", "release", "renew")),
    "expand": EXPAND,
    "metadata": Metadata(),
    "pause_schedules": GAP,
}
CREATE = Hash(
    {
        **_BOTH,
        "billing_mode": GAP,
        "customer": Text(),
        "customer_account": GAP,
        "from_subscription": Text(),
        "phases": PHASES,
        "start_date": WordOr(("now",), TIMESTAMP),
    }
)
UPDATE = Hash({**_BOTH, "phases": CHANGED_PHASES, "proration_behavior": PRORATION})
CANCEL = Hash({"expand": EXPAND, "invoice_now": Boolean(), "prorate": Boolean()})
RELEASE = Hash({"expand": EXPAND, "preserve_cancel_date": Boolean()})
RETRIEVE = Hash({"expand": EXPAND})
LIST = Hash(
    {
        **CURSORS,
        **dict.fromkeys(ENDS, SPAN),
        "created": SPAN,
        "customer": Text(),
        "customer_account": GAP,
        "scheduled": Boolean(),
    }
)


def find(world: World, id: str) -> Record:
    """The schedule in a path."""
    record = world.tables["subscription_schedule"].get(id)
    if record is None:
        raise not_found("subscription_schedule", id)
    return record


@ROUTES.route("post", PATH, CREATE)
def create(world: World, call: Call) -> Answer:
    params = call.params
    if "from_subscription" in params:
        for name in sorted(params.keys() - {"from_subscription", "expand"}):
            raise ParameterError(f"You cannot set `{name}` if `from_subscription` is set.", name)
        return adopt(world, params["from_subscription"])
    for name in ("customer", "phases", "start_date"):
        if not params.get(name):
            raise missing_parameter(name)
    customer = world.tables["customer"].get(params["customer"])
    if customer is None:
        raise no_such("customer", params["customer"], "customer")
    clock = world.clock_of(customer)
    with world.at(world.time_of(clock)):
        return _create(world, params, customer)


def _create(world: World, params: Mapping[str, Any], customer: Record) -> Record:
    now = world.now()
    begins = now if params["start_date"] == "now" else params["start_date"]
    if begins < now:
        raise EmulatorGap("schedules that start in the past", "start_date")
    defaults = dict(params.get("default_settings", {}))
    with Basket(world) as basket:
        phases = Course(world, customer, basket, defaults).lay_out(params["phases"], begins)
        agreement.agree_customer(world, customer, phases[0]["currency"])
        values = {"customer": customer["id"], "phases": phases}
        record = subscription_schedule.build(
            world, values, world.free_id("sub_sched", "subscription_schedule"), now
        ) | {
            "default_settings": defaults,
            "end_behavior": _end_behavior(params),
            "life": {},
            "metadata": merge({}, params.get("metadata") or {}),
            "test_clock": customer["test_clock"],
        }
        check_transitions(world, record, None, _said(params["phases"]))
        basket.keep()
    record = add(world, record)
    return start(world, record) if begins == now else record


def _said(phases: Sequence[Mapping[str, Any]] | None) -> bool:
    """Whether the last phase says when it ends; phases that stay as they are have done so before."""
    return phases is None or any(name in phases[-1] for name in ("duration", "end_date"))


def _end_behavior(params: Mapping[str, Any], before: str = "release") -> str:
    chosen: str = params.get("end_behavior", before)
    if chosen in ("none", "renew"):
        # Named by the SDK, described nowhere.
        raise EmulatorGap(f"the end behavior `{chosen}`", "end_behavior")
    return chosen


def _check_open(record: Record, what: str) -> None:
    if record["status"] not in OPEN:
        raise StripeError(
            f"You cannot {what} a subscription schedule that is currently in the `{record['status']}` status. It must "
            f"be in `not_started`, `active` status to be {what.removesuffix('e')}ed."
        )
    if "life" not in record:
        raise EmulatorGap("changes of a schedule that a history wrote")


@ROUTES.route("post", PATH + "/{id}", UPDATE)
def update(world: World, call: Call) -> Answer:
    before, params = find(world, call.id), call.params
    _check_open(before, "update")
    customer = world.tables["customer"].get(before["customer"])
    if customer is None:
        raise no_such("customer", before["customer"], "customer")
    with world.at(world.time_of(before.get("test_clock") or "")):
        return _update(world, before, params, customer)


def _update(world: World, before: Record, params: Mapping[str, Any], customer: Record) -> Record:
    after = {**before, "end_behavior": _end_behavior(params, before["end_behavior"])}
    if "metadata" in params:
        after["metadata"] = merge(before.get("metadata", {}), params["metadata"])
    if "default_settings" in params:
        if before["status"] == "active":
            raise EmulatorGap("new default settings of a schedule that has started", "default_settings")
        after["default_settings"] = {**before["default_settings"], **params["default_settings"]}
    known = frozenset(item["price"] for phase in before["phases"] for item in phase["items"])
    known |= {extra["price"] for phase in before["phases"] for extra in phase["add_invoice_items"]}
    with Basket(world, known) as basket:
        if "phases" in params:
            course = Course(world, customer, basket, after["default_settings"])
            after["phases"] = amend(world, course, before, params["phases"])
        elif "default_settings" in params:
            raise EmulatorGap("new default settings without phases", "default_settings")
        held = world.tables["subscription"].get(before.get("subscription") or "")
        begun = None if held is None else (before["life"]["at"], held["billing_cycle_anchor"])
        check_transitions(world, after, begun, _said(params.get("phases")))
        basket.keep()
    record = replace(world, after)
    if held is not None:
        replace(world, {**held, "cancel_at": ending(record, record["life"]["at"])})
    elif record["phases"][0]["start_date"] == world.now():
        record = start(world, record)
    return record


@ROUTES.route("post", PATH + "/{id}/cancel", CANCEL)
def cancel(world: World, call: Call) -> Answer:
    record = find(world, call.id)
    _check_open(record, "cancel")
    with world.at(world.time_of(record.get("test_clock") or "")):
        held = world.tables["subscription"].get(record.get("subscription") or "")
        if held is not None:
            _check_unpaid(held, call.params)
            end_subscription(world, held, {})
            return find(world, call.id)
        return advance(world, {**record, "status": "canceled", "canceled_at": world.now()}, "canceled")


def _check_unpaid(held: Record, params: Mapping[str, Any]) -> None:
    """Refuse what would have to be credited or billed for the time until now."""
    if params.get("prorate", True) and held["status"] != "trialing":
        raise EmulatorGap("credit for the rest of a period when a schedule is canceled", "prorate")
    if params.get("invoice_now", True) and held["life"]["pending"]:
        raise EmulatorGap("a last invoice when a schedule is canceled", "invoice_now")


@ROUTES.route("post", PATH + "/{id}/release", RELEASE)
def release_(world: World, call: Call) -> Answer:
    record = find(world, call.id)
    _check_open(record, "release")
    with world.at(world.time_of(record.get("test_clock") or "")):
        return release(world, record, keep_end=call.params.get("preserve_cancel_date", False))


@ROUTES.route("get", PATH + "/{id}", RETRIEVE)
def retrieve(world: World, call: Call) -> Answer:
    return find(world, call.id)


@ROUTES.route("get", PATH, LIST)
def list_(world: World, call: Call) -> Answer:
    params = call.params
    spans = {name: span(params[name]) for name in ENDS if name in params}

    def passes(record: Record) -> bool:
        # `scheduled` asks for what has not started; Stripe says nothing of its opposite, which leaves all.
        if params.get("scheduled") and record["status"] != "not_started":
            return False
        # Those of customers on a test clock are listed only with their customer.
        if "customer" not in params and record.get("test_clock"):
            return False
        return all(first <= (record.get(name) or -1) <= last for name, (first, last) in spans.items())

    query = Query("subscription_schedule", PATH, owned(world, params), (passes,), span(params.get("created")))
    return page(world, query, params)
