"""The Billing migration toolkit's 15 examples as files, planned and applied by a project, and billed for 14 months.

The table is that of the documents' examples: what a customer is billed, on which days in UTC, in US dollars. Each file
has the columns of one of the toolkit's templates and one row. A trial leaves an invoice of nothing on its first day,
which bills nobody, and is left out here.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from reconciler import Project
from reconciler.adapters.system_clock import SystemClock
from reconciler.core.verified_row import Verdict
from reconciler.emulator.server import serve
from reconciler.project import Consent
from tests.emulator.timeline import Timeline, at, day, timeline

_TAIL = (
    "metadata.third_party_sub_id", "automatic_tax", "billing_cycle_anchor", "coupon", "trial_end", "proration_behavior",
    "collection_method", "default_tax_rate", "backdate_start_date", "days_until_due", "cancel_at_period_end",
    "add_invoice_items.0.amount", "add_invoice_items.0.product", "add_invoice_items.0.currency",
)  # fmt: skip
BASIC = ("customer", "start_date", "price", "quantity", *_TAIL)
MULTI = (
    "customer", "start_date", "items.0.price", "items.0.quantity", "items.1.price", "items.1.quantity", *_TAIL
)  # fmt: skip
AD_HOC = (
    "customer", "start_date", "adhoc_items.0.amount", "adhoc_items.0.product", "adhoc_items.0.interval",
    "adhoc_items.0.currency", "adhoc_items.0.quantity", *_TAIL,
)  # fmt: skip
ADHOC_ITEM = {
    "adhoc_items.0.amount": "153.00", "adhoc_items.0.product": "prod_setup", "adhoc_items.0.interval": "month",
    "adhoc_items.0.currency": "usd", "adhoc_items.0.quantity": "1",
}  # fmt: skip
FEE = {
    "add_invoice_items.0.amount": "20.00", "add_invoice_items.0.product": "prod_setup",
    "add_invoice_items.0.currency": "usd",
}  # fmt: skip

START, ANCHOR, BEGUN = "2024-01-01", "2024-01-25", "2023-12-25"
PLANNED, END = "2023-12-28", "2025-03-01 12:00"
BACKDATED = {"billing_cycle_anchor": ANCHOR, "backdate_start_date": BEGUN}
NEW_YORK = {"country": "US", "line1": "1 A St", "postal_code": "10001", "state": "NY"}
DATES = ("start_date", "billing_cycle_anchor", "trial_end", "backdate_start_date")

FIRSTS = [f"2024-{month:02d}-01" for month in range(2, 13)] + ["2025-01-01", "2025-02-01", "2025-03-01"]
ON_25TH = [f"2024-{month:02d}-25" for month in range(2, 13)] + ["2025-01-25", "2025-02-25"]
LAST_DAYS = [
    "2024-02-29", "2024-03-31", "2024-04-30", "2024-05-31", "2024-06-30", "2024-07-31", "2024-08-31",
    "2024-09-30", "2024-10-31", "2024-11-30", "2024-12-31", "2025-01-31", "2025-02-28",
]  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """A file of one row, and what it is billed: first this, then the same each time."""

    name: str
    columns: tuple[str, ...]
    cells: dict[str, str]
    first: tuple[tuple[str, str], ...]
    then: tuple[list[str], str] = ([], "")
    ends: str = ""

    @property
    def billed(self) -> list[tuple[str, Decimal]]:
        days, amount = self.then
        return [(one, Decimal(total)) for one, total in self.first] + [(one, Decimal(amount)) for one in days]


def basic(name: str, cells: dict[str, str], first: list[tuple[str, str]], *then: Any, **more: Any) -> Example:
    return Example(name=name, columns=BASIC, cells=cells, first=tuple(first), then=then or ([], ""), **more)


TABLE = (
    basic("01_flat_quantity", {"quantity": "2"}, [(START, "200")], FIRSTS, "200"),
    Example(
        name="02_multi_price",
        columns=MULTI,
        cells={
            "items.0.price": "price_100",
            "items.0.quantity": "2",
            "items.1.price": "price_200",
            "items.1.quantity": "1",
        },
        first=((START, "400"),),
        then=(FIRSTS, "400"),
    ),
    basic("03_addon_fee", {"quantity": "2", **FEE}, [(START, "220")], FIRSTS, "200"),
    Example(name="04_adhoc", columns=AD_HOC, cells=ADHOC_ITEM, first=((START, "153"),), then=(FIRSTS, "153")),
    basic("05_yearly_automatic", {"price": "price_500_yearly"}, [(START, "500")], ["2025-01-01"], "500"),
    basic(
        "06_yearly_invoice",
        {"price": "price_500_yearly", "collection_method": "send_invoice", "days_until_due": "30"},
        [(START, "500")],
        ["2025-01-01"],
        "500",
    ),
    basic("07_due_for_renewal", {"billing_cycle_anchor": "2024-02-01"}, [(START, "100")], FIRSTS, "100"),
    basic("08_mid_cycle_paid", BACKDATED, [(ANCHOR, "100")], ON_25TH, "100"),
    basic("09_trial", {"trial_end": "2024-01-31"}, [("2024-01-31", "100")], LAST_DAYS, "100"),
    basic(
        "10_past_due",
        {"billing_cycle_anchor": ANCHOR, "proration_behavior": "create_prorations"},
        # 24 of the 31 days from December 25 to January 25.
        [(START, "77.42"), (ANCHOR, "100")],
        ON_25TH,
        "100",
    ),
    basic("11_cancel_at_period_end", {**BACKDATED, "cancel_at_period_end": "TRUE"}, [], ends=ANCHOR),
    # New York's 8.875%: 8.875 USD are rounded up.
    basic("12_stripe_tax", {"automatic_tax": "TRUE"}, [(START, "108.88")], FIRSTS, "108.88"),
    basic(
        "13_manual_tax_rate",
        {"automatic_tax": "FALSE", "billing_cycle_anchor": ANCHOR, "default_tax_rate": "txr_10"},
        [(ANCHOR, "110")],
        ON_25TH,
        "110",
    ),
    basic("14_external_tax", {}, [(START, "100")], FIRSTS, "100"),
    basic("15_coupon", {"coupon": "sample_coupon"}, [(START, "90")], FIRSTS, "90"),
)
NAMES = {example.name: example for example in TABLE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """What came of all examples: by the name of each, its customer, what the plan said, and what verify says."""

    call: Timeline
    customers: dict[str, str]
    words: dict[str, str]
    verdicts: dict[str, Verdict]
    differences: dict[str, list[str]]


def catalogue(call: Timeline) -> dict[str, str]:
    """Make what the files name, and give each name's id."""
    return {
        "price_100": call.price(),
        "price_200": call.price(20_000),
        "price_500_yearly": call.price(50_000, "year"),
        "prod_setup": call.make("/v1/products", {"name": "Setup"}),
        "txr_10": call.make("/v1/tax_rates", {"display_name": "Tax", "inclusive": "false", "percentage": "10"}),
        "sample_coupon": call.make("/v1/coupons", {"id": "sample_coupon", "duration": "forever", "percent_off": "10"}),
    }


