"""Keys, accounts, networks and stores that are not what the project says: told before anything is compared."""

from __future__ import annotations

import random
import socket
import sqlite3
from pathlib import Path

import pytest

from reconciler.emulator.clock import SystemClock
from reconciler.emulator.key import Key
from reconciler.emulator.server import serve
from reconciler.emulator.world import World
from tests.cli.desk import PRICED, PROJECT, QUICK, Desk

COMMANDS = (["plan"], ["apply", "--auto-approve"], ["drift"], ["import"])
READS = ("accounts_kyc_basic", "product", "coupon", "promotion_code", "tax_rate", "billing_meter", "subscription")


@pytest.fixture(autouse=True)
def _specs(desk: Desk) -> None:
    desk.write("specs/a.yaml", PRICED)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c[0])
def test_a_key_of_the_other_mode_is_refused_before_any_request(desk: Desk, command: list[str]) -> None:
    desk.environ(STRIPE_API_KEY="sk_live_abcdefghijk")
    ended = desk.run(*command)
    assert ended.code == 3
    assert "the API key is a live mode key, billplan.yaml says stripe.mode: test" in ended.err
    assert "abcdefghijk" not in ended.both
    assert not desk.requests


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c[0])
def test_a_key_of_another_account_is_refused(desk: Desk, command: list[str]) -> None:
    desk.write("billplan.yaml", f"{PROJECT}  account: acct_other\n")
    ended = desk.run(*command)
    assert ended.code == 3
    assert "the API key belongs to the account acct_000001, billplan.yaml pins acct_other" in ended.err
    assert "give a key of acct_other" in ended.err
    assert [r["path"] for r in desk.requests] == ["/v1/account"]
    as_json = desk.run(*command, "--format", "json")
    assert as_json.code == as_json.error["exit_code"] == 3
    assert as_json.error["type"] == "WrongTarget"


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c[0])
def test_a_revoked_key_is_told_with_its_way_out_and_without_the_key(desk: Desk, command: list[str]) -> None:
    desk.world.keys["sk_test_wasrevoked"] = Key(revoked=True)
    desk.environ(STRIPE_API_KEY="sk_test_wasrevoked")
    ended = desk.run(*command)
    assert ended.code == 1
    assert "Expired API Key provided" in ended.err
    assert "expired or revoked" in ended.err
    assert "wasrevoked" not in ended.both


def test_a_publishable_key_is_told_apart(desk: Desk) -> None:
    desk.environ(STRIPE_API_KEY="pk_test_abcdef")
    ended = desk.run("plan")
    assert ended.code == 3
    assert "is publishable" in ended.err


@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: c[0])
def test_a_missing_key_names_the_variable(desk: Desk, monkeypatch: pytest.MonkeyPatch, command: list[str]) -> None:
    monkeypatch.delenv("STRIPE_API_KEY")
    ended = desk.run(*command)
    assert ended.code == 1
    assert "the environment variable STRIPE_API_KEY is not set" in ended.err
    assert "export STRIPE_API_KEY=" in ended.err


