"""A desk with a migration on it: a catalogue, customers who can pay, rows, and a clock that goes on for both sides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from reconciler.adapters.system_clock import SystemClock
from reconciler.emulator.billing.passage import elapse
from reconciler.emulator.rules.billing import attach_payment_method
from tests.cli.desk import Desk

DAY = 86400
CATALOGUE = """\
products:
  pro: {name: Pro}
prices:
  monthly:
    {product: product.pro, currency: usd, unit_amount: 10000, tax_behavior: exclusive, recurring: {interval: month}}
coupons:
  tenth: {percent_off: 10, duration: forever}
"""
BLOCK = """\
subscription_migrations:
  zuora:
    source: external:zuora
    csv: migrations/zuora.csv
    key: metadata.old_id
    defaults: {proration_behavior: none}
"""
COLUMNS = (
    "customer", "start_date", "price", "quantity", "metadata.old_id", "billing_cycle_anchor", "trial_end", "coupon",
    "collection_method", "days_until_due", "cancel_at_period_end",
)  # fmt: skip


class Move:
    """The migration `zuora` on a desk, and how time goes by."""

    def __init__(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        self.desk = desk
        world = desk.world

        class Together(SystemClock):
            """Billplan's clock: it goes on with the emulator's, as both follow the time outside."""

            def now(self) -> int:
                return int(world.clock())

        monkeypatch.setattr("reconciler.wiring.SystemClock", Together)
        desk.write("specs/catalogue.yaml", CATALOGUE)
        self.block()
        self.start = int(world.clock()) // DAY * DAY + 3 * DAY

    def block(self, more: str = "") -> None:
        """Declare the migration, with further settings."""
        self.desk.write("specs/migration.yaml", BLOCK + "".join(f"    {line}\n" for line in more.splitlines()))

    def customer(self, card: bool = True) -> str:
        id = str(self.desk.client().customers.create({"name": "Kim", "email": "kim@example.com"}).id)
        if card:
            attach_payment_method(self.desk.world, id, self.desk.world.now())
        return id

    def row(self, key: str, **cells: Any) -> dict[str, Any]:
        """A row of a customer of its own, with one of the monthly price, unless its cells say otherwise."""
        customer = cells.pop("customer", None) or self.customer()
        return {
            "customer": customer,
            "start_date": self.start,
            "price": "price.monthly",
            "quantity": 1,
            "metadata.old_id": key,
            **cells,
        }

    def rows(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write the file."""
        lines = [",".join(COLUMNS), *(",".join(str(row.get(name, "")) for name in COLUMNS) for row in rows)]
        self.desk.write("migrations/zuora.csv", "\n".join(lines) + "\n")

    def until(self, moment: int) -> None:
        """Let time go by up to a moment."""
        world = self.desk.world
        world.clock.advance(max(0, moment - world.clock()))
        elapse(world)

    def scheduled(self, *keys: str) -> None:
        """Bring plain rows to Stripe as far as schedules."""
        self.rows([self.row(key) for key in keys])
        self.desk.done("apply", "--auto-approve")


def iso(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
