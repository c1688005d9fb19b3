"""Amounts of money as people read them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.money import exponent, show_amount

CURRENCIES = st.sampled_from(["usd", "jpy", "kwd", "isk"])


@pytest.mark.parametrize(
    ("minor", "currency", "shown"),
    [
        (2900, "usd", "29.00 USD"),
        (1, "usd", "0.01 USD"),
        (0, "usd", "0.00 USD"),
        ("2900", "eur", "29.00 EUR"),
        (2900, "USD", "29.00 USD"),
        (1200, "jpy", "1,200 JPY"),
        (0, "jpy", "0 JPY"),
        (1234567, "krw", "1,234,567 KRW"),
        (2900, "kwd", "2.900 KWD"),
        (1, "bhd", "0.001 BHD"),
        (0, "tnd", "0.000 TND"),
        # Stripe writes these two with two digits, whatever ISO 4217 says.
        (500, "isk", "5.00 ISK"),
        (500, "ugx", "5.00 UGX"),
    ],
)
def test_an_amount_has_the_digits_of_its_currency(minor: str | int, currency: str, shown: str) -> None:
    assert show_amount(minor, currency) == shown


@pytest.mark.parametrize(
    ("minor", "currency", "shown"),
    [
        ("0.12", "usd", "0.0012 USD"),
        ("2900.5", "usd", "29.005 USD"),
        ("2900.50", "usd", "29.005 USD"),
        ("2900.000", "usd", "29.00 USD"),
        ("0.000000000001", "usd", "0.00000000000001 USD"),
        ("1200.25", "jpy", "1,200.25 JPY"),
        ("1200.0", "jpy", "1,200 JPY"),
        ("1.5", "kwd", "0.0015 KWD"),
    ],
)
def test_what_is_below_the_smallest_unit_is_shown_in_full(minor: str, currency: str, shown: str) -> None:
    assert show_amount(minor, currency) == shown


@pytest.mark.parametrize(
    ("minor", "currency", "shown"),
    [
        (100_000, "usd", "1,000.00 USD"),
        (99_999_999, "usd", "999,999.99 USD"),
        (10**20, "usd", "1,000,000,000,000,000,000.00 USD"),
        (123456789012345678901234567890, "jpy", "123,456,789,012,345,678,901,234,567,890 JPY"),
        (-(10**29) - 1, "kwd", "-100,000,000,000,000,000,000,000,000.001 KWD"),
        (-2900, "usd", "-29.00 USD"),
        (-123456, "usd", "-1,234.56 USD"),
        (-5, "jpy", "-5 JPY"),
        ("-0.5", "usd", "-0.005 USD"),
    ],
)
def test_large_and_negative_amounts_are_grouped_by_thousands(minor: str | int, currency: str, shown: str) -> None:
    assert show_amount(minor, currency) == shown


@settings(deadline=None, max_examples=200)
@given(st.decimals(-(10**12), 10**12, places=6), CURRENCIES)
def test_the_shown_amount_is_the_amount(minor: Decimal, currency: str) -> None:
    number, _, code = show_amount(f"{minor:f}", currency).partition(" ")
    assert code == currency.upper()
    assert Decimal(number.replace(",", "")) * 10 ** exponent(currency) == minor
