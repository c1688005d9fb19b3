"""`billplan status`: from the store alone, with what a person needs to know before relying on the mirror."""

from __future__ import annotations

import pytest

from reconciler.adapters.sql_locks import SqlLocks
from reconciler.adapters.system_clock import SystemClock
from reconciler.emulator.history import grow
from reconciler.emulator.key import Key
from reconciler.mirrored import EVENT, MIRRORED
from reconciler.store.database import open_database
from tests.cli.desk import PRICED, PROJECT, Desk

NAMES = [one.name for one in (*MIRRORED, EVENT)]


def test_a_store_without_a_mirror_says_how_to_make_one(desk: Desk) -> None:
    ended = desk.run("status")
    assert ended.code == 1
    assert "nothing was mirrored yet" in ended.err
    assert "hint: billplan sync" in ended.err
    assert desk.requests == []
    assert not (desk.folder / ".billplan").exists()


def test_a_store_that_was_applied_to_and_never_synced_says_so(desk: Desk) -> None:
    desk.converge(PRICED)
    ended = desk.run("status")
    assert ended.code == 1
    assert "nothing was mirrored yet into" in ended.err
    assert "hint: billplan sync" in ended.err


def test_the_place_of_a_store_that_nobody_tells_is_asked_for(desk: Desk) -> None:
    for pin in ("", "  account: acct_000001\n"):
        desk.write("billplan.yaml", f"{PROJECT}{pin}store: env:STORE_URL\n")
        ended = desk.run("status")
        assert ended.code == 1
        assert "the environment variable STORE_URL is not set" in ended.err


def test_a_file_that_the_environment_names_is_not_made_either(desk: Desk) -> None:
    desk.write("billplan.yaml", f"{PROJECT}store: env:STORE_URL\n")
    desk.environ(STORE_URL="sqlite:there/store.db")
    assert "nothing was mirrored yet" in desk.run("status").err
    assert not (desk.folder / "there").exists()


def test_of_a_pinned_account_everything_is_pending(desk: Desk) -> None:
    desk.write("billplan.yaml", f"{PROJECT}  account: acct_000001\n")
    ended = desk.done("status")
    assert ended.out.count(" pending ") == len(NAMES)
    assert "nothing was mirrored yet: billplan sync does it" in ended.out
    document = desk.done("status", "--format", "json").document
    assert {one["status"] for one in document["types"]} == {"pending"}
    assert document["events_read_up_to"] is None
    assert document["last_apply"] is None
    assert desk.requests == []
    assert not (desk.folder / ".billplan").exists()


def test_after_a_sync_and_an_apply_it_tells_all_without_a_key(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    grow(desk.world, 10, 1)
    desk.converge(PRICED)
    desk.done("sync")
    monkeypatch.delenv("STRIPE_API_KEY")
    before = len(desk.requests)
    ended = desk.done("status")
    assert ended.out.count(" ready ") == len(NAMES)
    assert "customer                    ready         10  " in ended.out
    assert "last apply   done at 20" in ended.out
    assert "sync         none is running" in ended.out
    document = desk.done("status", "--format", "json").document
    assert [one["type"] for one in document["types"]] == NAMES
    assert all(0 <= one["age_seconds"] < 60 for one in document["types"])
    assert document["last_apply"]["outcome"] == "done"
    assert document["syncing"] is None
    assert len(desk.requests) == before


def test_a_type_that_failed_is_not_counted_on(desk: Desk) -> None:
    desk.done("sync")
    read = {one.permission for one in (*MIRRORED, EVENT)} - {"rak_charge_read"}
    desk.world.keys["rk_test_narrow"] = Key(frozenset(read))
    desk.environ(STRIPE_API_KEY="rk_test_narrow")
    assert desk.run("sync", "--full").code == 5
    ended = desk.done("status")
    assert "Failed; the next billplan sync tries again" in ended.out
    assert "charge: the key lacks the permission rak_charge_read; its rows are of 20" in ended.out
    (charge,) = (t for t in desk.done("status", "--format", "json").document["types"] if t["type"] == "charge")
    assert (charge["status"], charge["age_seconds"]) == ("error", None)


@pytest.mark.parametrize(
    ("scope", "name"), [("mirror of acct_000001/test", "sync"), ("acct_000001/test/acme", "apply")]
)
def test_who_is_at_work_is_told_since_when(desk: Desk, scope: str, name: str) -> None:
    desk.write("billplan.yaml", f"{PROJECT}  account: acct_000001\n")
    with (
        open_database("sqlite:.billplan/store.db", base_folder=desk.folder) as database,
        SqlLocks(database, SystemClock()).acquire(scope, "jane.doe@example.com@build-7 pid 4711"),
    ):
        ended = desk.done("status")
        document = desk.done("status", "--format", "json").document
    (line,) = (line for line in ended.out.splitlines() if line.startswith(f"{name}  "))
    assert "running since 20" in line
    assert "by j***@example.com@build-7 pid 4711" in line
    assert "jane.doe" not in str(document)
    assert document[f"{name}ing" if name == "sync" else "applying"]["who"].endswith("pid 4711")
