"""Payment methods: what is shown of them, how they are found, and what attaching one tells."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from reconciler.emulator.commit import add
from reconciler.emulator.key import Key
from reconciler.emulator.rules.billing import attach_payment_method
from reconciler.emulator.seed import SeedError, load_seed
from reconciler.emulator.shapes import payment_method
from reconciler.emulator.world import World
from tests.emulator.client import Caller
from tests.emulator.conftest import START
from tests.emulator.sdk_contract import missing

DAY = 86400
# Fields that the SDK has for the other types, and those that only some accounts are shown.
OTHER = {
    name
    for name, hint in stripe.PaymentMethod.__annotations__.items()
    if name in stripe.PaymentMethod._inner_class_types and name != "billing_details" and hint
}


@pytest.fixture
def call(world: World) -> Caller:
    return Caller(world)


@pytest.fixture
def customer(call: Caller) -> str:
    return call.make("/v1/customers", {"email": "a@example.com"})


def types(world: World) -> list[str]:
    return [event["type"] for event in world.tables["event"]]


def sepa(world: World, customer: str, created: int) -> str:
    values = {"customer": customer, "type": "sepa_debit", "allow_redisplay": "always"}
    id: str = add(world, payment_method.build(world, values, "pm_sepa", created), "attached")["id"]
    return id


@pytest.mark.parametrize("kind", ["card", "sepa_debit"])
def test_a_payment_method_has_every_field_of_its_type(call: Caller, customer: str, kind: str) -> None:
    card = attach_payment_method(call.world, customer, START)["id"]
    id = card if kind == "card" else sepa(call.world, customer, START)
    body = call.get(f"/v1/payment_methods/{id}").body
    absent = {f"{name}: absent" for name in OTHER - {kind}}
    if kind == "card":
        absent |= {f"card.{name}: absent" for name in ("description", "iin", "issuer")}
    assert set(missing(stripe.PaymentMethod, body)) == absent
    assert (body["customer"], body["created"], body["livemode"]) == (customer, START, False)


def test_a_card_is_what_it_was_given_as(call: Caller, customer: str) -> None:
    card = {"brand": "amex", "last4": "0005", "exp_month": 3, "exp_year": 2029}
    id = attach_payment_method(call.world, customer, START, card)["id"]
    shown = call.get(f"/v1/payment_methods/{id}").body["card"]
    assert card.items() <= shown.items()
    assert (shown["display_brand"], shown["networks"]) == ("amex", {"available": ["amex"], "preferred": None})
    with pytest.raises(ValueError, match="has no bank"):
        attach_payment_method(call.world, customer, START, {"bank": "x"})


def test_attaching_tells_of_the_payment_method_and_of_the_new_default(call: Caller, customer: str) -> None:
    id = attach_payment_method(call.world, customer, START - DAY)["id"]
    assert types(call.world) == ["payment_method.attached", "customer.updated", "customer.created"]
    told = list(call.world.tables["event"])
    assert [event["created"] for event in told] == [START - DAY, START - DAY, START]
    before = {"invoice_settings": {"default_payment_method": None}}
    assert told[1]["data"]["previous_attributes"] == before
    other = attach_payment_method(call.world, customer, START, default=False)["id"]
    reply = call.get(f"/v1/customers/{customer}", {"expand": ["invoice_settings.default_payment_method"]})
    assert reply.body["invoice_settings"]["default_payment_method"]["id"] == id != other


def test_what_happened_long_ago_is_kept_but_not_told(call: Caller, customer: str) -> None:
    before = types(call.world)
    old = attach_payment_method(call.world, customer, START - 30 * DAY - 1)["id"]
    assert types(call.world) == before
    assert call.get(f"/v1/customers/{customer}").body["invoice_settings"]["default_payment_method"] == old
    attach_payment_method(call.world, customer, START - 30 * DAY, default=False)
    assert types(call.world) == ["payment_method.attached", *before]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, [4, 3, 2, 1, 0]),
        ({"type": "card"}, [3, 2, 1, 0]),
        ({"type": "sepa_debit"}, [4]),
        ({"type": "custom"}, []),
        ({"allow_redisplay": "always"}, [4]),
        ({"allow_redisplay": "unspecified", "limit": 2}, [3, 2]),
    ],
)
def test_lists_are_filtered(call: Caller, customer: str, params: dict[str, Any], expected: list[int]) -> None:
    ids = [attach_payment_method(call.world, customer, START - 9 + age)["id"] for age in range(4)]
    ids.append(sepa(call.world, customer, START))
    other = call.make("/v1/customers", {})
    for path, given in (
        ("/v1/payment_methods", params),
        ("/v1/payment_methods", {**params, "customer": customer}),
        (f"/v1/customers/{customer}/payment_methods", params),
    ):
        body = call.get(path, given).body
        assert [row["id"] for row in body["data"]] == [ids[position] for position in expected]
        assert body["url"] == path
    assert call.get(f"/v1/customers/{other}/payment_methods").body["data"] == []
    assert call.get("/v1/payment_methods", {"customer": other}).body["data"] == []


def test_pages_hold_each_once(call: Caller, customer: str) -> None:
    ids = [attach_payment_method(call.world, customer, START)["id"] for _ in range(25)]
    path, found = f"/v1/customers/{customer}/payment_methods", list[str]()
    while True:
        cursor = {"starting_after": found[-1]} if found else {}
        body = call.get(path, {"limit": 10, **cursor}).body
        found += [row["id"] for row in body["data"]]
        if not body["has_more"]:
            break
    assert found == ids[::-1]
    back = call.get(path, {"limit": 10, "ending_before": found[10]}).body
    assert [row["id"] for row in back["data"]] == found[:10]


@pytest.mark.parametrize("name", ["created", "bogus", "customer[x]"])
def test_there_is_no_filter_by_age(call: Caller, customer: str, name: str) -> None:
    for path in ("/v1/payment_methods", f"/v1/customers/{customer}/payment_methods"):
        reply = call.get(path, {name: 1})
        assert reply.status == 400
        assert reply.code == "parameter_unknown" or name.startswith("customer")
    assert call.get(f"/v1/customers/{customer}/payment_methods", {"customer": customer}).code == "parameter_unknown"
    assert call.get("/v1/payment_methods", {"type": "cash"}).param == "type"


def test_customers_that_are_gone_have_none(call: Caller, customer: str) -> None:
    id = attach_payment_method(call.world, customer, START)["id"]
    call.send("delete", f"/v1/customers/{customer}")
    for gone in (customer, "cus_never"):
        listed = call.get("/v1/payment_methods", {"customer": gone})
        assert (listed.status, listed.code, listed.param) == (400, "resource_missing", "customer")
        assert call.get(f"/v1/customers/{gone}/payment_methods").status == 404
    assert call.get(f"/v1/payment_methods/{id}").status == 200
    missing_ = call.get("/v1/payment_methods/pm_x")
    assert (missing_.status, missing_.code, missing_.param) == (404, "resource_missing", "id")


def test_only_keys_with_the_permission_read_them(world: World, customer: str) -> None:
    world.keys |= {"rk_test_a": Key(frozenset({"rak_payment_method_read"})), "rk_test_b": Key(frozenset())}
    paths = ("/v1/payment_methods", f"/v1/customers/{customer}/payment_methods")
    assert [Caller(world, "rk_test_a").get(path).status for path in paths] == [200, 200]
    refused = Caller(world, "rk_test_b").get(paths[1])
    assert refused.status == 403
    assert "rak_payment_method_read" in refused.body["error"]["message"]


@pytest.mark.parametrize("path", ["/v1/payment_methods", "/v1/payment_methods/pm_1", "/v1/payment_methods/pm_1/attach"])
def test_writing_is_not_implemented(call: Caller, path: str) -> None:
    assert call.post(path, {"type": "card"}).code == "emulator_gap"


def test_a_seed_gives_customers_their_cards(call: Caller) -> None:
    cards = [
        {"customer": "cus_1", "id": "pm_first", "last4": "0005", "created": call.world.now() - 60},
        {"customer": "cus_1", "default": False},
        {"customer": "cus_2", "default": False},
    ]
    load_seed(call.world, {"customers": [{"id": "cus_1"}, {"id": "cus_2"}], "payment_methods": cards})
    held = [call.get("/v1/customers/cus_1").body, call.get("/v1/customers/cus_2").body]
    assert [one["invoice_settings"]["default_payment_method"] for one in held] == ["pm_first", None]
    listed = call.get("/v1/customers/cus_1/payment_methods").body["data"]
    assert [one["card"]["last4"] for one in listed] == ["4242", "0005"]
    assert call.get("/v1/payment_methods/pm_first").body["created"] == call.world.now() - 60


@pytest.mark.parametrize(
    ("card", "told"),
    [
        ({"customer": "cus_2"}, "No such customer: 'cus_2'"),
        ({"customer": "cus_1", "id": "pm_1"}, "PaymentMethod already exists: pm_1"),
        ({"customer": "cus_1", "number": "4242424242424242"}, "unknown parameter"),
        ({"last4": "0005"}, "Missing required param: customer"),
    ],
)
def test_a_card_that_cannot_be_planted_is_told(call: Caller, card: dict[str, str], told: str) -> None:
    seed = {"customers": [{"id": "cus_1"}], "payment_methods": [{"customer": "cus_1", "id": "pm_1"}, card]}
    with pytest.raises(SeedError, match=told):
        load_seed(call.world, seed)
