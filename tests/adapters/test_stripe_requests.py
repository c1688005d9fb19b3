"""The small parts of a request: its parameters, its endpoint, its key, and what must not be shown."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.adapters.api_key import key_livemode
from reconciler.adapters.endpoint import endpoint_name
from reconciler.adapters.form import form_params
from reconciler.adapters.redaction import redact
from reconciler.core.address import parse_address
from reconciler.core.values import Ref, Secret
from reconciler.errors import WrongTarget

UNSENDABLE: dict[str, tuple[Any, type[Exception]]] = {
    "None": (None, ValueError),
    "an empty list": ([], ValueError),
    "an empty hash": ({}, ValueError),
    "None deep inside": ({"a": [{"b": None}]}, ValueError),
    "a float": (1.5, TypeError),
    "a reference": (Ref(parse_address("product.pro")), TypeError),
    "a secret": (Secret("x"), TypeError),
}


@pytest.mark.parametrize("name", UNSENDABLE)
def test_parameters_cannot_hold(name: str) -> None:
    value, error = UNSENDABLE[name]
    with pytest.raises(error, match="p"):
        form_params({"p": value})


def test_decimals_are_plain_text() -> None:
    assert form_params({"a": Decimal("1E+3"), "b": Decimal("0.10"), "c": -5, "d": True}) == {
        "a": "1000",
        "b": "0.1",
        "c": "-5",
        "d": "true",
    }


ENDPOINTS = {
    "GET /v1/prices": ("get", "/v1/prices"),
    "POST /v1/prices/{id}": ("POST", "/v1/prices/price_1"),
    "DELETE /v1/products/{id}/features/{id}": ("delete", "/v1/products/my-plan/features/pf_1"),
    "POST /v1/billing/meters/{id}/deactivate": ("post", "/v1/billing/meters/mtr_1/deactivate"),
    "GET /v1/billing/credit_grants": ("get", "/v1/billing/credit_grants"),
    "GET /v1/entitlements/features/{id}": ("get", "/v1/entitlements/features/feat_1"),
    "POST /v1/test_helpers/test_clocks/{id}/advance": ("post", "/v1/test_helpers/test_clocks/clock_1/advance"),
    "GET /v1/customers/search": ("get", "/v1/customers/search?query=x"),
    "POST /v1/invoices/create_preview": ("post", "/v1/invoices/create_preview"),
    "GET /v1/account": ("get", "/v1/account"),
}


@pytest.mark.parametrize("name", ENDPOINTS)
def test_endpoint(name: str) -> None:
    assert endpoint_name(*ENDPOINTS[name]) == name


KEYS = {"sk_test_abc": False, "rk_test_51Abc": False, "sk_live_abc": True, "rk_live_abc": True}


@pytest.mark.parametrize("key", KEYS)
def test_mode_of_a_key(key: str) -> None:
    assert key_livemode(Secret(key)) is KEYS[key]


BAD_KEYS = {
    "": "is empty",
    "sk_test_abc\n": "white space",
    " sk_test_abc": "white space",
    "sk_test_": "starts with none",
    "sk_test_äöü": "starts with none",
    "hunter2hunter2": "starts with none",
    "pk_live_hunter2": "publishable",
    "sk_org_live_hunter2": "organisation",
    "whsec_hunter2": "webhook",
}


@pytest.mark.parametrize("key", BAD_KEYS)
def test_key_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(WrongTarget, match=BAD_KEYS[key]) as caught:
        key_livemode(Secret(key))
    assert "STRIPE_API_KEY" in caught.value.hint
    assert "hunter2" not in str(caught.value) + caught.value.hint


REDACTED = {
    "Invalid API Key provided: sk_test_****abcd": "Invalid API Key provided: sk_test_***",
    "key 'rk_live_x' and whsec_y": "key 'rk_live_***' and whsec_***",
    "Invalid email address: jane.doe+x@mail.example.com": "Invalid email address: <e-mail>",
    "email=jane%40example.com&limit=1": "email=<e-mail>&limit=1",
    "No such price: 'price_1' on acct_1 (rak_price_read)": "No such price: 'price_1' on acct_1 (rak_price_read)",
}


@pytest.mark.parametrize("text", REDACTED)
def test_redaction(text: str) -> None:
    assert redact(text) == REDACTED[text]


@given(st.text(alphabet="abcXYZ019_", min_size=1), st.sampled_from(["sk_test_", "rk_live_"]), st.text(max_size=5))
def test_no_key_survives_redaction(tail: str, prefix: str, around: str) -> None:
    assert f"{prefix}{tail}" not in redact(f"{around} {prefix}{tail} {around}")
