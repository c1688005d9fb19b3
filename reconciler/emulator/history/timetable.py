"""Subscription schedules: what is planned for a subscription, and given up again."""

from __future__ import annotations

from random import Random

from reconciler.emulator.commit import remembered
from reconciler.emulator.history.contracts import Contract
from reconciler.emulator.history.draw import draw
from reconciler.emulator.history.past import DAY, Past
from reconciler.emulator.history.people import Buyer
from reconciler.emulator.rules.schedule import end_schedule, schedule, start_schedule
from reconciler.emulator.rules.subscription import period_end
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World

BEFORE_THE_END = frozenset({"active", "not_started"})


def schedule_created(world: World, random: Random) -> bool:
    """A subscription is to change with its period: its schedule is in charge from now on."""
    found = draw(random, world.tables["subscription"], lambda record: schedulable(record, world.now()))
    if found is None:
        return False
    begin_schedule(world, found, world.now(), random.randrange(2, 20))
    return True


def drop_schedule(world: World, record: Record) -> None:
    """Cancel the schedule of a subscription that is about to end."""
    if record.get("schedule") is not None:
        end_schedule(world, record["schedule"], "canceled", world.now())


def schedulable(record: Record, now: int) -> bool:
    """Whether a subscription can be put under a schedule: it runs on beyond now, and no other has it."""
    free = record["status"] == "active" and record.get("schedule") is None and not record["cancel_at_period_end"]
    return free and record["items"][0]["current_period_end"] > now


def begin_schedule(world: World, record: Record, moment: int, quantity: int) -> Record:
    """A schedule of two phases: the current period as it is, then a year of another quantity."""
    line = record["items"][0]
    items = [{"price": row["price"], "quantity": row["quantity"]} for row in record["items"]]
    items = [{name: value for name, value in row.items() if value is not None} for row in items]
    turning = line["current_period_end"]
    later = [{**row, "quantity": quantity} if "quantity" in row else row for row in items]
    closing = period_end(turning, {"interval": "year", "interval_count": 1})
    phases = [
        {"start_date": line["current_period_start"], "end_date": turning, "items": items},
        {"start_date": turning, "end_date": closing, "items": later},
    ]
    made = schedule(world, record["customer"], phases, moment)
    return start_schedule(world, made["id"], record["id"], moment)


def schedule_ended(world: World, random: Random) -> bool:
    """A schedule is canceled, or lets its subscription go."""
    found = draw(random, world.tables["subscription_schedule"], lambda record: record["status"] in BEFORE_THE_END)
    if found is None:
        return False
    end_schedule(world, found["id"], random.choice(("canceled", "released")), world.now())
    return True


def timetabled(past: Past, made: Contract, record: Record) -> None:
    """Put some of the grown account's subscriptions under a schedule, and some were under one once."""
    if not schedulable(record, past.now):
        return
    begun = record["items"][0]["current_period_start"]
    if past.chance(5):
        moment = past.between(begun, past.now)
        begin_schedule(past.world, record, moment, past.random.randrange(2, 20))
    elif past.chance(4) and begun > made.anchor and not remembered(past.world, begun):
        # All of it is long past, so that nothing of it is told.
        items = [{"price": line["price"]} for line in record["items"]]
        phase = {"start_date": made.anchor, "end_date": made.cycle(1), "items": items}
        plan = schedule(past.world, record["customer"], [phase], made.signed)
        start_schedule(past.world, plan["id"], record["id"], made.anchor)
        end_schedule(past.world, plan["id"], past.random.choice(("completed", "released", "canceled")), made.cycle(1))


def awaited(past: Past, buyer: Buyer, offer: Record) -> None:
    """A customer without subscriptions, for whom one is to begin soon."""
    start = past.now + past.random.randrange(1, 60) * DAY
    end = period_end(start, {"interval": "year", "interval_count": 1})
    phase = {"start_date": start, "end_date": end, "items": [{"price": offer["id"], "quantity": 1}]}
    plan = schedule(past.world, buyer.id, [phase], past.between(max(buyer.since, past.ago(60)), past.now))
    if past.chance(30):
        end_schedule(past.world, plan["id"], "canceled", past.now)
