"""Declared migrations: blocks, their files, their own rows, phases and batches."""

from __future__ import annotations

from decimal import Decimal

import pytest

from reconciler.core.address import Address
from reconciler.core.migrations import (
    AdHoc,
    Backdated,
    Batch,
    Check,
    Duration,
    Fee,
    Item,
    Migration,
    Missing,
    Row,
    SourceAccount,
    Then,
)
from reconciler.core.values import Ref
from tests.specfiles.workspace import Workspace

HEADER = "customer,start_date,price,quantity,metadata_old_id,proration_behavior"
ROW = "cus_1,1798761600,price_1,2,sub_1,none"
BLOCK = "subscription_migrations:\n  zuora:\n    csv: rows.csv\n    key: metadata.old_id\n"
OWN = (
    "subscription_migrations:\n"
    "  own:\n"
    "    subscriptions:\n"
    "      sub_1: {customer: cus_1, start_date: 2027-01-01T00:00:00Z, items: [{price: price_1, quantity: 2}]}\n"
)
CATALOGUE = (
    "products: {pro: {name: Pro}}\n"
    "prices: {pro_monthly: {product: product.pro, currency: usd, unit_amount: 2900, recurring: {interval: month}}}\n"
)


def migration(workspace: Workspace, specs: str, rows: str = "", **variables: str) -> Migration:
    """Load the one migration of a spec file; `rows` is what rows.csv holds."""
    workspace.write("specs/a.yaml", specs)
    if rows:
        workspace.write("rows.csv", rows)
    (found,) = workspace.specs(**variables).migrations.migrations
    return found


def faults(rows: tuple[Row, ...]) -> list[tuple[int, str]]:
    return [(row.source.line, fault.reason) for row in rows for fault in row.faults]


def items(found: Migration) -> list[tuple[Item, ...]]:
    assert faults(found.rows) == []
    return [row.terms.items for row in found.rows if row.terms is not None]


def test_a_block_with_nothing_else_has_the_documents_defaults(workspace: Workspace) -> None:
    found = migration(workspace, BLOCK, f"{HEADER}\n{ROW}\n")
    assert (found.name, found.key, found.csv, found.lead_time, found.attempt) == (
        "zuora",
        "old_id",
        "rows.csv",
        86400,
        1,
    )
    assert (found.origin, found.checks, found.missing_method) == ("", {}, Missing.REQUIRE)
    assert (found.batches, found.released, found.then, found.lasts) == ((), (), (), None)
    assert [found.canceled, found.follow_prices, found.mid_cycle_by_subscription, found.end_source] == [False] * 4
    (row,) = found.rows
    assert (row.key, str(row.source)) == ("sub_1", "rows.csv:2:1")
    assert row.terms is not None
    assert row.terms.metadata == {"old_id": "sub_1"}


def test_every_setting_is_read(workspace: Workspace) -> None:
    settings = (
        "    source: internal:Stripe\n"
        "    amount_unit: minor\n"
        "    default_payment_method: set_latest\n"
        "    checks: {tax_location: warning, invoice_email: off}\n"
        "    lead_time: 90m\n"
        "    state: canceled\n"
        "    follow_prices: true\n"
        "    attempt: 3\n"
        "    backdated_prorations: from_backdate\n"
        "    source_account: {read: env:OLD_READ, write: file:keys/old}\n"
        "    end_source: at_start\n"
    )
    found = migration(workspace, BLOCK + settings, f"{HEADER},source_subscription\n{ROW},sub_9\n")
    assert (found.origin, found.missing_method, found.lead_time) == ("internal:Stripe", Missing.SET_LATEST, 5400)
    assert found.checks == {"tax_location": Check.WARNING, "invoice_email": Check.OFF}
    assert [found.canceled, found.follow_prices, found.end_source] == [True] * 3
    assert (found.attempt, found.backdated) == (3, Backdated.FROM_BACKDATE)
    assert found.source_account == SourceAccount(read="env:OLD_READ", write="file:keys/old")
    assert found.rows[0].source_subscription == "sub_9"
    assert faults(found.rows) == []


