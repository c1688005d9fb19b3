"""Syncs of an emulated account, as tests run them."""

from __future__ import annotations

from typing import Any

from reconciler.adapters.sql_mirror import SqlMirror
from reconciler.engine.sync import Synced, SyncOptions, SyncPorts, sync
from reconciler.ports.billing import BillingApi
from tests.account import Account, Silent


def mirror_of(account: Account) -> SqlMirror:
    """The mirror of the account."""
    return SqlMirror(account.database, account.world.account_id, account.world.livemode)


def run_sync(account: Account, api: BillingApi | None = None, **options: Any) -> Synced:
    """Sync the account, through another API than its own if one is given."""
    ports = SyncPorts(
        api=api or account.api,
        clock=account.clock,
        locks=account.locks,
        progress=Silent(),
        mirror_of=lambda id, livemode: SqlMirror(account.database, id, livemode),
    )
    return sync(ports, SyncOptions(pins=account.pins, who="a test", **options))
