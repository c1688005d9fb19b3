"""`billplan migrations check`, `status` and `verify` over HTTP: rows that fail, rows under way, rows that went live."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cli.desk import Desk
from tests.cli.moving import DAY, Move, iso


@pytest.fixture
def move(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Move:
    return Move(desk, monkeypatch)


def test_good_rows_pass_offline_without_a_key_and_then_against_the_account(move: Move) -> None:
    move.rows([move.row("a"), move.row("b")])
    before = len(move.desk.requests)
    move.desk.environ(STRIPE_API_KEY="")
    ended = move.desk.done("migrations", "check", "--offline")
    assert "zuora: 2 rows, all good" in ended.out
    assert len(move.desk.requests) == before
    move.desk.environ(STRIPE_API_KEY="sk_test_emulator")
    assert "zuora: 2 rows, all good" in move.desk.done("migrations", "check").out
    assert not move.desk.live("subscription_schedule")


def test_every_failing_row_is_told_with_its_place_value_reason_and_way_out(move: Move) -> None:
    move.rows(
        [
            move.row("good"),
            move.row("words", quantity="two", start_date="soon"),
            move.row("prod", price="prod_1"),
            move.row("unknown", customer="cus_unknown"),
            move.row("bare", customer=move.customer(card=False)),
        ]
    )
    offline = move.desk.run("migrations", "check", "--offline")
    assert offline.code == 1
    assert "zuora: 5 rows, 3 good, 2 bad" in offline.out
    ended = move.desk.run("migrations", "check", "zuora")
    assert ended.code == 1
    assert "zuora: 5 rows, 1 good, 4 bad" in ended.out
    assert (
        "migrations/zuora.csv:3: words quantity: 'two' is not a whole number of at least 0 [bad_quantity]" in ended.out
    )
    assert "migrations/zuora.csv:3: words start_date: 'soon' is not a date [bad_date]" in ended.out
    assert "migrations/zuora.csv:4: prod price:" in ended.out
    assert "migrations/zuora.csv:5: unknown customer:" in ended.out
    assert "migrations/zuora.csv:6: bare" in ended.out
    assert "[default_payment_method]" in ended.out
    assert "hint: " in ended.out
    assert ":2: good" not in ended.out


def test_as_json_reasons_are_counted_and_rows_have_their_faults(move: Move) -> None:
    move.rows([move.row("x", quantity="two"), move.row("y", quantity="three"), move.row("z")])
    ended = move.desk.run("migrations", "check", "--offline", "--format", "json")
    assert ended.code == 1
    (one,) = ended.document["migrations"]
    assert (one["rows"], one["good"], one["bad"], one["reasons"]) == (3, 1, 2, {"bad_quantity": 2})
    assert [(row["key"], row["line"], row["faults"][0]["column"]) for row in one["failing"]] == [
        ("x", 2, "quantity"), ("y", 3, "quantity"),
    ]  # fmt: skip


def test_out_writes_the_failing_rows_as_they_came_and_is_taken_again_once_mended(move: Move) -> None:
    customer = move.customer()
    header = "customer;start_date;price;metadata.old_id;metadata.note;quantity\n"
    rows = f'{customer};{move.start};price.monthly;"a;1";"say ""hi""";one\n{customer};{move.start};price.monthly;b;;1\n'
    move.desk.write("migrations/zuora.csv", header + rows)
    move.block('delimiter: ";"')
    ended = move.desk.run("migrations", "check", "--offline", "--out", "failed.csv")
    assert ended.code == 1
    text = (move.desk.folder / "failed.csv").read_text()
    first, second = text.splitlines()
    assert first == header.strip() + ";processing_error"
    assert second.startswith(rows.splitlines()[0] + ";")
    assert "quantity: 'one' is not a whole number" in second
    again = move.desk.run("migrations", "check", "--offline", "--out", "failed.csv")
    assert again.code == 1
    assert "failed.csv exists already" in again.err
    move.desk.write("migrations/zuora.csv", text.replace(";one;", ";1;"))
    assert "1 row, all good" in move.desk.done("migrations", "check", "--offline").out


