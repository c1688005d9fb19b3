"""Rows of migrations and what stands beside them: maps of ids, defaults, and other rows."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.address import Address
from reconciler.core.migration_rows import doubles_told
from reconciler.core.migrations import row_said
from reconciler.core.row_cells import Unit
from reconciler.core.row_columns import ADHOC, FEES, PARTS, PLAIN
from reconciler.core.row_names import IdMap, id_map
from reconciler.core.values import Ref
from tests.core.migration_cells import FEE, LISTED, Changes, read, reading, reasons, terms, with_defaults


def test_a_map_knows_old_ids_and_lets_new_ones_pass() -> None:
    new = Ref(Address("price", "pro"))
    maps: dict[str, IdMap] = {"price": id_map("maps/prices.csv", {"P-1": new, "P-2": None, "price_1": "price_9"})}
    by = reading(maps=maps)
    assert terms({"price": "P-1"}, by).items[0].price == new
    assert terms({"price": "price.pro"}, by).items[0].price == new
    # What is an old id is one, also where a new one is called the same.
    assert terms({"price": "price_1"}, by).items[0].price == "price_9"
    assert terms({"price": "price_9"}, by).items[0].price == "price_9"
    for text in ("P-2", "P-3", "price_2"):
        row = read({"price": text}, by)
        assert reasons(row) == [("not_in_map", "price")]
        assert "maps/prices.csv" in row.faults[0].summary


DEFAULTS: dict[str, tuple[Changes, Changes, Changes]] = {
    "a cell goes before it": ({"coupon": "A"}, {"coupon": "B"}, {"coupon": "B"}),
    "an empty cell is filled": ({"coupon": "A"}, {"coupon": ""}, {"coupon": "A"}),
    "a column that the file does not have": ({"automatic_tax": "TRUE"}, {}, {"automatic_tax": "TRUE"}),
    "metadata": ({"metadata.tier": "x"}, {}, {"metadata.tier": "x"}),
    "a price where there is none": (
        {"price": "price_2", "quantity": "3"}, {"price": ""}, {"price": "price_2", "quantity": "3"},
    ),
    "no price beside items": ({"price": "price_2", "quantity": "3"}, LISTED, LISTED),
    "an item for everybody": ({"items.9.price": "price_9"}, LISTED, {**LISTED, "items.9.price": "price_9"}),
    "no item beside a price": ({"items.9.price": "price_9"}, {}, {}),
    "a quantity of the items that there are": (
        {"items.7.quantity": "5", "items.8.quantity": "6"}, {**LISTED, "items.7.quantity": ""},
        {**LISTED, "items.7.quantity": "5"},
    ),
    "the currency of the fees that there are": (
        {"add_invoice_items.0.currency": "usd"}, {**FEE, "add_invoice_items.0.currency": ""}, FEE,
    ),
    "no currency of a fee that is not there": (
        {"add_invoice_items.0.currency": "usd", "adhoc_items.0.interval": "month"}, {}, {},
    ),
    "a fee for everybody": ({name: text for name, text in FEE.items() if text}, {}, FEE),
    "days where invoices are sent": (
        {"days_until_due": "30"}, {"collection_method": "send_invoice"},
        {"collection_method": "send_invoice", "days_until_due": "30"},
    ),
    "no days where they are charged": ({"days_until_due": "30"}, {}, {}),
}  # fmt: skip


@pytest.mark.parametrize(("defaults", "changes", "same"), DEFAULTS.values(), ids=DEFAULTS)
def test_a_default_stands_for_an_empty_cell(defaults: Changes, changes: Changes, same: Changes) -> None:
    by = with_defaults(reading(), {name: text for name, text in defaults.items() if text is not None})
    assert terms(changes, by) == terms(same)


def test_rows_with_one_key_name_each_other() -> None:
    first, other = read({}), read({})
    second = replace(other, source=replace(other.source, line=7))
    third = replace(read({"metadata.old_id": "sub_2"}), source=replace(other.source, line=8))
    found = doubles_told((first, second, third), "metadata.old_id")
    assert [reasons(row) for row in found] == [
        [("duplicate_key", "metadata.old_id")],
        [("duplicate_key", "metadata.old_id")],
        [],
    ]
    assert "stands in line 7 as well" in found[0].faults[0].summary
    assert "stands in line 2 as well" in found[1].faults[0].summary


def test_a_thousand_rows_with_one_key_show_a_few_lines() -> None:
    row = read({})
    rows = tuple(replace(row, source=replace(row.source, line=n)) for n in range(1, 1001))
    last = doubles_told(rows, "")[-1].faults[0]
    assert last.summary == "the key 'sub_1' stands in line 1, line 2, line 3, line 4, line 5 and 994 more as well"


_COLUMNS = (
    *PLAIN, "items.0.price", "items.0.quantity", "items.5.price", *(f"{ADHOC}.0.{field}" for field in PARTS[ADHOC]),
    *(f"{FEES}.1.{field}" for field in PARTS[FEES]), "metadata.old_id", "metadata.note",
)  # fmt: skip
_TEXTS = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        ["", "usd", "price_1", "prod_1", "cus_1", "price.x", "TRUE", "month", "none", "send_invoice", "1e400"]
    ),
    st.integers(-(10**20), 10**20).map(str),
    st.decimals(allow_nan=False, allow_infinity=False).map(str),
    st.datetimes().map(str),
    st.datetimes(timezones=st.timezones()).map(str),
)


@given(cells=st.dictionaries(st.sampled_from(_COLUMNS), _TEXTS), unit=st.sampled_from([None, *Unit]))
def test_any_cells_are_terms_or_faults(cells: dict[str, str], unit: Unit | None) -> None:
    row = read(cells, reading(unit=unit))
    assert (row.terms is None) == bool(row.faults)
    assert len(str(row_said(row))) > 0
    for fault in row.faults:
        assert fault.reason
        assert fault.summary
        assert not any(
            "@" in text and text.strip() in fault.summary for text in cells.values() if len(text.strip()) > 3
        )