def test_a_key_file_is_read_and_told_where_it_is_missing(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STRIPE_API_KEY")
    desk.write("billplan.yaml", f"{PROJECT}  api_key: file:secret.txt\n")
    missing = desk.run("plan")
    assert missing.code == 1
    assert "the file secret.txt cannot be read" in missing.err
    desk.write("secret.txt", "\n")
    assert "the file secret.txt is empty" in desk.run("plan").err
    desk.write("secret.txt", "sk_test_emulator\n")
    assert desk.run("plan").code == 0


def test_no_network_is_told_with_the_host_and_the_effort(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    monkeypatch.setattr(random, "random", lambda: 0.0)
    desk.environ(STRIPE_API_BASE=f"http://127.0.0.1:{port}")
    ended = desk.run("plan")
    assert (ended.code, ended.out) == (1, "")
    assert "cannot reach 127.0.0.1" in ended.err
    assert "connection refused" in ended.err
    assert "4 tries" in ended.err


def test_a_live_key_is_never_sent_in_the_clear(desk: Desk) -> None:
    desk.write("billplan.yaml", PROJECT.replace("mode: test", "mode: live"))
    desk.environ(STRIPE_API_KEY="sk_live_abcdefghijk", STRIPE_API_BASE="http://stripe.example.com")
    ended = desk.run("plan")
    assert ended.code == 3
    assert "http" in ended.err
    assert "abcdefghijk" not in ended.both


def test_a_restricted_key_that_may_not_read_prices_names_the_permission(desk: Desk) -> None:
    desk.world.keys["rk_test_reader"] = Key(frozenset(f"rak_{name}_read" for name in READS))
    desk.environ(STRIPE_API_KEY="rk_test_reader")
    ended = desk.run("plan")
    assert (ended.code, ended.out) == (1, "")
    assert "rak_plan_read" in ended.err
    assert "edit the restricted key in the Dashboard" in ended.err
    assert "rk_test_reader" not in ended.both


def test_a_read_only_key_is_enough_for_a_plan_and_an_apply_says_what_it_lacks(desk: Desk) -> None:
    desk.world.keys["rk_test_reader"] = Key(frozenset(f"rak_{name}_read" for name in (*READS, "plan")))
    desk.environ(STRIPE_API_KEY="rk_test_reader")
    assert desk.run("plan").code == 0
    ended = desk.run("apply", "--auto-approve")
    assert ended.code == 5
    assert "rak_product_write" in ended.out
    assert not desk.writes()


LIVE = PROJECT.replace("mode: test", "mode: live")


@pytest.fixture
def live(desk: Desk) -> Desk:
    desk.server.worlds[:] = [World("acct_live", livemode=True, clock=SystemClock())]
    desk.environ(STRIPE_API_KEY="sk_live_emulator")
    desk.write("billplan.yaml", LIVE)
    return desk


def test_a_live_apply_on_sqlite_needs_a_lock_of_somebody_else(live: Desk) -> None:
    ended = live.run("apply", "--auto-approve")
    assert ended.code == 1
    assert "the store is a SQLite file of this machine" in ended.err
    assert "lock: external" in ended.err
    assert not live.writes()
    live.write("billplan.yaml", f"{LIVE}lock: external\n")
    assert live.run("apply", "--auto-approve").code == 0


def test_a_live_apply_asks_for_the_projects_name(live: Desk) -> None:
    live.write("billplan.yaml", f"{LIVE}lock: external\n")
    refused = live.run("apply", typed="yes\n")
    assert refused.code == 1
    assert "LIVE MODE" in refused.out
    assert "This is LIVE mode. Type the project's name (acme) to apply" in refused.out
    assert not live.writes()
    assert live.run("apply", typed="acme\n").code == 0
    assert live.writes()


def test_a_store_of_a_newer_version_is_left_alone(desk: Desk) -> None:
    desk.converge()
    store = desk.folder / ".billplan" / "store.db"
    with sqlite3.connect(store) as connection:
        (table,) = (
            name
            for (name,) in connection.execute("select name from sqlite_master where type = 'table'")
            if "version" in name or "migration" in name
        )
        (column,) = (row[1] for row in connection.execute(f"pragma table_info({table})") if "version" in row[1])
        connection.execute(f"update {table} set {column} = 99")
    connection.close()
    desk.write("specs/a.yaml", PRICED.replace("Pro", "Pro 2"))
    ended = desk.run("apply", "--auto-approve")
    assert ended.code == 1
    assert "upgrade this billplan" in ended.err
    assert "99" in ended.err
    assert desk.live("product")[0]["name"] == "Pro"


@pytest.mark.parametrize(
    ("store", "words"),
    [
        ("postgresql://nobody@127.0.0.1:1/none", "cannot be reached"),
        ("sqlite:specs/a.yaml", "is not an SQLite database"),
        ("env:BILLPLAN_STORE", "BILLPLAN_STORE is not set"),
        ("sqlite:specs/a.yaml/store.db", "store"),
    ],
)
def test_a_store_that_cannot_be_used_is_told(desk: Desk, store: str, words: str) -> None:
    desk.write("billplan.yaml", f"{PROJECT}store: {store}\n")
    ended = desk.run("apply", "--auto-approve")
    assert ended.code == 1
    assert words in ended.err
    assert not desk.writes()


def test_an_environment_takes_another_account_and_mode(desk: Desk) -> None:
    desk.write("environments/live.yaml", f"stripe: {{mode: live, account: acct_live, {QUICK}}}\nlock: external\n")
    with serve([World("acct_live", livemode=True, clock=SystemClock())]) as live:
        desk.environ(STRIPE_API_BASE=live.url, STRIPE_API_KEY="sk_live_emulator")
        assert desk.run("plan").code == 3
        shown = desk.done("plan", "--env", "live").out
        assert "LIVE MODE" in shown
        assert "environment live" in shown
        assert "acct_live" in shown


def test_a_project_file_of_another_name_is_one_too(desk: Desk, tmp_path: Path) -> None:
    other = desk.write("other/prod.yaml", f"{PROJECT}specs: [../specs]\n")
    assert desk.done("plan", "--config", other).out == desk.done("plan", "--config", other.relative_to(desk.folder)).out
    desk.done("apply", "--auto-approve", "--config", other)
    assert (desk.folder / "other" / ".billplan" / "store.db").is_file()