def test_a_file_that_came_back_keeps_one_column_of_errors(move: Move) -> None:
    bad = move.row("a", quantity="none")
    move.desk.write(
        "migrations/zuora.csv",
        "processing_error,customer,start_date,price,quantity,metadata.old_id\n"
        f"an old reason,{bad['customer']},{move.start},price.monthly,none,a\n"
        f"another,{bad['customer']},{move.start},price.monthly,2\n",
    )
    assert move.desk.run("migrations", "check", "--offline", "--out", "failed.csv").code == 1
    lines = (move.desk.folder / "failed.csv").read_text().splitlines()
    assert lines[0] == "processing_error,customer,start_date,price,quantity,metadata.old_id"
    assert "an old reason" not in lines[1]
    assert "quantity: 'none'" in lines[1]
    assert "the row has 5 cells, and the header 6" in lines[2]


def test_several_migrations_write_into_a_folder(move: Move) -> None:
    text = (
        "subscription_migrations:\n"
        "  one: {csv: migrations/zuora.csv, key: metadata.old_id}\n"
        "  two/2: {csv: migrations/zuora.csv, key: metadata.old_id}\n"
    )
    move.desk.write("specs/migration.yaml", text)
    move.rows([move.row("a", quantity="x")])
    assert move.desk.run("migrations", "check", "--offline", "--out", "failed").code == 1
    names = sorted(path.name for path in (move.desk.folder / "failed").iterdir())
    assert names == ["one.csv", "two%2F2.csv"]


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (("check", "zuoro"), "did you mean zuora"),
        (("status", "nothing"), "no migration 'nothing' is declared"),
        (("verify", "--row", "aa"), "no row has the key 'aa'"),
        (("cancel", "zuora", "--batch", "canary", "--auto-approve"), "zuora has no batch 'canary'"),
        (("cancel", "gone", "--auto-approve"), "nothing that can be canceled is left of one"),
        (("cancel", "zuora", "--row", "q", "--auto-approve"), "zuora has no row 'q'"),
    ],
)
def test_names_that_nothing_has_are_told(move: Move, args: tuple[str, ...], told: str) -> None:
    move.rows([move.row("a")])
    ended = move.desk.run("migrations", *args)
    assert ended.code == 1
    assert told in ended.err


def test_without_migrations_the_way_in_is_told(desk: Desk) -> None:
    desk.write("specs/a.yaml", "products: {pro: {name: Pro}}\n")
    for command in ("check", "status", "verify"):
        ended = desk.run("migrations", command)
        assert ended.code == 1
        assert "declare no subscription migrations" in ended.err


def test_options_that_do_not_go_together_are_usage_errors(move: Move) -> None:
    move.rows([move.row("a")])
    assert move.desk.run("migrations", "check", "--offline", "--refresh", "live").code == 64
    assert move.desk.run("migrations", "cancel", "zuora").code == 64


def status(move: Move, *more: str) -> dict[str, Any]:
    document = move.desk.done("migrations", "status", "--format", "json", *more).document
    (one,) = document["migrations"]
    assert isinstance(one, dict)
    return one