def test_what_runs_at_the_start_may_become_a_subscription(workspace: Workspace) -> None:
    found = migration(workspace, BLOCK + "    mid_cycle: subscription\n", f"{HEADER}\n{ROW}\n")
    assert found.mid_cycle_by_subscription
    assert not migration(workspace, BLOCK + "    mid_cycle: schedule\n").mid_cycle_by_subscription


def test_null_is_as_if_it_were_not_there(workspace: Workspace) -> None:
    found = migration(
        workspace,
        BLOCK + "    defaults:\n    batches:\n    released: ~\n    checks: {tax_location: }\n",
        f"{HEADER}\n{ROW}\n",
    )
    assert (found.batches, found.checks, faults(found.rows)) == ((), {}, [])


def test_a_file_may_have_other_names_for_its_columns(workspace: Workspace) -> None:
    specs = (
        BLOCK + '    delimiter: ";"\n    columns: {customer: Account, metadata.old_id: Sub, source_subscription: Sub}\n'
    )
    found = migration(
        workspace, specs, "Account;start_date;price;Sub;processing_error\ncus_1;1798761600;price_1;sub_1;none!\n"
    )
    (row,) = found.rows
    assert (row.key, row.source_subscription) == ("sub_1", "sub_1")
    assert row.terms is not None
    assert row.terms.customer == "cus_1"


def test_a_column_is_called_in_a_fault_as_in_the_file(workspace: Workspace) -> None:
    specs = BLOCK + "    columns: {customer: Account}\n"
    found = migration(workspace, specs, "Account,start_date,price,metadata_old_id\ncus 1,1798761600,price_1,\n")
    assert [(fault.reason, fault.column) for fault in found.rows[0].faults] == [
        ("wrong_customer", "Account"),
        ("missing_key", "metadata_old_id"),
    ]


def test_rows_of_all_templates_stand_in_one_file(workspace: Workspace) -> None:
    header = (
        "customer,start_date,price,quantity,items.0.price,items.3.price,adhoc_items.0.amount,adhoc_items.0.product,"
        "adhoc_items.0.interval,adhoc_items.0.currency,metadata.old_id"
    )
    rows = (
        "cus_1,1798761600,price_1,2,,,,,,,a\n"
        "cus_2,1798761600,,,price_1,price_2,,,,,b\n"
        "cus_3,1798761600,,,,,153.00,prod_1,month,usd,c\n"
        "cus_4,1798761600,,,price_1,,1.50,prod_1,month,usd,d\n"
    )
    adhoc = AdHoc(product="prod_1", amount=15300, currency="usd", interval="month")
    small = AdHoc(product="prod_1", amount=150, currency="usd", interval="month")
    assert items(migration(workspace, BLOCK + "    amount_unit: major\n", f"{header}\n{rows}")) == [
        (Item(price="price_1", quantity=2),),
        (Item(price="price_1"), Item(price="price_2")),
        (Item(adhoc=adhoc),),
        (Item(price="price_1"), Item(adhoc=small)),
    ]


