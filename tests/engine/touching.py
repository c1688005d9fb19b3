"""Bindings of an emulated account, as an application opens them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import insert

from reconciler.adapters.sql_bindings import SqlBindings
from reconciler.core.idempotency import Scope
from reconciler.core.resolved import Outcome, Resolved
from reconciler.emulator.world import World
from reconciler.engine.first_touch import Bindings
from reconciler.engine.learning import Learned, learn_bindings
from reconciler.ports.billing import BillingApi
from reconciler.store.binding_tables import MAPPED_PRODUCTS
from tests.account import Account
from tests.mirror.syncing import change, mirror_of, run_sync

KEY = "billplan_id_acme"
EMAIL = "jane@example.com"


def scope_of(account: Account) -> Scope:
    """Whose bindings they are."""
    world = account.world
    return Scope(account=world.account_id, livemode=world.livemode, project=account.pins.project)


def store_of(account: Account) -> SqlBindings:
    """The bindings in the account's store."""
    return SqlBindings(account.database, scope_of(account))


def bindings_of(account: Account) -> Bindings:
    """The account's bindings, for an application."""
    return opened(account, store_of(account), lambda: account.api)


def opened(account: Account, store: SqlBindings, api: Callable[[], BillingApi]) -> Bindings:
    """The bindings over a store, with an API of their own."""
    return Bindings(store, api, scope_of(account), account.clock, lambda: learn(account))


def learn(account: Account) -> Learned:
    """What every sync ends with."""
    return learn_bindings(mirror_of(account), store_of(account), account.pins.project, account.clock.now())


def sync_and_learn(account: Account) -> Learned:
    """Sync, a while after what happened last, and learn."""
    account.world.clock.advance(100)
    run_sync(account)
    return learn(account)


def customer(account: Account, email: str | None = None, external_id: str = "", **params: Any) -> str:
    """Make a customer by hand, and return its id."""
    given = {"email": email} if email else {}
    marked = {"metadata": {KEY: external_id}} if external_id else {}
    return str(change(account, "post", "/v1/customers", **given, **marked, **params)["id"])


def sold(account: Account, name: str) -> tuple[str, str]:
    """Make a product with a monthly price; return the ids of both."""
    product = change(account, "post", "/v1/products", name=name)["id"]
    recurring = {"interval": "month"}
    price = change(account, "post", "/v1/prices", product=product, currency="usd", unit_amount=900, recurring=recurring)
    return str(product), str(price["id"])


def subscribe(account: Account, customer: str, *prices: str, **params: Any) -> str:
    """Subscribe a customer who pays by invoice."""
    bought = {"items": [{"price": price} for price in prices], "collection_method": "send_invoice"}
    made = change(account, "post", "/v1/subscriptions", customer=customer, days_until_due=30, **bought, **params)
    return str(made["id"])


def map_product(account: Account, product: str, mapping: str, features: Mapping[str, bool | int | str]) -> None:
    """Let a product unlock features, as an applied mapping does."""
    scope = scope_of(account)
    whose = {"account": scope.account, "livemode": scope.livemode, "project": scope.project}
    row = {**whose, "product": product, "mapping": mapping, "features": json.dumps(features)}
    with account.database.write() as connection:
        connection.execute(insert(MAPPED_PRODUCTS).values(**row))


def metadata_of(account: Account, customer: str) -> dict[str, str]:
    """A customer's metadata, as it is in Stripe."""
    return dict(account.api.request("get", f"/v1/customers/{customer}", {}).body["metadata"])


def posts(world: World, since: int) -> list[str]:
    """The paths that were posted to."""
    return [str(line["path"]) for line in world.log[since:] if line["method"] == "POST"]


class Application:
    """An application's side of an account: its bindings, over a store of its own."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.store: SqlBindings = store_of(account)
        self.bindings = opened(account, self.store, lambda: account.api)

    def touch(self, external_id: str = "u1", email: str | None = EMAIL) -> tuple[Resolved, list[str]]:
        """Resolve, and tell what was posted to."""
        since = len(self.account.world.log)
        found = self.bindings.resolve(external_id, email)
        assert "@" not in found.reason
        return found, posts(self.account.world, since)

    def refused(self, external_id: str = "u1", email: str | None = EMAIL) -> tuple[Outcome, str]:
        """Resolve, and see that nothing came of it."""
        before = self.store.all()
        found, posted = self.touch(external_id, email)
        assert (found.customer, found.features, found.products, posted) == (None, {}, (), [])
        assert self.store.all() == before
        return found.outcome, found.reason
