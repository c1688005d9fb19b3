"""A world in which time passes: dates in words, customers who can pay, and what they were billed and when."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from reconciler.emulator.billing.passage import elapse
from reconciler.emulator.clock import FrozenClock
from reconciler.emulator.commit import RETENTION
from reconciler.emulator.rules.billing import attach_payment_method
from reconciler.emulator.state import dump_world
from reconciler.emulator.world import World
from tests.emulator.client import Caller

SCHEDULES = "/v1/subscription_schedules"
SUBSCRIPTIONS = "/v1/subscriptions"
CUSTOMER = {"email": "a@example.com", "name": "A", "address": {"country": "US", "state": "NY", "line1": "1 A St"}}


def at(text: str) -> int:
    """A date, or a date and time, in UTC."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def day(moment: int) -> str:
    """A moment as a date; with its time unless that is midnight."""
    text = datetime.fromtimestamp(moment, UTC).isoformat(sep=" ").removesuffix("+00:00")
    return text.removesuffix(" 00:00:00")


def remembers(world: World) -> dict[str, Any]:
    """Everything that can be seen of a world: of its events, those that are kept still."""
    document = dump_world(world)
    oldest = world.now() - RETENTION
    document["tables"]["event"] = [one for one in document["tables"]["event"] if one["created"] >= oldest]
    return {name: document[name] for name in ("tables", "sequence", "now")}


class Timeline(Caller):
    """A caller whose clock stands at a date until it is moved to another."""

    def until(self, text: str) -> None:
        """Move the clock on to a date."""
        self.world.clock.advance(at(text) - self.world.clock())
        elapse(self.world)

    def price(self, amount: int | str = 10_000, interval: str = "month", **extra: Any) -> str:
        """A price of a new product, recurring unless `interval` is empty."""
        recurring = {"recurring": {"interval": interval, "interval_count": extra.pop("every", 1)}} if interval else {}
        given = {"unit_amount_decimal": amount} if isinstance(amount, str) else {"unit_amount": amount}
        product = self.make("/v1/products", {"name": "Pro"})
        terms = {"currency": "usd", "product": product, "tax_behavior": "exclusive", **recurring}
        return self.make("/v1/prices", {**terms, **({} if "tiers" in extra else given), **extra})

    def customer(self, card: bool = True, **extra: Any) -> str:
        id = self.make("/v1/customers", {**CUSTOMER, **extra})
        if card:
            attach_payment_method(self.world, id, self.world.now())
        return id

    def schedule(self, customer: str, phases: list[dict[str, Any]], **extra: Any) -> str:
        sent = {"customer": customer, "start_date": at("2024-01-01"), "phases": phases, **extra}
        return self.make(SCHEDULES, sent)

    def held(self, schedule: str) -> dict[str, Any]:
        """The subscription that a schedule began."""
        body = self.get(f"{SCHEDULES}/{schedule}").body
        found: dict[str, Any] = self.get(
            f"{SUBSCRIPTIONS}/{body['subscription'] or body['released_subscription']}"
        ).body
        return found

    def invoices(self) -> list[dict[str, Any]]:
        """All invoices, the oldest first, as anybody sees them."""
        found: list[dict[str, Any]] = []
        while True:
            cursor = {"starting_after": found[-1]["id"]} if found else {}
            body = self.get("/v1/invoices", {"limit": 100, **cursor}).body
            found += body["data"]
            if not body["has_more"]:
                return found[::-1]

    def billed(self) -> list[tuple[str, int]]:
        """When each invoice was written and what it comes to."""
        return [(day(one["created"]), one["total"]) for one in self.invoices()]

    def told(self) -> list[str]:
        """The types of the events that are kept, in the order in which they were told."""
        return [event["type"] for event in sorted(self.world.tables["event"], key=lambda event: str(event["id"]))]


def timeline(start: str = "2023-12-15") -> Timeline:
    """An empty account at a date, in which Stripe Tax collects in New York."""
    world = World(clock=FrozenClock(at(start)))
    world.tax_places = {"US-NY": "8.875", "DE": "19"}
    return Timeline(world)