def test_rows_may_stand_in_the_block_and_in_its_file(workspace: Workspace) -> None:
    specs = (
        BLOCK + "    amount_unit: major\n"
        "    defaults: {metadata.batch: '7'}\n"
        "    subscriptions:\n"
        "      sub_2:\n"
        "        customer: cus_2\n"
        "        start_date: 1798761600\n"
        "        items:\n"
        "          - {price: price.pro_monthly, quantity: 2}\n"
        "          - {product: prod_1, amount: 21.50, currency: usd, interval: month}\n"
        "        add_invoice_items: [{product: prod_2, amount: 20, currency: usd}]\n"
        "        metadata: {tier: gold}\n"
        "        automatic_tax: true\n"
        "        coupon: ~\n"
        "      sub_3: {customer: cus_3, start_date: '2027-01-01T00:00:00Z', price: price_1}\n"
    )
    workspace.write("specs/b.yaml", CATALOGUE)
    found = migration(workspace, specs, f"{HEADER}\n{ROW}\n")
    assert faults(found.rows) == []
    assert [(row.key, row.source.path, row.source.line) for row in found.rows] == [
        ("sub_1", "rows.csv", 2),
        ("sub_2", "specs/a.yaml", 8),
        ("sub_3", "specs/a.yaml", 18),
    ]
    terms = found.rows[1].terms
    assert terms is not None
    adhoc = AdHoc(product="prod_1", amount=2150, currency="usd", interval="month")
    assert terms.items == (Item(price=Ref(Address("price", "pro_monthly")), quantity=2), Item(adhoc=adhoc))
    assert terms.fees == (Fee(product="prod_2", amount=2000, currency="usd"),)
    assert terms.metadata == {"old_id": "sub_2", "batch": "7", "tier": "gold"}
    assert terms.automatic_tax


def test_expressions_are_rendered_in_yaml_and_not_in_files(workspace: Workspace) -> None:
    specs = BLOCK + "    subscriptions: {own: {customer: 'cus_{{ var.n }}', start_date: 1798761600, price: price_1}}\n"
    found = migration(workspace, specs, f"{HEADER}\ncus_{{{{ var.n }}}},1798761600,price_1,,x,\n", n="7")
    assert [row.terms and row.terms.customer for row in found.rows] == [None, "cus_7"]
    assert faults(found.rows) == [(2, "wrong_customer")]


