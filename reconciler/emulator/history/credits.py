"""Prepaid and promotional credits: granted, drawn on, used up, expired and voided."""

from __future__ import annotations

from random import Random
from typing import Any

from reconciler.emulator.history.catalogue import Catalogue
from reconciler.emulator.history.draw import draw, title
from reconciler.emulator.history.past import DAY, Past
from reconciler.emulator.history.people import Buyer
from reconciler.emulator.route import Call
from reconciler.emulator.rules import credit
from reconciler.emulator.services import credit_grant
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World

GRANTS = "billing.credit_grant"
VALUES = (2_000, 5_000, 10_000, 50_000, 100_000)
PRIORITIES = (50, 50, 50, 0, 10, 90, 100)
METERED = {"scope": {"price_type": "metered"}}
# Of twelve grants, what became of them; those with an end expire when it comes.
FATES = (
    "unused",
    "unused",
    "drawn",
    "drawn",
    "drawn",
    "drawn",
    "drawn",
    "drawn",
    "used up",
    "used up",
    "voided",
    "cut",
)


def endow(past: Past, catalogue: Catalogue, buyer: Buyer) -> None:
    """Write the grants of a customer of the grown account, each with what was drawn on it."""
    for _ in range(past.random.choice((1, 1, 2, 3))):
        created = past.between(buyer.since, past.now)
        made = credit.grant(past.world, _values(past, catalogue, buyer, created), created)
        expires = made["expires_at"]
        _spend(past, made, past.now if expires is None else min(past.now, expires - 1))


def _values(past: Past, catalogue: Catalogue, buyer: Buyer, created: int) -> dict[str, Any]:
    values = _amount(past.random, buyer.id, buyer.currency)
    values["expires_at"] = created + past.random.choice((60, 90, 365)) * DAY if past.chance(60) else None
    if past.chance(10):
        values["effective_at"] = created + past.random.randrange(1, 20) * DAY
    named = [{"id": offer.id} for offer in catalogue.offers if offer.tag.meter and offer.tag.currency == buyer.currency]
    if named and past.chance(20):
        values["applicability_config"] = {"scope": {"prices": named}}
    if past.chance(30):
        values["metadata"] = {"order": f"so_{past.random.randrange(10**6):06d}"}
    return values


def _amount(random: Random, customer: str, currency: str) -> dict[str, Any]:
    promotional = random.randrange(3) == 0
    return {
        "amount": {"monetary": {"currency": currency, "value": random.choice(VALUES)}, "type": "monetary"},
        "applicability_config": METERED,
        "category": "promotional" if promotional else "paid",
        "customer": customer,
        "name": f"Sorry {random.randrange(1000)}" if promotional else f"Prepaid {random.randrange(1000)}",
        "priority": random.choice(PRIORITIES),
    }


def _spend(past: Past, made: Record, last: int) -> None:
    """What was taken of a grant until it ended or until now."""
    world, fate, moment = past.world, past.random.choice(FATES), made["effective_at"]
    if fate == "voided":
        credit.void(world, made, past.between(made["created"], last))
    if fate in ("unused", "voided") or moment > last:
        return
    for bill in world.tables["invoice"].having("customer", made["customer"]):
        due = _applicable(world, made, bill) if moment <= bill["created"] <= last else 0
        left = credit.remaining(world, made["id"])
        if due and left:
            moment = bill["created"]
            credit.draw(world, made["id"], min(due, left), moment, bill["id"])
    for _ in range(past.random.randrange(1, 4)):
        left = credit.remaining(world, made["id"])
        if left > 1:
            moment = past.between(moment, last)
            credit.draw(world, made["id"], past.random.randrange(1, left), moment)
    left = credit.remaining(world, made["id"])
    if fate == "used up" and left:
        credit.draw(world, made["id"], left, past.between(moment, last))
    if fate == "cut":
        credit.expire(world, made, past.between(moment, last))


def _applicable(world: World, made: Record, bill: Record) -> int:
    """The largest amount of an invoice's line that a grant can pay for."""
    if bill["currency"] != made["amount"]["monetary"]["currency"] or bill["status"] not in ("open", "paid"):
        return 0
    scope, due = made["applicability_config"]["scope"], 0
    for line in bill["lines"]:
        price = world.tables["price"].get(line["price"])
        if price is not None and credit.fits(scope, price):
            due = max(due, int(line["amount"]))
    return due


def credits_granted(world: World, random: Random) -> bool:
    found = draw(random, world.tables["customer"])
    if found is None:
        return False
    params = {**_amount(random, found["id"], random.choice(("usd", "usd", "eur", "jpy"))), "name": title(random)}
    if random.randrange(2):
        params["expires_at"] = world.now() + random.randrange(1, 90) * DAY
    credit.grant(world, params, world.now())
    return True


def credits_drawn(world: World, random: Random) -> bool:
    found = draw(random, world.tables[GRANTS], lambda record: _usable(world, record))
    left = 0 if found is None else credit.remaining(world, found["id"])
    if found is None or not left:
        return False
    amount = left if random.randrange(4) == 0 else random.randrange(1, left + 1)
    credit.draw(world, found["id"], amount, world.now())
    return True


def credits_expired(world: World, random: Random) -> bool:
    found = draw(random, world.tables[GRANTS], lambda record: _usable(world, record))
    if found is not None:
        credit_grant.expire_(world, Call(id=found["id"]))
    return found is not None


def credits_voided(world: World, random: Random) -> bool:
    """Only what no invoice took of can be voided."""
    found = draw(random, world.tables[GRANTS], lambda record: _untouched(world, record))
    if found is not None:
        credit_grant.void_(world, Call(id=found["id"]))
    return found is not None


def _untouched(world: World, record: Record) -> bool:
    return not record["ended"] and not credit.applied(world, record["id"]) and _kept(world, record)


def _usable(world: World, record: Record) -> bool:
    return not record["ended"] and record["effective_at"] <= world.now() and _kept(world, record)


def _kept(world: World, record: Record) -> bool:
    return record["customer"] in world.tables["customer"]
