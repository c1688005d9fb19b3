"""What the emulator refuses, and with which status, code and parameter."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from reconciler.emulator.app import API_VERSION, Request, handle
from reconciler.emulator.errors import StripeError
from reconciler.emulator.key import Key
from reconciler.emulator.wire import parse_form
from reconciler.emulator.world import World
from tests.emulator.client import Caller
from tests.emulator.conftest import START


@pytest.fixture
def call(world: World) -> Caller:
    caller = Caller(world)
    caller.make("/v1/products", {"name": "P", "id": "p"})
    caller.make("/v1/products", {"name": "Q", "id": "q"})
    meter = {"default_aggregation": {"formula": "sum"}, "display_name": "M", "event_name": "m"}
    caller.make("/v1/billing/meters", meter)
    caller.make("/v1/coupons", {"id": "c", "percent_off": 10})
    caller.make("/v1/prices", price(lookup_key="key"))
    return caller


def price(**more: Any) -> dict[str, Any]:
    values = {"currency": "usd", "product": "p", "unit_amount": 5, **more}
    return {name: value for name, value in values.items() if value is not None}


def tiered(*tiers: dict[str, Any], **more: Any) -> dict[str, Any]:
    scheme = {"billing_scheme": "tiered", "tiers_mode": "volume", "tiers": list(tiers), "unit_amount": None}
    return price(**{**scheme, "recurring": {"interval": "month"}, **more})


MONTH = {"interval": "month"}
METERED = {"interval": "month", "usage_type": "metered", "meter": "mtr_000001"}
PROMOTION = {"type": "coupon", "coupon": "c"}

REFUSED: list[tuple[str, str, dict[str, Any], str | None, str | None]] = [
    ("unknown parameter", "products", {"name": "x", "foo": 1}, "parameter_unknown", "foo"),
    ("unknown nested", "prices", price(recurring={**MONTH, "x": 1}), "parameter_unknown", "recurring[x]"),
    ("unknown in array", "prices", tiered({"up_to": "inf", "unit": 1}), "parameter_unknown", "tiers[0][unit]"),
    ("missing name", "products", {}, "parameter_missing", "name"),
    ("empty name", "products", {"name": ""}, "parameter_invalid_empty", "name"),
    ("blank name", "products", {"name": "  "}, "parameter_invalid_string_blank", "name"),
    ("string boolean", "products", {"name": "x", "active": "yes"}, None, "active"),
    ("nine images", "products", {"name": "x", "images": ["i"] * 9}, None, "images"),
    ("a value for a hash", "prices", price(recurring="month"), None, "recurring"),
    ("a hash for a value", "products", {"name": {"a": 1}}, None, "name"),
    ("not an integer", "prices", price(unit_amount="5.5"), "parameter_invalid_integer", "unit_amount"),
    ("negative", "prices", price(unit_amount=-1), "parameter_invalid_integer", "unit_amount"),
    ("product id again", "products", {"name": "x", "id": "p"}, "resource_already_exists", "id"),
    ("no amount", "prices", price(unit_amount=None), "parameter_missing", "unit_amount"),
    ("two amounts", "prices", price(unit_amount_decimal="5"), "parameters_exclusive", "unit_amount"),
    ("13 places", "prices", price(unit_amount=None, unit_amount_decimal="0.1234567890123"), None, None),
    ("unknown currency", "prices", price(currency="xxx"), None, "currency"),
    ("upper case currency", "prices", price(currency="USD"), None, "currency"),
    ("no such product", "prices", price(product="nope"), "resource_missing", "product"),
    ("neither product", "prices", price(product=None), "parameter_missing", "product"),
    ("both products", "prices", price(product_data={"name": "x"}), "parameters_exclusive", "product"),
    ("bad interval", "prices", price(recurring={"interval": "hour"}), None, "recurring[interval]"),
    ("too long", "prices", price(recurring={**MONTH, "interval_count": 37}), None, "recurring[interval_count]"),
    ("metered, no meter", "prices", price(recurring={**MONTH, "usage_type": "metered"}), "parameter_missing", None),
    ("meter, licensed", "prices", price(recurring={**MONTH, "meter": "mtr_000001"}), None, "recurring[meter]"),
    ("no such meter", "prices", price(recurring={**METERED, "meter": "m"}), "resource_missing", "recurring[meter]"),
    ("no tiers mode", "prices", tiered({"up_to": "inf", "unit_amount": 1}, tiers_mode=None), "parameter_missing", None),
    ("no tiers", "prices", tiered(tiers=None), "parameter_missing", "tiers"),
    ("no last tier", "prices", tiered({"up_to": 5, "unit_amount": 1}), None, "tiers[0][up_to]"),
    (
        "descending tiers",
        "prices",
        tiered({"up_to": 5, "unit_amount": 1}, {"up_to": 4, "unit_amount": 1}, {"up_to": "inf", "unit_amount": 1}),
        None,
        "tiers[1][up_to]",
    ),
    ("amount and tiers", "prices", tiered({"up_to": "inf", "unit_amount": 1}, unit_amount=1), None, "unit_amount"),
    ("tiers unasked", "prices", price(tiers=[{"up_to": "inf", "unit_amount": 1}]), None, "tiers"),
    ("lookup key taken", "prices", price(lookup_key="key"), "resource_already_exists", "lookup_key"),
    ("own currency", "prices", price(currency_options={"usd": {"unit_amount": 1}}), None, "currency_options[usd]"),
    (
        "tiered option",
        "prices",
        price(currency_options={"eur": {"tiers": [{"up_to": "inf", "unit_amount": 1}]}}),
        None,
        None,
    ),
    ("no discount", "coupons", {}, "parameter_missing", "percent_off"),
    ("two discounts", "coupons", {"percent_off": 1, "amount_off": 1}, "parameters_exclusive", "percent_off"),
    ("no currency", "coupons", {"amount_off": 1}, "parameter_missing", "currency"),
    ("over 100 percent", "coupons", {"percent_off": "100.1"}, None, "percent_off"),
    ("zero percent", "coupons", {"percent_off": 0}, None, "percent_off"),
    ("no months", "coupons", {"percent_off": 1, "duration": "repeating"}, "parameter_missing", "duration_in_months"),
    ("past", "coupons", {"percent_off": 1, "redeem_by": START}, None, "redeem_by"),
    ("coupon id again", "coupons", {"percent_off": 1, "id": "c"}, "resource_already_exists", "id"),
    ("no promotion", "promotion_codes", {"code": "x"}, "parameter_missing", "promotion"),
    ("old shape", "promotion_codes", {"coupon": "c"}, "parameter_unknown", "coupon"),
    ("bad code", "promotion_codes", {"promotion": PROMOTION, "code": "a b"}, None, "code"),
    (
        "no such coupon",
        "promotion_codes",
        {"promotion": {"type": "coupon", "coupon": "x"}},
        "resource_missing",
        "promotion[coupon]",
    ),
    ("percentage", "tax_rates", {"display_name": "x", "inclusive": True, "percentage": "101"}, None, "percentage"),
    ("5 places", "tax_rates", {"display_name": "x", "inclusive": True, "percentage": "1.00001"}, None, "percentage"),
    ("inclusive", "tax_rates", {"display_name": "x", "percentage": "1"}, "parameter_missing", "inclusive"),
    ("meter metadata", "billing/meters", {"metadata": {"a": "b"}}, "parameter_unknown", "metadata"),
    ("51 keys", "products", {"name": "x", "metadata": {str(n): "v" for n in range(51)}}, None, "metadata"),
    ("long key", "products", {"name": "x", "metadata": {"k" * 41: "v"}}, None, f"metadata[{'k' * 41}]"),
    ("long value", "products", {"name": "x", "metadata": {"k": "v" * 501}}, None, "metadata[k]"),
    ("cannot expand", "products", {"name": "x", "expand": ["name"]}, None, "expand"),
    ("too deep", "products", {"name": "x", "expand": ["a.b.c.d.e"]}, None, "expand"),
]


@pytest.mark.parametrize(("path", "params", "code", "param"), [row[1:] for row in REFUSED], ids=[r[0] for r in REFUSED])
def test_creates_that_are_refused(
    call: Caller, path: str, params: dict[str, Any], code: str | None, param: str | None
) -> None:
    before = {name: len(table) for name, table in call.world.tables.items()}
    reply = call.post(f"/v1/{path}", params)
    assert reply.status == 400, reply.body
    assert reply.code == code, reply.body
    if param is not None:
        assert reply.param == param
    assert {name: len(table) for name, table in call.world.tables.items()} == before


CREATE_ONLY = [
    ("products/p", ("id", "type", "default_price_data")),
    (
        "prices/price_000001",
        (
            "billing_scheme",
            "currency",
            "custom_unit_amount",
            "product",
            "product_data",
            "recurring",
            "tiers",
            "tiers_mode",
            "transform_quantity",
            "unit_amount",
            "unit_amount_decimal",
        ),
    ),
    (
        "coupons/c",
        ("amount_off", "percent_off", "applies_to", "currency", "duration", "duration_in_months", "id", "redeem_by"),
    ),
    ("billing/meters/mtr_000001", ("event_name", "default_aggregation", "customer_mapping", "value_settings")),
]


@pytest.mark.parametrize(("path", "name"), [(path, name) for path, names in CREATE_ONLY for name in names])
def test_create_only_parameters_are_unknown_on_update(call: Caller, path: str, name: str) -> None:
    reply = call.post(f"/v1/{path}", {name: "x"})
    assert (reply.status, reply.code, reply.param) == (400, "parameter_unknown", name)


def test_a_lookup_key_moves_with_an_event_for_the_old_price(call: Caller) -> None:
    new = call.make("/v1/prices", price(lookup_key="key", transfer_lookup_key=True))
    assert call.get("/v1/prices/price_000001").body["lookup_key"] is None
    assert call.get("/v1/prices", {"lookup_keys": ["key"]}).body["data"][0]["id"] == new
    told = call.get("/v1/events", {"type": "price.updated"}).body["data"][0]["data"]
    assert told["previous_attributes"] == {"lookup_key": "key"}
    assert call.get("/v1/prices", {"lookup_keys": [str(n) for n in range(11)]}).status == 400


def test_tax_behavior_is_set_once(call: Caller) -> None:
    path = "/v1/prices/price_000001"
    assert call.post(path, {"tax_behavior": "exclusive"}).status == 200
    assert call.post(path, {"tax_behavior": "inclusive"}).param == "tax_behavior"


def test_a_default_price_must_be_active_and_of_the_product(call: Caller) -> None:
    assert call.post("/v1/products/q", {"default_price": "price_000001"}).param == "default_price"
    assert call.post("/v1/products/p", {"default_price": "nope"}).code == "resource_missing"
    call.post("/v1/prices/price_000001", {"active": False})
    assert call.post("/v1/products/p", {"default_price": "price_000001"}).param == "default_price"


def test_metadata_merges_and_clears(call: Caller) -> None:
    path = "/v1/coupons/c"
    call.post(path, {"metadata": {"a": "1", "b": "2"}})
    assert call.post(path, {"metadata": {"a": ""}}).body["metadata"] == {"b": "2"}
    assert call.post(path, {"metadata": ""}).body["metadata"] == {}


def test_fields_are_unset_only_where_the_sdk_says_so(call: Caller) -> None:
    call.post("/v1/products/p", {"description": "d", "images": ["i"]})
    body = call.post("/v1/products/p", {"description": "", "images": ""}).body
    assert (body["description"], body["images"]) == (None, [])
    assert call.post("/v1/products/p", {"statement_descriptor": ""}).code == "parameter_invalid_empty"


@pytest.mark.parametrize(
    ("path", "params", "code"),
    [
        ("/v1/prices", {"limit": 0}, "parameter_invalid_integer"),
        ("/v1/prices", {"limit": 101}, "parameter_invalid_integer"),
        ("/v1/prices", {"starting_after": "nope"}, "resource_missing"),
        ("/v1/prices", {"starting_after": "price_000001", "ending_before": "price_000001"}, "parameters_exclusive"),
        ("/v1/prices", {"created": {"gt": "x"}}, "parameter_invalid_integer"),
        ("/v1/billing/meters", {"created": 1}, "parameter_unknown"),
        ("/v1/prices", {"expand": ["product"]}, None),
    ],
)
def test_lists_that_are_refused(call: Caller, path: str, params: dict[str, Any], code: str | None) -> None:
    reply = call.get(path, params)
    assert (reply.status, reply.code) == (400, code)


def test_created_filters_bound_a_list(call: Caller) -> None:
    call.world.clock.advance(10)
    call.make("/v1/products", {"name": "later", "id": "later"})
    for params, expected in (
        ({"created": START + 10}, ["later"]),
        ({"created": {"gt": START}}, ["later"]),
        ({"created": {"lte": START}}, ["q", "p"]),
        ({"created": {"gte": START, "lt": START + 10}}, ["q", "p"]),
    ):
        assert [row["id"] for row in call.get("/v1/products", params).body["data"]] == expected


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("post", "/v1/invoices"),
        ("post", "/v1/billing/meter_event_adjustments"),
        ("get", "/v1/products/search"),
        ("delete", "/v1/prices/price_000001"),
        ("get", "/v2/core/events"),
    ],
)
def test_what_is_not_implemented_says_so(call: Caller, method: str, path: str) -> None:
    reply = call.send(method, path)
    assert (reply.status, reply.code) == (501, "emulator_gap")
    assert f"{method.upper()} {path}" in reply.body["error"]["message"]


def test_parameters_that_are_not_implemented_say_so(call: Caller) -> None:
    reply = call.post("/v1/customers", {"source": "tok_visa"})
    assert (reply.status, reply.code, reply.param) == (501, "emulator_gap", "source")


KEYS = {
    "sk_test_emulator": Key(),
    "sk_test_revoked1": Key(revoked=True),
    "rk_test_reader12": Key(frozenset({"rak_product_read", "rak_plan_write"})),
}


@pytest.mark.parametrize(
    ("key", "method", "path", "status", "message"),
    [
        ("", "get", "/v1/products", 401, "You did not provide an API key"),
        ("sk_test_unknown9", "get", "/v1/products", 401, "Invalid API Key provided: sk_test_****own9"),
        ("sk_test_revoked1", "get", "/v1/products", 401, "Expired API Key provided"),
        ("rk_test_reader12", "get", "/v1/products", 200, ""),
        ("rk_test_reader12", "get", "/v1/prices", 200, ""),
        ("rk_test_reader12", "post", "/v1/products", 403, "'rak_product_write' permission"),
        ("rk_test_reader12", "get", "/v1/coupons/nope", 403, "'rak_coupon_read' permission"),
        ("rk_test_reader12", "get", "/v1/account", 403, "'rak_accounts_kyc_basic_read' permission"),
    ],
)
def test_keys_and_their_permissions(key: str, method: str, path: str, status: int, message: str) -> None:
    reply = Caller(World(keys=KEYS), key).send(method, path)
    assert reply.status == status
    assert message in (reply.body.get("error", {}).get("message", "") if status != 200 else "")


def test_basic_authorization_holds_the_key_as_the_user(world: World) -> None:
    token = base64.b64encode(b"sk_test_emulator:").decode()
    assert handle(world, Request("GET", "/v1/products", {"authorization": f"Basic {token}"})).status == 200


def test_keys_must_be_of_the_mode_of_the_world() -> None:
    with pytest.raises(ValueError, match="sk_live_"):
        World(livemode=True, keys={"sk_test_x": Key()})


def test_another_api_version_is_refused(world: World) -> None:
    for version, status in ((API_VERSION, 200), ("2024-06-20", 400)):
        headers = {"Authorization": "Bearer sk_test_emulator", "Stripe-Version": version}
        response = handle(world, Request("GET", "/v1/products", headers))
        assert response.status == status
        assert response.headers["Stripe-Version"] == API_VERSION
        assert response.headers["Date"] == "Fri, 15 Jan 2027 08:00:00 GMT"


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("", {}),
        ("a=1&b=", {"a": "1", "b": ""}),
        ("a[b][0]=x&a[b][1]=y", {"a": {"b": {"0": "x", "1": "y"}}}),
        ("a[]=x&a[]=y", {"a": {"0": "x", "1": "y"}}),
        ("a[][b]=1&a[][c]=2&a[][b]=3", {"a": {"0": {"b": "1", "c": "2"}, "1": {"b": "3"}}}),
        ("m%5Bk%5D=%C3%A9+x", {"m": {"k": "é x"}}),
    ],
)
def test_forms_parse_to_trees(text: str, tree: dict[str, Any]) -> None:
    assert parse_form(text) == tree


@pytest.mark.parametrize("text", ["a=1&a=2", "a=1&a[b]=2", "a[b=1", "[a]=1", "a", "a=%FF"])
def test_forms_that_are_refused(text: str) -> None:
    with pytest.raises(StripeError):
        parse_form(text)
