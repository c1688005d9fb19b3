"""The lock as people meet it: who holds it, since when, how long one waits, and how it is broken."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from reconciler.adapters.sql_locks import SqlLocks
from reconciler.adapters.system_clock import SystemClock
from reconciler.emulator.clock import SystemClock as SystemWorldClock
from reconciler.emulator.world import World
from reconciler.store.database import open_database
from tests.cli.desk import PRICED, PROJECT, Desk
from tests.postgres import running_postgres

SCOPE = "acct_000001/test/acme"
MIRROR = "mirror of acct_000001/test"


@contextmanager
def held(desk: Desk, scope: str = SCOPE) -> Iterator[None]:
    """Hold the project's lock as another apply would, or another lock."""
    with (
        open_database("sqlite:.billplan/store.db", base_folder=desk.folder) as database,
        SqlLocks(database, SystemClock()).acquire(scope, "ada@build-7 pid 4711"),
    ):
        yield


@pytest.fixture(autouse=True)
def _specs(desk: Desk) -> None:
    desk.write("specs/a.yaml", PRICED)


def test_a_lock_that_is_held_names_its_holder_and_since_when(desk: Desk) -> None:
    with held(desk):
        ended = desk.run("apply", "--auto-approve")
        as_json = desk.run("apply", "--auto-approve", "--format", "json")
    assert ended.code == as_json.code == as_json.error["exit_code"] == 5
    for word in ("ada@build-7 pid 4711", "since 20", "billplan unlock"):
        assert word in ended.err
    assert as_json.error["type"] == "LockHeld"
    assert not desk.writes()


def test_a_plan_needs_no_lock(desk: Desk) -> None:
    with held(desk):
        desk.done("plan")


def test_lock_timeout_waits_for_the_other_apply_to_end(desk: Desk) -> None:
    taken, enough = threading.Event(), threading.Event()

    def other() -> None:
        with held(desk):
            taken.set()
            enough.wait(10)

    thread = threading.Thread(target=other)
    thread.start()
    taken.wait(10)
    timer = threading.Timer(0.3, enough.set)
    timer.start()
    desk.done("apply", "--auto-approve", "--lock-timeout", "10")
    thread.join()


def test_unlock_without_a_holder_says_so(desk: Desk) -> None:
    assert f"No one holds the lock of {SCOPE}." in desk.done("unlock").out
    assert desk.done("unlock", "--format", "json").document == {"released": None}


def test_unlock_asks_and_leaves_the_lock_alone_on_any_other_answer(desk: Desk) -> None:
    with held(desk):
        ended = desk.run("unlock", typed="no\n")
        assert ended.code == 1
        assert "ada@build-7 pid 4711 holds the lock" in ended.out
        assert "The lock was left alone." in ended.err
        assert desk.run("apply", "--auto-approve").code == 5


def test_unlock_without_a_terminal_needs_auto_approve(desk: Desk) -> None:
    with held(desk):
        for args in ((), ("--format", "json")):
            ended = desk.run("unlock", *args)
            assert ended.code == 64
            assert "needs --auto-approve" in ended.err


@pytest.mark.parametrize("form", ["text", "json"])
def test_unlock_breaks_a_lock_and_the_next_apply_goes_on(desk: Desk, form: str) -> None:
    with held(desk):
        ended = desk.done("unlock", "--auto-approve", "--format", form)
        assert "ada@build-7 pid 4711" in ended.out
        desk.done("apply", "--auto-approve")


def test_unlock_takes_a_yes(desk: Desk) -> None:
    with held(desk):
        assert f"Released the lock of {SCOPE}" in desk.done("unlock", typed="yes\n").out


@pytest.mark.parametrize("known", ["pinned", "mirrored", "asked"])
def test_the_lock_of_the_mirror_is_broken_and_stripe_asked_only_if_nothing_else_tells(desk: Desk, known: str) -> None:
    if known == "pinned":
        desk.write("billplan.yaml", f"{PROJECT}  account: acct_000001\n")
    if known == "mirrored":
        desk.done("sync")
    before = len(desk.requests)
    with held(desk, MIRROR):
        ended = desk.done("unlock", "--mirror", "--auto-approve")
    assert f"Released the lock of {MIRROR}, held by ada@build-7 pid 4711" in ended.out
    assert (len(desk.requests) > before) == (known == "asked")


def test_the_doctor_sees_a_lock_that_is_held(desk: Desk) -> None:
    with held(desk):
        ended = desk.done("doctor")
    assert "lock: held by ada@build-7 pid 4711 since 20" in ended.out
    assert "billplan unlock" in ended.out


def test_a_store_that_all_runners_share_is_lock_enough_for_live_mode(desk: Desk) -> None:
    desk.server.worlds[:] = [World("acct_live", livemode=True, clock=SystemWorldClock())]
    live = PROJECT.replace("mode: test", "mode: live")
    desk.write("billplan.yaml", f"{live}store: env:BILLPLAN_STORE\n")
    with running_postgres() as postgres:
        desk.environ(STRIPE_API_KEY="sk_live_emulator", BILLPLAN_STORE=postgres.url)
        assert "Applied: 2 done." in desk.done("apply", "--auto-approve").out
        with (
            open_database(postgres.url, base_folder=desk.folder) as database,
            SqlLocks(database, SystemClock()).acquire("acct_live/live/acme", "ada@build-7 pid 4711"),
        ):
            desk.write("specs/a.yaml", PRICED.replace("Pro", "Pro 2"))
            ended = desk.run("apply", "--auto-approve")
            assert ended.code == 5
            assert "ada@build-7 pid 4711" in ended.err
            assert "ada@build-7 pid 4711" in desk.done("doctor").out
        desk.done("apply", "--auto-approve")
        assert "No drift." in desk.done("drift").out
