"""Credits at work: applied to what was used when an invoice is finalized, in Stripe's order, and given back."""

from __future__ import annotations

from typing import Any

import pytest
import stripe

from tests.emulator.credited import GRANTS, SUMMARY, TRANSACTIONS, values
from tests.emulator.metered import Metered, metered_account
from tests.emulator.sdk_contract import missing
from tests.emulator.timeline import SCHEDULES, SUBSCRIPTIONS, at

CREDITED = {"type": "credit_balance_transaction", "discount": None}
SENT = {"collection_method": "send_invoice", "days_until_due": 30}


@pytest.fixture
def call() -> Metered:
    return metered_account()


def billed(call: Metered, used: int, customer: str = "cus_000001", **price: Any) -> dict[str, Any]:
    """The finalized invoice of a month in which a customer used so much, at one minor unit each."""
    call.subscribe(customer, call.metered_price(call.meter(), **price))
    call.use(customer, used)
    call.until("2024-02-01 01:00")
    return call.invoices()[-1]


def test_credits_pay_for_usage_when_the_invoice_is_finalized(call: Metered) -> None:
    grant = call.credit(call.customer(), 1_000)
    call.subscribe("cus_000001", call.metered_price(call.meter()))
    call.use("cus_000001", 1_500)
    call.until("2024-02-01 00:59")
    draft = call.invoices()[-1]
    assert (draft["status"], draft["total"], draft["total_pretax_credit_amounts"]) == ("draft", 1_500, [])
    assert call.left(grant) == 1_000
    call.until("2024-02-01 01:00")
    invoice = call.invoices()[-1]
    (line,) = invoice["lines"]["data"]
    (taken, _) = call.get(TRANSACTIONS, {"customer": "cus_000001"}).body["data"]
    amounts = [{**CREDITED, "amount": 1_000, "credit_balance_transaction": taken["id"]}]
    assert invoice["total_pretax_credit_amounts"] == line["pretax_credit_amounts"] == amounts
    assert taken["debit"]["credits_applied"] == {"invoice": invoice["id"], "invoice_line_item": line["id"]}
    assert taken["created"] == at("2024-02-01 01:00")
    assert (invoice["subtotal"], invoice["total"], invoice["amount_paid"], line["amount"]) == (1_500, 500, 500, 1_500)
    assert [row["amount"] for row in call.get("/v1/charges").body["data"]] == [500]
    assert call.left(grant) == 0
    told = [name for name in call.told() if name.startswith(("billing.credit_b", "invoice.fin"))]
    assert told[-2:] == ["billing.credit_balance_transaction.created", "invoice.finalized"]


def test_an_invoice_that_is_credited_holds_every_field_of_the_sdk(call: Metered) -> None:
    call.credit(call.customer(), 10)
    invoice = billed(call, 100)
    details = "parent.subscription_details.subscription_proration_date"
    absent = {f"{name}: absent" for name in ("confirmation_secret", "payments", details)}
    assert set(missing(stripe.Invoice, invoice)) == absent
    (line,) = invoice["lines"]["data"]
    assert set(missing(stripe.InvoiceLineItem, line)) == set()
    for row in call.get(TRANSACTIONS, {"customer": "cus_000001"}).body["data"]:
        assert set(missing(stripe.billing.CreditBalanceTransaction, row)) == set()


def test_an_invoice_that_credits_pay_in_full_needs_no_card(call: Metered) -> None:
    grant = call.credit(call.customer(card=False), 5_000)
    invoice = billed(call, 1_200)
    assert (invoice["status"], invoice["amount_due"], invoice["total"]) == ("paid", 0, 0)
    assert call.left(grant) == 3_800
    call.use("cus_000001", 4_000)
    call.until("2024-03-01 01:00")
    invoice = call.invoices()[-1]
    assert (invoice["status"], invoice["amount_due"]) == ("open", 200)
    assert call.left(grant) == 0


def test_credits_pay_for_nothing_but_what_is_metered(call: Metered) -> None:
    grant, flat = call.credit(call.customer(), 5_000), call.price(700)
    call.subscribe("cus_000001", flat, call.metered_price(call.meter()))
    call.use("cus_000001", 30)
    call.until("2024-02-01 01:00")
    assert [one["total"] for one in call.invoices()] == [700, 700]
    assert call.left(grant) == 4_970


