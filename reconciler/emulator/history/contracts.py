"""The grown account's subscriptions: what was chosen, when each period began, how some of them ended."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from reconciler.emulator.history.catalogue import Catalogue, Offer
from reconciler.emulator.history.past import DAY, HOUR, Past
from reconciler.emulator.history.people import Buyer
from reconciler.emulator.rules.subscription import period_end
from reconciler.emulator.shapes import subscription
from reconciler.emulator.wire import Record

# Of a hundred subscriptions, what becomes of them.
FATES = (
    ("active",) * 64
    + ("trialing",) * 4
    + ("past_due",) * 4
    + ("unpaid",) * 2
    + ("canceled",) * 20
    + ("incomplete_expired",) * 3
    + ("paused",) * 3
)
TRIAL = 14 * DAY
# The time in which a first payment must come.
INCOMPLETE = 23 * HOUR
FEEDBACK = (None, "too_expensive", "unused", "missing_features", "switched_service", "other")
# One in so many customers takes everything that there is; the last ones do, as most is on sale then.
COLLECTOR, FIRST_COLLECTOR = 200, 7


@dataclass(frozen=True, slots=True)
class Contract:
    """What was signed, and the dates that follow from it."""

    offers: tuple[Offer, ...]
    signed: int
    trial_end: int | None
    fate: str
    ended: int | None
    interval: str
    # Until then things happened: now, or when the customer was deleted.
    until: int
    # Whether the customer signs nothing else.
    alone: bool

    @property
    def anchor(self) -> int:
        return self.signed if self.trial_end is None else self.trial_end

    def cycle(self, number: int) -> int:
        """When a period begins; months count from the anchor, so that the 31st is not lost in February."""
        return period_end(self.anchor, {"interval": self.interval, "interval_count": number})

    def reached(self, moment: int) -> int:
        """The number of the period that a moment lies in; -1 while the trial lasts."""
        if moment < self.anchor:
            return -1
        days = 366 if self.interval == "year" else 31
        number = (moment - self.anchor) // (days * DAY)
        while self.cycle(number + 1) <= moment:
            number += 1
        return number


def contract(past: Past, catalogue: Catalogue, buyer: Buyer) -> Contract:
    """Roll what a customer signs, and what becomes of it until now."""
    last = past.now if buyer.leaves is None else buyer.leaves
    fate = "canceled" if buyer.leaves is not None else past.random.choice(FATES)
    signed = past.between(buyer.since, min(buyer.since + 20 * DAY, last))
    if fate == "trialing":
        signed = past.between(max(buyer.since, past.now - TRIAL + DAY), past.now)
    tries = fate in ("trialing", "paused") or (fate in ("active", "canceled") and past.chance(25))
    trial_end = signed + TRIAL if tries else None
    if trial_end is not None and trial_end > last:
        fate = "trialing" if buyer.leaves is None else "canceled"
    offers = _chosen(past, catalogue, buyer, signed)
    made = Contract(offers, signed, trial_end, fate, None, buyer.interval, last, buyer.subscriptions == 1)
    if fate == "incomplete_expired":
        ended = signed + INCOMPLETE
        return replace(made, fate="incomplete") if ended > past.now else replace(made, ended=ended)
    if fate == "canceled":
        ended = _end(past, made, last) if buyer.leaves is None else last
        return replace(made, ended=ended)
    return made


def _end(past: Past, made: Contract, last: int) -> int:
    """Some end at once, some with their period."""
    ended = past.between(made.signed, last)
    closing = made.cycle(made.reached(ended) + 1)
    return closing if closing <= last and past.chance(60) else ended


def _chosen(past: Past, catalogue: Catalogue, buyer: Buyer, moment: int) -> tuple[Offer, ...]:
    """The prices of a subscription, all of one cycle and currency; the first one is of a plan."""
    if buyer.later % COLLECTOR == FIRST_COLLECTOR:
        buyer.currency, buyer.interval = "usd", "month"
        return tuple(catalogue.on_sale(moment, "usd", "month"))
    shelf = catalogue.on_sale(moment, buyer.currency, buyer.interval)
    if not any(offer.plan for offer in shelf):
        buyer.currency = "usd"
        shelf = catalogue.on_sale(moment, buyer.currency, buyer.interval)
    plans = [offer for offer in shelf if offer.plan]
    extras = [offer for offer in shelf if not offer.plan]
    plan = plans[min(past.random.randrange(len(plans)), past.random.randrange(len(plans)))]
    count = min(past.random.choice((0, 0, 0, 0, 0, 0, 1, 1, 2, 3)), len(extras))
    return (plan, *past.random.sample(extras, count))


def first_version(past: Past, made: Contract, buyer: Buyer) -> Record:
    """The subscription as it was when it was signed."""
    world = past.world
    params: dict[str, Any] = {"customer": buyer.id}
    if past.chance(8) and made.fate in ("active", "canceled") and made.trial_end is None:
        params |= {"collection_method": "send_invoice", "days_until_due": 30}
    if past.chance(15):
        params["metadata"] = {"workspace": f"ws_{past.random.randrange(10**6):06d}"}
    record = subscription.build(world, params, world.free_id("sub", "subscription"), made.signed)
    end = made.cycle(1) if made.trial_end is None else made.trial_end
    lines = [
        subscription.build_line(world, {"price": offer.id, "quantity": _quantity(past, offer)}, made.signed, end)
        for offer in made.offers
    ]
    status = "trialing" if made.trial_end is not None else "active"
    record |= {
        "billing_cycle_anchor": made.anchor,
        "cancel_at": None,
        "currency": made.offers[0].tag.currency,
        "ended_at": None,
        "items": lines,
        "status": "incomplete" if made.fate.startswith("incomplete") else status,
        "trial_end": made.trial_end,
        "trial_start": None if made.trial_end is None else made.signed,
    }
    if made.fate == "paused":
        record["trial_settings"] = {
            "end_behavior": {"billing_cycle_anchor": None, "missing_payment_method": "pause"},
        }
    return record


def _quantity(past: Past, offer: Offer) -> int:
    return past.random.choice((1, 1, 1, 2, 3, 5, 8, 25)) if offer.tag.good != "support" else 1


def in_period(record: Record, start: int, end: int) -> Record:
    """The subscription in another period."""
    lines = [{**line, "current_period_start": start, "current_period_end": end} for line in record["items"]]
    return {**record, "items": lines}


def fulfil(past: Past, made: Contract, record: Record) -> Record:
    """Write what the fate makes of a subscription whose periods have been written."""
    match made.fate:
        case "canceled":
            assert made.ended is not None, "a canceled contract has ended"
            canceled = past.between(record["items"][0]["current_period_start"], made.ended)
            planned = made.ended == record["items"][0]["current_period_end"]
            details = {**record["cancellation_details"], "reason": "cancellation_requested"}
            details["feedback"] = past.random.choice(FEEDBACK)
            if planned:
                ends = {"cancel_at_period_end": True, "cancel_at": made.ended}
                record = {**record, **ends, "canceled_at": canceled, "cancellation_details": details}
                record = past.turn(record, canceled)
            else:
                canceled = made.ended
            ended = {"status": "canceled", "canceled_at": canceled, "ended_at": made.ended}
            return past.turn({**record, **ended, "cancellation_details": details}, made.ended, "deleted")
        case "incomplete_expired":
            assert made.ended is not None, "an expired contract has ended"
            return past.turn({**record, "status": made.fate, "ended_at": made.ended}, made.ended)
        case "paused":
            return past.turn({**record, "status": "paused"}, made.anchor, "paused")
        case "past_due" | "unpaid":
            return past.turn({**record, "status": made.fate}, _late(past, record))
        case "active" if past.chance(4):
            return _ending(past, record)
    return record


def _late(past: Past, record: Record) -> int:
    start = record["items"][0]["current_period_start"]
    return min(past.now, int(start) + 2 * HOUR)


def _ending(past: Past, record: Record) -> Record:
    """An active subscription that is to end with its period."""
    line = record["items"][0]
    moment = past.between(line["current_period_start"], past.now)
    details = {**record["cancellation_details"], "reason": "cancellation_requested"}
    ends = {"cancel_at_period_end": True, "cancel_at": line["current_period_end"], "canceled_at": moment}
    return past.turn({**record, **ends, "cancellation_details": details}, moment)
