"""A whole account of 2,000 customers, on both databases: each row is the account's object, and stays as it is."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from reconciler.core.standing import Status
from reconciler.emulator.history import grow
from reconciler.emulator.world import World
from reconciler.store.location import Backend
from reconciler.store.mirror_tables import LINES, TABLES
from tests.account import Account, new_world
from tests.crash.real_time import lease_in_real_time
from tests.mirror.likeness import differences
from tests.mirror.syncing import mirror_of, requests, run_sync

SIZE = 2000
CATALOGUE = {"product": 15, "price": 42}


@pytest.fixture(scope="module")
def grown() -> World:
    world = new_world()
    grow(world, SIZE)
    return world


@pytest.fixture(params=["sqlite", "postgresql"])
def account(request: pytest.FixtureRequest, grown: World, folder: Path) -> Iterator[Account]:
    store: Path | str = folder if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    with Account(store, world=copy.deepcopy(grown)) as account:
        lease_in_real_time(account)
        yield account


def rows(account: Account, *, content: bool = False) -> dict[str, list[Any]]:
    """Every row of the mirror but events, which grow old; to the last column, or without when it was observed."""
    left_out = ("observed_at", "observed_by") if content else ()
    tables = {name: table for name, table in (*TABLES.items(), *LINES.items()) if name != "event"}
    with account.database.read() as connection:
        return {
            name: [
                tuple(row)
                for row in connection.execute(
                    select(*(c for c in table.c if c.name not in left_out)).order_by(*table.primary_key)
                )
            ]
            for name, table in tables.items()
        }


def test_mirror_of_a_whole_account_is_true_and_is_not_written_again(account: Account) -> None:
    world, mirror = account.world, mirror_of(account)
    assert not run_sync(account).failed
    counts = mirror.counts()
    assert {name: counts[name] for name in CATALOGUE} == CATALOGUE
    assert counts["customer"] == SIZE
    assert counts["subscription"] >= SIZE
    assert counts["invoice"] >= 3 * SIZE
    assert not differences(world, mirror)
    assert {standing.status for standing in mirror.standings().values()} == {Status.READY}
    before, content = rows(account), rows(account, content=True)
    world.clock.advance(1000)
    since = len(world.log)
    assert not run_sync(account).failed
    assert rows(account) == before
    assert requests(world, since)["/v1/events"] < 3
    if account.database.backend is Backend.POSTGRESQL:
        # What a full sync writes does not hang on the database, and takes as long as the first one.
        return
    since = len(world.log)
    assert not run_sync(account, full=True).failed
    assert rows(account, content=True) == content
    # Nothing was missed by a list, and so nothing is read singly.
    assert not [path for path in requests(world, since) if path.startswith("/v1/customers/")]
