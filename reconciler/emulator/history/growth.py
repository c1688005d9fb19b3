"""Growing an account: an empty world is filled with the customers and the history of a few years."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import merge
from random import Random

from reconciler.emulator.commit import remove
from reconciler.emulator.history.catalogue import Catalogue, stock
from reconciler.emulator.history.contracts import contract, first_version, fulfil
from reconciler.emulator.history.credits import endow
from reconciler.emulator.history.ledger import as_it_is, bill_periods, equip, one_off
from reconciler.emulator.history.past import Past
from reconciler.emulator.history.people import Buyer, buyers
from reconciler.emulator.history.timetable import awaited, timetabled
from reconciler.emulator.rules.credit import settle
from reconciler.emulator.rules.subscription import ENDED
from reconciler.emulator.world import World

# Of ten customers, how many subscriptions each has.
SUBSCRIPTIONS = (0, 1, 1, 1, 1, 1, 1, 1, 1, 2)
# Of a hundred customers, how many have credits.
ENDOWED = 5


def grow(world: World, size: int, seed: int = 0) -> None:
    """Fill an empty world with `size` customers and what they did in the three years before its now.

    The same size, seed and clock give the very same account. Refuses a world that has objects already.
    """
    if any(len(table) for table in world.tables.values()):
        raise ValueError("only an empty account can be grown")
    past = Past(world, Random(seed), size, world.now())
    with world.lock:
        world.created = past.start
        catalogue = stock(past)
        for buyer in buyers(past):
            _live(past, catalogue, buyer)
        settle(world)


def _live(past: Past, catalogue: Catalogue, buyer: Buyer) -> None:
    """Write the life of one customer: of several subscriptions, always the one whose next moment is first."""
    past.make(buyer.record)
    buyer.subscriptions = past.random.choice(SUBSCRIPTIONS)
    moments = merge(*(_subscribed(past, catalogue, buyer) for _ in range(buyer.subscriptions)))
    for _ in moments:
        # What happens at a moment is written when the next one is asked for.
        continue
    if buyer.leaves is not None:
        _leave(past, buyer)
        return
    if not buyer.subscriptions:
        _linger(past, catalogue, buyer)
    if past.chance(ENDOWED):
        endow(past, catalogue, buyer)


def _subscribed(past: Past, catalogue: Catalogue, buyer: Buyer) -> Iterator[int]:
    made = contract(past, catalogue, buyer)
    yield made.signed
    record = past.make(first_version(past, made, buyer))
    record = equip(past, made, buyer, record)
    yield from bill_periods(past, made, record)
    record = fulfil(past, made, as_it_is(past, record))
    if buyer.leaves is None:
        timetabled(past, made, record)


def _linger(past: Past, catalogue: Catalogue, buyer: Buyer) -> None:
    """What becomes of a customer without subscriptions: a new name, one that is planned, a draft of an invoice."""
    record, moment = buyer.record, past.between(past.ago(40), past.now)
    if moment >= buyer.since and past.chance(20):
        record = past.turn({**record, "name": f"{record['name']} & Friends"}, moment)
    shelf = [offer for offer in catalogue.on_sale(past.now, "usd", "month") if offer.plan]
    if past.chance(10):
        awaited(past, buyer, past.random.choice(shelf).record)
    if past.chance(20):
        one_off(past, record, past.random.choice(catalogue.on_sale(past.now, "usd", None)).record)


def _leave(past: Past, buyer: Buyer) -> None:
    """Delete a customer, whose subscriptions have ended by then."""
    table = past.world.tables["customer"]
    record = table.get(buyer.id)
    assert record is not None, "a customer is deleted once"
    for owned in past.world.tables["subscription"].having("customer", buyer.id):
        assert owned["status"] in ENDED, "a deleted customer has no subscription that runs"
    if buyer.leaves == past.now:
        remove(past.world, record)
    else:
        table.remove(buyer.id)
    past.world.deleted_customers.add(buyer.id)
