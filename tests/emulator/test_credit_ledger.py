"""The ledger behind credit grants: how credits are used, run out, come back, and what a history tells of that."""

from __future__ import annotations

import copy

import pytest
import stripe

from reconciler.emulator.rules.billing import Bill, Outcome, attach_payment_method, bill
from reconciler.emulator.rules.credit import draw, give_back, grant, remaining, settle
from reconciler.emulator.wire import Record
from reconciler.emulator.world import World
from tests.emulator.client import Caller
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


def test_credits_expire_when_their_time_has_come(call: Caller) -> None:
    made = call.make(GRANTS, values(expires_at=START + DAY))
    draw(call.world, made, 400, START)
    assert balance(call) == {"usd": (600, 600)}
    call.world.clock.advance(DAY - 1)
    assert balance(call) == {"usd": (600, 600)}
    call.world.clock.advance(61)
    assert balance(call) == {"usd": (0, 0)}
    assert movements(call) == [("credits_expired", 600), ("credits_applied", 400), ("credits_granted", 1000)]
    # As of the moment itself, however much later somebody asks, and by nobody's request.
    newest = call.get("/v1/events").body["data"][0]
    assert (newest["type"], newest["created"]) == ("billing.credit_balance_transaction.created", START + DAY)
    assert newest["request"] == {"id": None, "idempotency_key": None}
    assert call.post(f"{GRANTS}/{made}", {"expires_at": START + 9 * DAY}).status == 400
    assert call.post(f"{GRANTS}/{made}", {"metadata": {"a": "b"}}).status == 200
    assert call.post(f"{GRANTS}/{made}/expire").status == call.post(f"{GRANTS}/{made}/void").status == 400


@pytest.mark.parametrize("path", ["/v1/events", GRANTS, TRANSACTIONS, SUMMARY])
def test_whatever_is_read_first_sees_the_expiry(call: Caller, path: str) -> None:
    call.make(GRANTS, values(expires_at=START + DAY))
    call.world.clock.advance(DAY)
    call.get(path, {"customer": "cus_000001", "filter": ANY_PRICE} if path == SUMMARY else {"customer": "cus_000001"})
    call.get(path)
    settle(call.world)
    assert movements(call) == [("credits_expired", 1000), ("credits_granted", 1000)]


def test_used_up_credits_expire_without_a_trace(call: Caller) -> None:
    made = call.make(GRANTS, values(expires_at=START + DAY))
    draw(call.world, made, 1000, START)
    call.world.clock.advance(DAY)
    assert movements(call) == [("credits_applied", 1000), ("credits_granted", 1000)]


def test_a_pending_grant_is_not_in_the_ledger(call: Caller) -> None:
    made = call.make(GRANTS, values(effective_at=START + DAY))
    assert balance(call) == {"usd": (0, 0)}
    (row,) = call.get(TRANSACTIONS, {"customer": "cus_000001"}).body["data"]
    assert (row["created"], row["effective_at"]) == (START, START + DAY)
    assert call.post(f"{GRANTS}/{made}/expire").status == 400
    with pytest.raises(ValueError, match="cannot be applied"):
        draw(call.world, made, 1, START)
    other = copy.deepcopy(call.world)
    call.world.clock.advance(DAY)
    assert balance(call) == {"usd": (1000, 1000)}
    # Voided before it took effect, it never has a balance, not even a negative one.
    voided = Caller(other)
    assert voided.post(f"{GRANTS}/{made}/void").status == 200
    assert balance(voided) == {"usd": (0, 0)}
    other.clock.advance(DAY)
    assert balance(voided) == {"usd": (0, 0)}


def test_a_customer_has_at_most_a_hundred_unused_grants(call: Caller) -> None:
    made = [call.make(GRANTS, values(effective_at=START + DAY) if number else values()) for number in range(100)]
    assert call.post(GRANTS, values()).status == 400
    draw(call.world, made[0], 999, START)
    assert call.post(GRANTS, values()).status == 400
    draw(call.world, made[0], 1, START)
    call.make(GRANTS, values(expires_at=START + 5))
    assert call.post(GRANTS, values()).status == 400
    call.world.clock.advance(5)
    call.make(GRANTS, values())


def metered_invoice(call: Caller) -> Record:
    """An invoice of a licensed line, and a metered one of 500."""
    attach_payment_method(call.world, "cus_000001", START)
    items = [{"price": "price_000002", "quantity": 1000}, {"price": "price_000001"}]
    made = call.make("/v1/subscriptions", {"customer": "cus_000001", "items": items, "trial_period_days": 7})
    (metered,) = [row for row in call.get(f"/v1/subscriptions/{made}").body["items"]["data"] if "quantity" not in row]
    return bill(call.world, made, START, Bill(usage={metered["id"]: 100}))