# Two grants of 60 for usage of 100: the first is used up, of the second 40 are taken.
FIRST_AND_SECOND: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("the priority comes before all", {"priority": 0}, {"priority": 1, "expires_at": at("2024-02-02")}),
    ("0 is the highest", {"priority": 49}, {}),
    ("what expires sooner", {"expires_at": at("2024-02-02")}, {"expires_at": at("2024-02-03")}),
    ("what expires at all", {"expires_at": at("2024-06-01")}, {"category": "promotional"}),
    ("what was given away", {"category": "promotional", "effective_at": at("2024-01-03")}, {"category": "paid"}),
    ("what took effect sooner", {}, {"effective_at": at("2024-01-02")}),
    ("what was granted sooner", {}, {}),
]


@pytest.mark.parametrize("swapped", [False, True])
@pytest.mark.parametrize(
    ("first", "second"), [row[1:] for row in FIRST_AND_SECOND], ids=[row[0] for row in FIRST_AND_SECOND]
)
def test_grants_are_used_in_the_order_of_stripe(
    call: Metered, first: dict[str, Any], second: dict[str, Any], swapped: bool
) -> None:
    call.customer()
    # Whichever of two unlike grants was granted first does not matter.
    order = (second, first) if swapped and first != second else (first, second)
    made = [call.credit("cus_000001", 60, **terms) for terms in order]
    if order[0] is second:
        made.reverse()
    assert billed(call, 100)["total"] == 0
    assert [call.left(grant) for grant in made] == [0, 20]


def test_a_grant_pays_only_for_the_prices_that_it_names(call: Metered) -> None:
    call.customer()
    calls, tokens = call.metered_price(call.meter()), call.metered_price(call.meter("tokens"))
    narrow = call.credit("cus_000001", 500, applicability_config={"scope": {"prices": [{"id": tokens}]}}, priority=0)
    broad = call.credit("cus_000001", 250)
    call.subscribe("cus_000001", calls, tokens)
    call.use("cus_000001", 200)
    call.use("cus_000001", 300, "tokens")
    call.until("2024-02-01 01:00")
    invoice = call.invoices()[-1]
    assert invoice["total"] == 0
    assert [call.left(grant) for grant in (narrow, broad)] == [200, 50]
    # Two uses of two grants, each a transaction for its line.
    assert [row["amount"] for row in invoice["total_pretax_credit_amounts"]] == [300, 200]


def test_credits_of_another_currency_are_left_alone(call: Metered) -> None:
    # Granted while the customer was not billed yet.
    grant = call.make(GRANTS, values(call.customer(), amount=euros(500)))
    assert billed(call, 100)["total"] == 100
    assert call.left(grant) == 500
    refused = call.post(GRANTS, values("cus_000001", amount=euros(500)))
    assert (refused.status, refused.param) == (400, "amount[monetary][currency]")


def euros(value: int) -> dict[str, Any]:
    return {"type": "monetary", "monetary": {"currency": "eur", "value": value}}


def test_credits_are_used_from_the_moment_at_which_they_take_effect(call: Metered) -> None:
    grant = call.credit(call.customer(), 500, effective_at=at("2024-02-15"))
    assert billed(call, 100)["total"] == 100
    call.use("cus_000001", 100)
    call.until("2024-03-01 01:00")
    assert call.invoices()[-1]["total"] == 0
    assert call.left(grant) == 400


@pytest.mark.parametrize(("expires", "total"), [("2024-02-01 01:00", 100), ("2024-02-01 01:01", 0)])
def test_credits_that_expire_at_the_moment_of_finalization_pay_nothing(call: Metered, expires: str, total: int) -> None:
    call.credit(call.customer(), 500, expires_at=at(expires))
    call.subscribe("cus_000001", call.metered_price(call.meter()))
    call.use("cus_000001", 100)
    # However late anybody looks.
    call.until("2024-02-20")
    assert call.invoices()[-1]["total"] == total
    rows = call.get(TRANSACTIONS, {"customer": "cus_000001"}).body["data"]
    assert (rows[0]["debit"]["type"], rows[0]["created"]) == ("credits_expired", at(expires))
    assert rows[0]["debit"]["amount"]["monetary"]["value"] == 400 + total


