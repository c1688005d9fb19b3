"""Rows of migrations by themselves: what each of the toolkit's columns says, and everything that can be wrong."""

from __future__ import annotations

import pytest

from reconciler.core.address import Address
from reconciler.core.migrations import AdHoc, Backdated, Fee, Item
from reconciler.core.row_cells import Unit
from reconciler.core.row_rules import RowRules
from reconciler.core.values import Ref
from tests.core.migration_cells import ADHOC, DAY, FEE, LISTED, START, Changes, read, reading, reasons, terms

SECONDS = {0: str(START), 10: str(START + 10 * DAY), -30: str(START - 30 * DAY)}


def test_a_basic_row_says_what_the_toolkit_takes() -> None:
    row = read(
        {
            "quantity": "3", "metadata_tier": " gold ", "automatic_tax": "TRUE", "billing_cycle_anchor": SECONDS[10],
            "coupon": "WELCOME", "collection_method": "send_invoice", "days_until_due": "30", "currency": "eur",
            "backdate_start_date": SECONDS[-30], "cancel_at_period_end": "true", "waive": "tax_location,invoice_email",
            "adopt": "sub_sched_1", "source_subscription": "sub_9", "source_amount": "29.9",
        }
    )  # fmt: skip
    assert row.terms is not None
    assert row.terms.items == (Item(price="price_1", quantity=3),)
    assert row.terms.metadata == {"old_id": "sub_1", "tier": " gold "}
    assert (row.terms.start, row.terms.anchor, row.terms.backdate) == (START, START + 10 * DAY, START - 30 * DAY)
    assert (row.terms.collection_method, row.terms.days_until_due) == ("send_invoice", 30)
    assert (row.terms.automatic_tax, row.terms.cancel_at_period_end, row.terms.prorated) == (True, True, False)
    assert (row.terms.coupon, row.terms.currency, row.terms.source_amount) == ("WELCOME", "eur", 2990)
    assert (row.key, sorted(row.waives)) == ("sub_1", ["invoice_email", "tax_location"])
    assert (row.adopt, row.source_subscription) == ("sub_sched_1", "sub_9")


def test_what_a_row_leaves_open_is_as_the_documents_say() -> None:
    said = terms({"proration_behavior": "", "quantity": " "})
    assert (said.prorated, said.collection_method, said.automatic_tax) == (True, "charge_automatically", False)
    assert said.items == (Item(price="price_1", quantity=None),)


def test_items_and_ad_hoc_items_go_together_with_gaps_in_their_numbers() -> None:
    said = terms({**LISTED, **ADHOC, "adhoc_items.0.interval_count": "3", "adhoc_items.0.quantity": "0"})
    adhoc = AdHoc(product="prod_1", amount=2150, currency="usd", interval="month", interval_count=3)
    assert said.items == (
        Item(price="price_1", quantity=2),
        Item(price="price_2"),
        Item(adhoc=adhoc, quantity=0),
    )


def test_fees_come_with_the_first_invoice() -> None:
    assert terms(FEE).fees == (Fee(product="prod_2", amount=2000, currency="usd"),)


def test_a_cell_may_be_an_address() -> None:
    declared = {Address(kind, "x") for kind in ("price", "product", "coupon", "tax_rate")}
    by = reading(declared=declared)
    said = terms({"price": "price.x", "coupon": 'coupon["x"]', "default_tax_rate": "tax_rate.x"}, by)
    assert said.items[0].price == Ref(Address("price", "x"))
    assert (said.coupon, said.default_tax_rate) == (Ref(Address("coupon", "x")), Ref(Address("tax_rate", "x")))
    assert reasons(read({"price": "price.y"}, by)) == [("undeclared", "price")]


DATES: dict[str, tuple[str, int | str]] = {
    "epoch seconds": ("1798761600", START),
    "ISO 8601 in UTC": ("2027-01-01T00:00:00Z", START),
    "an offset": ("2027-01-01T02:00:00+02:00", START),
    "a blank between": ("2027-01-01 00:00:00Z", START),
    "milliseconds": ("1798761600000", "date_in_milliseconds"),
    "no zone": ("2027-01-01T00:00:00", "date_without_zone"),
    "a day": ("2027-01-01", "date_without_time"),
    "parts of a second": ("2027-01-01T00:00:00.5Z", "bad_date"),
    "a day as Americans write it": ("1/1/2027", "bad_date"),
    "what a spreadsheet makes of seconds": ("1.79876E+09", "bad_date"),
    "what a spreadsheet makes of days": ("46388", "date_out_of_range"),
    "the year 1999": ("1999-12-31T23:59:59Z", "date_out_of_range"),
    "the year 2100": ("2100-01-01T00:00:00Z", "date_out_of_range"),
    "a number without end": ("9" * 6000, "date_out_of_range"),
    "a negative number": ("-1798761600", "bad_date"),
    "other digits": ("\u0661798761600", "bad_date"),
}


