"""A file of 2,000 rows of which 200 are broken in 40 ways: every one is told, and no good one."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

import pytest

from reconciler.core.migrations import Row
from reconciler.engine.make_plan import checked
from reconciler.errors import SpecError
from reconciler.kinds import BY_NAME
from tests.specfiles.workspace import Workspace

SPECS = (
    "subscription_migrations:\n"
    "  zuora:\n"
    "    csv: rows.csv\n"
    "    key: metadata.third_party_sub_id\n"
    "    amount_unit: major\n"
    "    maps: {product: {old_gold: prod_gold}}\n"
)
ADHOC = ("adhoc_items.0.amount", "adhoc_items.0.product", "adhoc_items.0.interval", "adhoc_items.0.currency")
FEES = ("add_invoice_items.0.amount", "add_invoice_items.0.product", "add_invoice_items.0.currency")
COLUMNS = (
    "customer", "start_date", "price", "quantity", "items.0.price", "items.0.quantity", "items.1.price",
    "items.1.quantity", *ADHOC, "metadata.third_party_sub_id", "metadata_note", "automatic_tax", "billing_cycle_anchor",
    "coupon", "currency", "trial_end", "proration_behavior", "collection_method", "default_tax_rate",
    "backdate_start_date", "days_until_due", "cancel_at_period_end", *FEES, "waive",
)  # fmt: skip
ITEMS = {"price": "", "quantity": "", "items.0.price": "price_1", "items.1.price": "price_2"}
ROWS, BROKEN_EVERY = 2000, 10

# What is done to a good row, and what that is told as.
MUTATIONS: tuple[tuple[Mapping[str, str], str], ...] = (
    ({"customer": ""}, "missing_customer"),
    ({"customer": "sub_1MowQVLkdIwHu7ixeraBm864"}, "wrong_customer"),
    ({"customer": "kim@example.com"}, "wrong_customer"),
    ({"start_date": ""}, "missing_start_date"),
    ({"start_date": "1798761600000"}, "date_in_milliseconds"),
    ({"start_date": "2027-01-01T00:00:00"}, "date_without_zone"),
    ({"start_date": "2027-01-01"}, "date_without_time"),
    ({"start_date": "46388"}, "date_out_of_range"),
    ({"start_date": "Jan 1, 2027"}, "bad_date"),
    ({**dict.fromkeys(("price", "quantity", "items.0.price", "items.1.price", *ADHOC), "")}, "missing_price"),
    ({**ITEMS, **dict.fromkeys(ADHOC, ""), "price": "price_1"}, "mixed_items"),
    ({**dict.fromkeys(ADHOC, ""), **ITEMS, "items.0.price": "prod_1"}, "wrong_price"),
    ({**dict.fromkeys(ADHOC, ""), **ITEMS, "items.1.price": "price_1"}, "same_price_twice"),
    ({**dict.fromkeys(ADHOC, ""), **ITEMS, "items.1.price": "", "items.1.quantity": "2"}, "item_without_price"),
    ({**dict.fromkeys(ADHOC, ""), **ITEMS, "items.0.quantity": "1.5"}, "bad_quantity"),
    ({**dict.fromkeys(("price", *ITEMS, *ADHOC), ""), "quantity": "2"}, "quantity_without_price"),
    ({"coupon": "price_1"}, "wrong_coupon"),
    ({"default_tax_rate": "prod_1"}, "wrong_tax_rate"),
    ({"automatic_tax": "TRUE", "default_tax_rate": "txr_1"}, "two_kinds_of_tax"),
    ({"automatic_tax": "yes"}, "bad_boolean"),
    ({"cancel_at_period_end": "0"}, "bad_boolean"),
    ({"currency": "USD"}, "currency_case"),
    ({"currency": "us dollar"}, "bad_currency"),
    ({"proration_behavior": "always_invoice"}, "bad_proration_behavior"),
    ({"collection_method": "invoice"}, "bad_collection_method"),
    ({"collection_method": "send_invoice", "days_until_due": ""}, "missing_days_until_due"),
    ({"collection_method": "send_invoice", "days_until_due": "-5"}, "bad_days_until_due"),
    ({"collection_method": "charge_automatically", "days_until_due": "30"}, "days_without_send_invoice"),
    ({"billing_cycle_anchor": "1700000000", "trial_end": ""}, "anchor_not_after_start"),
    ({"trial_end": "1700000000", "billing_cycle_anchor": ""}, "trial_end_not_after_start"),
    ({"trial_end": "1830000000", "billing_cycle_anchor": "1830000001"}, "trial_end_with_anchor"),
    ({"backdate_start_date": "1830000000", "proration_behavior": "none"}, "backdate_not_before_start"),
    ({"backdate_start_date": "1700000000", "proration_behavior": ""}, "backdate_with_prorations"),
    ({**dict.fromkeys(FEES, ""), FEES[0]: "20"}, "incomplete_fee"),
    (dict(zip(FEES, ("-20", "old_gold", "usd"), strict=True)), "negative_amount"),
    (dict(zip(FEES, ("21,50", "old_gold", "usd"), strict=True)), "bad_amount"),
    (dict(zip(FEES, ("21.505", "old_gold", "usd"), strict=True)), "too_many_digits"),
    (dict(zip(FEES, ("20", "old_silver", "usd"), strict=True)), "not_in_map"),
    ({"metadata_note": "x" * 501}, "long_metadata"),
    ({"metadata.third_party_sub_id": "  "}, "missing_key"),
    ({"waive": "payment_method"}, "unknown_check"),
)  # fmt: skip


def good(n: int) -> dict[str, str]:
    """Make a row that nothing is wrong with: all of the toolkit's cases in turn."""
    start = 1798761600 + n % 28 * 86400
    row = dict.fromkeys(COLUMNS, "")
    row |= {"customer": f"cus_{n:05d}", "start_date": str(start), "metadata.third_party_sub_id": f"sub_{n:05d}"}
    row |= {"proration_behavior": "none", "collection_method": "charge_automatically", "automatic_tax": "false"}
    cases: tuple[Mapping[str, str], ...] = (
        {"price": "price_1", "quantity": "2"},
        ITEMS,
        {"price": "price_1", **dict(zip(FEES, ("20.00", "old_gold", "usd"), strict=True))},
        dict(zip(ADHOC, ("153.00", "prod_gold", "month", "usd"), strict=True)),
        {**ITEMS, **dict(zip(ADHOC, ("1.5", "old_gold", "year", "eur"), strict=True)), "currency": "eur"},
        {"price": "price_5", "collection_method": "send_invoice", "days_until_due": "30"},
        {"price": "price_1", "billing_cycle_anchor": str(start + 86400), "backdate_start_date": str(start - 86400)},
        {"price": "price_1", "trial_end": str(start + 86400), "coupon": "WELCOME"},
        {"price": "price_1", "billing_cycle_anchor": str(start + 86400), "proration_behavior": "create_prorations"},
        {"price": "plan_legacy", "cancel_at_period_end": "TRUE", "default_tax_rate": "txr_1", "waive": "tax_location"},
    )
    return {**row, **cases[n // 3 % len(cases)]}


def write(path: Path, rows: list[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def load(workspace: Workspace, rows: list[dict[str, str]]) -> tuple[Row, ...]:
    workspace.write("specs/a.yaml", SPECS)
    write(workspace.folder / "rows.csv", rows)
    (found,) = workspace.specs().migrations.migrations
    return found.rows


def test_every_broken_row_is_told_and_no_good_one(workspace: Workspace) -> None:
    assert len({reason for _, reason in MUTATIONS}) >= 36
    assert len(MUTATIONS) >= 40
    rows, expected = [good(n) for n in range(ROWS)], {}
    for m, n in enumerate(range(0, ROWS, BROKEN_EVERY)):
        changes, reason = MUTATIONS[m % len(MUTATIONS)]
        # Which of the toolkit's cases it was is of no matter to what is broken about it.
        rows[n] = {**good(0), "customer": rows[n]["customer"], **changes}
        rows[n]["metadata.third_party_sub_id"] = changes.get("metadata.third_party_sub_id", f"sub_{n:05d}")
        expected[n + 2] = reason
    found = load(workspace, rows)
    assert {row.source.line: [fault.reason for fault in row.faults] for row in found if row.faults} == {
        line: [reason] for line, reason in expected.items()
    }
    assert len(expected) == 200
    assert [row.source.line for row in found if row.terms is None] == list(expected)
    assert len(found) == ROWS
    with pytest.raises(SpecError) as raised:
        checked(workspace.specs(), BY_NAME, "acme", rows=True)
    told = {found.source.line for found in raised.value.diagnostics if found.source is not None}
    assert told == expected.keys()
    assert all(diagnostic.hint for diagnostic in raised.value.diagnostics)


def test_the_corrected_file_is_clean(workspace: Workspace) -> None:
    found = load(workspace, [good(n) for n in range(ROWS)])
    assert [row for row in found if row.faults or row.terms is None] == []
    assert checked(workspace.specs(), BY_NAME, "acme", rows=True) == ()


def test_ten_thousand_rows_are_read_whole(workspace: Workspace) -> None:
    workspace.write("specs/a.yaml", SPECS)
    write(workspace.folder / "rows.csv", [good(n) for n in range(10_000)])
    (found,) = workspace.specs().migrations.migrations
    assert len(found.rows) == 10_000
    assert all(row.terms is not None for row in found.rows)
