"""Two emulated accounts on one clock: subscriptions that run in the old one, and move to the new one."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import Any

from reconciler.adapters.source_apis import SourceApis
from reconciler.core.migrations import Migration, Row, SourceAccount
from reconciler.core.plan import Plan
from reconciler.core.resources import Specs
from reconciler.emulator.key import Key
from reconciler.emulator.rules.billing import attach_payment_method
from reconciler.emulator.world import World
from reconciler.engine.apply import Applied
from reconciler.engine.source_accounts import declared_sources
from reconciler.errors import BillplanError
from reconciler.ports.billing import BillingApi
from tests.account import api_of, new_world
from tests.engine.migration_account import DAY, GUARDS, KEY, MigrationAccount, migrating, migration, row, terms

READ, WRITE = "rk_test_old_read", "rk_test_old_write"
OLD = SourceAccount(read="env:OLD_READ_KEY", write="env:OLD_WRITE_KEY")
OLD_ID = "acct_old"
READING = ("rak_accounts_kyc_basic_read", "rak_subscription_read", "rak_customer_read", "rak_plan_read")
PLACES = {"env:OLD_READ_KEY": READ, "env:OLD_WRITE_KEY": WRITE}


def old_world(beside: World) -> World:
    """Make the account that subscriptions come from, on the clock of the other."""
    catalogue = {"rak_product_read", "rak_coupon_read", "rak_tax_rate_read"}
    keys = {
        "sk_test_emulator": Key(),
        READ: Key(frozenset({*READING, *catalogue})),
        WRITE: Key(frozenset({*READING, "rak_subscription_write"})),
    }
    return World(account_id=OLD_ID, clock=beside.clock, keys=keys)


class OldAccount:
    """The old account, as its people work in it by hand."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.hand = api_of(world)
        self._count = count(len(world.log))

    def post(self, path: str, **params: Any) -> Mapping[str, Any]:
        """Change something by hand."""
        return self.hand.request("post", path, params, idempotency_key=f"old-{next(self._count)}").body

    def price(self, **params: Any) -> str:
        """Make a price of a product of its own."""
        product = self.post("/v1/products", name="Old")["id"]
        said = {"currency": "usd", "unit_amount": 2500, "recurring": {"interval": "month"}, "product": product}
        return str(self.post("/v1/prices", **{**said, **params})["id"])

    def subscribe(self, price: str, **params: Any) -> str:
        """Let a new customer subscribe now, to be renewed in a month."""
        customer = str(self.post("/v1/customers", name="old")["id"])
        attach_payment_method(self.world, customer, self.world.now())
        return str(self.post("/v1/subscriptions", customer=customer, items=[{"price": price}], **params)["id"])

    def subscription(self, id: str) -> Mapping[str, Any]:
        """Look at a subscription."""
        return self.hand.request("get", f"/v1/subscriptions/{id}", {}).body

    def ends(self, id: str) -> int | None:
        """When a subscription ends."""
        end = self.subscription(id)["cancel_at"]
        return None if end is None else int(end)


class TwoAccounts(MigrationAccount):
    """The new account, whose migrations come from the old one."""

    def __init__(self, store: str | Path, *, world: World | None = None, old: World | None = None) -> None:
        super().__init__(store, world=world or new_world())
        self.old = OldAccount(old or old_world(self.world))
        self.keys = dict(PLACES)
        self.forget_keys()
        self.specs: Specs | None = None

    def __enter__(self) -> TwoAccounts:
        return self

    def forget_keys(self) -> None:
        """Begin as a new process does, which has asked nobody for its keys yet."""
        self.sources = SourceApis(self._open)

    def _open(self, source: SourceAccount, where: str) -> BillingApi:
        key = self.keys.get(where)
        if key is None:
            raise BillplanError(f"the environment variable {where.removeprefix('env:')} is not set")
        return api_of(self.world if key == "sk_test_emulator" else self.old.world, key)

    def plan(self, specs: Any, *args: Any, **options: Any) -> Plan:
        self.specs = specs if isinstance(specs, Specs) else None
        self.forget_keys()
        return super().plan(specs, *(args or (GUARDS,)), **options)

    def apply(self, plan: Plan, **options: Any) -> Applied:
        self.forget_keys()
        declared = {} if self.specs is None else declared_sources(self.specs.migrations.migrations)
        return super().apply(plan, **{"sources": declared, **options})

    def statuses(self, key: str) -> list[str]:
        """The statuses of a row's schedules."""
        return self.by_key().get(key, [])


def moving(rows: list[Row], **settings: Any) -> Migration:
    """A migration from the old account, whose subscriptions end there."""
    given = {"origin": "internal:Stripe", "source_account": OLD, "end_source": True}
    return migration(rows, settings.pop("name", "old"), **{**given, **settings})


def pair(account: TwoAccounts, key: str, price: Any, **said: Any) -> Row:
    """Let somebody subscribe in the old account; return the row that moves them when the period ends."""
    id = account.old.subscribe(account.old.price())
    end = account.old.subscription(id)["items"]["data"][0]["current_period_end"]
    return row(key, terms(account.payer(name=key), price, start=end, **said), source_subscription=id)


__all__ = ["DAY", "GUARDS", "KEY", "OLD", "OLD_ID", "TwoAccounts", "migrating", "moving", "pair"]