@pytest.mark.parametrize(("text", "expected"), DATES.values(), ids=DATES)
def test_a_date_is_a_moment(text: str, expected: int | str) -> None:
    row = read({"start_date": text})
    if isinstance(expected, int):
        assert row.terms is not None
        assert row.terms.start == expected
    else:
        assert reasons(row) == [(expected, "start_date")]
        assert row.terms is None


AMOUNTS: dict[str, tuple[Unit, str, str, int | str]] = {
    "whole": (Unit.MAJOR, "21", "usd", 2100),
    "one decimal": (Unit.MAJOR, "21.5", "usd", 2150),
    "nothing": (Unit.MAJOR, "0.00", "usd", 0),
    "a currency without decimals": (Unit.MAJOR, "1200", "jpy", 1200),
    "a currency with three": (Unit.MAJOR, "1.234", "kwd", 1234),
    "minor": (Unit.MINOR, "2150", "usd", 2150),
    "half a cent": (Unit.MAJOR, "21.505", "usd", "too_many_digits"),
    "thousands, or three decimals": (Unit.MAJOR, "21.500", "usd", "too_many_digits"),
    "decimals of a currency without": (Unit.MAJOR, "1200.00", "jpy", "too_many_digits"),
    "a comma": (Unit.MAJOR, "21,50", "usd", "bad_amount"),
    "an exponent": (Unit.MAJOR, "2.15e1", "usd", "bad_amount"),
    "a sign of a currency": (Unit.MAJOR, "$21.50", "usd", "bad_amount"),
    "below zero": (Unit.MAJOR, "-21.50", "usd", "negative_amount"),
    "more than Stripe takes": (Unit.MAJOR, "10000000000", "usd", "amount_too_large"),
    "decimals of minor units": (Unit.MINOR, "21.50", "usd", "bad_amount"),
    "no unit": (Unit.MAJOR, "NaN", "usd", "bad_amount"),
}


@pytest.mark.parametrize(("unit", "text", "currency", "expected"), AMOUNTS.values(), ids=AMOUNTS)
def test_an_amount_is_exact(unit: Unit, text: str, currency: str, expected: int | str) -> None:
    changes = {**ADHOC, "adhoc_items.0.amount": text, "adhoc_items.0.currency": currency}
    row = read(changes, reading(unit=unit))
    if isinstance(expected, str):
        assert reasons(row) == [(expected, "adhoc_items.0.amount")]
    else:
        assert row.terms is not None
        assert row.terms.items[0].adhoc is not None
        assert row.terms.items[0].adhoc.amount == expected


def test_an_amount_needs_a_unit_and_the_source_amount_a_currency() -> None:
    assert reasons(read(FEE, reading(unit=None))) == [("unknown_unit", "add_invoice_items.0.amount")]
    assert reasons(read({"source_amount": "21.50"})) == [("source_amount_without_currency", "source_amount")]
    assert terms({"source_amount": "2150"}, reading(unit=Unit.MINOR)).source_amount == 2150
    assert terms({"source_amount": "21.50", **FEE}).source_amount == 2150
    assert reasons(read({"source_amount": "21.505", "currency": "usd"})) == [("too_many_digits", "source_amount")]


