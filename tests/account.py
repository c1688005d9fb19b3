"""An emulated Stripe account with everything that plans and applies need, in this process, on a frozen clock."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from reconciler.adapters.limiter import Figures, Limiter
from reconciler.adapters.routed_api import RoutedApi
from reconciler.adapters.source_apis import SourceApis
from reconciler.adapters.sql_ledger import SqlLedger
from reconciler.adapters.sql_locks import SqlLocks
from reconciler.adapters.store_api import StoreApi
from reconciler.adapters.stripe_api import ApiSettings, StripeApi
from reconciler.adapters.stripe_transport import InProcessClient
from reconciler.core.address import parse_address
from reconciler.core.diagnostics import SourceRange
from reconciler.core.guards import Guards
from reconciler.core.idempotency import Scope
from reconciler.core.plan import Plan
from reconciler.core.resources import Lifecycle, Moved, Removed, Spec, Specs
from reconciler.core.values import Secret, digest
from reconciler.emulator.app import ConnectionDropped, Request, handle
from reconciler.emulator.clock import FrozenClock
from reconciler.emulator.world import World
from reconciler.engine.apply import Applied, ApplyOptions, apply
from reconciler.engine.make_plan import PlanOptions, make_plan
from reconciler.engine.outside import Outside
from reconciler.engine.target import Pins
from reconciler.kinds import BY_NAME, DERIVED, MIGRATING
from reconciler.ports.billing import BillingApi
from reconciler.ports.ledger import Ledger
from reconciler.ports.lock import Locks
from reconciler.store.database import Database, open_database

KEY = "sk_test_emulator"
NOWHERE = SourceRange("specs/test.yaml", 1, 1)
LIFECYCLE = ("adopt", "protect", "ignore")
Wire = tuple[int, Mapping[str, str], bytes]
Bodies = Mapping[str, Mapping[str, Any]]


class WorldClock:
    """The world's frozen clock as this machine's: sleeping moves it on."""

    def __init__(self, world: World) -> None:
        self._world = world

    def now(self) -> int:
        return self._world.now()

    def monotonic(self) -> float:
        return self._world.clock.monotonic()

    def sleep(self, seconds: float) -> None:
        self._world.clock.advance(seconds)


class Silent:
    """Progress that nobody watches."""

    def start(self, what: str, total: int | None) -> None:
        """Say nothing."""

    def expect(self, about: int) -> None:
        """Say nothing."""

    def advance(self, count: int = 1) -> None:
        """Say nothing."""

    def finish(self) -> None:
        """Say nothing."""


def new_world() -> World:
    """Make an empty account, in November 2026."""
    return World(clock=FrozenClock(1_795_000_000))


def exchange_with(world: World) -> Callable[[str, str, Mapping[str, str], bytes | None], Wire]:
    """Give the function that carries the SDK's requests to a world."""

    def exchange(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Wire:
        parts = urlsplit(url)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        response = handle(world, Request(method.upper(), path, headers, body or b""))
        return response.status, response.headers, response.body

    return exchange


def api_of(world: World, key: str = KEY) -> StripeApi:
    """Open a world through the real adapter, without sockets and without limits of its own."""
    clock = WorldClock(world)
    return StripeApi(
        Secret(key),
        settings=ApiSettings(api_base="http://127.0.0.1"),
        limiter=Limiter(Figures(global_rps=100_000, endpoint_rps=100_000), clock),
        clock=clock,
        jitter=lambda: 0.5,
        http_client=InProcessClient(exchange_with(world), dropped=ConnectionDropped),
    )


def specs_of(bodies: Bodies, moved: Sequence[tuple[str, str]] = (), removed: Mapping[str, str] | None = None) -> Specs:
    """Make specs of bodies by address; `adopt`, `protect` and `ignore` may stand in a body."""
    specs = []
    for address, body in bodies.items():
        own = {n: v for n, v in body.items() if n not in LIFECYCLE}
        lifecycle = Lifecycle(
            adopt=body.get("adopt"), protect=body.get("protect", False), ignore=tuple(body.get("ignore", ()))
        )
        specs.append(Spec(address=parse_address(address), body=own, source=NOWHERE, lifecycle=lifecycle))
    moves = [Moved(before=parse_address(b), after=parse_address(a), source=NOWHERE) for b, a in moved]
    leaving = [Removed(address=parse_address(a), action=w, source=NOWHERE) for a, w in (removed or {}).items()]
    said = [json.loads(json.dumps(bodies, default=str)), list(moved), sorted((removed or {}).items())]
    return Specs(specs=tuple(specs), moved=tuple(moves), removed=tuple(leaving), digest=digest(said))


class Account:
    """One account, one project, one store: close it at the end. Time moves ten seconds before each plan and apply."""

    def __init__(self, store: str | Path, *, world: World | None = None, project: str = "acme") -> None:
        """`store` is a folder for SQLite, or a store's address."""
        self.world = world or new_world()
        self.clock = WorldClock(self.world)
        self.pins = Pins(project=project, livemode=False)
        self.api: BillingApi = api_of(self.world)
        self.around: Callable[[BillingApi], BillingApi] = lambda api: api
        self.sources: SourceApis | None = None
        self.database: Database
        self.ledger: Ledger
        self.locks: Locks
        self._open_store(store)

    def __enter__(self) -> Account:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the store."""
        self.database.close()

    def change_store(self, store: str | Path) -> None:
        """Take another store from here on."""
        self.close()
        self._open_store(store)

    def _open_store(self, store: str | Path) -> None:
        url = f"sqlite:{store}/store.db" if isinstance(store, Path) else store
        self.database = open_database(url, base_folder=Path("/"))
        self.ledger = SqlLedger(self.database)
        self.locks = SqlLocks(self.database, self.clock)

    def store_api(self, account: str = "", now: Callable[[], int] | None = None) -> StoreApi:
        """Open what lives in the store."""
        scope = Scope(account=account or self.world.account_id, livemode=False, project=self.pins.project)
        return StoreApi(lambda: self.database, scope, now or self.clock.now)

    @property
    def outside(self) -> Outside:
        api = self.around(RoutedApi(self.api, self.store_api, self.clock, sources=self.sources))
        kinds = {**BY_NAME, **DERIVED, **MIGRATING}
        return Outside(api=api, clock=self.clock, progress=Silent(), kinds=kinds, sources=self.sources)

    def plan(self, specs: Specs | Bodies, guards: Guards | None = None, **options: Any) -> Plan:
        """Plan specs, or bodies by address."""
        self.world.clock.advance(10)
        chosen = specs if isinstance(specs, Specs) else specs_of(specs)
        asked = PlanOptions(pins=self.pins, guards=guards or Guards(), **options)
        return make_plan(chosen, self.outside, asked)

    def apply(self, plan: Plan, **options: Any) -> Applied:
        """Apply a plan, one step after the other unless `concurrency` says otherwise."""
        self.world.clock.advance(10)
        asked = ApplyOptions(pins=self.pins, who="a test", concurrency=options.pop("concurrency", 1))
        return apply(plan, self.outside, self.ledger, self.locks, replace(asked, **options))

    def converge(self, specs: Specs | Bodies) -> Plan:
        """Plan and apply, and see that the plan after it is empty; return the first plan."""
        plan = self.plan(specs)
        applied = self.apply(plan)
        assert applied.complete, [(r.step.id, r.outcome, r.detail) for r in applied.results if not r.good]
        after = self.plan(specs)
        assert after.empty, [(str(c.address), c.action, c.reason, c.diffs) for c in after.changes]
        assert not after.drift, after.drift
        return plan

    def live(self, table: str) -> list[dict[str, Any]]:
        """List the raw objects of one of the world's tables, oldest first."""
        return [dict(record) for record in self.world.tables[table]]
