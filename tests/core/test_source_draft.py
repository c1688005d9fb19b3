"""Rows and maps from raw subscriptions of another account: units, dates, and what a price is here."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.core.source_draft import DraftForm, Here, SourceDraft, draft_source

END = 1_797_292_800
MONTH = {"interval": "month", "interval_count": 1, "usage_type": "licensed"}


def price(id: str = "price_old", **said: Any) -> dict[str, Any]:
    given = {"id": id, "currency": "usd", "unit_amount": 2150, "recurring": MONTH, "product": "prod_old"}
    return {"lookup_key": None, **given, **said}


def subscription(id: str = "sub_1", **said: Any) -> dict[str, Any]:
    items = said.pop("items", [{"price": price(), "quantity": 1, "current_period_end": END}])
    given = {"id": id, "status": "active", "customer": "cus_old", "currency": "usd", "items": {"data": items}}
    return {**given, "collection_method": "charge_automatically", **said}


def drafted(*raws: Any, here: Here | None = None, unit: str = "minor", coupons: Any = None) -> SourceDraft:
    form = DraftForm(key="old_id", unit=unit)
    return draft_source(raws, coupons or {}, here or Here(ids={}), form)


def reasons(**said: Any) -> tuple[str, ...]:
    (left,) = drafted(subscription(**said)).left_out
    assert len(left.words) == len(left.reasons)
    return left.reasons


def test_amounts_are_written_in_the_unit_of_the_block() -> None:
    (minor,), (major,) = (drafted(subscription(), unit=unit).rows for unit in ("minor", "major"))
    assert (minor["source_amount"], minor.get("currency")) == ("2150", None)
    assert (major["source_amount"], major["currency"]) == ("21.50", "usd")
    yen = subscription(
        currency="jpy", items=[{"price": price(currency="jpy"), "quantity": 1, "current_period_end": END}]
    )
    assert drafted(yen, unit="major").rows[0]["source_amount"] == "2150"


def test_a_trial_beyond_the_period_is_carried_over() -> None:
    (row,) = drafted(subscription(trial_end=END + 86400)).rows
    assert row["trial_end"] == "2026-12-16T00:00:00Z"
    assert "trial_end" not in drafted(subscription(trial_end=END)).rows[0]


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"cancel_at": END}, "ends"),
        ({"cancel_at_period_end": True}, "ends"),
        ({"pause_collection": {"behavior": "void"}}, "paused"),
        ({"schedule": "sub_sched_1"}, "scheduled"),
        ({"transfer_data": {"destination": "acct_1"}}, "connect"),
        ({"billing_thresholds": {"amount_gte": 1}}, "thresholds"),
        ({"pending_invoice_item_interval": {"interval": "day"}}, "invoice_items"),
        ({"default_tax_rates": [{"id": "txr_1"}, {"id": "txr_2"}]}, "tax_rates"),
        ({"discounts": [{"end": None, "source": {"coupon": None, "type": "other"}}]}, "discounts"),
    ],
)
def test_what_a_row_cannot_say_is_left_out(said: dict[str, Any], reason: str) -> None:
    assert reasons(**said) == (reason,)


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ({"price": price(recurring={**MONTH, "usage_type": "metered"})}, "metered"),
        ({"tax_rates": [{"id": "txr_1"}]}, "tax_rates"),
        ({"discounts": ["di_1"]}, "discounts"),
        ({"billing_thresholds": {"usage_gte": 1}}, "thresholds"),
    ],
)
def test_what_a_row_cannot_say_of_an_item_is_left_out(item: dict[str, Any], reason: str) -> None:
    assert reasons(items=[{"price": price(), "quantity": 1, "current_period_end": END, **item}]) == (reason,)


def test_everything_that_is_wrong_with_one_is_told() -> None:
    assert reasons(cancel_at=END, schedule="sub_sched_1") == ("ends", "scheduled")


def test_items_whose_periods_do_not_end_together_are_left_out() -> None:
    items = [{"price": price(), "quantity": 1, "current_period_end": END + n} for n in (0, 86400)]
    assert reasons(items=items) == ("periods",)


def discount(end: int | None, coupon: str = "C") -> dict[str, Any]:
    return {"end": end, "source": {"type": "coupon", "coupon": coupon}}


@pytest.mark.parametrize(("end", "kept"), [(END, True), (END - 1, True), (END + 1, False), (None, False)])
def test_a_discount_that_is_over_by_then_stands_in_nobodys_way(end: int | None, kept: bool) -> None:
    coupons = {"C": {"id": "C", "duration": "repeating", "percent_off": 10}}
    found = drafted(subscription(discounts=[discount(end)]), coupons=coupons)
    assert len(found.rows) == kept
    assert found.reasons == ({} if kept else {"discount_ends": 1})
    assert not any(row.get("coupon") for row in found.rows)


def new_price(old: dict[str, Any], *here: dict[str, Any]) -> str:
    one = subscription(items=[{"price": old, "quantity": 1, "current_period_end": END}])
    (found,) = drafted(one, here=Here(ids={}, prices=here)).maps["price"]
    assert found.old == old["id"]
    return found.new


def test_a_price_is_found_by_its_id_or_by_its_lookup_key_where_only_one_can_be_meant() -> None:
    old = price(lookup_key="pro")
    yearly = {**MONTH, "interval": "year"}
    assert new_price(old, price("price_new", lookup_key="pro")) == "price_new"
    assert new_price(old, price(), price("price_new", lookup_key="pro")) == "price_old"
    assert new_price(old, price("price_new", lookup_key="team")) == ""
    assert new_price(old, price("price_new", lookup_key="pro", currency="eur")) == ""
    assert new_price(old, price("price_new", lookup_key="pro", recurring=yearly)) == ""
    assert new_price(price(), price("price_new")) == ""


def test_ids_that_are_the_same_here_are_filled_in() -> None:
    found = drafted(
        subscription(discounts=[discount(None)], default_tax_rates=[{"id": "txr_1"}]),
        here=Here(ids={"customer": frozenset({"cus_old"}), "coupon": frozenset(), "tax_rate": frozenset({"txr_1"})}),
        coupons={"C": {"id": "C", "duration": "forever", "percent_off": 10}},
    )
    assert {sort: [(one.old, one.new) for one in ids] for sort, ids in found.maps.items()} == {
        "customer": [("cus_old", "cus_old")],
        "coupon": [("C", "")],
        "tax_rate": [("txr_1", "txr_1")],
        "price": [("price_old", "")],
    }
    (row,) = found.rows
    assert (row["coupon"], row["default_tax_rate"], row["source_amount"]) == ("C", "txr_1", "1935")