def test_status_follows_rows_from_not_released_to_live_and_ended(move: Move) -> None:
    move.block("batches: [{name: canary, rows: 1}, {name: rest}]\nreleased: canary\n")
    move.rows([move.row("a"), move.row("b", quantity="x"), move.row("c")])
    assert status(move)["counts"] == {
        "not_released": 1, "waiting": 0, "due": 1, "scheduled": 0, "live": 0, "ended": 0, "canceled": 0, "failed": 1,
    }  # fmt: skip
    move.desk.run("apply", "--auto-approve", "--skip-invalid")
    found = status(move)
    assert found["counts"]["scheduled"] == 1
    assert [(batch["name"], batch["released"], batch["count"]) for batch in found["batches"]] == [
        ("canary", True, 1), ("rest", False, 2),
    ]  # fmt: skip
    assert found["first_start"] == found["last_start"] == iso(move.start)
    assert found["cancel_until"] == iso(move.start - 300)
    text = move.desk.done("migrations", "status").out
    assert "canary (released): 1 scheduled" in text
    assert "rest (not released): 1 not released, 1 failed" in text
    assert f"go live: the first at {iso(move.start)} (in " in text
    assert f"can be canceled until {iso(move.start - 300)} (for " in text
    move.until(move.start - 100)
    assert status(move)["too_late_to_cancel"] == 1
    move.until(move.start + 60)
    assert status(move)["counts"]["live"] == 1
    (subscription,) = move.desk.live("subscription")
    move.desk.client().subscriptions.cancel(subscription["id"])
    assert status(move)["counts"]["ended"] == 1


def test_status_lists_rows_in_columns(move: Move) -> None:
    move.block("batches: [{name: first, rows: 1}, {name: rest}]\nreleased: first\n")
    move.rows([move.row("a"), move.row("a-longer-key"), move.row("c", quantity="x")])
    lines = move.desk.done("migrations", "status", "--rows").out.splitlines()
    found = lines[lines.index("  rows") + 1 :]
    assert found[:3] == [
        "    a             first  to be scheduled",
        "    a-longer-key  rest   not released",
        "    c             rest   failed           bad_quantity",
    ]


def test_a_file_without_rows_is_not_called_good(move: Move) -> None:
    move.rows([])
    assert "zuora: 0 rows, none to move" in move.desk.done("migrations", "check", "--offline").out


def test_status_lists_rows_and_orphans(move: Move) -> None:
    move.scheduled("a", "b")
    (held,) = (one for one in move.desk.live("subscription_schedule") if one["metadata"]["old_id"] == "a")
    move.rows([move.row("a", customer=held["customer"])])
    found = status(move, "--rows")
    assert found["orphans"] == ['subscription_migration.zuora["b"]']
    (row,) = found["rows"]
    assert (row["standing"], row["id"], row["customer"]) == ("scheduled", held["id"], held["customer"])
    assert row["first_charge"] == {"at": iso(move.start), "amount": 10000, "currency": "usd"}
    text = move.desk.done("migrations", "status", "--rows").out
    assert "1 orphan that no row declares any more" in text
    assert f"a  scheduled  {held['id']} (not_started), starts {iso(move.start)}" in text
    move.until(move.start + 60)
    assert f"(active), started {iso(move.start)}" in move.desk.done("migrations", "status", "--rows").out


def test_status_comes_from_the_mirror_without_a_key(move: Move) -> None:
    move.scheduled("a")
    move.desk.done("sync")
    move.desk.environ(STRIPE_API_KEY="")
    before = len(move.desk.requests)
    assert status(move, "--refresh", "none")["counts"]["scheduled"] == 1
    assert len(move.desk.requests) == before


def test_status_says_when_waiting_rows_are_due_and_overdue(move: Move) -> None:
    move.block("mid_cycle: subscription")
    move.rows([move.row("a", billing_cycle_anchor=move.start + 20 * DAY)])
    move.desk.done("apply", "--auto-approve")
    found = status(move)
    assert (found["counts"]["waiting"], found["next_made_at_start"]) == (1, iso(move.start))
    move.until(move.start + 2 * DAY)
    found = status(move)
    assert (found["counts"]["due"], found["overdue"], found["overdue_since"]) == (1, 1, iso(move.start))
    assert "OVERDUE: 1 row whose start has come" in move.desk.done("migrations", "status").out
    move.desk.done("apply", "--auto-approve")
    verified = move.desk.done("migrations", "verify", "--format", "json").document
    assert verified["migrations"][0]["counts"]["not_billed_yet"] == 1
    move.until(move.start + 21 * DAY)
    verified = move.desk.done("migrations", "verify", "--format", "json").document
    assert verified["migrations"][0]["counts"]["as_said"] == 1
