"""`billplan migrations verify` over HTTP: what went live is as its rows say, or every thing that differs is told."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cli.desk import Desk
from tests.cli.moving import DAY, Move, iso


@pytest.fixture
def move(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Move:
    return Move(desk, monkeypatch)


def verified(move: Move, *more: str, code: int = 0) -> dict[str, Any]:
    ended = move.desk.run("migrations", "verify", "--format", "json", *more)
    assert ended.code == code, ended.both
    (one,) = ended.document["migrations"]
    assert isinstance(one, dict)
    return one


def differences(one: dict[str, Any]) -> dict[str, tuple[str, str]]:
    return {
        difference["what"]: (difference["row_says"], difference["stripe_has"])
        for row in one["rows"]
        for difference in row["differences"]
    }


def test_rows_of_every_sort_are_as_they_say_from_the_first_day_to_the_second_charge(move: Move) -> None:
    anchor, trial = move.start + 15 * DAY, move.start + 10 * DAY
    move.rows(
        [
            move.row("plain", quantity=3, coupon="coupon.tenth"),
            move.row("anchored", billing_cycle_anchor=anchor, coupon="coupon.tenth"),
            move.row("trial", trial_end=trial),
            move.row("ending", billing_cycle_anchor=anchor, cancel_at_period_end="TRUE"),
            move.row("sent", collection_method="send_invoice", days_until_due=30),
        ]
    )
    move.desk.done("apply", "--auto-approve")
    assert verified(move) | {"rows": []} == {
        "name": "zuora",
        "counts": {"as_said": 0, "differs": 0, "not_billed_yet": 0},
        "not_live": 5,
        "first_invoices": {},
        "rows": [],
    }
    move.until(move.start + 60)
    found = verified(move)
    # Nothing is ever charged for the one that ends; the other two wait for their anchor and the end of the trial.
    assert found["counts"] == {"as_said": 3, "differs": 0, "not_billed_yet": 2}
    text = move.desk.done("migrations", "verify").out
    assert f'subscription_migration.zuora["trial"]: not billed yet, first charge 100.00 USD on {iso(trial)}' in text
    assert "5 rows went live: 3 as their rows say, 0 differ, 2 not billed yet; 0 not live" in text
    move.until(anchor + DAY)
    assert verified(move)["counts"] == {"as_said": 5, "differs": 0, "not_billed_yet": 0}
    move.until(anchor + 40 * DAY)
    found = verified(move)
    assert found["counts"] == {"as_said": 5, "differs": 0, "not_billed_yet": 0}, differences(found)


SORTS = """\
customer,start_date,price,quantity,adhoc_items.0.amount,adhoc_items.0.product,adhoc_items.0.currency,\
adhoc_items.0.interval,adhoc_items.0.quantity,metadata.old_id,billing_cycle_anchor,trial_end,proration_behavior,\
backdate_start_date,default_tax_rate,add_invoice_items.0.amount,add_invoice_items.0.product,add_invoice_items.0.currency,\
coupon
"""


def test_prorations_fees_taxes_own_prices_and_later_phases_are_as_their_rows_say(move: Move) -> None:
    desk, anchor = move.desk, move.start + 12 * DAY
    desk.write(
        "specs/more.yaml",
        "tax_rates: {vat: {display_name: VAT, percentage: 10, inclusive: false}}\n"
        "coupons: {once: {percent_off: 50, duration: once}}\n",
    )
    move.block(
        "amount_unit: major\nthen: [{duration: {interval: month}, items: [{price: price.monthly, quantity: 2}]}]\n"
        "lasts: {interval: month, interval_count: 2}\n"
    )
    lines = [
        f"{move.start},price.monthly,2,,,,,,stub,{anchor},,create_prorations,,,,,,",
        f"{move.start},price.monthly,1,,,,,,backdated,{anchor},,none,{move.start - 19 * DAY},,5.50,product.pro,usd,",
        f"{move.start},price.monthly,1,,,,,,taxed,,,none,,tax_rate.vat,,,,",
        f"{move.start},,,153.00,product.pro,usd,month,3,own,,,none,,,,,,",
        f"{move.start},price.monthly,1,,,,,,once,{anchor},,none,,,,,,coupon.once",
        f"{move.start + 28 * DAY},price.monthly,1,,,,,,later,,,none,,,,,,",
    ]
    desk.write("migrations/zuora.csv", SORTS + "".join(f"{move.customer()},{line}\n" for line in lines))
    desk.done("apply", "--auto-approve")
    for days, live in ((1, 5), (13, 5), (45, 6), (75, 6), (110, 6), (160, 6)):
        move.until(move.start + days * DAY)
        found = verified(move)
        assert (differences(found), len(found["rows"])) == ({}, live), days
    assert found["counts"]["as_said"] == 6


def test_the_mirror_tells_of_invoices_where_it_is_caught_up(move: Move) -> None:
    move.scheduled("a", "b")
    move.until(move.start + 60)
    move.desk.done("sync")
    before = len(move.desk.requests)
    assert verified(move)["counts"]["as_said"] == 2
    asked = [request["path"].partition("?")[0] for request in move.desk.requests[before:]]
    assert "/v1/invoices" not in asked
    assert "/v1/subscriptions" in asked


def test_what_was_changed_in_stripe_is_told_thing_by_thing(move: Move) -> None:
    move.rows([move.row("a", quantity=2), move.row("b")])
    move.desk.done("apply", "--auto-approve")
    move.until(move.start + 60)
    for schedule in move.desk.live("subscription_schedule"):
        move.desk.client().subscription_schedules.release(schedule["id"])
    subscriptions = {one["metadata"]["old_id"]: one for one in move.desk.live("subscription")}
    changed, gone = subscriptions["a"]["id"], subscriptions["b"]["id"]
    sent = {"collection_method": "send_invoice", "days_until_due": 14, "cancel_at_period_end": True}
    move.desk.client().subscriptions.update(changed, {**sent, "metadata": {"old_id": "a", "extra": "x"}})
    move.desk.client().subscriptions.cancel(gone)
    found = verified(move, code=2)
    told = differences(found)
    assert found["counts"] == {"as_said": 0, "differs": 2, "not_billed_yet": 0}
    assert told["collection_method"] == ("charge_automatically", "send_invoice")
    assert told["days_until_due"] == ("nothing", "14")
    assert told["cancel_at"][0] == "nothing"
    assert told["status"] == ("active", "canceled")
    assert set(told) == {"collection_method", "days_until_due", "cancel_at", "status"}
    only = move.desk.run("migrations", "verify", "--row", "b")
    assert only.code == 2
    assert "status: row says active / Stripe has canceled" in only.out
    assert 'zuora["a"]' not in only.out


def test_a_row_that_changed_after_it_went_live_is_held_against_what_it_says_now(move: Move) -> None:
    move.scheduled("a")
    move.until(move.start + 60)
    (subscription,) = move.desk.live("subscription")
    said = move.row("a", customer=subscription["customer"], quantity=5, coupon="coupon.tenth")
    move.rows([said])
    told = differences(verified(move, code=2))
    price = subscription["items"][0]["price"]
    assert told["items"] == (f"5 x {price}", f"1 x {price}")
    assert told["coupon"][1] == "nothing"
    (amount,) = (pair for what, pair in told.items() if what.startswith("first invoice's amount"))
    assert amount[0] == "450.00 USD"
    assert amount[1].startswith("100.00 USD (in_")


def test_a_replaced_price_of_the_catalogue_is_no_difference_of_what_was_sold_before(move: Move) -> None:
    move.scheduled("a")
    move.until(move.start + 60)
    catalogue = move.desk.folder / "specs/catalogue.yaml"
    catalogue.write_text(catalogue.read_text().replace("unit_amount: 10000", "unit_amount: 12000"))
    move.desk.done("apply", "--auto-approve")
    assert verified(move)["counts"]["as_said"] == 1


def test_a_missing_first_invoice_is_told(move: Move) -> None:
    move.scheduled("a")
    move.until(move.start + 60)
    invoices = move.desk.world.tables["invoice"]
    for one in list(invoices):
        invoices.remove(one["id"])
    move.until(move.start + DAY)
    assert differences(verified(move, code=2)) == {"first invoice": (f"100.00 USD at {iso(move.start)}", "none")}


def test_adopted_subscriptions_are_held_against_their_terms_alone(move: Move) -> None:
    move.scheduled("first")
    move.until(move.start + 60)
    (subscription,) = move.desk.live("subscription")
    price = subscription["items"][0]["price"]
    made = move.desk.client().subscriptions.create(
        {"customer": move.customer(), "items": [{"price": price, "quantity": 4}], "metadata": {"old_id": "own"}}
    )
    header = "customer,start_date,price,quantity,metadata.old_id,adopt\n"
    first = f"{subscription['customer']},{move.start},price.monthly,1,first,\n"
    move.desk.write(
        "migrations/zuora.csv", f"{header}{first}{made.customer},{move.start},price.monthly,3,own,{made.id}\n"
    )
    move.desk.done("apply", "--auto-approve")
    found = verified(move, "--row", "own", code=2)
    assert differences(found) == {"items": (f"3 x {price}", f"4 x {price}")}
