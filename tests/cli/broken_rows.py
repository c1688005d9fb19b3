"""A file of rows with all that can be wrong with one, by itself and against the account, and that account."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.emulator.rules.billing import attach_payment_method
from reconciler.emulator.seed import load_seed
from reconciler.emulator.world import World

DAY = 86400
KEY = "metadata.third_party_sub_id"
ADHOC = ("adhoc_items.0.amount", "adhoc_items.0.product", "adhoc_items.0.interval", "adhoc_items.0.currency")
FEE = ("add_invoice_items.0.amount", "add_invoice_items.0.product", "add_invoice_items.0.currency")
COLUMNS = (
    "customer", "start_date", "price", "quantity", "items.0.price", "items.1.price", *ADHOC, KEY, "metadata.note",
    "automatic_tax", "billing_cycle_anchor", "coupon", "currency", "trial_end", "proration_behavior",
    "collection_method", "default_tax_rate", "backdate_start_date", "days_until_due", "cancel_at_period_end", *FEE,
    "waive",
)  # fmt: skip
SPECS = f"""\
subscription_migrations:
  zuora:
    csv: rows.csv
    key: {KEY}
    amount_unit: major
"""
_MONTH, _YEAR = {"interval": "month"}, {"interval": "year"}
_GERMANY = {"country": "DE", "line1": "Hauptstr. 1", "postal_code": "10115"}
Cells = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One way to break a row: the cells that do it, or what its customer is like, and the reason that tells of it.
    `whose` are a customer's parameters; `has` says what it has besides."""

    reason: str
    cells: Cells = field(default_factory=dict)
    whose: Mapping[str, Any] = field(default_factory=dict)
    has: str = "card"


def listed(*prices: str) -> Cells:
    return {"price": "", "quantity": "", **{f"items.{n}.price": id for n, id in enumerate(prices)}}


def adhoc(*cells: str) -> Cells:
    return {"price": "", "quantity": "", **dict(zip(ADHOC, cells, strict=True))}


def offline_ways(start: int) -> tuple[Way, ...]:
    """What a row shows by itself."""
    before, soon = str(start - DAY), str(start + DAY)
    sent = {"collection_method": "send_invoice"}
    ways: tuple[tuple[str, Cells], ...] = (
        ("missing_customer", {"customer": ""}),
        ("wrong_customer", {"customer": "kim@example.com"}),
        ("missing_start_date", {"start_date": ""}),
        ("date_in_milliseconds", {"start_date": f"{start}000"}),
        ("date_without_zone", {"start_date": "2040-01-01T00:00:00"}),
        ("bad_date", {"start_date": "Jan 1, 2040"}),
        ("missing_price", {"price": "", "quantity": ""}),
        ("mixed_items", {"items.0.price": "price_other"}),
        ("wrong_price", {"price": "prod_pro"}),
        ("same_price_twice", listed("price_pro", "price_pro")),
        ("bad_quantity", {"quantity": "1.5"}),
        ("wrong_coupon", {"coupon": "price_pro"}),
        ("wrong_tax_rate", {"default_tax_rate": "prod_pro"}),
        ("two_kinds_of_tax", {"automatic_tax": "TRUE", "default_tax_rate": "txr_vat"}),
        ("bad_boolean", {"automatic_tax": "yes"}),
        ("currency_case", {"currency": "USD"}),
        ("bad_proration_behavior", {"proration_behavior": "always_invoice"}),
        ("bad_collection_method", {"collection_method": "invoice"}),
        ("missing_days_until_due", sent),
        ("days_without_send_invoice", {"days_until_due": "30"}),
        ("anchor_not_after_start", {"billing_cycle_anchor": before}),
        ("trial_end_not_after_start", {"trial_end": before}),
        ("trial_end_with_anchor", {"trial_end": soon, "billing_cycle_anchor": str(start + 2 * DAY)}),
        ("backdate_not_before_start", {"backdate_start_date": soon}),
        ("incomplete_fee", {FEE[0]: "20.00"}),
        ("bad_amount", dict(zip(FEE, ("21,50", "prod_setup", "usd"), strict=True))),
        ("too_many_digits", dict(zip(FEE, ("21.505", "prod_setup", "usd"), strict=True))),
        ("long_metadata", {"metadata.note": "x" * 501}),
        ("missing_key", {KEY: ""}),
        ("unknown_check", {"waive": "payment_method"}),
    )
    return tuple(Way(reason=reason, cells=cells) for reason, cells in ways)


