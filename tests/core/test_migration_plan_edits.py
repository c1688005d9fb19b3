"""What a plan says of rows that were changed after they were sent: what they were, and whose doing it is. Pure."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.core.migrations import Item
from reconciler.core.row_standing import RowStanding
from tests.core.migration_account import (
    DAY,
    START,
    account,
    applied,
    migration,
    planned,
    refusal,
    row,
    started,
)

LAID = frozenset({RowStanding.SCHEDULED})


def test_a_changed_row_that_has_started_is_refused_with_what_differs() -> None:
    held = started(applied(planned(migration(row())))[0])
    edited = row(items=(Item(price="price_pro", quantity=2),), coupon="TEN", start=START + DAY)
    refused = refusal(planned(migration(edited), facts=account(*held, now=START + 5 * DAY))).refused
    assert "its row is not what was scheduled any more: " in refused
    assert "start_date was 2027-01-01T00:00:00Z, is 2027-01-02T00:00:00Z" in refused
    assert "items was price_pro, is 2 x price_pro" in refused
    assert "coupon was none, is TEN" in refused


@pytest.mark.parametrize(("quantity", "codes"), [(1, ["BP1722"]), (2, [])])
def test_another_hand_is_blamed_only_where_the_row_is_what_was_sent(quantity: int, codes: list[str]) -> None:
    held = [replace(one, shape=1) for one in applied(planned(migration(row())))]
    block = migration(row(items=(Item(price="price_pro", quantity=quantity),)), canceled=True)
    # Within minutes of its start a schedule is not canceled any more, and is looked at all the same.
    draft = planned(block, facts=account(*held, now=START - 60), laid=LAID)
    assert [one.code for one in draft.draft.diagnostics if one.code == "BP1722"] == codes
