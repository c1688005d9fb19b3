"""What stops the load of migrations: settings, headers, maps, and what is said twice."""

from __future__ import annotations

import pytest

from tests.specfiles.workspace import Workspace, lines

HEADER = "customer,start_date,price,metadata.old_id"
ROWS = f"{HEADER}\ncus_1,1798761600,price_1,a\n"
BLOCK = "subscription_migrations:\n  m:\n    csv: rows.csv\n    key: metadata.old_id\n"


def wrong(workspace: Workspace, specs: str, rows: str | bytes = ROWS) -> list[str]:
    workspace.write("specs/a.yaml", specs)
    workspace.write("rows.csv", rows)
    return lines(workspace.specs)


SETTINGS: dict[str, tuple[str, str]] = {
    "an unknown setting": ("state_: canceled", "5:5 BP1102 unknown key state_ | did you mean state?"),
    "a word": ("state: cancelled", "5:12 BP1103 state: expected scheduled or canceled, found the text 'cancelled'"),
    "a short lead time": ("lead_time: 59m", "5:16 BP1019 lead_time: 59m is below the minimum of 1h"),
    "a lead time without unit": ("lead_time: 24", "5:16 BP1103 lead_time: expected a text, found the number 24"),
    "an unknown check": ("checks: {tax: off}", "5:14 BP1102 unknown key tax"),
    "a source": ("source: zuora", "5:13 BP1103 source: the text 'zuora' does not have the right form"),
    "an unreleased batch": (
        "released: canary",
        "5:15 BP1019 released: there is no batch 'canary' | declare batches:, or take released: out",
    ),
    "a batch that is called otherwise": (
        "batches: [{name: canary, rows: 1}]\n    released: canari",
        "6:15 BP1019 released: there is no batch 'canari' | did you mean canary?",
    ),
    "two measures": (
        "batches: [{name: a, rows: 1, percent: 5}]",
        "5:15 BP1019 batches: a has rows and percent | a batch is a number of rows, a percentage, or a filter",
    ),
    "a batch twice": (
        "batches: [{name: a, rows: 1}, {name: a}]", "5:35 BP1019 batches: 'a' stands there twice",
    ),
    "the rest before others": (
        "batches: [{name: a}, {name: b, rows: 1}]",
        "5:15 BP1019 batches: a takes all that is left, and b comes after it",
    ),
    "more than all": (
        "batches: [{name: a, percent: 60}, {name: b, percent: 50}]", "5:14 BP1019 batches: the percentages come to 110",
    ),
    "none of a hundred": (
        "batches: [{name: a, percent: 0}]", "5:34 BP1103 percent: 0 is below the minimum of 0.01",
    ),
    "a filter on no column": (
        "batches: [{name: a, where: {region: eu}}]", "5:41 BP1018 batches: there is no column 'region'",
    ),
    "a filter on a column that the file does not have": (
        "batches: [{name: a, where: {metadata.region: eu}}]",
        "5:32 BP1018 batches: a: the file has no column metadata.region",
    ),
    "a filter for what the column cannot say": (
        "batches: [{name: a, where: {start_date: soon}}]", "5:45 BP1019 batches: start_date: 'soon' is not a date",
    ),
    "a default of no column": ("defaults: {colour: red}", "5:24 BP1018 defaults: there is no column 'colour'"),
    "a default that cannot be": (
        "defaults: {currency: USD}", "5:26 BP1019 defaults: currency: 'USD' is not in lower case | write usd",
    ),
    "a default in the wrong type": (
        "defaults: {coupon: 2024}",
        "5:24 BP1019 defaults: coupon: expected a text, found the number 2024 | write it in quotes",
    ),
    "a default for the key": (
        "defaults: {metadata_old_id: x}", "5:33 BP1019 defaults: metadata_old_id is each row's own",
    ),
    "defaults for a price and items": (
        "defaults: {price: price_1, items.0.price: price_2}",
        "5:15 BP1019 defaults: price stands beside items.0.price",
    ),
    "a default that is not declared": (
        "defaults: {coupon: coupon.ten}", "5:24 BP1019 defaults: coupon: coupon.ten is not declared",
    ),
    "lasts without then": ("lasts: {interval: year}", "5:12 BP1019 lasts: goes with then"),
    "a phase without an end": (
        "then: [{items: [{price: price_1}]}]", "5:12 BP1019 then: a phase has a duration or an end_date",
    ),
    "a phase with two ends": (
        "then: [{duration: {interval: day}, end_date: 2028-01-01T00:00:00Z}]",
        "5:12 BP1019 then: a phase has a duration or an end_date",
    ),
    "ends that go back": (
        "then: [{end_date: 2028-01-01T00:00:00Z}, {end_date: 2027-06-01T00:00:00Z}]",
        "5:57 BP1019 then: it is not after the end_date before",
    ),
    "an end without a zone": (
        "then: [{end_date: 2028-01-01T00:00:00}]",
        "5:23 BP1019 then: end_date: '2028-01-01T00:00:00' has no time zone",
    ),
    "a coupon to keep and to drop": (
        "then: [{duration: {interval: day}, coupon: TEN, drop_coupon: true}]",
        "5:12 BP1019 then: a phase that has a coupon drops none",
    ),
    "an item of a phase": (
        "then: [{duration: {interval: day}, items: [{price: prod_1}]}]",
        "5:47 BP1019 then: items.0.price: 'prod_1' is the id of a product, not of a price",
    ),
    "an amount without a unit": (
        "then: [{duration: {interval: day}, items: [{product: prod_1, amount: 1, currency: usd, interval: day}]}]",
        "5:47 BP1019 then: items.0.amount: '1' may be of either unit",
    ),
    "an end without a key to write": (
        "end_source: at_start", "5:17 BP1019 end_source: needs the write key of the source account",
    ),
    "a lifecycle field": ("protect: true", "5:14 BP1014 protect: has no place on migrations"),
    "a map of nothing": ("maps: {plan: x.csv}", "5:12 BP1102 unknown key plan"),
    "a map that is not there": (
        "maps: {price: x.csv}", "5:19 BP1001 the file x.csv does not exist",
    ),
    "a map elsewhere": (
        "maps: {price: ../x.csv}", "5:19 BP1019 maps: price: '../x.csv' leads out of the project's folder",
    ),
    "a map to the wrong thing": (
        "maps: {price: {a: prod_1}}", "5:20 BP1019 maps: price: 'prod_1' is the id of a product, not of a price",
    ),
    "a map to what is not declared": (
        "maps: {price: {a: price.x}}", "5:20 BP1019 maps: price: price.x is not declared",
    ),
    "half the columns of a map": (
        "maps: {price: {csv: rows.csv, from: price}}", "5:19 BP1007 maps: price: from and to go together",
    ),
    "a map's columns": (
        "maps: {price: {csv: rows.csv, from: price, to: new}}", "rows.csv:1:1 BP1018 rows.csv has no column 'new'",
    ),
    "columns that the file does not have": (
        "columns: {coupon: Rebate}", "5:23 BP1018 columns: rows.csv has no column 'Rebate' (for 'coupon')",
    ),
    "columns that there are not": (
        "columns: {cuopon: price}", "5:23 BP1018 columns: there is no column 'cuopon' | did you mean coupon?",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("setting", "expected"), SETTINGS.values(), ids=SETTINGS)
def test_a_wrong_setting_is_told_where_it_stands(workspace: Workspace, setting: str, expected: str) -> None:
    found = wrong(workspace, f"{BLOCK}    {setting}\n")
    place = expected if expected.startswith("rows.csv") else f"specs/a.yaml:{expected}"
    assert [line for line in found if line.startswith(place)], found
    # A map that cannot be read, or a column that is not found, may make further lines wrong; nothing else does.
    assert len(found) == 1 or setting.startswith(("maps", "columns"))


BLOCKS: dict[str, tuple[str, str]] = {
    "no mapping": ("subscription_migrations: [a]\n", "1:26 BP1007 subscription_migrations: expected a mapping"),
    "a body that is none": (
        "subscription_migrations: {m: rows.csv}\n", "1:30 BP1007 subscription_migrations: m: expected a mapping",
    ),
    "an empty name": ("subscription_migrations: {'': {}}\n", "1:27 BP1013 a name has 1 to 200 characters"),
    "neither rows nor a file": (
        "subscription_migrations:\n  m: {key: metadata.a}\n", "2:6 BP1019 m: it has neither a csv nor subscriptions",
    ),
    "a file without a key": (
        "subscription_migrations:\n  m: {csv: rows.csv}\n", "2:12 BP1104 key is required beside csv",
    ),
    "a key that is no metadata": (
        "subscription_migrations:\n  m: {csv: rows.csv, key: old_id}\n", "2:27 BP1103 key: the text 'old_id' does not",
    ),
    "a key of billplan's own": (
        "subscription_migrations:\n  m: {csv: rows.csv, key: metadata.billplan_id}\n",
        "2:27 BP1019 key: metadata: keys that start with billplan_ are billplan's own",
    ),
    "a delimiter without a file": (
        "subscription_migrations:\n  m: {delimiter: ';', subscriptions: {}}\n", "2:18 BP1019 delimiter: goes with csv",
    ),
    "rows that are none": (
        "subscription_migrations:\n  m: {subscriptions: [a]}\n", "2:22 BP1007 subscriptions: expected a mapping",
    ),
    "a file elsewhere": (
        "subscription_migrations:\n  m: {csv: /rows.csv, key: metadata.a}\n", "2:12 BP1019 csv: '/rows.csv' is an abs",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("specs", "expected"), BLOCKS.values(), ids=BLOCKS)
def test_a_wrong_block_is_told_where_it_stands(workspace: Workspace, specs: str, expected: str) -> None:
    (line,) = wrong(workspace, specs)
    assert line.startswith(f"specs/a.yaml:{expected}")


def test_a_migration_is_declared_once(workspace: Workspace) -> None:
    workspace.write("specs/b.yaml", BLOCK)
    assert wrong(workspace, BLOCK) == [
        "specs/b.yaml:2:3 BP1012 subscription_migration.m is declared twice, first at specs/a.yaml:2:3 "
        "| keep one of them, or rename one"
    ]


HEADERS: dict[str, tuple[str, list[str]]] = {
    "an empty file": ("", ["BP1018 the file is empty | its first line names the columns"]),
    "a column that there is not": (
        f"{HEADER},custmer\n",
        ["BP1018 there is no column 'custmer' | did you mean customer?"],
    ),
    "a field of items that there is not": (
        f"{HEADER},items.12.prise\n",
        ["BP1018 there is no column 'items.12.prise' | did you mean items.12.price?"],
    ),
    "source": (
        f"{HEADER},source\n",
        ["BP1018 there is no column 'source' | did you mean metadata.source? Or write source: in the block"],
    ),
    "a column without a name": (
        f"{HEADER},\n",
        ["BP1018 column 5 has no name | give it one in line 1, or take it out; a sheet often exports empty ones"],
    ),
    "columns without names": (
        f"{HEADER},coupon,,\n",
        ["BP1018 columns 6, 7 have no name | give it one in line 1, or take it out; a sheet often exports empty ones"],
    ),
    "no header": (
        "cus_1,1893456000,price_1,sub_1,,\n",
        ["BP1018 its first line is a row, and names no columns | billplan migrations template writes the headers"],
    ),
    "a toolkit column that is not the one meant": (
        f"{HEADER.replace('start_date', 'backdate_start_date')}\n",
        [
            "BP1018 rows.csv has no column start_date "
            "| its header: customer, backdate_start_date, price, metadata.old_id"
        ],
    ),
    "a name with an address": (
        f"{HEADER},jane@example.com\n",
        [
            "BP1018 there is no column (a text with an @) | name it metadata.NAME to keep it with the subscription, "
            "map it under columns:, or take it out"
        ],
    ),
    "one name in two spellings": (
        f"{HEADER},metadata_old_id\n",
        ["BP1018 'metadata_old_id' and 'metadata.old_id' are the same column, metadata.old_id | keep one of the two"],
    ),
    "a column twice": (
        f"{HEADER},price\n",
        ["BP1018 'price' and 'price' are the same column, price | keep one of the two"],
    ),
    "a metadata key of 41 characters": (
        f"{HEADER},metadata.{'x' * 41}\n",
        [
            f"BP1018 metadata: '{'x' * 41}' is not a key that Stripe takes | it has 1 to 40 characters, no square "
            "brackets among them"
        ],
    ),
    "a metadata key of billplan's": (
        f"{HEADER},metadata.billplan_project\n",
        ["BP1018 metadata: keys that start with billplan_ are billplan's own | give it another name"],
    ),
    "no key, no customer and no price": (
        "start_date,coupon\n",
        [
            "BP1018 rows.csv has no column customer | its header: start_date, coupon",
            "BP1018 rows.csv has no column metadata.old_id (the key) | its header: start_date, coupon",
            "BP1018 rows.csv has no column price, items.N.price or adhoc_items.N.amount "
            "| its header: start_date, coupon",
        ],
    ),
    "another delimiter": (
        HEADER.replace(",", ";") + "\n",
        [
            "BP1018 the header is one column "
            '| its cells are separated otherwise, it seems: write  delimiter: ";"  in the block'
        ],
    ),
}


@pytest.mark.parametrize(("rows", "expected"), HEADERS.values(), ids=HEADERS)
def test_a_wrong_header_is_told(workspace: Workspace, rows: str, expected: list[str]) -> None:
    assert wrong(workspace, BLOCK, rows) == [f"rows.csv:1:1 {line}" for line in expected]


def test_a_file_that_is_no_text_or_no_csv_is_told(workspace: Workspace) -> None:
    (line,) = wrong(workspace, BLOCK, f"{HEADER}\n".encode() + b"\xff\xfe,\n")
    assert line == "rows.csv:2:1 BP1002 the file is not UTF-8 | save it with the encoding UTF-8"
    (line,) = wrong(workspace, BLOCK, f'{HEADER}\n"cus_1,1798761600\n')
    assert line.startswith("rows.csv:2:1 BP1003 not CSV")


def test_amounts_without_a_unit_are_told_once(workspace: Workspace) -> None:
    header = f"{HEADER},add_invoice_items.0.amount,add_invoice_items.0.product,add_invoice_items.0.currency"
    fee = "cus_1,1798761600,price_1,{},20,prod_1,usd\n"
    empty = "cus_1,1798761600,price_1,{},,,\n"
    rows = f"{header}\n{empty.format('a')}"
    assert wrong(workspace, BLOCK, rows) == []
    assert wrong(workspace, BLOCK, rows + fee.format("b") + fee.format("c")) == [
        "specs/a.yaml:3:5 BP1104 amount_unit is required: rows.csv:3 has an amount in add_invoice_items.0.amount "
        "| amount_unit: major where 21.50 is written, minor where it is 2150"
    ]


def test_a_wrong_map_is_told_line_by_line(workspace: Workspace) -> None:
    workspace.write("prices.csv", "old,new\nP-1,price_1\nP-1,price_2\n,price_3\nP-4,prod_4,x\nP-5,prod_5\nP-6\n")
    found = wrong(workspace, BLOCK + "    maps: {price: prices.csv}\n")
    assert found == [
        "prices.csv:3:1 BP1019 maps: price: 'P-1' has another new id in line 2 | keep the one that is meant",
        "prices.csv:4:1 BP1007 the row has no old id | fill it in, or take the row out",
        "prices.csv:5:1 BP1007 the row has 3 cells, and the header 2 | a cell with a comma in it needs quotes",
        "prices.csv:6:1 BP1019 maps: price: 'prod_5' is the id of a product, not of a price "
        "| give the id of a price, or its address: price.NAME",
        "prices.csv:7:1 BP1007 the row has 1 cells, and the header 2 | a cell with a comma in it needs quotes",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "P-1,price_1\nP-2,price_2\n",
            "prices.csv: its first line names no columns, but is a pair "
            "| write  old_id,new_id  above it: the first line of a map is no pair",
        ),
        (
            "old;new\nP-1;price_1\n",
            "prices.csv has fewer than two columns | its cells are to be separated by commas: save it so",
        ),
    ],
    ids=["no header", "semicolons"],
)
def test_a_map_that_is_laid_out_otherwise_says_so(workspace: Workspace, text: str, expected: str) -> None:
    workspace.write("prices.csv", text)
    assert wrong(workspace, BLOCK + "    maps: {price: prices.csv}\n") == [f"prices.csv:1:1 BP1007 {expected}"]