def test_credits_are_applied_to_a_metered_line_of_an_invoice(call: Caller) -> None:
    made, billed = call.make(GRANTS, values(amount=money(1500))), metered_invoice(call)
    taken = draw(call.world, made, 500, START, billed["id"])
    (line,) = [line for line in billed["lines"] if line["price"] == "price_000001"]
    assert taken["debit"]["credits_applied"] == {"invoice": billed["id"], "invoice_line_item": line["id"]}
    body = call.get(f"{TRANSACTIONS}/{taken['id']}", {"expand": ["debit.credits_applied.invoice"]}).body
    assert body["debit"]["credits_applied"]["invoice"]["object"] == "invoice"
    assert (
        set(missing(stripe.billing.CreditBalanceTransaction, call.get(f"{TRANSACTIONS}/{taken['id']}").body)) == set()
    )
    for invoice, amount in ((billed["id"], 501), ("in_no", 1)):
        with pytest.raises(ValueError, match=r"has no (metered line|invoice)"):
            draw(call.world, made, amount, START, invoice)


def test_an_invoice_that_is_void_gives_its_credits_back(call: Caller) -> None:
    made, billed = call.make(GRANTS, values(expires_at=START + DAY)), metered_invoice(call)
    taken = draw(call.world, made, 500, START, billed["id"])
    given = give_back(call.world, taken["id"], START + 1)
    told = {"invoice": billed["id"], "invoice_line_item": taken["debit"]["credits_applied"]["invoice_line_item"]}
    assert given["credit"]["credits_application_invoice_voided"] == told
    assert remaining(call.world, made) == 1000
    again = draw(call.world, made, 300, START, billed["id"])
    call.world.clock.advance(2 * DAY)
    assert movements(call)[0] == ("credits_expired", 700)
    # After the expiry it comes back and expires at once.
    give_back(call.world, again["id"], START + 2 * DAY)
    assert movements(call)[:2] == [("credits_expired", 300), ("credits_application_invoice_voided", 300)]
    assert balance(call) == {"usd": (0, 0)}
    with pytest.raises(ValueError, match="applied no credits"):
        give_back(call.world, given["id"], START)


def test_an_invoice_of_a_history_gives_its_credits_back_when_it_is_voided_by_request(call: Caller) -> None:
    made, paid = call.make(GRANTS, values()), metered_invoice(call)
    billed = bill(call.world, paid["subscription"], START, Bill(Outcome.OPEN, usage={metered_line(paid): 100}))
    draw(call.world, made, 200, START, billed["id"])
    draw(call.world, made, 300, START, paid["id"])
    assert call.post(f"/v1/invoices/{paid['id']}/void").status == 400
    assert call.post(f"/v1/invoices/{billed['id']}/void").body["status"] == "void"
    assert remaining(call.world, made) == 700
    assert movements(call)[0] == ("credits_application_invoice_voided", 200)


def metered_line(billed: Record) -> str:
    """The item that the metered line of an invoice is for."""
    (line,) = [line for line in billed["lines"] if line["price"] == "price_000001"]
    id: str = line["subscription_item"]
    return id


def test_what_cannot_be_drawn(call: Caller) -> None:
    made = call.make(GRANTS, values(expires_at=START + DAY))
    for amount in (0, -1, 1001):
        with pytest.raises(ValueError, match="has 1000 left"):
            draw(call.world, made, amount, START)
    for moment in (START - 1, START + 1):
        with pytest.raises(ValueError, match="cannot be applied"):
            draw(call.world, made, 1, moment)
    late = copy.deepcopy(call.world)
    late.clock.advance(2 * DAY)
    with pytest.raises(ValueError, match="cannot be applied"):
        draw(late, made, 1, START + DAY)
    with pytest.raises(ValueError, match="no credit grant"):
        draw(call.world, "credgr_no", 1, START)
    call.post(f"{GRANTS}/{made}/void")
    with pytest.raises(ValueError, match="cannot be applied"):
        draw(call.world, made, 1, START)


def test_a_history_tells_of_the_last_thirty_days_only(call: Caller) -> None:
    long_ago = START - 40 * DAY
    made = grant(call.world, values(expires_at=START - DAY), long_ago)["id"]
    draw(call.world, made, 200, START - 35 * DAY)
    draw(call.world, made, 300, START - 10 * DAY)
    assert told(call) == [("balance_transaction.created", DAY), ("balance_transaction.created", 10 * DAY)]
    assert [reason for reason, _ in movements(call)] == ["credits_expired", *["credits_applied"] * 2, "credits_granted"]
    assert call.get(f"{GRANTS}/{made}").body["created"] == long_ago
