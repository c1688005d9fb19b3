"""An account that bills what was used: meters, metered prices, usage, and credits that pay for it."""

from __future__ import annotations

from typing import Any

from reconciler.emulator.clock import FrozenClock
from reconciler.emulator.world import World
from tests.emulator.client import Reply
from tests.emulator.credited import GRANTS, TRANSACTIONS, money, values
from tests.emulator.timeline import SUBSCRIPTIONS, Timeline, at

METERS, METER_EVENTS = "/v1/billing/meters", "/v1/billing/meter_events"


class Metered(Timeline):
    """A caller whose customers use something, pay for it each month, and have credits for it."""

    def meter(self, event_name: str = "calls", formula: str = "sum", **extra: Any) -> str:
        terms = {"default_aggregation": {"formula": formula}, "display_name": event_name, "event_name": event_name}
        return self.make(METERS, {**terms, **extra})

    def metered_price(self, meter: str, amount: int | str = 1, **extra: Any) -> str:
        usage = {"interval": "month", "meter": meter, "usage_type": "metered"}
        return self.price(amount, recurring=usage, **extra)

    def subscribe(self, customer: str, *prices: str, **extra: Any) -> str:
        sent = {"customer": customer, "items": [{"price": price} for price in prices], **extra}
        return self.make(SUBSCRIPTIONS, sent)

    def report(self, customer: str, value: int | str, event_name: str = "calls", **extra: Any) -> Reply:
        payload = {"stripe_customer_id": customer, "value": str(value)}
        return self.post(METER_EVENTS, {"event_name": event_name, "payload": payload, **extra})

    def use(self, customer: str, value: int, event_name: str = "calls", **extra: Any) -> None:
        """Report usage that must be accepted."""
        reply = self.report(customer, value, event_name, **extra)
        assert reply.status == 200, reply.body

    def credit(self, customer: str, value: int, **extra: Any) -> str:
        return self.make(GRANTS, values(customer, amount=money(value), **extra))

    def left(self, grant: str) -> int:
        """What is left of a grant by its transactions."""
        holder = self.get(f"{GRANTS}/{grant}").body["customer"]
        rows = self.get(TRANSACTIONS, {"customer": holder, "credit_grant": grant, "limit": 100}).body["data"]
        return sum(signed(row) for row in rows)

    def lines(self) -> list[tuple[int, int]]:
        """The quantities and amounts of the newest invoice's lines."""
        return [(row["quantity"], row["amount"]) for row in self.invoices()[-1]["lines"]["data"]]


def signed(row: dict[str, Any]) -> int:
    """What a transaction adds to a balance."""
    value: int = (row["credit"] or row["debit"])["amount"]["monetary"]["value"]
    return value if row["type"] == "credit" else -value


def metered_account(start: str = "2024-01-01") -> Metered:
    """An empty account at a date, in which Stripe Tax collects in New York."""
    world = World(clock=FrozenClock(at(start)))
    world.tax_places = {"US-NY": "8.875"}
    return Metered(world)
