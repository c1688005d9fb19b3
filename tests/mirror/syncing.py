"""Syncs of an emulated account, as tests run them."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

from reconciler.adapters.sql_mirror import SqlMirror
from reconciler.core.standing import Standing
from reconciler.emulator.history import happen
from reconciler.emulator.world import World
from reconciler.engine.sync import Synced, SyncOptions, SyncPorts, sync
from reconciler.ports.billing import BillingApi
from tests.account import Account, Silent, WorldClock, api_of, new_world
from tests.crash.real_time import lease_in_real_time


def lively_world(random: Random, happenings: int, id: str = "acct_000001") -> World:
    """A small account in which so many things happened over some weeks, by lot."""
    world = new_world()
    world.account_id = id
    for _ in range(happenings):
        happen(world, random)
        world.clock.advance(random.choice((0, 1, 3600, 43_200)))
    world.clock.advance(100)
    return world


def move_in(account: Account, world: World) -> None:
    """Let the account be another one, in the same store."""
    account.world, account.clock, account.api = world, WorldClock(world), api_of(world)
    lease_in_real_time(account)


def mirror_of(account: Account) -> SqlMirror:
    """The mirror of the account."""
    return SqlMirror(account.database, account.world.account_id, account.world.livemode)


def standing_of(account: Account, type: str) -> Standing:
    """How far the mirror is with a type."""
    return mirror_of(account).standings()[type]


def run_sync(account: Account, api: BillingApi | None = None, alone: int | None = None, **options: Any) -> Synced:
    """Sync the account, through another API than its own if one is given, and in this process unless `alone` is."""
    ports = SyncPorts(
        api=api or account.api,
        clock=account.clock,
        locks=account.locks,
        progress=Silent(),
        mirror_of=lambda id, livemode: SqlMirror(account.database, id, livemode, alone),
    )
    return sync(ports, SyncOptions(pins=account.pins, who="a test", **options))


def requests(world: World, since: int = 0) -> Counter[str]:
    """How often each path was asked for."""
    return Counter(str(line["path"]).partition("?")[0] for line in world.log[since:])


def change(account: Account, method: str, path: str, **params: Any) -> dict[str, Any]:
    """Change the account by hand."""
    key = f"hand-{len(account.world.log)}"
    return dict(account.api.request(method, path, params, idempotency_key=key).body)
