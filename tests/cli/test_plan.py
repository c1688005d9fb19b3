"""`billplan plan` and `billplan show`: the same plan in every format, saved, selected, and judged by exit codes."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path

import pytest

from reconciler.emulator.clock import SystemClock
from reconciler.emulator.server import serve
from reconciler.emulator.world import World
from tests.cli.desk import KEY, PRICED, PROJECT, Desk

FORMS = ("text", "json", "markdown")
TIMES = re.compile(r'"(created_at|expires_at|sha256)":"?\w+"?')


@pytest.fixture(autouse=True)
def _specs(desk: Desk) -> None:
    desk.write("specs/a.yaml", PRICED)


@pytest.mark.parametrize("form", FORMS)
def test_show_prints_what_plan_printed(desk: Desk, form: str) -> None:
    planned = desk.done("plan", "--out", "p.jsonl", "--format", form)
    shown = desk.done("show", "p.jsonl", "--format", form)
    assert shown.out == planned.out
    assert shown.err == ""
    assert "Saved to p.jsonl. Apply exactly this with: billplan apply p.jsonl" in planned.err


def test_a_compressed_plan_is_the_same_plan(desk: Desk) -> None:
    planned = desk.done("plan", "--out", "p.jsonl.gz")
    assert (desk.folder / "p.jsonl.gz").read_bytes()[:2] == b"\x1f\x8b"
    assert desk.done("show", "p.jsonl.gz").out == planned.out
    assert "Applied: 2 done." in desk.done("apply", "p.jsonl.gz", "--auto-approve").out


def test_exit_codes_tell_changes_apart_if_asked(desk: Desk) -> None:
    assert desk.run("plan").code == 0
    assert desk.run("plan", "--detailed-exitcode").code == 2
    desk.done("apply", "--auto-approve")
    ended = desk.run("plan", "--detailed-exitcode")
    assert ended.code == 0
    assert "Nothing to do. Stripe matches the specs." in ended.out


def test_a_refused_plan_ends_with_4_and_names_the_flag(desk: Desk) -> None:
    ended = desk.run("plan", "--max-changes", "1", "--detailed-exitcode")
    assert ended.code == 4
    assert "2 changes are over guards.max_changes: 1; if they are meant: --max-changes 2" in ended.out


def test_a_plan_changes_nothing(desk: Desk) -> None:
    desk.done("plan", "--out", "p.jsonl")
    assert {r["method"] for r in desk.requests} == {"GET"}
    assert not (desk.folder / ".billplan").exists()


def test_a_selection_takes_along_what_it_needs(desk: Desk) -> None:
    desk.write("specs/b.yaml", "coupons:\n  c: {percent_off: 5, duration: once}\nproducts:\n  team: {name: Team}\n")
    document = desk.done("plan", "--select", "price.*", "--format", "json").document
    assert {c["address"] for c in document["resource_changes"]} == {"price.monthly", "product.pro"}
    assert document["complete"] is False
    assert "This plan is partial" in desk.done("plan", "--select", "price.*").out


def test_a_selection_of_nothing_is_told(desk: Desk) -> None:
    ended = desk.run("plan", "--select", "price.montly")
    assert (ended.code, ended.out) == (1, "")
    assert "--select price.montly: there is no such address" in ended.err
    assert "did you mean price.monthly?" in ended.err


def test_two_runs_write_the_same_file_but_for_the_times(desk: Desk) -> None:
    desk.done("plan", "--out", "1.jsonl")
    desk.wait()
    desk.done("plan", "--out", "2.jsonl")
    one, two = ((desk.folder / f"{n}.jsonl").read_text() for n in (1, 2))
    assert one != two
    assert TIMES.sub("", one) == TIMES.sub("", two)


def test_a_plan_file_is_for_its_owner_alone_and_holds_no_secret(desk: Desk) -> None:
    desk.done("plan", "--out", "p.jsonl")
    path = desk.folder / "p.jsonl"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert KEY not in path.read_text()
    assert desk.server.url not in path.read_text()
    path.chmod(0o644)
    desk.done("plan", "--out", "p.jsonl")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(p.name for p in desk.folder.iterdir()) == ["billplan.yaml", "p.jsonl", "specs"]


def test_variables_come_from_the_project_the_environment_files_and_options(desk: Desk) -> None:
    desk.write("billplan.yaml", f"{PROJECT}vars: {{amount: 100}}\n")
    desk.write("specs/a.yaml", PRICED.replace("2900", '"{{ var.amount }}"'))
    desk.write("environments/big.yaml", "vars: {amount: 200}\n")
    desk.write("vars.yaml", "amount: 300\n")

    def amount(*args: str) -> int:
        changes = desk.done("plan", "--format", "json", *args).document["resource_changes"]
        return int(next(c["change"]["after"]["unit_amount"] for c in changes if c["kind"] == "price"))

    assert amount() == 100
    assert amount("--env", "big") == 200
    assert amount("--env", "big", "--var-file", "vars.yaml") == 300
    assert amount("--env", "big", "--var-file", "vars.yaml", "--var", "amount=400") == 400


def test_an_environment_chooses_another_account(desk: Desk) -> None:
    with serve([World("acct_two", clock=SystemClock(), keys={"sk_test_two": desk.world.keys[KEY]})]) as two:
        desk.write("environments/two.yaml", f"stripe: {{account: acct_two, api_key: env:TWO, api_base: '{two.url}'}}\n")
        desk.environ(TWO="sk_test_two")
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("STRIPE_API_BASE")
            ended = desk.done("plan", "--env", "two")
    assert "account acct_two" in ended.out
    assert "environment two" in ended.out


def test_it_works_from_a_folder_below_and_with_config_from_anywhere(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(desk.folder / "specs")
    assert "2 to create" in desk.done("plan").out
    monkeypatch.chdir(tmp_path)
    assert "2 to create" in desk.done("plan", "--config", desk.folder / "billplan.yaml").out
    assert "2 to create" in desk.done("plan", "--config", desk.folder).out


def test_json_is_shaped_like_terraforms(desk: Desk) -> None:
    document = desk.done("plan", "--format", "json").document
    by_address = {c["address"]: c["change"] for c in document["resource_changes"]}
    assert by_address["price.monthly"]["actions"] == ["create"]
    assert by_address["price.monthly"]["before"] is None
    assert by_address["price.monthly"]["after_unknown"] == {"product": True}
    assert json.dumps(document["steps"])


def test_warnings_of_a_plan_are_shown(desk: Desk) -> None:
    desk.write("specs/b.yaml", "removed: [{address: meter.never, action: deactivate}]\n")
    ended = desk.done("plan")
    assert "Warnings (1)" in ended.out
    assert "meter.never" in ended.out
    assert desk.done("plan", "--format", "json").document["diagnostics"]


def test_a_replaced_price_counts_who_stays_on_the_old_one(desk: Desk) -> None:
    desk.done("apply", "--auto-approve")
    v1 = desk.client()
    customer = v1.customers.create({"email": "jane.doe@example.com"})
    v1.subscriptions.create(
        {
            "customer": customer.id,
            "items": [{"price": desk.live("price")[0]["id"]}],
            "collection_method": "send_invoice",
            "days_until_due": 30,
        }
    )
    desk.write("specs/a.yaml", PRICED.replace("2900", "3900"))
    ended = desk.done("plan")
    assert "1 live subscription stays on the old price, and keeps paying it" in ended.out
    assert "29.00 USD -> 39.00 USD" in ended.out
    assert "jane" not in ended.both
