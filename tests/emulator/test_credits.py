"""Credit grants, credit balances and their transactions, as requests make and read them."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from reconciler.emulator.key import Key
from reconciler.emulator.rules.credit import draw
from reconciler.emulator.seed import SeedError, load_seed
from reconciler.emulator.world import World
from tests.emulator.client import Caller, Reply
from tests.emulator.conftest import START
from tests.emulator.credited import (
    ANY_PRICE,
    DAY,
    GRANTS,
    SUMMARY,
    TRANSACTIONS,
    balance,
    money,
    movements,
    stocked,
    told,
    values,
)
from tests.emulator.sdk_contract import missing


@pytest.fixture
def call(world: World) -> Caller:
    return stocked(world)


def test_answers_hold_every_field_of_the_sdk(call: Caller) -> None:
    made = call.make(GRANTS, values(name="Start", metadata={"a": "b"}, expires_at=START + DAY))
    body = call.get(f"{GRANTS}/{made}").body
    assert set(missing(stripe.billing.CreditGrant, body)) == {"applicability_config.scope.prices: absent"}
    draw(call.world, made, 1, START)
    for row in call.get(TRANSACTIONS, {"customer": "cus_000001"}).body["data"]:
        assert set(missing(stripe.billing.CreditBalanceTransaction, row)) == set()
        assert call.get(f"{TRANSACTIONS}/{row['id']}").body == row
    body = call.get(SUMMARY, {"customer": "cus_000001", "filter": ANY_PRICE}).body
    assert set(missing(stripe.billing.CreditBalanceSummary, body)) == set()


def test_a_grant_has_the_defaults_of_stripe(call: Caller) -> None:
    body = call.post(GRANTS, values()).body
    assert body["id"].startswith("credgr_")
    assert (body["category"], body["priority"], body["name"], body["metadata"]) == ("paid", 50, None, {})
    moments = ("created", "effective_at", "updated", "expires_at", "voided_at")
    assert [body[name] for name in moments] == [START, START, START, None, None]
    assert told(call) == [("balance_transaction.created", 0), ("grant.created", 0)]


def scope(**fields: Any) -> dict[str, Any]:
    return values(applicability_config={"scope": fields})


_SCOPE = "applicability_config[scope]"
REFUSED: list[tuple[str, dict[str, Any], str | None, str | None]] = [
    ("no amount", {**values(), "amount": {"type": "monetary"}}, "parameter_missing", "amount[monetary]"),
    ("no customer", {**values(), "customer": "cus_no"}, "resource_missing", "customer"),
    ("nothing", values(amount=money(0)), "parameter_invalid_integer", "amount[monetary][value]"),
    ("a fraction", values(amount=money("10.5")), "parameter_invalid_integer", "amount[monetary][value]"),
    ("an unknown currency", values(amount=money(1, "xxx")), None, "amount[monetary][currency]"),
    ("another type", values(amount={"type": "custom"}), None, "amount[type]"),
    ("no scope", values(applicability_config={}), "parameter_missing", None),
    ("no price type", scope(prices=""), None, None),
    ("both scopes", scope(price_type="metered", prices=[{"id": "price_000001"}]), "parameters_exclusive", None),
    ("a licensed type", scope(price_type="licensed"), None, f"{_SCOPE}[price_type]"),
    ("no such price", scope(prices=[{"id": "no"}]), "resource_missing", f"{_SCOPE}[prices][0][id]"),
    ("a licensed price", scope(prices=[{"id": "price_000002"}]), None, f"{_SCOPE}[prices][0][id]"),
    ("too many prices", scope(prices=[{"id": "price_000001"}] * 21), None, f"{_SCOPE}[prices]"),
    ("a price twice", scope(prices=[{"id": "price_000001"}] * 2), None, f"{_SCOPE}[prices][1][id]"),
    ("a name that is too long", values(name="x" * 101), None, "name"),
    ("another category", values(category="gift"), None, "category"),
    ("a low priority", values(priority=101), "parameter_invalid_integer", "priority"),
    ("effective already", values(effective_at=START), None, "effective_at"),
    ("expired already", values(expires_at=START), None, "expires_at"),
    ("expired before", values(effective_at=START + DAY, expires_at=START + DAY), None, "expires_at"),
    ("metadata unset", values(metadata=""), None, "metadata"),
    ("unknown", values(currency="usd"), "parameter_unknown", "currency"),
]


@pytest.mark.parametrize(("params", "code", "param"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_creates_that_are_refused(call: Caller, params: dict[str, Any], code: str | None, param: str | None) -> None:
    reply = call.post(GRANTS, params)
    assert (reply.status, reply.code) == (400, code), reply.body
    assert param in (None, reply.param)
    assert not [name for name in ("grant", "balance_transaction") if len(call.world.tables[f"billing.credit_{name}"])]


@pytest.mark.parametrize("name", ["amount", "applicability_config", "customer"])
def test_what_a_grant_needs(call: Caller, name: str) -> None:
    reply = call.post(GRANTS, {key: value for key, value in values().items() if key != name})
    assert (reply.code, reply.param) == ("parameter_missing", name)


def test_a_customer_has_credits_in_the_currency_in_which_it_is_billed(call: Caller) -> None:
    record = call.world.tables["customer"].get("cus_000001")
    assert record is not None
    call.world.tables["customer"].put({**record, "currency": "usd"})
    refused = call.post(GRANTS, values(amount=money(5, "eur")))
    assert (refused.status, refused.param) == (400, "amount[monetary][currency]")
    assert "billed in usd" in refused.body["error"]["message"]
    assert call.post(GRANTS, values()).status == 200


def test_accounts_as_customers_are_a_gap(call: Caller) -> None:
    for reply in (
        call.post(GRANTS, values(customer_account="acct_1")),
        *(call.get(path, {"customer_account": "acct_1"}) for path in (GRANTS, TRANSACTIONS)),
    ):
        assert (reply.status, reply.code) == (501, "emulator_gap")


def test_only_expiry_and_metadata_of_a_grant_can_change(call: Caller) -> None:
    made = call.make(GRANTS, values(metadata={"a": "1"}))
    call.world.clock.advance(60)
    body = call.post(f"{GRANTS}/{made}", {"expires_at": START + DAY, "metadata": {"b": "2"}}).body
    assert (body["expires_at"], body["metadata"], body["updated"]) == (START + DAY, {"a": "1", "b": "2"}, START + 60)
    event = call.get("/v1/events", {"type": "billing.credit_grant.updated"}).body["data"][0]
    previous = {"expires_at": None, "metadata": {"b": None}, "updated": START}
    assert event["data"] == {"object": body, "previous_attributes": previous}
    assert call.post(f"{GRANTS}/{made}", {"expires_at": ""}).body["expires_at"] is None
    assert call.post(f"{GRANTS}/{made}", {"metadata": ""}).param == "metadata"
    for past in (0, START + 60):
        assert call.post(f"{GRANTS}/{made}", {"expires_at": past}).param == "expires_at"
    for name in ("amount", "applicability_config", "category", "customer", "effective_at", "name", "priority"):
        assert call.post(f"{GRANTS}/{made}", {name: "x"}).code == "parameter_unknown"
    count = len(told(call))
    call.post(f"{GRANTS}/{made}", {"metadata": {"b": "2"}})
    assert len(told(call)) == count


def test_a_grant_is_expired_by_request(call: Caller) -> None:
    made = call.make(GRANTS, values())
    draw(call.world, made, 300, START)
    call.world.clock.advance(60)
    body = call.post(f"{GRANTS}/{made}/expire").body
    assert (body["expires_at"], body["updated"], body["voided_at"]) == (START + 60, START + 60, None)
    assert movements(call)[0] == ("credits_expired", 700)
    assert told(call)[:2] == [("balance_transaction.created", 0), ("grant.updated", 0)]
    assert call.post(f"{GRANTS}/{made}/expire").status == 400
    assert call.post(f"{GRANTS}/no/expire").status == call.post(f"{GRANTS}/no/void").status == 404


def test_a_grant_is_voided_only_while_nothing_was_applied(call: Caller) -> None:
    whole, used = call.make(GRANTS, values()), call.make(GRANTS, values())
    draw(call.world, used, 1, START)
    assert call.post(f"{GRANTS}/{used}/void").status == 400
    body = call.post(f"{GRANTS}/{whole}/void").body
    assert (body["voided_at"], body["expires_at"]) == (START, None)
    assert movements(call, credit_grant=whole) == [("credits_voided", 1000), ("credits_granted", 1000)]
    assert balance(call, type="credit_grant", credit_grant=whole) == {"usd": (0, 0)}
    for action in ("/void", "/expire"):
        assert call.post(f"{GRANTS}/{whole}{action}").status == 400
    assert call.post(f"{GRANTS}/{whole}", {"expires_at": ""}).status == 400


def test_balances_are_reckoned_by_currency_grant_and_scope(call: Caller) -> None:
    first = call.make(GRANTS, values())
    call.make(GRANTS, values(amount=money(250, "eur")))
    narrow = call.make(GRANTS, {**scope(prices=[{"id": "price_000001"}]), "amount": money(70)})
    draw(call.world, first, 400, START)
    assert balance(call) == {"eur": (250, 250), "usd": (600, 600)}
    assert balance(call, type="credit_grant", credit_grant=narrow) == {"usd": (70, 70)}
    chosen = {"prices": [{"id": "price_000001"}]}
    assert balance(call, type="applicability_scope", applicability_scope=chosen) == {
        "eur": (250, 250),
        "usd": (670, 670),
    }
    call.make("/v1/customers", {})
    assert call.get(SUMMARY, {"customer": "cus_000002", "filter": ANY_PRICE}).body["balances"] == []
    expanded = call.get(SUMMARY, {"customer": "cus_000002", "filter": ANY_PRICE, "expand": ["customer"]}).body
    assert expanded["customer"]["id"] == "cus_000002"


FILTERS: list[tuple[dict[str, Any] | None, str | None, str | None]] = [
    (None, "parameter_missing", "filter"),
    ({"credit_grant": "x"}, "parameter_missing", "filter[type]"),
    ({"type": "all"}, None, "filter[type]"),
    ({"type": "credit_grant"}, "parameter_missing", "filter[credit_grant]"),
    ({"type": "credit_grant", "credit_grant": "no"}, "resource_missing", "filter[credit_grant]"),
    ({**ANY_PRICE, "credit_grant": "no"}, None, "filter[credit_grant]"),
    ({"type": "applicability_scope"}, "parameter_missing", "filter[applicability_scope]"),
    (
        {"type": "applicability_scope", "applicability_scope": {"prices": [{"id": "no"}]}},
        "resource_missing",
        "filter[applicability_scope][prices][0][id]",
    ),
]


@pytest.mark.parametrize(("chosen", "code", "param"), FILTERS)
def test_filters_that_are_refused(call: Caller, chosen: Any, code: str | None, param: str) -> None:
    reply = call.get(SUMMARY, {"customer": "cus_000001", **({} if chosen is None else {"filter": chosen})})
    assert (reply.status, reply.code, reply.param) == (400, code, param)


def test_what_a_list_needs(call: Caller) -> None:
    made, other = call.make(GRANTS, values()), call.make("/v1/customers", {})
    assert call.get(TRANSACTIONS).param == call.get(SUMMARY, {"filter": ANY_PRICE}).param == "customer"
    assert call.get(TRANSACTIONS, {"credit_grant": made}).param == "customer"

    def refused(path: str, **params: Any) -> Reply:
        return call.get(path, params)

    assert refused(TRANSACTIONS, customer=other, credit_grant=made).param == "credit_grant"
    assert refused(SUMMARY, customer=other, filter={"type": "credit_grant", "credit_grant": made}).status == 400
    for path in (GRANTS, TRANSACTIONS):
        assert refused(path, customer="cus_no").code == "resource_missing"
        assert refused(path, customer=other, created=START).code == "parameter_unknown"
    assert call.get(f"{TRANSACTIONS}/no").status == call.get(f"{GRANTS}/no").status == 404


def test_grants_and_transactions_are_listed_in_pages_newest_first(call: Caller) -> None:
    call.make("/v1/customers", {})
    made = [call.make(GRANTS, values(f"cus_00000{1 + number % 2}")) for number in range(4)]
    page = call.get(GRANTS, {"limit": 3}).body
    assert ([row["id"] for row in page["data"]], page["has_more"]) == (made[:0:-1], True)
    mine = call.get(GRANTS, {"customer": "cus_000001", "starting_after": made[2]}).body
    assert [row["id"] for row in mine["data"]] == [made[0]]
    draw(call.world, made[0], 5, START)
    assert movements(call, credit_grant=made[0], limit=1) == [("credits_applied", 5)]
    rows = call.get(TRANSACTIONS, {"customer": "cus_000001", "expand": ["data.credit_grant"]}).body["data"]
    assert [row["credit_grant"]["id"] for row in rows] == [made[0], made[2], made[0]]


def test_a_seed_plants_grants_by_the_same_rules(world: World) -> None:
    grants = [{**values("cus_a"), "id": "credgr_a", "created": START - DAY, "effective_at": START - 5}]
    load_seed(world, {"customers": [{"id": "cus_a"}], "credit_grants": grants})
    chosen = {"type": "credit_grant", "credit_grant": "credgr_a"}
    body = Caller(world).get(SUMMARY, {"customer": "cus_a", "filter": chosen}).body
    assert body["balances"][0]["available_balance"] == money(1000)
    with pytest.raises(SeedError, match=r"credit_grants\[0\]: Credit grant already exists"):
        load_seed(world, {"credit_grants": grants})


def test_a_restricted_key_needs_the_permission_for_grants(call: Caller) -> None:
    call.make(GRANTS, values())
    call.world.keys["rk_test_reader"] = Key(frozenset({"rak_billing_credit_grant_read"}))
    call.world.keys["rk_test_none"] = Key(frozenset({"rak_customer_write", "rak_billing_meter_write"}))
    reader, nobody = Caller(call.world, "rk_test_reader"), Caller(call.world, "rk_test_none")
    for path in (GRANTS, TRANSACTIONS, SUMMARY):
        params = {"customer": "cus_000001", **({"filter": ANY_PRICE} if path == SUMMARY else {})}
        assert (reader.get(path, params).status, nobody.get(path, params).status) == (200, 403)
    refused = reader.post(GRANTS, values())
    assert "'rak_billing_credit_grant_write'" in refused.body["error"]["message"]


def test_the_sdk_can_do_all_of_it(v1: Any) -> None:
    customer = v1.customers.create({}).id
    made = v1.billing.credit_grants.create(values(customer))
    v1.billing.credit_grants.update(made.id, {"metadata": {"a": "b"}, "expires_at": ""})
    assert [row.id for row in v1.billing.credit_grants.list({"customer": customer}).auto_paging_iter()] == [made.id]
    summary = v1.billing.credit_balance_summary.retrieve({"customer": customer, "filter": ANY_PRICE})
    assert summary.balances[0].available_balance.monetary.value == 1000
    assert v1.billing.credit_grants.void_grant(made.id).voided_at == START
    rows = v1.billing.credit_balance_transactions.list({"customer": customer}).data
    assert [row.type for row in rows] == ["debit", "credit"]
    assert v1.billing.credit_balance_transactions.retrieve(rows[0].id).debit.type == "credits_voided"
    other = v1.billing.credit_grants.create(values(customer))
    assert v1.billing.credit_grants.expire(other.id).expires_at == START
