"""The grown account's customers: who they are, and when they came."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from reconciler.emulator.commit import remembered
from reconciler.emulator.history import words
from reconciler.emulator.history.past import DAY, YEARS, Past
from reconciler.emulator.shapes import customer
from reconciler.emulator.wire import Record

# Of a hundred customers, how many pay in a currency.
CURRENCIES = ("usd",) * 62 + ("eur",) * 26 + ("gbp",) * 7 + ("jpy",) * 5
LANGUAGES = {"usd": "en", "eur": "de", "gbp": "en-GB", "jpy": "ja"}
# One in so many customers came and was deleted later, beside those that are there.
DELETED = 50


@dataclass(slots=True)
class Buyer:
    """A customer as its life goes on, and what it chose."""

    record: Record
    currency: str
    interval: str
    # How many came after it: the last ones are signed up for what is on sale now.
    later: int
    leaves: int | None = None
    subscriptions: int = 0

    @property
    def id(self) -> str:
        return str(self.record["id"])

    @property
    def since(self) -> int:
        return int(self.record["created"])


def buyers(past: Past) -> Iterator[Buyer]:
    """The customers in the order in which they came; some that left are among them."""
    known: list[str] = []
    gone = past.size // DELETED
    leaving = set(past.random.sample(range(past.size + gone), gone))
    arrivals = sorted(_arrival(past) for _ in range(past.size + gone))
    for number, created in enumerate(arrivals):
        params = _params(past.random, number, known)
        currency = past.random.choice(CURRENCIES)
        if past.chance(12):
            params["preferred_locales"] = [LANGUAGES[currency]]
        params["invoice_prefix"] = past.world.new_id("INV").replace("_", "")
        record = customer.build(past.world, params, past.world.free_id("cus", "customer"), created)
        interval = "year" if past.chance(22) and currency in ("usd", "eur") else "month"
        yield Buyer(
            record, currency, interval, len(arrivals) - number, _leaves(past, created) if number in leaving else None
        )


def _arrival(past: Past) -> int:
    """The account grows: more of its customers came lately than at first."""
    share, whole = past.random.randrange(1_000_000), 1_000_000
    span = (YEARS * 365 - 8) * DAY
    return past.now - span * share * (whole + share) // (2 * whole * whole) - past.random.randrange(60)


def _leaves(past: Past, created: int) -> int:
    """When a customer is deleted: long ago, or just now, as only that is told with the time of the world."""
    moment = past.between(created, past.now)
    return moment if not remembered(past.world, moment) else past.now


def _params(random: Random, number: int, known: list[str]) -> dict[str, Any]:
    business = random.randrange(100) < 35
    name, local = words.company(random) if business else words.person(random)
    params: dict[str, Any] = {"name": name, "metadata": _metadata(random, number)}
    die = random.randrange(1000)
    if known and die < 15:
        shared = random.choice(known)
        params["email"] = words.other_case(shared) if random.randrange(2) else shared
    elif die >= 35:
        params["email"] = words.email(random, local, number)
        known.append(params["email"])
    if random.randrange(100) < 40:
        params["address"] = words.address(random)
    if random.randrange(100) < 10:
        params["phone"] = f"+1555010{random.randrange(10000):04d}"
    if business and random.randrange(100) < 30:
        params["description"] = f"Found by {random.choice(words.FIRST)[0]}"
    if random.randrange(100) < 3:
        params["tax_exempt"] = random.choice(("exempt", "reverse"))
    return params


def _metadata(random: Random, number: int) -> dict[str, str]:
    """What other tools left: many accounts keep their own ids on their customers."""
    die = random.randrange(100)
    if die < 35:
        return {"user_id": f"usr_{number:06d}"}
    if die < 45:
        return {"crm": f"https://crm.example.com/{number}", "segment": random.choice(("smb", "mid", "large"))}
    return {"user_id": f"{number}", "utm_source": "newsletter"} if die < 50 else {}
