"""`billplan sync`: what is asked for, what it came to, and every way in which it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from reconciler.adapters.sql_locks import SqlLocks
from reconciler.adapters.system_clock import SystemClock
from reconciler.emulator.history import grow
from reconciler.emulator.key import Key
from reconciler.emulator.table import Table
from reconciler.emulator.world import LOOKUPS
from reconciler.mirrored import EVENT, MIRRORED
from reconciler.store.database import open_database
from tests.cli.desk import PROJECT, QUICK, Desk

NAMES = [one.name for one in (*MIRRORED, EVENT)]
SCOPE = "mirror of acct_000001/test"


@pytest.fixture
def grown(desk: Desk) -> Desk:
    grow(desk.world, 30, 1)
    return desk


def rows(text: str) -> dict[str, list[str]]:
    """The rows of a table, by type."""
    lines = [line.split(maxsplit=3) for line in text.splitlines() if line.startswith("  ")]
    return {line[0]: line[1:] for line in lines if line[0] in NAMES}


def test_the_first_sync_lists_everything_and_the_next_one_catches_up(grown: Desk) -> None:
    ended = grown.done("sync")
    shown = rows(ended.out)
    assert list(shown) == NAMES
    assert shown["customer"][:2] == ["ready", "30"]
    assert shown["customer"][2].startswith("listed in ")
    assert shown["event"][2] == "caught up"
    assert "Complete as of 20" in ended.out
    assert ended.err == ""
    grown.wait()
    grown.client().customers.create({"name": "New"})
    before = len(grown.requests)
    again = rows(grown.done("sync").out)
    assert again["customer"] == ["ready", "31", "caught up"]
    lists = [r["path"] for r in grown.requests[before:]]
    assert "/v1/customers" not in lists
    listed = rows(grown.done("sync", "--full").out)
    assert listed["customer"][2].startswith("listed in ")


def test_only_what_is_asked_for_is_listed_with_what_it_hangs_on(grown: Desk) -> None:
    shown = rows(grown.done("sync", "--objects", "product-feature,Prices", "--objects", "coupons").out)
    assert list(shown) == ["product", "price", "coupon", "product_feature"]
    paths = {r["path"] for r in grown.requests}
    assert "/v1/customers" not in paths
    shown = rows(grown.done("sync", "--objects", "meters").out)
    assert list(shown) == ["meter"]


def test_a_sync_as_json_is_one_document(grown: Desk) -> None:
    first = grown.done("sync", "--format", "json").document
    assert (first["account"], first["livemode"], first["complete"]) == ("acct_000001", False, True)
    assert [one["type"] for one in first["types"]] == NAMES
    (customers,) = (one for one in first["types"] if one["type"] == "customer")
    assert (customers["status"], customers["objects"], customers["table"]) == ("ready", 30, "customers")
    assert customers["listed_in_seconds"] is not None
    (again,) = grown.done("sync", "--objects", "customer", "--format", "json").document["types"]
    assert again["listed_in_seconds"] is None


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("custmer", "There is no type 'custmer', did you mean customer?"),
        ("product,prics", "There is no type 'prics', did you mean prices?"),
        ("zebra", "There is no type 'zebra'."),
        ("", "There is no type ''."),
        ("customer,", "There is no type ''."),
        ("a,b", "There is no type 'a'. There is no type 'b'."),
    ],
)
def test_a_type_that_is_not_there_is_refused_with_those_that_are(desk: Desk, given: str, words: str) -> None:
    ended = desk.run("sync", "--objects", given)
    assert ended.code == 64
    assert words in ended.err
    assert f"The types are {', '.join(NAMES)}." in ended.err
    assert desk.requests == []


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("2026-01-01T00:00:00", "has no time zone: write 2026-01-01T00:00:00Z for UTC"),
        ("2026-01-01 08:30", "has no time zone: write 2026-01-01T08:30:00Z for UTC"),
        ("yesterday", "is no date such as 2026-01-31"),
        ("2026-02-30", "is no date such as 2026-01-31"),
        ("", "is no date such as 2026-01-31"),
        ("1767225600", "is no date such as 2026-01-31"),
        ("2999-01-01", "is in the future"),
        ("9999-12-31T23:59:59-12:00", "is in the future"),
    ],
)
def test_a_moment_that_cannot_be_meant_is_refused_with_how_to_write_it(desk: Desk, given: str, words: str) -> None:
    ended = desk.run("sync", "--created-after", given)
    assert ended.code == 64
    assert words in ended.err
    assert desk.requests == []


@pytest.mark.parametrize(
    ("given", "since"),
    [
        ("2026-01-31", "2026-01-31T00:00:00Z"),
        ("2026-01-31T08:30:00Z", "2026-01-31T08:30:00Z"),
        ("2026-01-31T08:30+02:00", "2026-01-31T06:30:00Z"),
        ("1960-01-01", "1970-01-01T00:00:00Z"),
        ("0001-01-01T00:00:00+14:00", "1970-01-01T00:00:00Z"),
    ],
)
def test_a_day_begins_at_midnight_utc_and_a_moment_has_its_zone(desk: Desk, given: str, since: str) -> None:
    ended = desk.done("sync", "--objects", "customer", "--created-after", given, "--format", "json")
    (customers,) = ended.document["types"]
    assert customers["created_after"] == since


def test_objects_and_created_after_go_together(grown: Desk) -> None:
    ended = grown.done("sync", "--objects", "invoice", "--created-after", "2020-01-01")
    assert rows(ended.out)["invoice"][2].endswith(", what was created since 2020-01-01T00:00:00Z")
    assert "only what was created since 2020-01-01T00:00:00Z" in " ".join(grown.done("status").out.split())


def test_what_the_account_does_not_have_is_skipped_and_told_once(grown: Desk) -> None:
    grown.world.disabled.add("entitlements.feature")
    ended = grown.done("sync")
    shown = rows(ended.out)
    assert shown["feature"] == ["skipped", "-"]
    assert ended.out.count("Skipped, since this account does not have it") == 1
    again = grown.done("sync").out
    assert rows(again)["feature"] == ["skipped", "-"]
    assert "Skipped, since" not in again
    assert "Skipped, since" in grown.done("status").out


def test_what_fails_is_told_with_why_and_the_way_out(grown: Desk) -> None:
    read = {one.permission for one in (*MIRRORED, EVENT)}
    grown.world.keys["rk_test_narrow"] = Key(frozenset(read - {"rak_charge_read"}))
    grown.environ(STRIPE_API_KEY="rk_test_narrow")
    ended = grown.run("sync")
    assert ended.code == 5
    assert rows(ended.out)["charge"][0] == "error"
    assert rows(ended.out)["invoice"][0] == "ready"
    assert "1 type failed." in ended.out
    assert "charge: the key lacks the permission rak_charge_read" in ended.err
    assert "the same command again goes on" in ended.err
    as_json = grown.run("sync", "--format", "json")
    assert as_json.code == 5
    assert as_json.document["complete"] is False
    assert list(as_json.document["failed"]) == ["charge"]
    assert as_json.error["type"] == "PartialSync"
    grown.world.keys["rk_test_narrow"] = Key(frozenset(read))
    assert rows(grown.done("sync").out)["charge"][0] == "ready"


@contextmanager
def held(desk: Desk) -> Iterator[None]:
    """Hold the mirror's lock as another sync would."""
    with (
        open_database("sqlite:.billplan/store.db", base_folder=desk.folder) as database,
        SqlLocks(database, SystemClock()).acquire(SCOPE, "ada@build-7 pid 4711 (sync)"),
    ):
        yield