def write(folder: Path, example: Example, customer: str, ids: dict[str, str]) -> str:
    """Write an example's file, and return the block that declares it."""
    usual = {"price": "price_100", "quantity": "1"} if example.columns is BASIC else {}
    said = {
        "customer": customer,
        "start_date": START,
        "metadata.third_party_sub_id": f"subscription_{example.name}",
        "proration_behavior": "none",
        "collection_method": "charge_automatically",
        **usual,
        **example.cells,
    }
    cells = {name: str(at(text)) if name in DATES else ids.get(text, text) for name, text in said.items()}
    with (folder / f"{example.name}.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, example.columns, restval="")
        writer.writeheader()
        writer.writerow(cells)
    return f"  {example.name}: {{csv: {example.name}.csv, key: metadata.third_party_sub_id, amount_unit: major}}\n"


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """Plan, apply and verify all of them as one project, over HTTP."""
    folder, call = tmp_path_factory.mktemp("toolkit"), timeline(PLANNED)
    (folder / "specs").mkdir()
    ids, customers = catalogue(call), {example.name: call.customer(address=NEW_YORK) for example in TABLE}
    blocks = [write(folder, example, customers[example.name], ids) for example in TABLE]
    (folder / "specs" / "toolkit.yaml").write_text("subscription_migrations:\n" + "".join(blocks), encoding="utf-8")

    class Together(SystemClock):
        """This machine's clock, which goes with the account's."""

        def now(self) -> int:
            return call.world.now()

    with serve([call.world]) as server, pytest.MonkeyPatch.context() as patch:
        patch.setattr("reconciler.wiring.SystemClock", Together)
        patch.setenv("STRIPE_API_KEY", "sk_test_emulator")
        stripe = f"{{mode: test, api_base: '{server.url}', limits: {{global_rps: 1000, endpoint_rps: 1000}}}}"
        (folder / "billplan.yaml").write_text(f"version: 1\nproject: acme\nstripe: {stripe}\n", encoding="utf-8")
        with Project.load(folder) as project:
            planned = project.plan().plan
            assert planned.applicable, [(str(c.address), c.refused, c.hint) for c in planned.changes if c.refused]
            assert len(planned.steps) == len(TABLE)
            words = {change.address.name: " ".join(change.notes) for change in planned.changes}
            applied = project.apply(planned, consent=Consent())
            assert applied.complete, [(r.step.id, r.detail) for r in applied.results if not r.good]
            assert project.plan().plan.empty
        call.until(END)
        with Project.load(folder) as project:
            verified = project.migrations.verify()
            assert project.plan().plan.empty
    rows = {found.migration.name: found.rows[0] for found in verified.migrations}
    return Ended(
        call=call,
        customers=customers,
        words=words,
        verdicts={name: row.verdict for name, row in rows.items()},
        differences={name: [f"{d.what}: {d.said} / {d.found}" for d in row.deviations] for name, row in rows.items()},
    )


def bills(ended: Ended, name: str) -> list[dict[str, Any]]:
    """All that an example's customer was billed."""
    return [one for one in ended.call.invoices() if one["customer"] == ended.customers[name]]


@pytest.mark.parametrize("name", NAMES)
def test_an_example_is_billed_as_the_documents_say(ended: Ended, name: str) -> None:
    found = [(day(one["created"]), Decimal(one["total"]) / 100) for one in bills(ended, name) if one["total"]]
    assert found == NAMES[name].billed


@pytest.mark.parametrize("name", NAMES)
def test_the_plan_said_so_before(ended: Ended, name: str) -> None:
    example, words = NAMES[name], ended.words[name]
    if not example.billed:
        assert f"ends {example.ends}, nothing is charged" in words
        return
    on, amount = example.billed[0]
    plus_tax = name == "12_stripe_tax"
    assert on in words
    assert f"{100 if plus_tax else amount:.2f} USD" in words
    assert ("plus tax" in words) is plus_tax


@pytest.mark.parametrize("name", NAMES)
def test_verify_finds_it_as_its_row_says(ended: Ended, name: str) -> None:
    assert (ended.verdicts[name], ended.differences[name]) == (Verdict.AS_SAID, [])


def test_nobody_is_billed_twice_nor_before_the_start(ended: Ended) -> None:
    everything = ended.call.invoices()
    assert min(one["created"] for one in everything) == at(START)
    billed = [(one["customer"], day(one["created"])) for one in everything]
    assert len(billed) == len(set(billed))
    # What comes to nothing is the first day of a trial, and nothing else.
    free = {one["customer"] for one in everything if not one["total"]}
    assert {name for name, id in ended.customers.items() if id in free} == {
        "08_mid_cycle_paid", "09_trial", "11_cancel_at_period_end", "13_manual_tax_rate",
    }  # fmt: skip
    assert {day(one["created"]) for one in everything if not one["total"]} == {START}


def test_automatic_collection_is_paid_and_a_sent_invoice_is_due_in_30_days(ended: Ended) -> None:
    assert {one["status"] for one in bills(ended, "05_yearly_automatic")} == {"paid"}
    (first, _) = bills(ended, "06_yearly_invoice")
    assert (first["collection_method"], day(first["due_date"])) == ("send_invoice", "2024-01-31")


def test_the_canceled_one_ends_on_its_day_and_all_others_go_on(ended: Ended) -> None:
    ends = {}
    for name, customer in ended.customers.items():
        body = ended.call.get("/v1/subscriptions", {"customer": customer, "status": "all"}).body
        (one,) = body["data"]
        ends[name] = (one["status"], day(one["ended_at"]) if one["ended_at"] else "")
    assert ends.pop("11_cancel_at_period_end") == ("canceled", ANCHOR)
    # Nobody has paid the invoices that were sent, which an emulated account leaves past due.
    assert ends.pop("06_yearly_invoice")[1] == ""
    assert set(ends.values()) == {("active", "")}
