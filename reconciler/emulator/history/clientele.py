"""What happens to customers and their subscriptions: they sign up, change, pay in another way, and leave."""

from __future__ import annotations

from random import Random
from typing import Any

from reconciler.emulator.commit import replace
from reconciler.emulator.history import words
from reconciler.emulator.history.draw import draw, title
from reconciler.emulator.history.ledger import CARDS
from reconciler.emulator.history.timetable import drop_schedule
from reconciler.emulator.route import Call, Forced
from reconciler.emulator.rules.billing import Bill, Outcome, attach_payment_method, bill
from reconciler.emulator.rules.subscription import ENDED, period_end
from reconciler.emulator.services import customer, subscription
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World

RUNNING = frozenset({"active", "past_due", "trialing"})


def customer_created(world: World, random: Random) -> bool:
    """Somebody comes; some with a card, some of these subscribe at once."""
    name, local = words.person(random)
    params: dict[str, Any] = {"name": name, "email": words.email(random, local, 10**6 + random.randrange(10**9))}
    if random.randrange(3) == 0:
        params["metadata"] = {"user_id": f"usr_{random.randrange(10**9)}"}
    made = customer.create(world, Call(params))
    assert isinstance(made, dict), "create answers with a record"
    if random.randrange(2):
        attach_payment_method(world, made["id"], world.now(), random.choice(CARDS))
        if random.randrange(2):
            _subscribe(world, random, made["id"])
    return True


def customer_renamed(world: World, random: Random) -> bool:
    name, _ = words.company(random)
    return _customer_changed(world, random, {"name": f"{name} {random.randrange(10**6)}"})


def customer_moved(world: World, random: Random) -> bool:
    """Another address, sometimes the very one that another customer has."""
    other = draw(random, world.tables["customer"], lambda record: record["email"] is not None)
    _, local = words.person(random)
    email = words.email(random, local, 10**6 + random.randrange(10**9))
    if other is not None and random.randrange(8) == 0:
        email = words.other_case(other["email"])
    return _customer_changed(world, random, {"email": email})


def customer_tagged(world: World, random: Random) -> bool:
    return _customer_changed(world, random, {"metadata": {"user_id": f"usr_{random.randrange(10**9)}"}})


def _customer_changed(world: World, random: Random, params: dict[str, Any]) -> bool:
    found = draw(random, world.tables["customer"], lambda record: any(record[name] != params[name] for name in params))
    if found is not None:
        customer.update(world, Call(params, found["id"]))
    return found is not None


def customer_deleted(world: World, random: Random) -> bool:
    found = draw(random, world.tables["customer"])
    if found is not None:
        for record in world.tables["subscription"].having("customer", found["id"]):
            drop_schedule(world, record)
        customer.delete(world, Call(id=found["id"]))
    return found is not None


def payment_method_attached(world: World, random: Random) -> bool:
    found = draw(random, world.tables["customer"])
    if found is not None:
        attach_payment_method(world, found["id"], world.now(), random.choice(CARDS), default=random.randrange(4) > 0)
    return found is not None


def subscription_created(world: World, random: Random) -> bool:
    found = draw(random, world.tables["customer"])
    return found is not None and _subscribe(world, random, found["id"])


def _subscribe(world: World, random: Random, customer_id: str) -> bool:
    """Sign up for one price or several of its cycle, and bill it unless it is tried first."""
    first = draw(random, world.tables["price"], _subscribable)
    if first is None:
        return False
    alike = [record for record in world.tables["price"] if _subscribable(record) and _together(record, first)]
    prices = random.sample(alike, min(len(alike), random.choice((1, 1, 1, 2, 3, 12))))
    params: dict[str, Any] = {"customer": customer_id, "items": [{"price": record["id"]} for record in prices]}
    tried = random.randrange(4) == 0
    params |= {"trial_period_days": 14} if tried else {}
    if random.randrange(10) == 0:
        params |= {"collection_method": "send_invoice", "days_until_due": 30}
    # The status is forced, since who cannot pay would be refused otherwise.
    made = subscription.create(world, Call(params, forced=Forced(status="trialing" if tried else "active")))
    assert isinstance(made, dict), "create answers with a record"
    if not tried:
        _bill(world, made, "subscription_create")
    return True


def _subscribable(record: Record) -> bool:
    return bool(record["active"]) and record["recurring"] is not None


def _together(record: Record, first: Record) -> bool:
    cycle, other = record["recurring"], first["recurring"]
    same = (cycle["interval"], cycle["interval_count"]) == (other["interval"], other["interval_count"])
    return same and bool(record["currency"] == first["currency"])


def _bill(world: World, record: Record, reason: str) -> None:
    """An invoice of now: paid if there is something to pay with, else open."""
    owner = world.tables["customer"].get(record["customer"])
    assert owner is not None, "a running subscription has a customer"
    payer = record.get("default_payment_method") or owner["invoice_settings"]["default_payment_method"]
    paid = payer is not None or record["collection_method"] == "send_invoice"
    bill(world, record["id"], world.now(), Bill(Outcome.PAID if paid else Outcome.OPEN, reason))


def _running(world: World, random: Random) -> Record | None:
    return draw(random, world.tables["subscription"], lambda record: record["status"] in RUNNING)


def subscription_renewed(world: World, random: Random) -> bool:
    """The next period: from the end of the one before if that has come, else from now on."""
    found = _running(world, random)
    if found is None:
        return False
    now = world.now()
    price = world.tables["price"].get(found["items"][0]["price"])
    assert price is not None, "prices are never deleted"
    start, anchor = found["items"][0]["current_period_end"], found["billing_cycle_anchor"]
    if start > now:
        start = anchor = now
    end = period_end(start, price["recurring"])
    lines = [{**line, "current_period_start": start, "current_period_end": end} for line in found["items"]]
    after = {**found, "billing_cycle_anchor": anchor, "items": lines, "status": "active"}
    # Whoever ended with the period has thought better of it.
    after |= {"cancel_at_period_end": False, "cancel_at": None, "canceled_at": None}
    replace(world, after)
    _bill(world, after, "subscription_cycle")
    return True


def subscription_resized(world: World, random: Random) -> bool:
    """Another quantity of one of the prices."""
    found = _running(world, random)
    counted = [] if found is None else [n for n, line in enumerate(found["items"]) if line["quantity"] is not None]
    if found is None or not counted:
        return False
    chosen, lines = random.choice(counted), list(found["items"])
    lines[chosen] = {**lines[chosen], "quantity": lines[chosen]["quantity"] + random.randrange(1, 10)}
    replace(world, {**found, "items": lines})
    return True


def subscription_described(world: World, random: Random) -> bool:
    found = _running(world, random)
    if found is not None:
        subscription.update(world, Call({"description": title(random)}, found["id"]))
    return found is not None


def subscription_ending(world: World, random: Random) -> bool:
    """It is to end with its period, or is not to end any more."""
    found = _running(world, random)
    if found is not None:
        subscription.update(world, Call({"cancel_at_period_end": not found["cancel_at_period_end"]}, found["id"]))
    return found is not None


def subscription_canceled(world: World, random: Random) -> bool:
    found = draw(random, world.tables["subscription"], lambda record: record["status"] not in ENDED)
    if found is not None:
        drop_schedule(world, found)
        subscription.cancel(world, Call({"cancellation_details": {"feedback": "unused"}}, found["id"]))
    return found is not None
