"""`billplan migrations convert` and `template`: round trips that lose nothing, exports to rows, empty files."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.diagnostics import SourceRange
from reconciler.core.migrations import Row
from reconciler.project import Project
from tests.cli.desk import Desk
from tests.cli.moving import CATALOGUE

PLAIN = (
    "customer", "start_date", "price", "quantity", "items.1.price", "items.1.quantity", "items.4.price",
    "metadata.old_id", "metadata_note", "automatic_tax", "billing_cycle_anchor", "coupon", "currency", "trial_end",
    "proration_behavior", "collection_method", "default_tax_rate", "backdate_start_date", "days_until_due",
    "cancel_at_period_end", "source_amount", "source_subscription", "waive", "adopt",
)  # fmt: skip
OWN = ("amount", "product", "currency", "interval", "interval_count", "quantity")
WHOLE = [
    *PLAIN,
    *(f"adhoc_items.0.{name}" for name in OWN),
    *(f"add_invoice_items.{n}.{name}" for n in (0, 3) for name in OWN[:3]),
]
ROWS: list[dict[str, str]] = [
    {"customer": "cus_1", "start_date": "1893456000", "price": "price_1", "quantity": "02", "metadata.old_id": "a"},
    {
        "customer": "cus_2", "start_date": "2030-01-01T12:00:00+02:00", "items.1.price": "price_1",
        "items.1.quantity": "3", "items.4.price": "price.monthly", "metadata.old_id": "007",
        "metadata_note": ' said "{{ hi }}", then: # left ', "automatic_tax": "TRUE", "waive": "tax_location",
        "source_subscription": "sub_9",
    },
    {
        "customer": "cus_3", "start_date": "1893456000", "adhoc_items.0.amount": "21.50",
        "adhoc_items.0.product": "prod_1", "adhoc_items.0.currency": "usd", "adhoc_items.0.interval": "month",
        "adhoc_items.0.interval_count": "3", "adhoc_items.0.quantity": "2", "items.1.price": "price_7",
        "metadata.old_id": "true", "currency": "usd", "proration_behavior": "none",
        "collection_method": "send_invoice", "days_until_due": "30", "add_invoice_items.0.amount": "5",
        "add_invoice_items.0.product": "prod_2", "add_invoice_items.0.currency": "usd",
        "add_invoice_items.3.amount": "1.05", "add_invoice_items.3.product": "prod_3",
        "add_invoice_items.3.currency": "usd", "source_amount": "43.00",
    },
    {
        "customer": "cus_4", "start_date": "1893456000", "price": "price_1", "metadata.old_id": 'x, "y" ü',
        "billing_cycle_anchor": "1894456000", "coupon": "no", "trial_end": "", "proration_behavior": "none",
        "default_tax_rate": "txr_1", "backdate_start_date": "600000000", "cancel_at_period_end": "true",
    },
    {
        "customer": "cus_5", "start_date": "1893456000", "price": "price_1", "metadata.old_id": "adopted",
        "trial_end": "1893556000", "adopt": "sub_sched_1",
    },
]  # fmt: skip


def write(path: Path, header: list[str], rows: list[dict[str, str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, header, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


def loaded(desk: Desk, block: str) -> list[Row]:
    """The rows as they are loaded, wherever they stand."""
    desk.write("specs/catalogue.yaml", CATALOGUE)
    desk.write("specs/migration.yaml", block)
    with Project.load(desk.folder) as project:
        assert project.specs.diagnostics == ()
        (migration,) = project.specs.migrations.migrations
    assert migration.rows
    return [replace(row, source=SourceRange("", 1, 1)) for row in migration.rows]


def block_of(file: str) -> str:
    return f"subscription_migrations: {{m: {{csv: {file}, key: metadata.old_id, amount_unit: major}}}}\n"


def test_csv_to_yaml_to_csv_has_the_same_rows(desk: Desk) -> None:
    write(desk.folder / "rows.csv", WHOLE, ROWS)
    first = loaded(desk, block_of("rows.csv"))
    assert [row.faults for row in first] == [()] * len(ROWS)
    to_yaml = ("rows.csv", "--to", "yaml", "--key", "metadata.old_id", "--amount-unit", "major", "--name", "m")
    desk.done("migrations", "convert", *to_yaml, "--out", "block.yaml")
    text = (desk.folder / "block.yaml").read_text(encoding="utf-8")
    assert loaded(desk, text) == first
    desk.done("migrations", "convert", "block.yaml", "--to", "csv", "--out", "back.csv")
    assert loaded(desk, block_of("back.csv")) == first
    header = (desk.folder / "back.csv").read_text(encoding="utf-8").splitlines()[0].split(",")
    assert header[:6] == ["customer", "start_date", "price", "quantity", "items.0.price", "items.0.quantity"]
    assert "TRUE" in (desk.folder / "back.csv").read_text(encoding="utf-8")


def test_wrong_cells_are_as_wrong_afterwards(desk: Desk) -> None:
    wrong = {"customer": "kim", "start_date": "1893456000000", "price": "price_1", "quantity": "2.5", "coupon": "c"}
    write(desk.folder / "rows.csv", WHOLE, [{**wrong, "metadata.old_id": "a", "cancel_at_period_end": "perhaps"}])
    first = loaded(desk, block_of("rows.csv"))
    reasons = {fault.reason for fault in first[0].faults}
    assert reasons >= {"wrong_customer", "date_in_milliseconds", "bad_quantity", "bad_boolean"}
    args = ("rows.csv", "--to", "yaml", "--key", "metadata.old_id", "--amount-unit", "major")
    text = desk.done("migrations", "convert", *args).out
    assert {fault.reason for fault in loaded(desk, text)[0].faults} == reasons


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("customer,metadata.a,metadata.b\nc,1,2\n", "which metadata identifies a row"),
        ("customer,metadata.a,prise\nc,1,2\n", "no column 'prise'"),
        ("customer,metadata.a\nc,1\nc,1\n", "rows.csv:3:1: error BP1701: the key '1' stands in line 2 as well"),
        ("customer,metadata.a\nc,\n", "the row has no key"),
        ("customer,metadata.a\nc\n", "the row has 1 cells"),
        ("", "the file is empty"),
    ],
)
def test_a_csv_that_cannot_be_taken_over_is_told_with_its_line(desk: Desk, text: str, told: str) -> None:
    desk.write("rows.csv", text)
    ended = desk.run("migrations", "convert", "rows.csv", "--to", "yaml", "--out", "block.yaml")
    assert ended.code == 1
    assert told in ended.err
    assert not (desk.folder / "block.yaml").exists()


@pytest.mark.parametrize(
    ("text", "args", "told"),
    [
        ("a: {subscriptions: {x: {}}}\nb: {subscriptions: {}}\n", (), "several migrations have subscriptions:"),
        ("a: {csv: rows.csv}\n", (), "no migration has subscriptions:"),
        ("a: {subscriptions: {x: {}}}\n", (), "a has no key:"),
        ("a: {subscriptions: {x: {custmer: c}}}\n", ("--key", "metadata.k"), "did you mean customer"),
        ("a: {subscriptions: {x: [1]}}\n", ("--key", "metadata.k"), "expected a mapping of fields"),
        ("a: {subscriptions: {x: {price: '{{ var.p }}'}}}\n", ("--key", "metadata.k"), "is an expression"),
        ("a: [\n", (), "not YAML"),
    ],
)
def test_yaml_that_cannot_be_taken_over_is_told(desk: Desk, text: str, args: tuple[str, ...], told: str) -> None:
    desk.write("block.yaml", text)
    ended = desk.run("migrations", "convert", "block.yaml", "--to", "csv", "--out", "rows.csv", *args)
    assert ended.code == 1
    assert told in ended.err
    assert not (desk.folder / "rows.csv").exists()


@pytest.mark.parametrize(
    "args",
    [
        (),
        ("--to", "yaml", "--from", "dashboard"),
        ("--from", "dashboard", "--out", "x"),
        ("--to", "csv", "--prices", "rows.csv"),
        ("--to", "yaml", "--format", "json"),
        ("--to", "yaml", "--key", "metadata.a"),
    ],
)
def test_options_that_do_not_go_together_are_usage_errors(desk: Desk, args: tuple[str, ...]) -> None:
    desk.write("rows.csv", "customer,metadata.a,source_amount\nc,1,2\n")
    assert desk.run("migrations", "convert", "rows.csv", *args).code == 64


EXPORT_COLUMNS = (
    "id,Customer ID,Customer Description,Customer Email,Plan,Product,Quantity,Currency,Status,"
    "Current Period End (UTC),Trial End (UTC),Canceled At (UTC),Cancel At Period End,Discount,team (metadata),"
    "billplan_project (metadata)"
)
EXPORT = """\
sub_1,cus_1,Kim Doe,kim@example.com,price_a,prod_1,2,usd,active,2030-01-25 10:31,,,false,,red,acme
sub_2,cus_2,,lee@example.com,price_b,prod_1,1,usd,trialing,2030-02-01 00:00:05,2030-02-01,,,TEN,,
sub_3,cus_3,,,price_a,prod_1,1,usd,canceled,2030-01-25 10:31,,2025-02-01,,,,
sub_4,cus_4,,,price_z,prod_1,1,usd,active,2030-01-25 10:31,,,,,,
sub_5,cus_5,,,price_a,prod_1,1,usd,past_due,2030-01-25 10:31,,,,,,
sub_5,cus_5,,,price_b,prod_1,4,usd,past_due,2030-01-25 10:31,,,,,,
sub_6,cus_6,,,price_a,prod_1,1,usd,active,2030-01-25 10:31,,,TRUE,,,
sub_7,cus_7,,,price_a,prod_1,1,usd,active,1/25/30 10:31,,,,,,
sub_8,cus_8,,,price_c,prod_1,1,usd,active,2030-01-25 10:31,,,,,,
"""


def exported(desk: Desk, *more: str) -> Any:
    desk.write("subscriptions.csv", f"{EXPORT_COLUMNS}\n{EXPORT}")
    desk.write("maps/prices.csv", "old,new\nprice_a,price_1\nprice_b,price_2\nprice_c,\n")
    args = ("subscriptions.csv", "--from", "dashboard", "--prices", "maps/prices.csv", "--out", "migrations", *more)
    return desk.done("migrations", "convert", *args)


def test_an_export_becomes_rows_and_what_is_left_out_is_told_by_line(desk: Desk) -> None:
    desk.write("maps/coupons.csv", "a,b\nTEN,tenth\n")
    ended = exported(desk, "--coupons", "maps/coupons.csv", "--name", "move")
    text = (desk.folder / "migrations/move.csv").read_text()
    rows = list(csv.DictReader(text.splitlines()))
    assert [{name: cell for name, cell in row.items() if cell} for row in rows] == [
        {
            "customer": "cus_1", "start_date": "1895567460", "price": "price_1", "quantity": "2",
            "metadata.old_Stripe_sub_id": "sub_1", "metadata.team": "red", "proration_behavior": "none",
            "source_subscription": "sub_1",
        },
        {
            "customer": "cus_2", "start_date": "1896134405", "price": "price_2", "quantity": "1", "coupon": "tenth",
            "metadata.old_Stripe_sub_id": "sub_2", "proration_behavior": "none", "source_subscription": "sub_2",
        },
        {
            "customer": "cus_5", "start_date": "1895567460", "items.0.price": "price_1", "items.0.quantity": "1",
            "items.1.price": "price_2", "items.1.quantity": "4", "metadata.old_Stripe_sub_id": "sub_5",
            "proration_behavior": "none", "source_subscription": "sub_5",
        },
    ]  # fmt: skip
    assert not any(word in text + ended.both for word in ("example.com", "Kim Doe", "acme,"))
    assert "3 rows, 5 left out" in ended.out
    told = [line.split(": ", 2)[0] for line in ended.err.splitlines()]
    assert told == [f"subscriptions.csv:{line}" for line in (4, 5, 8, 9, 10)]
    for words in ("its status is 'canceled'", "'price_z' is not in the map", "canceled when its period ends",
                  "'1/25/30 10:31' is not a date", "'price_c' has no new id"):  # fmt: skip
        assert words in ended.err


def test_the_rows_of_an_export_load_without_a_fault(desk: Desk) -> None:
    exported(desk)
    block = "{source: internal:Stripe, csv: migrations/subscriptions.csv, key: metadata.old_Stripe_sub_id}"
    rows = loaded(desk, f"subscription_migrations: {{m: {block}}}\n")
    assert [(row.key, row.faults) for row in rows] == [("sub_1", ()), ("sub_5", ())]


def test_maps_of_customers_are_held_to_and_what_they_lack_is_left_out(desk: Desk) -> None:
    desk.write("maps/customers.csv", "old,new\ncus_1,cus_new\n")
    ended = exported(desk, "--customers", "maps/customers.csv", "--format", "json")
    assert ended.document["rows"] == 1
    assert ended.document["reasons"]["customer_not_in_map"] == 5
    (row,) = csv.DictReader((desk.folder / "migrations/subscriptions.csv").read_text().splitlines())
    assert row["customer"] == "cus_new"


def test_an_export_without_its_columns_or_a_map_that_disagrees_is_told(desk: Desk) -> None:
    desk.write("subscriptions.csv", "id,Status\nsub_1,active\n")
    desk.write("maps/prices.csv", "old,new\na,b\na,c\n,d\n")
    args = ("migrations", "convert", "subscriptions.csv", "--from", "dashboard", "--out", "m", "--prices")
    ended = desk.run(*args, "maps/prices.csv")
    assert ended.code == 1
    assert "maps/prices.csv:3:1" in ended.err
    assert "maps/prices.csv:4:1" in ended.err
    desk.write("maps/prices.csv", "old,new\na,b\n")
    ended = desk.run(*args, "maps/prices.csv")
    assert ended.code == 1
    assert "no column Customer ID, Plan, Current Period End (UTC)" in ended.err
    assert not (desk.folder / "m").exists()


def test_the_templates_are_written_once_and_taken_as_they_are(desk: Desk) -> None:
    assert json.loads(desk.done("migrations", "template", "--out", "m", "--format", "json").out)["written"] == [
        "m/basic.csv", "m/multi-price.csv", "m/ad-hoc.csv",
    ]  # fmt: skip
    basic = (desk.folder / "m/basic.csv").read_text()
    assert basic.startswith("customer,start_date,price,quantity,metadata.third_party_sub_id,automatic_tax,")
    ended = desk.run("migrations", "template", "--out", "m")
    assert ended.code == 1
    assert "exist already" in ended.err
    for name in ("basic", "multi-price", "ad-hoc"):
        block = f"{{csv: m/{name}.csv, key: metadata.third_party_sub_id}}"
        desk.write("specs/migration.yaml", f"subscription_migrations: {{m: {block}}}\n")
        desk.done("validate")


def test_a_file_that_is_in_the_wanted_form_already_is_told_from_its_name_and_header(desk: Desk) -> None:
    desk.write("export.csv", "id,Customer ID,Plan,Quantity,Status,Current Period End (UTC)\n")
    desk.write("rows.csv", "customer,start_date,price,metadata.old_id\n")
    desk.write("rows.yaml", "# rows, as convert writes them\n")
    for file, to, told in (
        ("export.csv", "yaml", "is an export of the Dashboard: --from dashboard takes it"),
        ("rows.csv", "csv", "rows.csv is a CSV already, by its name: --to yaml"),
        ("rows.yaml", "yaml", "rows.yaml is YAML already, by its name: --to csv"),
    ):
        ended = desk.run("migrations", "convert", file, "--to", to)
        assert ended.code == 64
        assert told in ended.err
