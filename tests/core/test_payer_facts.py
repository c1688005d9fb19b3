"""What migrations read of a customer: who can pay, who has an e-mail address, whom Stripe Tax can locate."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.core.migration_facts import Payer
from reconciler.core.payer_facts import read_payer


def customer(**said: Any) -> dict[str, Any]:
    return {"id": "cus_1", "object": "customer", "email": None, **said}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, Payer(id="cus_1")),
        ({"deleted": True}, Payer(id="cus_1", deleted=True)),
        ({"currency": "EUR"}, Payer(id="cus_1", currency="eur")),
        ({"email": "jane@example.com"}, Payer(id="cus_1", email=True)),
        ({"invoice_settings": {"default_payment_method": "pm_1"}}, Payer(id="cus_1", method=True)),
        ({"invoice_settings": {"default_payment_method": {"id": "pm_1"}}}, Payer(id="cus_1", method=True)),
        ({"invoice_settings": {"default_payment_method": None}}, Payer(id="cus_1")),
        ({"default_source": "card_1"}, Payer(id="cus_1", method=True)),
        ({"test_clock": "clock_1"}, Payer(id="cus_1", clocked=True)),
    ],
)
def test_a_payer_is_what_the_customer_shows(said: dict[str, Any], expected: Payer) -> None:
    assert read_payer(customer(**said)) == expected


WHOLE = {"line1": "1 Main St", "city": "Troy", "state": "NY"}


@pytest.mark.parametrize(
    ("address", "located"),
    [
        (None, False),
        ({"country": None, "postal_code": "12180"}, False),
        ({"country": "DE"}, True),
        ({"country": "US"}, False),
        ({"country": "US", "state": "NY"}, False),
        ({"country": "US", "postal_code": "12180"}, True),
        ({"country": "US", **WHOLE}, True),
        ({"country": "CA"}, False),
        ({"country": "CA", "state": "ON"}, True),
        ({"country": "CA", "postal_code": "K1A 0B1"}, True),
    ],
)
def test_stripe_tax_needs_more_of_an_address_in_some_countries(address: dict[str, Any] | None, located: bool) -> None:
    assert read_payer(customer(address=address)).located is located
    assert read_payer(customer(shipping={"name": "Jane", "address": address})).located is located


def test_either_address_will_do() -> None:
    assert read_payer(customer(address={"country": "US"}, shipping={"address": {"country": "FR"}})).located
