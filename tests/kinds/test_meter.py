"""Meters carry no marker: equal is ours, different is refused unless it is adopted."""

from __future__ import annotations

from typing import Any

from reconciler.core.changes import Action
from reconciler.core.diagnostics import Severity
from tests.account import Account, specs_of
from tests.kinds.plans import PRODUCT, by_hand, change, ids, steps

METER: dict[str, Any] = {"display_name": "Calls", "event_name": "calls", "default_aggregation": {"formula": "sum"}}
METERED: dict[str, Any] = {
    "product": "product.pro",
    "currency": "usd",
    "unit_amount": 5,
    "recurring": {"interval": "month", "usage_type": "metered", "meter": "meter.calls"},
}


def made_by_hand(account: Account) -> str:
    return str(by_hand(account, "/v1/billing/meters", **METER)["id"])


def test_an_equal_meter_is_ours(account: Account) -> None:
    made_by_hand(account)
    assert account.plan({"meter.calls": METER}).empty


def test_a_different_meter_is_refused_and_the_hint_adopts_it(account: Account) -> None:
    meter = made_by_hand(account)
    plan = account.plan({"meter.calls": {**METER, "display_name": "API calls"}})
    said = change(plan, "meter.calls")
    assert said.refused == (
        f"{meter} exists and differs (display_name); a meter carries no marker, so it may not be yours"
    )
    assert said.hint == f"if it is, add to meter.calls:  adopt: {meter}"
    assert [(d.name, d.before, d.after) for d in said.diffs] == [("display_name", "Calls", "API calls")]
    account.converge({"meter.calls": {**METER, "display_name": "API calls", "adopt": meter}})
    assert account.live("billing.meter")[0]["display_name"] == "API calls"


def test_what_cannot_change_is_refused_even_when_it_is_adopted(account: Account) -> None:
    meter = made_by_hand(account)
    counted = {**METER, "default_aggregation": {"formula": "count"}, "adopt": meter}
    said = change(account.plan({"meter.calls": counted}), "meter.calls")
    assert said.refused == f"{meter} differs in default_aggregation, which cannot change in place"


def test_adopting_a_meter_of_another_event_is_refused(account: Account) -> None:
    meter = made_by_hand(account)
    said = change(account.plan({"meter.x": {**METER, "event_name": "x", "adopt": meter}}), "meter.x")
    assert said.refused == f"adopt names {meter}, and no meter with event_name 'x' has that id"
    assert said.hint == "check the id and the event_name"


def test_a_meter_stays_when_its_block_goes(account: Account) -> None:
    account.converge({"meter.calls": METER})
    assert account.plan({}).empty


def test_a_meter_leaves_by_an_entry_only_and_comes_back_by_adoption(account: Account) -> None:
    account.converge({"meter.calls": METER})
    (meter,) = ids(account, "billing.meter")
    gone = specs_of({}, removed={"meter.calls": "deactivate"})
    plan = account.converge(gone)
    assert steps(plan) == [f"meter.calls/deactivate {meter}"]
    assert change(plan, "meter.calls").action is Action.RETIRE
    assert account.plan(gone).diagnostics == ()
    said = change(account.plan({"meter.calls": METER}), "meter.calls")
    assert "it is inactive" in said.refused
    back = account.converge({"meter.calls": {**METER, "adopt": meter}})
    assert steps(back) == ["meter.calls/reactivate"]
    assert change(back, "meter.calls").reason == f"{meter} is inactive: it becomes active again"


def test_a_meter_leaves_after_the_prices_that_use_it(account: Account) -> None:
    account.converge({"product.pro": PRODUCT, "meter.calls": METER, "price.api": METERED})
    (price,) = ids(account, "price")
    plan = account.converge(specs_of({"product.pro": PRODUCT}, removed={"meter.calls": "deactivate"}))
    assert plan.steps[-1].needs == (f"price.api/archive {price}",)


def test_an_entry_that_names_no_meter_is_told_with_the_one_that_was_meant(account: Account) -> None:
    made_by_hand(account)
    (told,) = account.plan(specs_of({}, removed={"meter.call": "deactivate"})).diagnostics
    assert told.severity is Severity.WARNING
    assert told.code == "BP1401"
    assert told.summary == "removed: meter.call names nothing: no meter has the event_name 'call'"
    assert told.hint == "did you mean calls?"
    assert told.source is not None
    (told,) = account.plan(specs_of({}, removed={"meter.zzz": "deactivate"})).diagnostics
    assert told.hint == "take the entry out"


def test_an_entry_never_takes_a_meter_that_another_block_declares(account: Account) -> None:
    plan = account.converge({"meter.api": METER})
    plan = account.plan(specs_of({"meter.api": METER}, removed={"meter.calls": "deactivate"}))
    assert plan.empty
    (told,) = plan.diagnostics
    assert told.summary == "removed: meter.calls is left as it is: its event_name is that of meter.api"
    assert told.hint == "take the entry out, or the block of meter.api"


def test_an_active_meter_is_preferred_to_an_inactive_one_of_the_same_event(account: Account) -> None:
    old = made_by_hand(account)
    by_hand(account, f"/v1/billing/meters/{old}/deactivate")
    made_by_hand(account)
    assert account.plan({"meter.calls": METER}).empty
