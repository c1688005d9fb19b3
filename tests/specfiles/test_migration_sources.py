"""The account that a migration comes from, as its block declares it."""

from __future__ import annotations

import pytest

from reconciler.core.migrations import SourceAccount
from reconciler.errors import SpecError
from tests.specfiles.workspace import Workspace

BLOCK = "subscription_migrations:\n  old:\n    csv: rows.csv\n    key: metadata.old_id\n"
ROWS = "customer,start_date,price,metadata.old_id,proration_behavior,source_subscription\n"
ROW = "cus_1,1798761600,price_1,sub_1,none,sub_1\n"
KEYS = "read: env:OLD_READ, write: env:OLD_WRITE"


def test_a_source_account_may_be_elsewhere(workspace: Workspace) -> None:
    workspace.write("rows.csv", ROWS + ROW)
    workspace.write(
        "specs/a.yaml",
        f"{BLOCK}    maps: {{price: {{old: price_1}}}}\n    amount_unit: major\n"
        f"    source_account: {{{KEYS}, api_base: 'http://127.0.0.1:1'}}\n",
    )
    (found,) = workspace.specs().migrations.migrations
    assert found.source_account == SourceAccount(
        read="env:OLD_READ", write="env:OLD_WRITE", api_base="http://127.0.0.1:1"
    )
    assert (found.mapped, found.unit) == (frozenset({"price"}), "major")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (f"    source_account: {{{KEYS}, api_base: old.example.com}}\n", "api_base"),
        (
            f"    source_account: {{{KEYS}}}\n    end_source: at_start\n    mid_cycle: subscription\n",
            "a source must be set to end before the start",
        ),
        ("    source_account: {write: env:OLD_WRITE}\n", "read"),
    ],
)
def test_what_does_not_go_together_is_told(workspace: Workspace, settings: str, words: str) -> None:
    workspace.write("rows.csv", ROWS + ROW)
    workspace.write("specs/a.yaml", BLOCK + settings)
    with pytest.raises(SpecError) as raised:
        workspace.specs()
    (found,) = raised.value.diagnostics
    assert words in found.summary


def test_a_row_without_its_source_is_told_where_that_is_to_end(workspace: Workspace) -> None:
    workspace.write("rows.csv", ROWS + ROW.replace("none,sub_1", "none,"))
    workspace.write("specs/a.yaml", f"{BLOCK}    source_account: {{{KEYS}}}\n    end_source: at_start\n")
    (fault,) = workspace.specs().migrations.faults()
    assert "which subscription ends at the source" in fault.summary
