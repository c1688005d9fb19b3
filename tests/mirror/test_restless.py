"""While a sync runs, the account changes at random; after a catch-up the mirror equals it. Seeds make runs repeat."""

from __future__ import annotations

import threading
from pathlib import Path
from random import Random

import pytest

from reconciler.emulator.history import happen
from tests.account import Account
from tests.crash.real_time import lease_in_real_time
from tests.mirror.likeness import differences
from tests.mirror.restless import RestlessApi, in_turn, small_pages
from tests.mirror.syncing import lively_world, mirror_of, move_in, run_sync

BATCHES, BATCH = 10, 20
PAGES = (2, 5, 20, 100, 100)


def run_through(account: Account, seed: int) -> None:
    """One account's life in the store: listed while it changes, sometimes again, then left in peace."""
    random = Random(seed)
    move_in(account, lively_world(random, 25, f"acct_{seed}"))
    with pytest.MonkeyPatch.context() as patch:
        in_turn(patch)
        small_pages(patch, random.choice(PAGES), random)
        api = RestlessApi(account.api, account.world, random, lags=seed % 2 == 1)
        assert not run_sync(account, api).failed
        if seed % 4 == 0:
            api.left = 15
            assert not run_sync(account, api, full=seed % 8 == 0).failed
        assert not run_sync(account).failed
        assert not differences(account.world, mirror_of(account)), f"seed {seed}"


@pytest.mark.parametrize("batch", range(BATCHES))
def test_mirror_equals_the_account_after_a_catch_up_whatever_happened_meanwhile(batch: int, folder: Path) -> None:
    with Account(folder) as account:
        for seed in range(batch * BATCH, (batch + 1) * BATCH):
            run_through(account, seed)


@pytest.mark.parametrize("seed", range(3))
def test_mirror_equals_an_account_that_another_thread_changes_all_the_time(seed: int, folder: Path) -> None:
    random = Random(seed)
    with Account(folder) as account, pytest.MonkeyPatch.context() as patch:
        small_pages(patch, 7)
        move_in(account, lively_world(random, 100))
        over = threading.Event()

        def live() -> None:
            while not over.wait(0.002):
                happen(account.world, random)
                account.world.clock.advance(random.choice((0, 0, 1)))

        living = threading.Thread(target=live)
        living.start()
        try:
            for full in (False, True, False):
                assert not run_sync(account, full=full).failed
        finally:
            over.set()
            living.join()
        assert not run_sync(account).failed
        assert not differences(account.world, mirror_of(account))


def test_run_is_the_same_again_for_the_same_seed(folder: Path) -> None:
    logs = []
    for name in ("one", "other"):
        (folder / name).mkdir()
        with Account(folder / name) as account:
            lease_in_real_time(account)
            run_through(account, 4)
            logs.append([(line["path"], line["time"]) for line in account.world.log])
    assert logs[0] == logs[1]
