"""Migrations in every view: the same tables, cut where they are long, harmless, and read back from the plan file."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import pytest

from reconciler.core.changes import Action, Change
from reconciler.core.diagnostics import SourceRange
from reconciler.core.fields import ChangeClass
from reconciler.core.migration_money import (
    AgainstSource,
    BatchRows,
    ChargeDay,
    Difference,
    Lot,
    MigrationMoney,
    MissingCards,
    Total,
)
from reconciler.core.migrations import row_address
from reconciler.core.plan import Plan
from reconciler.core.plan_json import plan_document
from reconciler.core.planfile import read_lines, write_lines
from reconciler.kinds import BY_NAME
from reconciler.views.document import json_chunks
from reconciler.views.markdown import LONGEST, render_markdown
from reconciler.views.text import render_text
from tests.views.samples import COSMETIC, EMPTY, header

Golden = Callable[[str, str], None]

NAME = "zuora-2026"


def total(amount: int, rows: int, currency: str = "usd", unknown: int = 0) -> Total:
    return Total(currency=currency, amount=amount, rows=rows, unknown=unknown)


def day(name: str, amount: int, rows: int, currency: str = "usd", *, unknown: int = 0, plus_tax: int = 0) -> ChargeDay:
    return ChargeDay(day=name, total=total(amount, rows, currency, unknown), plus_tax=plus_tax)


def row(key: str) -> Change:
    return Change(
        address=row_address(NAME, key),
        action=Action.CREATE,
        change_class=ChangeClass.MONEY,
        reason="not scheduled yet",
        after={"customer": f"cus_{key}", "start_date": "2027-02-01T00:00:00Z", "batch": "canary"},
        notes=("first charge 100.00 USD on 2027-02-25, then 100.00 USD every month on the 25th.",),
        source=SourceRange("migrations/zuora.csv", 12, 1),
    )


REFUSED = Change(
    address=row_address(NAME, "sub_4"),
    action=Action.REFUSED,
    change_class=ChangeClass.MONEY,
    reason="price: price_gone is archived",
    refused="price: price_gone is archived",
    hint="name an active price, or map price_gone in maps/prices.csv",
    source=SourceRange("migrations/zuora.csv", 15, 1),
)
CHANGED = replace(row("sub_5"), action=Action.UPDATE, reason="the row changed", remote_id="sub_sched_5", after={})

MONEY = MigrationMoney(
    migration=NAME,
    batches=(
        BatchRows(name="canary", released=True, rows={Lot.SCHEDULE: 21, Lot.CHANGE: 1, Lot.LIVE: 2, Lot.FAILED: 1}),
        BatchRows(name="rest", released=False, rows={Lot.NOT_RELEASED: 1_200, Lot.FAILED: 3}),
    ),
    moved=(total(200, 2, "jpy"), total(123_400, 20, unknown=3)),
    in_all=(total(200, 2, "jpy"), total(9_999_900, 1_220, unknown=3)),
    not_laid=2,
    charges=(
        day("2027-02-01", 250_000, 10, plus_tax=4),
        day("2027-02-25", 900, 2, "jpy", plus_tax=2),
        day("2027-02-25", 70_000, 9, unknown=2),
        day("2027-03-01", 0, 1, unknown=1),
    ),
    uncharged=1,
    first_start=1_801_440_000,
    last_start=1_803_859_200,
    cards=MissingCards(set_latest=4, failed=1, without=2),
    compared=(
        AgainstSource(currency="jpy", more=0, less=0, same=2, source=200, here=200),
        AgainstSource(currency="usd", more=3, less=1, same=10, source=120_000, here=123_400),
    ),
    not_compared=6,
    biggest=(
        Difference(address=row_address(NAME, "sub_1"), currency="usd", source=1_000, here=4_900),
        Difference(address=row_address(NAME, "sub_2"), currency="usd", source=1_000, here=500),
    ),
    faults={"unknown_customer": 3, "price_inactive": 2},
)
QUIET = MigrationMoney(
    migration="chargebee-2025",
    batches=(BatchRows(name="", released=True, rows={Lot.LIVE: 310, Lot.ENDED: 12}),),
    not_laid=310,
)
PLAN = Plan(
    header=header(),
    changes=(row("sub_1"), row("sub_2"), CHANGED, REFUSED),
    steps=(),
    unchanged=324,
    migrations=(MONEY, QUIET),
)


def text(plan: Plan, width: int = 100) -> str:
    return render_text(plan, BY_NAME, color=False, width=width)


def of(**parts: object) -> Plan:
    return replace(EMPTY, migrations=(replace(MONEY, **parts),))  # type: ignore[arg-type]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_migration_reads_as_it_did(width: int, golden: Golden) -> None:
    golden(f"migrations_{width}.txt", text(PLAN, width))


def test_a_migration_reads_as_it_did_in_a_pull_request(golden: Golden) -> None:
    golden("migrations.md", render_markdown(PLAN, BY_NAME))


def test_a_migration_reads_as_it_did_as_json(golden: Golden) -> None:
    golden("migrations.json", "".join(json_chunks(PLAN, BY_NAME)))


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    assert max(map(len, text(PLAN, width).splitlines())) <= width


def test_the_money_stands_before_the_changes() -> None:
    shown = text(PLAN)
    assert shown.index("Migration zuora-2026: 1,228 rows") < shown.index("== MONEY ==")
    assert shown.index("Migration zuora-2026") < shown.index("Migration chargebee-2025: 322 rows")


def test_a_row_that_is_scheduled_is_one_line() -> None:
    line = (
        '  +   create subscription_migration.zuora-2026["sub_1"]  cus_sub_1: first charge 100.00 USD on 2027-02-25, '
        "then 100.00 USD every month on the 25th. (not scheduled yet)  [migrations/zuora.csv:12:1]\n"
    )
    assert line + line.replace("sub_1", "sub_2") in text(PLAN, 200)


def test_a_row_that_is_refused_says_where_why_and_the_way_out() -> None:
    shown = text(PLAN, 200)
    assert "why: price: price_gone is archived  [migrations/zuora.csv:15:1]" in shown
    assert "way out: name an active price, or map price_gone in maps/prices.csv" in shown


def test_a_row_that_is_changed_says_what_it_becomes() -> None:
    shown = text(PLAN, 200)
    assert "the row changed" in shown
    assert "note: first charge 100.00 USD on 2027-02-25" in shown


def test_a_migration_at_rest_is_told_in_a_few_lines() -> None:
    shown = text(replace(EMPTY, migrations=(QUIET,)))
    start = shown.index("Migration chargebee-2025")
    assert shown[start : shown.index("\n\n", start)].splitlines() == [
        "Migration chargebee-2025: 322 rows",
        "  Rows",
        "         rows  live  ended",
        "    all   322   310     12",
    ]


@pytest.mark.parametrize(
    ("count", "lines", "last"),
    [
        (31, 31, "    2027-02-10     1  10.00 USD"),
        (32, 32, "    2027-02, the rest     1  10.00 USD"),
        (49, 32, "    2027-02, the rest    18  180.00 USD"),
        (50, 33, "    2027-03               1   10.00 USD"),
    ],
)
def test_a_month_of_days_is_shown_in_full_and_the_rest_by_month(count: int, lines: int, last: str) -> None:
    first = date(2027, 1, 11)
    days = tuple(day((first + timedelta(n)).isoformat(), 1_000, 1) for n in range(count))
    shown = text(of(charges=days)).splitlines()
    found = [line for line in shown if line.startswith(("    2027-", "    later"))]
    assert (len(found), found[-1]) == (lines, last)
    assert f"  First charges of this plan: {count * 10}.00 USD" in shown


def test_charges_far_ahead_are_put_together() -> None:
    days = tuple(day(f"{2027 + n // 12}-{n % 12 + 1:02}-01", 100, 1) for n in range(100))
    found = [line.split() for line in text(of(charges=days)).splitlines() if line.startswith("    later")]
    assert found == [["later", "45", "45.00", "USD"]]


def test_an_unknown_amount_is_no_zero() -> None:
    shown = text(of(charges=(day("2027-03-01", 0, 2, unknown=2), day("2027-03-02", 5, 2, unknown=1))))
    assert "2027-03-01     2     ? USD  and 2 of them by usage" in shown
    assert "2027-03-02     2  0.05 USD  and 1 of them by usage" in shown


def test_many_batches_are_cut() -> None:
    batches = tuple(BatchRows(name=f"b{n}", released=False, rows={Lot.NOT_RELEASED: 1}) for n in range(60))
    assert "... and 20 more batches" in text(of(batches=batches))


def test_names_and_keys_of_others_do_no_harm() -> None:
    hostile = replace(
        MONEY,
        migration="a`b|<b>\x1b[31m",
        batches=(BatchRows(name="c|d\x1b[0m jane@example.com" * 3, released=True, rows={Lot.LIVE: 1}),),
        biggest=(Difference(address=row_address("m", "kim@example.com|\n"), currency="usd", source=1, here=2),),
    )
    plan = replace(EMPTY, migrations=(hostile,))
    document = "".join(json_chunks(plan, BY_NAME))
    for shown in (text(plan), render_markdown(plan, BY_NAME), document):
        assert "kim@example.com" not in shown
        assert "jane@example.com" not in shown
        assert "\x1b" not in shown
    assert "<b>" not in render_markdown(plan, BY_NAME).replace("<br>", "")


def test_a_comment_stays_short_enough() -> None:
    many = replace(PLAN, migrations=tuple(replace(MONEY, migration=f"m{n}") for n in range(100)))
    assert len(render_markdown(many, BY_NAME)) <= LONGEST


def test_json_has_all_of_it() -> None:
    document = json.loads(json.dumps(list(plan_document(PLAN, BY_NAME)["migrations"])))
    assert [one["migration"] for one in document] == [NAME, "chargebee-2025"]
    assert document[0]["batches"][1] == {
        "name": "rest", "released": False, "rows": {"not_released": 1_200, "failed": 3},
    }  # fmt: skip
    assert document[0]["biggest"][0]["address"] == 'subscription_migration.zuora-2026["sub_1"]'
    assert document[0]["charges"][2]["total"] == {"currency": "usd", "amount": 70_000, "rows": 9, "unknown": 2}
    assert "migrations" not in plan_document(COSMETIC, BY_NAME)


def test_the_plan_file_keeps_it() -> None:
    assert read_lines(list(write_lines(PLAN))) == PLAN
    # What is shown beside the steps is no part of what is applied.
    assert PLAN.digest == replace(PLAN, migrations=()).digest