FAULTS: dict[str, tuple[Changes, str, str]] = {
    "no customer": ({"customer": ""}, "missing_customer", "customer"),
    "an e-mail as customer": ({"customer": "jane@example.com"}, "wrong_customer", "customer"),
    "a price as customer": ({"customer": "price_1"}, "wrong_customer", "customer"),
    "a customer with a blank": ({"customer": "cus_1 2"}, "wrong_customer", "customer"),
    "no start": ({"start_date": ""}, "missing_start_date", "start_date"),
    "no price": ({"price": ""}, "missing_price", "price"),
    "a product as price": ({"price": "prod_1"}, "wrong_price", "price"),
    "a subscription as price": ({"price": "sub_1MowQVLkdIwHu7ixeraBm864"}, "wrong_price", "price"),
    "the address of a product": ({"price": "product.pro"}, "wrong_price", "price"),
    "a broken address": ({"price": "price.9"}, "bad_address", "price"),
    "a price as coupon": ({"coupon": "price_1"}, "wrong_coupon", "coupon"),
    "a promotion code": ({"coupon": "promo_1LDGNmDK0D4Fox2RxIaXQkBp"}, "wrong_coupon", "coupon"),
    "a tax id as rate": ({"default_tax_rate": "txi_1"}, "wrong_tax_rate", "default_tax_rate"),
    "a price as product": (
        {**FEE, "add_invoice_items.0.product": "price_1"}, "wrong_product", "add_invoice_items.0.product",
    ),
    "half a seat": ({"quantity": "1.5"}, "bad_quantity", "quantity"),
    "fewer than none": ({"quantity": "-1"}, "bad_quantity", "quantity"),
    "a quantity in words": ({"quantity": "two"}, "bad_quantity", "quantity"),
    "a quantity alone": ({"price": "", "quantity": "2"}, "quantity_without_price", "quantity"),
    "a currency in capitals": ({"currency": "USD"}, "currency_case", "currency"),
    "a currency that is none": ({"currency": "usb"}, "bad_currency", "currency"),
    "an interval": ({**ADHOC, "adhoc_items.0.interval": "monthly"}, "bad_interval", "adhoc_items.0.interval"),
    "four years": (
        {**ADHOC, "adhoc_items.0.interval": "year", "adhoc_items.0.interval_count": "4"},
        "bad_interval_count", "adhoc_items.0.interval_count",
    ),
    "no intervals": (
        {**ADHOC, "adhoc_items.0.interval_count": "0"}, "bad_interval_count", "adhoc_items.0.interval_count",
    ),
    "yes": ({"automatic_tax": "yes"}, "bad_boolean", "automatic_tax"),
    "1": ({"cancel_at_period_end": "1"}, "bad_boolean", "cancel_at_period_end"),
    "an anchor at the start": ({"billing_cycle_anchor": SECONDS[0]}, "anchor_not_after_start", "billing_cycle_anchor"),
    "a trial that is over": ({"trial_end": SECONDS[-30]}, "trial_end_not_after_start", "trial_end"),
    "backdated to the start": ({"backdate_start_date": SECONDS[0]}, "backdate_not_before_start", "backdate_start_date"),
    "a trial beside an anchor": (
        {"trial_end": str(START + DAY), "billing_cycle_anchor": SECONDS[10]}, "trial_end_with_anchor", "trial_end",
    ),
    "backdated with prorations": (
        {"backdate_start_date": SECONDS[-30], "proration_behavior": "create_prorations"},
        "backdate_with_prorations", "backdate_start_date",
    ),
    "backdated with prorations by default": (
        {"backdate_start_date": SECONDS[-30], "proration_behavior": ""},
        "backdate_with_prorations", "backdate_start_date",
    ),
    "two kinds of tax": (
        {"automatic_tax": "TRUE", "default_tax_rate": "txr_1"}, "two_kinds_of_tax", "default_tax_rate",
    ),
    "sent without days": ({"collection_method": "send_invoice"}, "missing_days_until_due", "days_until_due"),
    "days without sending": ({"days_until_due": "30"}, "days_without_send_invoice", "days_until_due"),
    "negative days": (
        {"collection_method": "send_invoice", "days_until_due": "-3"}, "bad_days_until_due", "days_until_due",
    ),
    "always_invoice": ({"proration_behavior": "always_invoice"}, "bad_proration_behavior", "proration_behavior"),
    "a way to pay": ({"collection_method": "charge"}, "bad_collection_method", "collection_method"),
    "no key": ({"metadata.old_id": " "}, "missing_key", "metadata.old_id"),
    "a long key": ({"metadata.old_id": "x" * 201}, "long_key", "metadata.old_id"),
    "a key with a line end": ({"metadata.old_id": "a\nb"}, "bad_key", "metadata.old_id"),
    "a key with blanks around it": ({"metadata.old_id": "a "}, "bad_key", "metadata.old_id"),
    "long metadata": ({"metadata.note": "x" * 501}, "long_metadata", "metadata.note"),
    "a control character": ({"metadata.note": "a\x07"}, "bad_metadata", "metadata.note"),
    "too much metadata": ({f"metadata.n{n}": "x" for n in range(40)}, "too_much_metadata", ""),
    "a price twice": ({**LISTED, "items.7.price": "price_1"}, "same_price_twice", "items.7.price"),
    "21 items": ({"price": None, **{f"items.{n}.price": f"price_{n}" for n in range(21)}}, "too_many_items", ""),
    "21 fees": (
        {f"add_invoice_items.{n}.{field}": value for n in range(21)
         for field, value in (("amount", "1"), ("product", "prod_1"), ("currency", "usd"))},
        "too_many_fees", "",
    ),
    "an item without a price": ({**LISTED, "items.0.price": ""}, "item_without_price", "items.0.price"),
    "a price beside items": ({**LISTED, "price": "price_1"}, "mixed_items", "price"),
    "a price beside ad-hoc items": ({**ADHOC, "price": "price_1"}, "mixed_items", "price"),
    "an ad-hoc item without interval": (
        {**ADHOC, "adhoc_items.0.interval": ""}, "incomplete_adhoc_item", "adhoc_items.0.interval",
    ),
    "a fee without amount": (
        {**FEE, "add_invoice_items.0.amount": ""}, "incomplete_fee", "add_invoice_items.0.amount",
    ),
    "a fee in another currency": (
        {**ADHOC, **FEE, "add_invoice_items.0.currency": "eur"}, "currencies_disagree", "add_invoice_items.0.currency",
    ),
    "a currency that the items do not have": (
        {**ADHOC, "currency": "eur"}, "currencies_disagree", "adhoc_items.0.currency",
    ),
    "months and years": (
        {**ADHOC, **{key.replace(".0.", ".1."): text for key, text in ADHOC.items() if key != "price"},
         "adhoc_items.1.interval": "year"},
        "intervals_disagree", "adhoc_items.1.interval",
    ),
    "an unknown check": ({"waive": "tax_location taxes"}, "unknown_check", "waive"),
    "a customer to adopt": ({"adopt": "cus_1"}, "bad_adopt", "adopt"),
    "a schedule as a source": (
        {"source_subscription": "sub_sched_1"}, "bad_source_subscription", "source_subscription",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "reason", "column"), FAULTS.values(), ids=FAULTS)
