"""An emulated account into which subscriptions migrate: customers who can pay, a catalogue, and rows by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from reconciler.core.diagnostics import SourceRange
from reconciler.core.guards import Guards
from reconciler.core.migrations import Item, Migration, Row, Terms, WantedMigrations
from reconciler.core.plan import Plan
from reconciler.core.resources import Specs
from reconciler.core.values import digest
from reconciler.emulator.rules.billing import attach_payment_method
from reconciler.engine.apply import Applied
from reconciler.engine.outside import Outside
from reconciler.kinds import MIGRATING
from tests.account import specs_of
from tests.engine.binding_account import BindingAccount

DAY = 86400
# 2026-12-15T00:00:00Z, three weeks after the accounts of tests begin.
START = 1_797_292_800
KEY = "third_party_sub_id"
GUARDS = Guards(max_retire_percent=None, max_update_percent=None)
CATALOGUE: dict[str, dict[str, Any]] = {
    "product.pro": {"name": "Pro"},
    "price.pro": {
        "product": "product.pro",
        "currency": "usd",
        "unit_amount": 2900,
        "recurring": {"interval": "month"},
    },
}


def terms(customer: str, price: Any, **said: Any) -> Terms:
    """What a row says; `start` is START unless it is said."""
    items = said.pop("items", (Item(price=price, quantity=1),))
    return Terms(**{"customer": customer, "start": START, "items": items, "prorated": False, **said})


def row(key: str, said: Terms | None, **more: Any) -> Row:
    """A row of migrations/rows.csv; its metadata has its key."""
    named = None if said is None else replace(said, metadata={KEY: key, **said.metadata})
    return Row(key=key, source=SourceRange("migrations/rows.csv", 2, 1), terms=named, **more)


def migration(rows: Sequence[Row], name: str = "zuora", **settings: Any) -> Migration:
    """A block without batches."""
    source = SourceRange("specs/migrations.yaml", 2, 1)
    return Migration(**{"name": name, "source": source, "key": KEY, "rows": tuple(rows), **settings})


def migrating(*migrations: Migration, bodies: Mapping[str, Mapping[str, Any]] | None = None, **leaving: Any) -> Specs:
    """Declare migrations, beside other resources."""
    specs = specs_of(CATALOGUE if bodies is None else bodies, **leaving)
    wanted = WantedMigrations(migrations=migrations)
    return replace(specs, migrations=wanted, digest=digest([specs.digest, wanted.said]))


class MigrationAccount(BindingAccount):
    """One account and project whose subscriptions migrate."""

    @property
    def outside(self) -> Outside:
        outside = super().outside
        return replace(outside, kinds={**outside.kinds, **MIGRATING})

    def payer(self, **params: Any) -> str:
        """Make a customer with a card that is the default."""
        id = self.customer(**params)
        attach_payment_method(self.world, id, self.world.now())
        return id

    def price(self, name: str = "pro") -> str:
        """The id of a price of the catalogue that can still be sold."""
        return next(str(p["id"]) for p in self.live("price") if p["lookup_key"] == f"acme-{name}" and p["active"])

    def schedules(self, *statuses: str) -> list[dict[str, Any]]:
        """The schedules that are in one of these statuses, or all."""
        return [one for one in self.live("subscription_schedule") if not statuses or one["status"] in statuses]

    def by_key(self) -> dict[str, list[str]]:
        """The statuses of all schedules, by the key of their row."""
        found: dict[str, list[str]] = {}
        for one in self.schedules():
            found.setdefault(one["metadata"].get(KEY, ""), []).append(one["status"])
        return found

    def migrate(self, specs: Specs, **options: Any) -> Plan:
        """Plan and apply, and see that the plan after it is empty."""
        plan = self.plan(specs, GUARDS, **options)
        assert plan.applicable, [(str(c.address), c.refused) for c in plan.changes if c.refused]
        applied: Applied = self.carry_out(plan, specs)
        assert applied.complete, [(r.step.id, r.outcome, r.detail) for r in applied.results if not r.good]
        after = self.plan(specs, GUARDS, **options)
        assert after.empty, [(str(c.address), c.action, c.reason, c.diffs) for c in after.changes]
        return plan
