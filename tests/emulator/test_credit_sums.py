"""Whatever happens to credits: every balance is the sum of its transactions, and none is ever below zero."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.emulator.billing.passage import elapse
from reconciler.emulator.state import dump_world, parse_world
from tests.emulator.credited import ANY_PRICE, GRANTS, SUMMARY, TRANSACTIONS, values
from tests.emulator.metered import Metered, metered_account, signed
from tests.emulator.timeline import at, remembers

DAY = 86400
START = at("2024-01-01")
OWNER = "cus_000001"

TERMS = st.fixed_dictionaries(
    {"value": st.integers(1, 300), "category": st.sampled_from(("paid", "promotional")), "narrow": st.booleans()},
    optional={
        "effective": st.integers(1, 20),
        "lasts": st.integers(1, 60),
        "priority": st.sampled_from((0, 50, 100)),
    },
)
DEEDS = st.one_of(
    st.tuples(st.just("grant"), TERMS),
    st.tuples(st.just("use"), st.tuples(st.sampled_from(("calls", "tokens")), st.integers(-50, 400))),
    st.tuples(st.sampled_from(("expire", "void")), st.integers(0, 9)),
    st.tuples(st.just("extend"), st.tuples(st.integers(0, 9), st.integers(0, 60))),
    st.tuples(st.just("void an invoice"), st.integers(0, 3)),
    st.tuples(st.just("wait"), st.integers(1, 25)),
)


def account() -> tuple[Metered, str]:
    """A customer whose two metered prices are billed by invoices that are sent."""
    call = metered_account()
    narrow = call.metered_price(call.meter("tokens"), 2)
    terms = {"collection_method": "send_invoice", "days_until_due": 90}
    call.subscribe(call.customer(), call.metered_price(call.meter("calls")), narrow, **terms)
    return call, narrow


def perform(call: Metered, deed: tuple[str, Any], narrow: str) -> None:
    """Ask for something; what is refused must change nothing, which the sums tell."""
    name, given_ = deed
    now = int(call.world.now())
    made = [row["id"] for row in call.get(GRANTS, {"limit": 100}).body["data"]]
    if name == "grant":
        call.post(GRANTS, granted(given_, now, narrow))
    elif name == "use":
        call.use(OWNER, given_[1], given_[0])
    elif name == "wait":
        call.world.clock.advance(given_ * DAY)
    elif name == "void an invoice":
        open_ = call.get("/v1/invoices", {"status": "open"}).body["data"]
        if given_ < len(open_):
            call.post(f"/v1/invoices/{open_[given_]['id']}/void")
    elif name == "extend" and given_[0] < len(made):
        call.post(f"{GRANTS}/{made[given_[0]]}", {"expires_at": now + given_[1] * DAY if given_[1] else ""})
    elif name in ("expire", "void") and given_ < len(made):
        call.post(f"{GRANTS}/{made[given_]}/{name}")


def granted(terms: dict[str, Any], now: int, narrow: str) -> dict[str, Any]:
    scope = {"prices": [{"id": narrow}]} if terms["narrow"] else {"price_type": "metered"}
    amount = {"type": "monetary", "monetary": {"currency": "usd", "value": terms["value"]}}
    sent = values(OWNER, amount=amount, applicability_config={"scope": scope}, category=terms["category"])
    effective = now + terms.get("effective", 0) * DAY
    if effective > now:
        sent["effective_at"] = effective
    if "lasts" in terms:
        sent["expires_at"] = effective + terms["lasts"] * DAY
    if "priority" in terms:
        sent["priority"] = terms["priority"]
    return sent


def available(call: Metered, chosen: dict[str, Any]) -> int:
    body = call.get(SUMMARY, {"customer": OWNER, "filter": chosen}).body
    rows = [(row["available_balance"], row["ledger_balance"]) for row in body["balances"]]
    assert all(one == other for one, other in rows)
    return sum(one["monetary"]["value"] for one, _ in rows)


def history(call: Metered) -> list[dict[str, Any]]:
    """All transactions of the customer, the oldest first."""
    found: list[dict[str, Any]] = []
    while True:
        cursor = {"starting_after": found[-1]["id"]} if found else {}
        body = call.get(TRANSACTIONS, {"customer": OWNER, "limit": 100, **cursor}).body
        found += body["data"]
        if not body["has_more"]:
            return found[::-1]


def check(call: Metered) -> None:
    grants = call.get(GRANTS, {"customer": OWNER, "limit": 100}).body["data"]
    rows, now = history(call), call.world.now()
    broad = 0
    for grant in grants:
        mine = [row for row in rows if row["credit_grant"] == grant["id"]]
        balance = 0
        for row in mine:
            balance += signed(row)
            assert 0 <= balance <= grant["amount"]["monetary"]["value"]
        effective = sum(signed(row) for row in mine if row["effective_at"] <= now)
        assert available(call, {"type": "credit_grant", "credit_grant": grant["id"]}) == effective >= 0
        over = grant["voided_at"] is not None or (grant["expires_at"] is not None and grant["expires_at"] <= now)
        assert not (over and balance), "what has ended has nothing left"
        broad += effective if "price_type" in grant["applicability_config"]["scope"] else 0
    assert available(call, ANY_PRICE) == broad
    check_invoices(call, rows)


def check_invoices(call: Metered, rows: list[dict[str, Any]]) -> None:
    """Each invoice was paid for by the transactions that it names; a void one gave all of it back."""
    for invoice in call.invoices():
        named = {row["credit_balance_transaction"]: row["amount"] for row in invoice["total_pretax_credit_amounts"]}
        taken = [
            row for row in rows if ((row["debit"] or {}).get("credits_applied") or {}).get("invoice") == invoice["id"]
        ]
        assert {row["id"]: -signed(row) for row in taken} == named
        assert invoice["total"] == invoice["subtotal"] - sum(named.values()) >= 0
        voided = "credits_application_invoice_voided"
        back = [row for row in rows if ((row["credit"] or {}).get(voided) or {}).get("invoice") == invoice["id"]]
        assert sum(map(signed, back)) == (sum(named.values()) if invoice["status"] == "void" else 0)


@settings(max_examples=100, deadline=None)
@given(st.lists(DEEDS, min_size=1, max_size=25))
def test_every_balance_is_the_sum_of_its_transactions(deeds: list[tuple[str, Any]]) -> None:
    call, narrow = account()
    for deed in deeds:
        perform(call, deed, narrow)
        check(call)
    call.world.clock.advance(400 * DAY)
    check(call)


@settings(max_examples=25, deadline=None)
@given(st.lists(TERMS, min_size=1, max_size=6), st.lists(st.integers(0, 300), min_size=1, max_size=6))
def test_it_does_not_matter_when_somebody_looks(terms: list[dict[str, Any]], used: list[int]) -> None:
    call, narrow = account()
    for one in terms:
        call.make(GRANTS, granted(one, START, narrow))
    for amount in used:
        call.use(OWNER, amount)
    daily = Metered(copy.deepcopy(call.world))
    for _ in range(95):
        daily.world.clock.advance(DAY)
        elapse(daily.world)
    call.world.clock.advance(95 * DAY)
    elapse(call.world)
    assert remembers(call.world) == remembers(daily.world)
    again = Metered(parse_world(dump_world(call.world), call.world.clock))
    assert history(again) == history(call)
    check(again)
