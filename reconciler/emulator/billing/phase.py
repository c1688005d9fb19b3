"""A schedule's next moment: it starts, enters its next phase, or ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.emulator.billing.cycle import bill_rest, renew
from reconciler.emulator.billing.deal import Deal, apply, draw_up, redeem, sign
from reconciler.emulator.billing.lines import extra_line, metered, part_line, price_of
from reconciler.emulator.billing.reckoning import Values
from reconciler.emulator.commit import advance, replace
from reconciler.emulator.metadata import merge
from reconciler.emulator.rules.subscription import ENDED, finish
from reconciler.emulator.shapes import subscription as shape
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World


def step(world: World, record: Record) -> None:
    """Whatever is due of a schedule now."""
    if record["status"] == "not_started":
        start(world, record)
        return
    held = world.tables["subscription"].get(record["subscription"])
    assert held is not None, "subscriptions are never deleted"
    assert held["status"] not in ENDED, "a subscription that ends cancels its schedule"
    at = record["life"]["at"] + 1
    if at < len(record["phases"]):
        after = replace(world, {**record, "life": {**record["life"], "at": at}})
        enter(world, after, held)
    elif record["end_behavior"] == "release":
        release(world, record)
    else:
        complete(world, record, held)


def start(world: World, record: Record) -> Record:
    """Create the subscription of the first phase; returns the schedule. Its first invoice is a draft for an hour."""
    phase = record["phases"][0]
    coupons = [world.tables["coupon"].get(one["coupon"]) for one in phase.get("discounts", ())]
    last = len(record["phases"]) == 1
    given = {
        **settings(record, phase),
        "cancel_at": ending(record, 0),
        "metadata": merge({}, phase.get("metadata", {})),
        "schedule": record["id"],
        "test_clock": record.get("test_clock"),
    }
    assert given["cancel_at"] is None or last, "only the last phase ends a subscription"
    trial_end = phase.get("trial_end")
    deal = Deal(
        given=given,
        customer=record["customer"],
        items=tuple(phase["items"]),
        currency=phase["currency"],
        coupons=tuple(one for one in coupons if one is not None),
        extras=tuple(phase.get("add_invoice_items", ())),
        trial_end=trial_end,
    )
    contract = draw_up(world, deal, world.free_id("sub", "subscription"))
    begun = {**record, "life": {**record["life"], "at": 0}, "status": "active", "subscription": contract.record["id"]}
    after = replace(world, begun)
    sign(world, contract, at_once=False)
    return after


def settings(record: Record, phase: Record) -> dict[str, Any]:
    """The fields of a subscription in a phase: the phase's own, else the schedule's defaults."""
    defaults = record.get("default_settings", {})
    bills = phase.get("invoice_settings") or defaults.get("invoice_settings") or {}
    method = phase.get("collection_method") or defaults.get("collection_method") or "charge_automatically"
    tax = phase.get("automatic_tax") or defaults.get("automatic_tax") or {}
    return {
        "automatic_tax": shape.OWN_TAX if tax.get("enabled") else shape.UNSET["automatic_tax"],
        "collection_method": method,
        "days_until_due": bills.get("days_until_due") if method == "send_invoice" else None,
        "default_payment_method": phase.get("default_payment_method") or defaults.get("default_payment_method"),
        "default_tax_rates": phase.get("default_tax_rates", []),
        "description": phase.get("description") or defaults.get("description"),
    }


def ending(record: Record, at: int) -> int | None:
    """When the subscription ends that is in a phase, if this is the last one and ends it."""
    last = at == len(record["phases"]) - 1
    end: int = record["phases"][at]["end_date"]
    return end if last and record["end_behavior"] == "cancel" else None


def enter(world: World, record: Record, held: Record) -> None:
    """Change the subscription to what its next phase says, and bill the change as the phase says."""
    at = record["life"]["at"]
    phase, now = record["phases"][at], world.now()
    after = {
        **held,
        **settings(record, phase),
        "cancel_at": ending(record, at),
        "metadata": _merged(held["metadata"], phase.get("metadata", {})),
    }
    after["discounts"] = _discounts(world, phase, after)
    after["items"] = _items(world, phase, held)
    extras = [extra_line(world, extra, now) for extra in phase.get("add_invoice_items", ())]
    cycle, other = (price_of(world, one["items"][0]["price"])["recurring"] for one in (held, after))
    turning = now >= held["items"][0]["current_period_end"]
    anew = any(cycle[name] != other[name] for name in ("interval", "interval_count"))
    reset = anew or _anchor(record, phase) == "phase_start"
    prorations: list[Values] = []
    if not turning and phase["proration_behavior"] == "create_prorations":
        prorations = _prorations(world, held, after, reset)
    after["life"] = {**held["life"], "pending": [*held["life"]["pending"], *prorations, *extras]}
    if reset:
        after["billing_cycle_anchor"] = now
    if reset or turning:
        renew(world, held, after, "subscription_cycle" if turning else "subscription_update")
    else:
        replace(world, after)


def _merged(held: Mapping[str, str], added: Mapping[str, str]) -> dict[str, str]:
    """Metadata with that of a phase. Nobody is there to be told if it comes to more keys than a request may set."""
    return {key: value for key, value in {**held, **added}.items() if value != ""}


def _anchor(record: Record, phase: Record) -> str | None:
    chosen: str | None = phase.get("billing_cycle_anchor")
    return chosen or record.get("default_settings", {}).get("billing_cycle_anchor")


def _discounts(world: World, phase: Record, after: Record) -> list[str]:
    """The discounts of a phase; one of a coupon that goes on stays the same."""
    held = {one["coupon"]: one["id"] for one in map(world.tables["discount"].get, after["discounts"]) if one}
    found = []
    for values in phase.get("discounts", ()):
        coupon = world.tables["coupon"].get(values["coupon"])
        if values["coupon"] in held:
            found.append(held[values["coupon"]])
        elif coupon is not None:
            made = apply(world, coupon, after)
            redeem(world, made)
            found.append(made["id"])
    return found


def _items(world: World, phase: Record, held: Record) -> list[Record]:
    """The items of a phase in the period as it is; an item of the same price stays the same item."""
    kept = {item["price"]: item for item in held["items"]}
    first = held["items"][0]
    span = first["current_period_start"], first["current_period_end"]
    found = []
    for values in phase["items"]:
        before = kept.get(values["price"])
        made = shape.build_line(world, dict(values), *span)
        found.append(made if before is None else {**made, "id": before["id"], "created": before["created"]})
    return [item if item["price"] in kept else {**item, "created": world.now()} for item in found]


def _prorations(world: World, held: Record, after: Record, reset: bool) -> list[Values]:
    """What is given back of the period that was paid for, and what the rest of it costs now.

    Where the period begins anew, everything is given back, and the new period is billed as a whole.
    """
    now = world.now()
    first = held["items"][0]
    span, period = (now, first["current_period_end"]), (first["current_period_start"], first["current_period_end"])
    old = {item["price"]: item for item in held["items"] if not metered(item)}
    new = {item["price"]: item for item in after["items"] if not metered(item)}
    same = {id for id in old.keys() & new.keys() if not reset and old[id]["quantity"] == new[id]["quantity"]}
    back = [part_line(world, item, span, period, credited=True) for id, item in old.items() if id not in same]
    if reset:
        return back
    return [*back, *(part_line(world, item, span, period) for id, item in new.items() if id not in same)]


def release(world: World, record: Record, keep_end: bool = True) -> Record:
    """Let the subscription go, which runs on as it is; returns the schedule."""
    now = world.now()
    held = world.tables["subscription"].get(record.get("subscription") or "")
    freed = {"status": "released", "released_at": now}
    if held is not None:
        freed |= {"released_subscription": held["id"], "subscription": None}
    after = advance(world, {**record, **freed}, "released")
    if held is not None:
        ends = {} if keep_end else {"cancel_at": None}
        replace(world, {**held, "schedule": None, **ends})
    return after


def complete(world: World, record: Record, held: Record) -> None:
    """End a schedule whose end is that of its subscription."""
    now = world.now()
    advance(world, {**record, "status": "completed", "completed_at": now}, "completed")
    held = bill_rest(world, held)
    finish(world, {**held, "schedule": None, "canceled_at": now})