def test_a_workbook_is_told_from_text(workspace: Workspace) -> None:
    (line,) = wrong(workspace, BLOCK, b"PK\x03\x04" + bytes(range(256)))
    assert line == (
        "rows.csv:1:1 BP1002 the file is a workbook or another archive, not text "
        "| export it as text, with the encoding UTF-8"
    )


def test_a_quote_that_is_never_closed_is_told_where_its_row_starts(workspace: Workspace) -> None:
    (line,) = wrong(workspace, BLOCK, f'{HEADER}\n"cus_1,1798761600\ncus_2,1798761600,price_1,b\n')
    assert line.startswith("rows.csv:2:1 BP1003 not CSV: unexpected end of data")


def test_a_map_whose_columns_are_swapped_says_so_in_a_few_lines(workspace: Workspace) -> None:
    workspace.write("customers.csv", "new,old\n" + "".join(f"cus_{n},jane{n}@example.com\n" for n in range(500)))
    found = wrong(workspace, BLOCK + "    maps: {customer: customers.csv}\n")
    assert len(found) == 21
    assert "480 more lines are wrong" in " ".join(found)
    assert "jane" not in " ".join(found)


def test_a_secret_in_the_specs_is_refused_and_not_shown(workspace: Workspace) -> None:
    key = "sk_live_" + "x" * 24
    for written in (key, f"env:{key}"):
        (line,) = wrong(workspace, f"{BLOCK}    source_account: {{read: '{written}'}}\n")
        assert line.startswith("specs/a.yaml:5:28 BP110")
        assert key not in line