def account_ways(start: int, now: int) -> tuple[Way, ...]:
    """What only the account and its clock can tell."""
    sent = {"collection_method": "send_invoice", "days_until_due": "30"}
    anchor = {"billing_cycle_anchor": str(start + 40 * DAY)}
    taxed = {"automatic_tax": "TRUE"}
    return (
        Way(reason="unknown_customer", has="no account"),
        Way(reason="deleted_customer", has="gone"),
        Way(reason="customer_currency", has="euros"),
        Way(reason="test_clock_customer", has="clock"),
        Way(reason="default_payment_method", has="nothing"),
        Way(reason="invoice_email", cells=sent, whose={"email": None}),
        Way(reason="tax_location", cells=taxed, whose={"address": None}),
        Way(reason="existing_subscription", has="subscription"),
        Way(reason="key_taken", has="key"),
        Way(reason="unknown_price", cells={"price": "price_nothing"}),
        Way(reason="inactive_price", cells={"price": "price_archived"}),
        Way(reason="price_one_time", cells={"price": "price_once"}),
        Way(reason="archived_product", cells={"price": "price_of_archived"}),
        Way(reason="metered_quantity", cells={"price": "price_metered"}),
        Way(reason="intervals_differ", cells=listed("price_pro", "price_other_yearly")),
        Way(reason="currencies_differ", cells=listed("price_pro", "price_other_eur")),
        Way(reason="unknown_product", cells=adhoc("10.00", "prod_nothing", "month", "usd")),
        Way(reason="unknown_coupon", cells={"coupon": "NOTHING"}),
        Way(reason="invalid_coupon", cells={"coupon": "EXPIRED"}),
        Way(reason="coupon_currency", cells={"coupon": "EUROS"}),
        Way(reason="coupon_products", cells={"coupon": "SETUP"}),
        Way(reason="unknown_tax_rate", cells={"default_tax_rate": "txr_nothing"}),
        Way(reason="inactive_tax_rate", cells={"default_tax_rate": "txr_archived"}),
        Way(reason="tax_behavior", cells={"default_tax_rate": "txr_inside"}),
        Way(reason="anchor_too_late", cells=anchor),
        Way(reason="start_passed", cells={"start_date": str(now - 30 * DAY)}),
        Way(reason="start_too_soon", cells={"start_date": str(now + 7200)}),
    )


def catalogue(now: int) -> dict[str, Any]:
    """What the rows name, as a seed of the emulator says it."""
    monthly = {"currency": "usd", "recurring": _MONTH, "tax_behavior": "exclusive", "unit_amount": 10_000}
    pro = {**monthly, "product": "prod_pro"}
    other = {**monthly, "product": "prod_other"}
    usage = {**_MONTH, "usage_type": "metered", "meter": "mtr_calls"}
    meter = {
        "id": "mtr_calls",
        "display_name": "Calls",
        "event_name": "calls",
        "default_aggregation": {"formula": "sum"},
    }
    always = {"duration": "forever", "percent_off": "10"}
    tax = {"display_name": "VAT", "inclusive": False, "percentage": "19"}
    return {
        "account": {"tax_places": {"DE": "19"}},
        "meters": [meter],
        "products": [
            *({"id": f"prod_{name}", "name": name} for name in ("pro", "other", "setup")),
            {"id": "prod_archived", "name": "Archived", "active": False},
        ],
        "prices": [
            {"id": "price_pro", **pro},
            {"id": "price_other", **other},
            {"id": "price_other_yearly", **other, "recurring": _YEAR},
            {"id": "price_other_eur", **other, "currency": "eur"},
            {"id": "price_archived", **pro, "active": False},
            {"id": "price_of_archived", **monthly, "product": "prod_archived"},
            {"id": "price_metered", **pro, "recurring": usage},
            {"id": "price_once", **{name: value for name, value in pro.items() if name != "recurring"}},
        ],
        "coupons": [
            {"id": "TENTH", **always},
            {"id": "EXPIRED", **always, "redeem_by": now - DAY, "created": now - 9 * DAY},
            {"id": "EUROS", "duration": "forever", "amount_off": 500, "currency": "eur"},
            {"id": "SETUP", **always, "applies_to": {"products": ["prod_setup"]}},
        ],
        "tax_rates": [
            {"id": "txr_vat", **tax},
            {"id": "txr_archived", **tax, "active": False},
            {"id": "txr_inside", **tax, "inclusive": True},
        ],
    }


def good_row(n: int, start: int) -> dict[str, str]:
    """A row that nothing is wrong with: the toolkit's cases in turn."""
    row = dict.fromkeys(COLUMNS, "")
    row |= {"customer": customer_of(n), "start_date": str(start), KEY: f"sub_{n:05d}", "price": "price_pro"}
    row |= {"quantity": "1", "proration_behavior": "none", "collection_method": "charge_automatically"}
    cases: tuple[Cells, ...] = (
        {"quantity": "3"},
        listed("price_pro", "price_other"),
        dict(zip(FEE, ("20.00", "prod_setup", "usd"), strict=True)),
        adhoc("153.00", "prod_other", "month", "usd"),
        {"price": "price_other_yearly", "collection_method": "send_invoice", "days_until_due": "30"},
        {"billing_cycle_anchor": str(start + 9 * DAY), "backdate_start_date": str(start - 22 * DAY)},
        {"trial_end": str(start + 9 * DAY), "coupon": "TENTH"},
        {"billing_cycle_anchor": str(start + 9 * DAY), "proration_behavior": "create_prorations"},
        {"automatic_tax": "TRUE", "cancel_at_period_end": "FALSE"},
        {"default_tax_rate": "txr_vat", "automatic_tax": "false", "metadata.note": "moved"},
    )
    return {**row, **cases[n // 7 % len(cases)]}


def customer_of(n: int) -> str:
    return f"cus_{n:05d}"


def fill_account(world: World, customers: Mapping[int, Way | None]) -> None:
    """Make the catalogue and the customers, by number; each is as its row's way to break asks for."""
    now = world.now()
    load_seed(world, catalogue(now) | {"customers": [_customer(n, way) for n, way in customers.items()]})
    for n, way in customers.items():
        if way is None or way.has != "nothing":
            attach_payment_method(world, customer_of(n), now)


def _customer(n: int, way: Way | None) -> dict[str, Any]:
    said = {"id": customer_of(n), "name": f"User {n}", "email": f"user.{n}@example.com", "address": _GERMANY}
    said |= {} if way is None else dict(way.whose)
    return {name: value for name, value in said.items() if value is not None}
