"""The schema of migrations, held against what the loader takes."""

from __future__ import annotations

import pytest
from jsonschema import Draft202012Validator

from reconciler.core.row_columns import FEES, ITEMS, METADATA, PLAIN
from reconciler.specfiles.json_schema import render_files, schemas
from reconciler.specfiles.migration_schema import EXAMPLE, PLURAL, migration_schema
from reconciler.specfiles.yaml_text import parse_yaml
from tests.specfiles.workspace import Workspace, lines

CATALOGUE = (
    "products: {pro: {name: Pro}}\n"
    "prices: {pro_monthly: {product: product.pro, currency: usd, unit_amount: 2900, recurring: {interval: month}}}\n"
)
FILES = {
    "migrations/zuora.csv": "customer,start_date,price,metadata.third_party_sub_id\ncus_1,1798761600,P-1,a\n",
    "maps/prices.csv": "old,new\nP-1,price_1\n",
}
FROM_FILE = f"{PLURAL}:\n  m: {{csv: migrations/zuora.csv, key: metadata.third_party_sub_id, "
OWN = (
    f"{PLURAL}:\n  m:\n    amount_unit: major\n    subscriptions:\n      a: {{customer: cus_1, start_date: 1798761600, "
)
ITEM = "product: prod_1, amount: 21.50, currency: usd, interval: month"
BODIES: dict[str, tuple[str, bool]] = {
    "the example": (EXAMPLE, True),
    "an expression": (f"{OWN}price: '{{{{ var.price }}}}'}}\n", True),
    "an expression in an item": (f"{OWN}items: [{{price: '{{{{ var.price }}}}'}}]}}\n", True),
    "an ad-hoc item": (
        f"{OWN}items: [{{{ITEM}}}], add_invoice_items: [{{product: p, amount: '5', currency: usd}}]}}\n", True,
    ),
    "a null counts as left out": (f"{OWN}price: price_1, coupon: , quantity: }}\n", True),
    "an unknown field": (f"{OWN}price: price_1, cuopon: x}}\n", False),
    "an unknown field of an item": (f"{OWN}items: [{{price: price_1, qty: 1}}]}}\n", False),
    "a number for a price": (f"{OWN}price: 1}}\n", False),
    "a number in metadata": (f"{OWN}price: price_1, metadata: {{a: 1}}}}\n", False),
    "a flag that is a text": (f"{OWN}price: price_1, automatic_tax: 'yes'}}\n", False),
    "a fee without a currency": (f"{OWN}price: price_1, add_invoice_items: [{{product: p, amount: 5}}]}}\n", False),
    "a file and every word": (
        f"{FROM_FILE}state: canceled, mid_cycle: subscription, default_payment_method: set_latest, "
        "checks: {tax_location: off}, backdated_prorations: from_start_date, maps: {price: {P-1: price_1}}}\n", True,
    ),
    "phases": (
        f"{FROM_FILE}lasts: {{interval: year}}, then: [{{duration: {{interval: day}}, items: [{{price: price_1}}]}}, "
        "{end_date: 2029-01-01T00:00:00Z}]}\n", True,
    ),
    "a map in a file": (f"{FROM_FILE}maps: {{price: maps/prices.csv}}}}\n", True),
    "a map's columns": (f"{FROM_FILE}maps: {{price: {{csv: maps/prices.csv, from: old, to: new}}}}}}\n", True),
    "a map of plans": (f"{FROM_FILE}maps: {{plan: maps/prices.csv}}}}\n", False),
    "batches": (
        f"{FROM_FILE}batches: [{{name: a, rows: 2}}, {{name: b, where: {{price: [P-1], automatic_tax: true}}}}, "
        "{name: c, percent: 2.5}], released: [a, b], defaults: {automatic_tax: true}}\n", True,
    ),
    "a batch without a name": (f"{FROM_FILE}batches: [{{rows: 2}}]}}\n", False),
    "a percentage above 100": (f"{FROM_FILE}batches: [{{name: a, percent: 100.5}}]}}\n", False),
    "no batches": (f"{FROM_FILE}batches: []}}\n", False),
    "an unknown setting": (f"{FROM_FILE}dry_run: true}}\n", False),
    "a lifecycle field": (f"{FROM_FILE}protect: true}}\n", False),
    "a lead time": (f"{FROM_FILE}lead_time: 1 day}}\n", False),
    "an amount's unit": (f"{FROM_FILE}amount_unit: cents}}\n", False),
    "an attempt": (f"{FROM_FILE}attempt: 0}}\n", False),
    "neither a file nor rows": (f"{PLURAL}:\n  m: {{source: external:zuora}}\n", False),
    "a file without a key": (f"{PLURAL}:\n  m: {{csv: migrations/zuora.csv}}\n", False),
    "a key that is no metadata": (f"{PLURAL}:\n  m: {{csv: migrations/zuora.csv, key: third_party_sub_id}}\n", False),
}  # fmt: skip


@pytest.mark.parametrize(("text", "good"), BODIES.values(), ids=BODIES)
def test_the_schema_and_the_loader_agree(workspace: Workspace, text: str, good: bool) -> None:
    for name, content in FILES.items():
        workspace.write(name, content)
    workspace.write("specs/a.yaml", text)
    workspace.write("specs/b.yaml", CATALOGUE)
    stopped = lines(lambda: workspace.specs(price="price_1"))
    faults = [] if stopped else [found.summary for found in workspace.specs(price="price_1").migrations.faults()]
    assert (stopped == [] and faults == []) is good, (stopped, faults)
    for name, body in (
        ("specs", parse_yaml(text, "f").value),
        (PLURAL, parse_yaml(text, "f").value[PLURAL].popitem()[1]),
    ):
        if name == "specs" or "zuora-2026" not in text:
            assert Draft202012Validator(schemas()[f"{name}.schema.json"]).is_valid(body) is good


def test_the_schema_has_every_column() -> None:
    row = migration_schema()["properties"]["subscriptions"]["additionalProperties"]["properties"]
    assert sorted(row) == sorted([*PLAIN, ITEMS, FEES, METADATA])
    page = render_files()["REFERENCE.md"].partition(f"\n## {PLURAL}\n")[2]
    assert [name for name in PLAIN if f"`{name}`" not in page] == []
    assert EXAMPLE in page


def test_a_row_may_leave_in_the_ways_of_its_kind() -> None:
    schema = Draft202012Validator(schemas()["specs.schema.json"])
    for action, good in (("cancel", True), ("release", True), ("forget", True), ("burn", False)):
        removed = {"removed": [{"address": 'subscription_migration.m["a"]', "action": action}]}
        assert schema.is_valid(removed) is good
