"""Files of the toolkit's columns: text that is read back as it was, columns in order, failing lines with reasons."""

from __future__ import annotations

import csv
import io
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.row_cells import Unreadable
from reconciler.core.toolkit_csv import TEMPLATES, csv_text, failed_lines, in_toolkit_order

CELLS = st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8), min_size=1)


@given(lines=st.lists(CELLS, max_size=5), delimiter=st.sampled_from([",", ";", "|", "\t"]))
def test_what_is_written_is_read_back_cell_by_cell(lines: list[list[str]], delimiter: str) -> None:
    text = "".join(csv_text(lines, delimiter))
    assert list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)) == lines


@pytest.mark.parametrize("columns", TEMPLATES.values(), ids=TEMPLATES)
def test_the_templates_are_in_the_order_that_columns_are_put_into(columns: tuple[str, ...]) -> None:
    shuffled = list(columns)
    Random(7).shuffle(shuffled)
    found = in_toolkit_order(shuffled)
    # The order of an ad-hoc item's own columns is the template's; ours goes by what depends on what.
    assert [name for name in found if "adhoc" not in name] == [name for name in columns if "adhoc" not in name]
    assert sorted(found) == sorted(columns)


def test_metadata_keeps_its_order_and_entries_go_by_their_numbers() -> None:
    names = ["metadata.b", "items.10.price", "adopt", "metadata_a", "items.2.quantity", "items.2.price", "customer"]
    assert in_toolkit_order(names) == [
        "customer", "items.2.price", "items.2.quantity", "items.10.price", "metadata.b", "metadata.a", "adopt",
    ]  # fmt: skip
    with pytest.raises(Unreadable):
        in_toolkit_order(["prise"])


def test_failing_lines_keep_their_cells_and_say_why() -> None:
    lines = [(1, ["a", "b"]), (2, ["1", "2"]), (3, ["3", "4"]), (5, ["5"]), (6, ["6", "7", "8"])]
    assert list(failed_lines(lines, {3: "x; y", 5: "short", 6: "long"})) == [
        ["a", "b", "processing_error"], ["3", "4", "x; y"], ["5", "short"], ["6", "7", "8", "long"],
    ]  # fmt: skip
    again = [(1, ["processing_error", "b"]), (2, ["old", "2"]), (3, ["old", "4"])]
    assert list(failed_lines(again, {3: "new"})) == [["processing_error", "b"], ["new", "4"]]