def test_discounts_come_before_credits_and_taxes_after(call: Metered) -> None:
    call.make("/v1/coupons", {"id": "HALF", "percent_off": 50, "duration": "forever"})
    rate = call.make("/v1/tax_rates", {"display_name": "Tax", "inclusive": False, "percentage": "10"})
    call.credit(call.customer(), 300)
    terms = {"discounts": [{"coupon": "HALF"}], "default_tax_rates": [rate]}
    call.subscribe("cus_000001", call.metered_price(call.meter()), **terms)
    call.use("cus_000001", 1_000)
    call.until("2024-02-01")
    assert call.invoices()[-1]["total"] == 550
    call.until("2024-02-01 01:00")
    invoice = call.invoices()[-1]
    assert (invoice["subtotal"], invoice["total"], invoice["total_excluding_tax"]) == (1_000, 220, 200)
    (tax,) = invoice["total_taxes"]
    assert (tax["amount"], tax["taxable_amount"], tax["tax_rate_details"]["tax_rate"]) == (20, 200, rate)
    kinds = [(row["type"], row["amount"]) for row in invoice["total_pretax_credit_amounts"]]
    assert kinds == [("discount", 500), ("credit_balance_transaction", 300)]


def test_a_price_with_its_tax_inside_keeps_the_tax_of_what_is_left(call: Metered) -> None:
    rate = call.make("/v1/tax_rates", {"display_name": "Tax", "inclusive": True, "percentage": "25"})
    call.credit(call.customer(), 500)
    price = call.metered_price(call.meter(), tax_behavior="inclusive")
    call.subscribe("cus_000001", price, default_tax_rates=[rate])
    call.use("cus_000001", 1_000)
    call.until("2024-02-01 01:00")
    invoice = call.invoices()[-1]
    assert (invoice["subtotal"], invoice["total"], invoice["total_excluding_tax"]) == (1_000, 500, 400)


@pytest.mark.parametrize(("exempt", "total"), [("none", 109), ("exempt", 100)])
def test_automatic_tax_is_collected_on_what_credits_left(call: Metered, exempt: str, total: int) -> None:
    call.credit(call.customer(tax_exempt=exempt), 900)
    call.subscribe("cus_000001", call.metered_price(call.meter()), automatic_tax={"enabled": True})
    call.use("cus_000001", 1_000)
    call.until("2024-02-01 00:30")
    # A customer who moves while the invoice is a draft is taxed where the invoice says.
    call.post("/v1/customers/cus_000001", {"address": {"country": "US", "state": "OR"}})
    call.until("2024-02-01 01:00")
    invoice = call.invoices()[-1]
    assert invoice["total"] == total
    assert invoice["total_taxes"][0]["taxability_reason"] == {109: "standard_rated", 100: "customer_exempt"}[total]


def test_the_balance_of_the_customer_pays_what_credits_left(call: Metered) -> None:
    call.credit(call.customer(balance=-70), 900)
    invoice = billed(call, 1_000)
    assert (invoice["total"], invoice["starting_balance"], invoice["amount_due"]) == (100, -70, 30)
    assert call.post(f"/v1/invoices/{invoice['id']}/void").status == 400


def test_an_invoice_that_is_voided_gives_its_credits_back(call: Metered) -> None:
    kept, gone = call.credit(call.customer(), 60), call.credit("cus_000001", 30, expires_at=at("2024-02-10"))
    call.subscribe("cus_000001", call.metered_price(call.meter()), **SENT)
    call.use("cus_000001", 100)
    call.until("2024-02-01 00:30")
    path = f"/v1/invoices/{call.invoices()[-1]['id']}"
    assert call.post(f"{path}/void").status == 400
    call.until("2024-02-12")
    assert (call.get(path).body["amount_due"], call.left(kept), call.left(gone)) == (10, 0, 0)
    body = call.post(f"{path}/void").body
    assert (body["status"], body["status_transitions"]["voided_at"]) == ("void", at("2024-02-12"))
    # What comes back after its expiry expires at once.
    assert (call.left(kept), call.left(gone)) == (60, 0)
    reasons = [(row["credit"] or row["debit"])["type"] for row in transactions(call, gone)]
    assert reasons == ["credits_expired", "credits_application_invoice_voided", "credits_applied", "credits_granted"]
    back = transactions(call, kept)[0]["credit"]["credits_application_invoice_voided"]
    assert back == {"invoice": body["id"], "invoice_line_item": body["lines"]["data"][0]["id"]}
    assert call.post(f"{path}/void").status == 400
    assert "invoice.voided" in call.told()
    # Of a grant that was drawn on, that it was given back does not make it untouched.
    assert call.post(f"{GRANTS}/{kept}/void").status == 400
    assert call.post("/v1/invoices/in_no/void").status == 404