OWN_FAULTS: dict[str, tuple[str, list[str]]] = {
    "a text": ("x", ["wrong_type"]),
    "an unknown field": ("{customer: cus_1, start_date: 1798761600, price: price_1, custmer: x}", ["unknown_column"]),
    "a number for a price": ("{customer: cus_1, start_date: 1798761600, price: 12}", ["wrong_type"]),
    "a number in metadata": (
        "{customer: cus_1, start_date: 1798761600, price: price_1, metadata: {a: 1}}", ["wrong_type"],
    ),
    "a key of billplan's in metadata": (
        "{customer: cus_1, start_date: 1798761600, price: price_1, metadata: {billplan_x: a}}", ["reserved_metadata"],
    ),
    "brackets in a metadata key": (
        "{customer: cus_1, start_date: 1798761600, price: price_1, metadata: {'a[b]': a}}", ["bad_metadata_key"],
    ),
    "a column's name for a field": (
        "{customer: cus_1, start_date: 1798761600, price: price_1, metadata.a: x}", ["unknown_column"],
    ),
    "items that are no list": ("{customer: cus_1, start_date: 1798761600, items: price_1}", ["wrong_type"]),
    "an item that is a text": ("{customer: cus_1, start_date: 1798761600, items: [price_1]}", ["wrong_type"]),
    "an amount that is true": (
        "{customer: cus_1, start_date: 1798761600, "
        "items: [{product: prod_1, amount: true, currency: usd, interval: day}]}", ["wrong_type"],
    ),
    "a price and a product in one item": (
        "{customer: cus_1, start_date: 1798761600, items: [{price: price_1, product: prod_1}]}",
        ["wrong_type"],
    ),
    "a field of an item": (
        "{customer: cus_1, start_date: 1798761600, price: price_1, "
        "add_invoice_items: [{product: prod_1, amount: 1, currency: usd, qty: 1}]}", ["unknown_column"],
    ),
    "a day": ("{customer: cus_1, start_date: 2027-01-01, price: price_1}", ["date_without_time"]),
    "a fraction of seats": (
        "{customer: cus_1, start_date: 1798761600, price: price_1, quantity: 1.5}", ["bad_quantity"],
    ),
    "another key in the metadata": (
        "{customer: cus_1, start_date: 1798761600, price: price_1, metadata: {old_id: other}}", ["two_keys"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("body", "expected"), OWN_FAULTS.values(), ids=OWN_FAULTS)
def test_what_is_wrong_with_a_row_of_the_block_is_told(workspace: Workspace, body: str, expected: list[str]) -> None:
    specs = (
        BLOCK.replace("    csv: rows.csv\n", "") + f"    amount_unit: major\n    subscriptions:\n      sub_1: {body}\n"
    )
    found = migration(workspace, specs)
    assert faults(found.rows) == [(6, reason) for reason in expected]
    assert found.rows[0].terms is None


def test_a_key_that_stands_twice_is_told_of_both_rows(workspace: Workspace) -> None:
    own = "    subscriptions: {sub_1: {customer: cus_1, start_date: 1798761600, price: price_1}}\n"
    found = migration(workspace, BLOCK + own, f"{HEADER}\n{ROW}\n\n{ROW}\n")
    assert faults(found.rows) == [(2, "duplicate_key"), (4, "duplicate_key"), (5, "duplicate_key")]
    assert "stands in line 4, specs/a.yaml:5 as well" in found.rows[0].faults[0].summary


def test_rows_with_too_few_cells_have_no_key(workspace: Workspace) -> None:
    found = migration(workspace, BLOCK, f"{HEADER}\ncus_1,1798761600\n{ROW},\n{ROW}\n")
    assert faults(found.rows) == [(2, "cell_count"), (3, "cell_count")]
    assert [row.key for row in found.rows] == ["", "", "sub_1"]


def test_maps_may_be_files_or_stand_in_the_block(workspace: Workspace) -> None:
    workspace.write("specs/b.yaml", CATALOGUE)
    workspace.write("maps/prices.csv", "old,new\nP-1,price.pro_monthly\nP-2,price_2\n")
    workspace.write("maps/customers.csv", "email,old_id,new_id\nx@example.com,C-1,cus_1\ny@example.com,C-2,\n")
    specs = BLOCK + (
        "    maps:\n"
        "      price: maps/prices.csv\n"
        "      customer: {csv: maps/customers.csv, from: old_id, to: new_id}\n"
        "      coupon: {ten: TEN, 'twenty': coupon_20}\n"
    )
    rows = (
        "customer,start_date,price,coupon,metadata.old_id\n"
        "C-1,1798761600,P-1,ten,a\n"
        "cus_1,1798761600,price_2,TEN,b\n"
        "C-2,1798761600,P-3,none,c\n"
    )
    found = migration(workspace, specs, rows)
    first, second = (row.terms for row in found.rows[:2])
    assert first is not None
    assert second is not None
    assert (first.customer, first.coupon) == (second.customer, second.coupon) == ("cus_1", "TEN")
    assert first.items == (Item(price=Ref(Address("price", "pro_monthly"))),)
    assert faults(found.rows) == [(4, "not_in_map")] * 3
    assert [fault.summary for fault in found.rows[2].faults] == [
        "'C-2' has no new id in maps/customers.csv",
        "'P-3' is not in maps/prices.csv",
        "'none' is not in the map of coupons",
    ]


def test_phases_follow_with_what_is_here(workspace: Workspace) -> None:
    workspace.write("specs/b.yaml", CATALOGUE)
    then = (
        "    amount_unit: major\n"
        "    maps: {price: {P-1: price_1}}\n"
        "    lasts: {interval: year}\n"
        "    then:\n"
        "      - {duration: {interval: month, interval_count: 3}, items: [{price: price.pro_monthly, quantity: 2}]}\n"
        "      - end_date: 2029-01-01T00:00:00Z\n"
        "        items: [{product: prod_1, amount: 21.50, currency: usd, interval: month}]\n"
        "        coupon: TEN\n"
        "        proration_behavior: create_prorations\n"
        "        metadata: {tier: gold}\n"
        "      - {duration: {interval: week}, drop_coupon: true}\n"
    )
    found = migration(workspace, BLOCK + then, f"{HEADER}\n{ROW}\n".replace("price_1", "P-1"))
    assert found.lasts == Duration(interval="year")
    adhoc = AdHoc(product="prod_1", amount=2150, currency="usd", interval="month")
    first, second, third = found.then
    assert first.items == (Item(price=Ref(Address("price", "pro_monthly")), quantity=2),)
    assert (first.duration, first.end) == (Duration(interval="month", interval_count=3), None)
    assert (second.end, second.items, second.coupon) == (1861920000, (Item(adhoc=adhoc),), "TEN")
    assert (second.prorated, second.metadata) == (True, {"tier": "gold"})
    assert third == Then(duration=Duration(interval="week"), drop_coupon=True, source=third.source)
    assert third.source is not None
    assert third.source.line == 15


def test_batches_are_numbers_shares_or_filters(workspace: Workspace) -> None:
    settings = (
        "    batches:\n"
        "      - {name: canary, rows: 25}\n"
        "      - {name: some, percent: 12.5}\n"
        "      - {name: europe, where: {metadata.region: [eu, uk], automatic_tax: true}}\n"
        "      - {name: rest}\n"
        "    released: [canary, europe]\n"
        "    defaults: {automatic_tax: TRUE}\n"
    )
    rows = f"{HEADER},metadata.region,automatic_tax\n{ROW},eu,\n{ROW},uk,True\n{ROW},uk,FALSE\n{ROW},us,\n"
    found = migration(workspace, BLOCK + settings, rows.replace("sub_1", "sub_1"))
    where = {"metadata.region": ("eu", "uk"), "automatic_tax": ("true",)}
    assert found.batches == (
        Batch(name="canary", rows=25),
        Batch(name="some", percent=Decimal("12.5")),
        Batch(name="europe", where=where),
        Batch(name="rest"),
    )
    assert found.released == ("canary", "europe")
    assert [sorted(row.filters) for row in found.rows] == [["europe"], ["europe"], [], []]


def test_a_filter_takes_cells_by_what_they_say(workspace: Workspace) -> None:
    settings = "    batches: [{name: new_year, where: {start_date: 2027-01-01T00:00:00Z, price: P-1}}]\n"
    maps = "    maps: {price: {P-1: price_1}}\n"
    found = migration(workspace, BLOCK + settings + maps, f"{HEADER}\n{ROW}\n{ROW.replace('price_1', 'P-1')}\n")
    assert [sorted(row.filters) for row in found.rows] == [["new_year"], ["new_year"]]


def test_the_digest_is_of_what_rows_say_and_not_of_where(workspace: Workspace) -> None:
    workspace.write("specs/a.yaml", BLOCK)
    digests = []
    for rows in (
        f"{HEADER}\n{ROW}\n",
        f"\n{HEADER}\n\n{ROW}\n",
        "metadata_old_id,customer,quantity,price,start_date,proration_behavior\n"
        "sub_1,cus_1,2,price_1,2027-01-01T00:00:00Z,none\n",
        f"{HEADER}\n{ROW.replace(',2,', ',3,')}\n",
    ):
        workspace.write("rows.csv", rows)
        digests.append(workspace.specs().digest)
    assert digests[0] == digests[1] == digests[2] != digests[3]
    workspace.write("specs/a.yaml", BLOCK + "    attempt: 2\n")
    assert workspace.specs().digest != digests[3]


def test_what_has_left_or_moved_may_be_a_row_or_a_whole_migration(workspace: Workspace) -> None:
    lists = (
        "moved:\n"
        "  - {from: subscription_migration.old, to: subscription_migration.own}\n"
        "  - {from: 'subscription_migration.own[\"a\"]', to: 'subscription_migration.own[\"sub_1\"]'}\n"
        "removed: [{address: 'subscription_migration.gone[\"k\"]', action: release}]\n"
    )
    workspace.write("specs/a.yaml", OWN + lists)
    found = workspace.specs()
    assert [str(one.before) for one in found.moved] == [
        "subscription_migration.old",
        'subscription_migration.own["a"]',
    ]
    assert [(str(one.address), one.action) for one in found.removed] == [
        ('subscription_migration.gone["k"]', "release")
    ]