def test_what_is_wrong_is_told_with_its_column(changes: Changes, reason: str, column: str) -> None:
    row = read(changes)
    assert reasons(row) == [(reason, column)]
    assert row.terms is None
    assert all(fault.hint for fault in row.faults)


def test_everything_that_is_wrong_is_told_at_once() -> None:
    row = read({"customer": "jane@example.com", "start_date": "soon", "price": "", "coupon": "cus_1", "quantity": ""})
    assert reasons(row) == [
        ("wrong_customer", "customer"),
        ("bad_date", "start_date"),
        ("wrong_coupon", "coupon"),
        ("missing_price", "price"),
    ]
    assert row.key == "sub_1"


GOOD: dict[str, Changes] = {
    "a plan with a name of its own": {"price": "Gold plan (legacy)"},
    "a plan of Stripe's making": {"price": "plan_1"},
    "a coupon like a promotion code": {"coupon": "promo_2024"},
    "a coupon like a subscription": {"coupon": "sub_discount"},
    "an anchor at the end of the trial": {"trial_end": SECONDS[10], "billing_cycle_anchor": SECONDS[10]},
    "manual tax said to be no automatic one": {"automatic_tax": "FALSE", "default_tax_rate": "txr_1"},
    "an invoice due at once": {"collection_method": "send_invoice", "days_until_due": "0"},
    "none of it": {"quantity": "0"},
    "40 keys": {f"metadata.n{n}": "x" for n in range(39)},
    "lines in metadata": {"metadata.note": "a\n\tb\r\n"},
    "20 items": {"price": None, **{f"items.{n}.price": f"price_{n}" for n in range(20)}},
    "one product ad hoc twice": {
        **ADHOC,
        **{key.replace(".0.", ".1."): text for key, text in ADHOC.items() if key != "price"},
    },
}


@pytest.mark.parametrize("changes", GOOD.values(), ids=GOOD)
def test_what_is_unusual_is_not_wrong(changes: Changes) -> None:
    assert reasons(read(changes)) == []


RULES: dict[str, tuple[RowRules, Changes, list[tuple[str, str]]]] = {
    "backdated prorations that the block allows": (
        RowRules(backdated=Backdated.FROM_START),
        {"backdate_start_date": SECONDS[-30], "proration_behavior": ""}, [],
    ),
    "the end of the period before further phases": (
        RowRules(followed=True), {"cancel_at_period_end": "TRUE"}, [("cancel_with_then", "cancel_at_period_end")],
    ),
    "a start after the first phase's end": (
        RowRules(followed=True, first_end=START), {}, [("start_after_then", "start_date")],
    ),
    "a source that ends": (
        RowRules(ends_source=True), {}, [("missing_source_subscription", "source_subscription")],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("rules", "changes", "expected"), RULES.values(), ids=RULES)
def test_a_row_is_held_against_its_block(rules: RowRules, changes: Changes, expected: list[tuple[str, str]]) -> None:
    assert reasons(read(changes, reading(rules=rules))) == expected


def test_an_address_has_room_in_metadata() -> None:
    name = "m" * 100
    assert read({"metadata.old_id": "x" * 200}, reading(migration=name)).faults == ()
    assert reasons(read({"metadata.old_id": '"' * 200}, reading(migration=name))) == [("long_key", "metadata.old_id")]


def test_no_message_shows_an_address_or_a_key() -> None:
    secret = "sk_live_" + "x" * 20
    row = read({"waive": "jane@example.com", "currency": secret, "metadata.old_id": "jane@example.com "})
    text = " ".join(fault.summary + fault.hint for fault in row.faults)
    assert len(row.faults) == 3
    assert "jane" not in text
    assert secret not in text