def transactions(call: Metered, grant: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = call.get(TRANSACTIONS, {"customer": "cus_000001", "credit_grant": grant}).body["data"]
    return rows


def test_what_voiding_would_leave_open_is_a_gap(call: Metered) -> None:
    late = billed(call, 100, call.customer(card=False))
    assert call.get(SUBSCRIPTIONS, {"status": "past_due"}).body["data"]
    assert call.post(f"/v1/invoices/{late['id']}/void").code == "emulator_gap"
    owing = call.customer(card=False, balance=20)
    call.subscribe(owing, late["lines"]["data"][0]["pricing"]["price_details"]["price"], **SENT)
    call.until("2024-02-01 03:00")
    call.use(owing, 5)
    call.until("2024-03-02")
    mine = [one for one in call.invoices() if one["customer"] == owing]
    opened = next(one for one in mine if one["status"] == "open")
    assert call.post(f"/v1/invoices/{opened['id']}/void").code == "emulator_gap"


def test_who_lives_by_a_test_clock_has_credits_by_it(call: Metered) -> None:
    call.until("2026-11-21")
    clocks = "/v1/test_helpers/test_clocks"
    clock = call.make(clocks, {"frozen_time": at("2024-01-01")})
    there, here = call.customer(test_clock=clock), call.customer()
    grant = call.credit(there, 500, expires_at=at("2024-02-20"), effective_at=at("2024-01-15"))
    body = call.get(f"{GRANTS}/{grant}").body
    assert (body["created"], body["test_clock"]) == (at("2024-01-01"), clock)
    assert call.left(grant) == 500
    chosen = {"customer": there, "filter": {"type": "credit_grant", "credit_grant": grant}}
    assert call.get(SUMMARY, chosen).body["balances"][0]["available_balance"]["monetary"]["value"] == 0
    call.subscribe(there, call.metered_price(call.meter()))
    call.use(there, 120)
    call.post(f"{clocks}/{clock}/advance", {"frozen_time": at("2024-02-05")})
    assert call.get(SUMMARY, chosen).body["balances"][0]["available_balance"]["monetary"]["value"] == 380
    assert {row["test_clock"] for row in call.get(TRANSACTIONS, {"customer": there}).body["data"]} == {clock}
    extended = call.post(f"{GRANTS}/{grant}", {"expires_at": at("2024-02-25")}).body
    assert (extended["expires_at"], extended["updated"]) == (at("2024-02-25"), at("2024-02-05"))
    call.post(f"{clocks}/{clock}/advance", {"frozen_time": at("2024-03-01")})
    assert call.left(grant) == 0
    assert call.get(TRANSACTIONS, {"customer": there}).body["data"][0]["created"] == at("2024-02-25")
    # Without their customer they are not listed.
    mine = call.credit(here, 1)
    assert [row["id"] for row in call.get(GRANTS).body["data"]] == [mine]
    assert [row["id"] for row in call.get(GRANTS, {"customer": there}).body["data"]] == [grant]


def test_a_schedule_bills_usage_with_its_credits(call: Metered) -> None:
    grant = call.credit(call.customer(), 50)
    phase = {"items": [{"price": call.metered_price(call.meter())}]}
    call.make(SCHEDULES, {"customer": "cus_000001", "start_date": at("2024-01-10"), "phases": [phase]})
    call.until("2024-01-11")
    call.use("cus_000001", 80)
    call.until("2024-02-10 01:00")
    assert call.invoices()[-1]["total"] == 30
    assert call.left(grant) == 0