def test_a_sync_beside_another_one_is_told_who_that_is_and_how_to_end_it(desk: Desk) -> None:
    with held(desk):
        ended = desk.run("sync")
        assert ended.code == 5
        assert "ada@build-7 pid 4711 (sync)" in ended.err
        assert "billplan unlock --mirror" in ended.err
        assert desk.done("unlock", "--format", "json").document == {"released": None}
        assert "Released the lock" in desk.done("unlock", "--mirror", "--auto-approve").out
        desk.done("sync")


def test_an_interrupted_sync_says_that_it_goes_on_and_does(desk: Desk) -> None:
    grow(desk.world, 400, 1)
    desk.write("billplan.yaml", PROJECT.replace(QUICK, "limits: {global_rps: 10, endpoint_rps: 10}"))
    with subprocess.Popen(
        [sys.executable, "-m", "reconciler", "sync"],
        cwd=desk.folder,
        env={**os.environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        for _ in range(400):
            if len(desk.requests) > 20:
                break
            time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=30)
    assert (running.returncode, out) == (130, "")
    assert "the same command goes on where it stopped" in err
    assert "interrupted" in err
    assert "Traceback" not in err
    assert "goes on where it stopped" in desk.done("status").out
    desk.write("billplan.yaml", PROJECT)
    assert rows(desk.done("sync").out)["customer"][:2] == ["ready", "400"]


def test_what_an_apply_touched_is_read_again_by_the_next_plan(desk: Desk) -> None:
    desk.write("specs/a.yaml", "products:\n  pro: {name: Pro}\n")
    desk.done("sync")
    desk.done("apply", "--auto-approve")
    # As if the list of events lagged behind.
    desk.world.tables["event"] = Table(LOOKUPS["event"])
    ended = desk.done("plan", "--detailed-exitcode")
    assert "from the mirror as of" in ended.out
    assert "Nothing to do" in ended.out or "No changes" in ended.out, ended.out