RELOCATIONS: dict[str, tuple[str, str]] = {
    "a whole migration": (
        "removed: [{address: subscription_migration.old, action: cancel}]\n",
        'BP1016 subscription_migration.old is a migration, and a row leaves: subscription_migration.old["key"]',
    ),
    "another way to leave": (
        "removed: [{address: 'subscription_migration.old[\"k\"]', action: archive}]\n",
        "BP1016 'archive' is not a way for a subscription_migration to leave | a subscription_migration can cancel or "
        "release or forget",
    ),
    "a row that is still declared": (
        "removed: [{address: 'subscription_migration.m[\"a\"]', action: cancel}]\n",
        'BP1016 subscription_migration.m["a"] is removed, and still declared at rows.csv:2:1',
    ),
    "a migration that is still declared": (
        "moved: [{from: subscription_migration.m, to: subscription_migration.n}]\n",
        "BP1017 subscription_migration.m is moved, and still declared at specs/a.yaml:2:3",
    ),
    "a migration that becomes a row": (
        "moved: [{from: subscription_migration.o, to: 'subscription_migration.m[\"a\"]'}]\n",
        'BP1017 subscription_migration.o cannot become subscription_migration.m["a"]: one of them is a row',
    ),
}


@pytest.mark.parametrize(("lists", "expected"), RELOCATIONS.values(), ids=RELOCATIONS)
def test_what_leaves_is_a_row_that_is_gone(workspace: Workspace, lists: str, expected: str) -> None:
    (line,) = wrong(workspace, BLOCK + lists)
    assert expected in line
