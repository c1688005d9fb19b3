"""What a plan does about migrated rows: schedules each once, changes what has not started, leaves the rest alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.address import Address
from reconciler.core.changes import Action, FieldDiff
from reconciler.core.diagnostics import SourceRange
from reconciler.core.fields import ChangeClass
from reconciler.core.migration_facts import AccountFacts
from reconciler.core.migrations import Batch, Duration, Fault, Item, Migration, Missing, Row, Then
from reconciler.core.plan import Absent, Unchanged
from reconciler.core.resources import MARK_DIGEST
from reconciler.core.row_standing import RowStanding
from reconciler.core.values import Ref
from tests.core.migration_account import (
    DAY,
    HOUR,
    KEY,
    MINUTE,
    NEXT,
    NOW,
    PRO,
    START,
    account,
    address,
    applied,
    migration,
    only,
    only_row,
    only_step,
    payer,
    planned,
    price,
    reasons,
    refusal,
    row,
    started,
    told,
)

MARKS = {"billplan_project": "acme", "billplan_address": 'subscription_migration.zuora["sub_a"]'}


def test_a_row_is_scheduled_by_one_request_with_metadata_on_schedule_and_phases() -> None:
    draft = planned(migration(row(coupon="TEN")))
    step, change = only_step(draft), only(draft)
    assert (step.id, step.kind) == (f"{address()}/create", "subscription_migration")
    assert (step.method, step.path) == ("post", "/v1/subscription_schedules")
    sent = step.params
    assert {k: sent[k] for k in ("customer", "start_date", "end_behavior")} == {
        "customer": "cus_1", "start_date": START, "end_behavior": "release",
    }  # fmt: skip
    marks = dict(sent["metadata"])
    assert marks.pop("billplan_digest").count(":") == 2
    assert marks == {**MARKS, "billplan_attempt": "1", KEY: "sub_a"}
    assert [phase["metadata"] for phase in sent["phases"]] == [{**MARKS, KEY: "sub_a"}]
    assert step.precondition == Absent(incarnations=(), natural_key=None, key=(KEY, "sub_a"))
    assert step.expect is not None
    assert step.expect["customer"] == "cus_1"
    assert step.expect["start_date"] == START
    assert step.expect["metadata[billplan_digest]"] == sent["metadata"]["billplan_digest"]
    assert step.deadline == START - 5 * MINUTE
    assert (change.action, change.change_class) == (Action.CREATE, ChangeClass.MONEY)
    assert change.after["customer"] == "cus_1"
    assert change.after["start_date"] == "2027-01-01T00:00:00Z"
    assert "26.10 USD" in change.notes[0]
    assert only_row(draft).standing is RowStanding.DUE
    assert only_row(draft).course is not None


def test_a_second_plan_has_nothing_to_do_and_a_third_after_the_start_neither() -> None:
    block = migration(row(), row("sub_b", 3, customer="cus_2"))
    held = applied(planned(block))
    again = planned(block, facts=account(*held))
    assert (again.draft.changes, again.draft.steps, again.draft.unchanged) == ((), (), 2)
    assert again.draft.owned == {"subscription_migration": 2}
    assert [one.standing for one in again.planned] == [RowStanding.SCHEDULED] * 2
    live = [*started(held[0]), held[1]]
    later = planned(block, facts=account(*live, now=START + DAY))
    assert (later.draft.changes, later.draft.unchanged) == ((), 2)
    assert later.planned[0].standing is RowStanding.LIVE
    assert later.planned[0].held is not None
    assert later.planned[0].held.id == "sub_1"


def test_courses_of_rows_at_rest_are_laid_where_they_are_wished() -> None:
    held = applied(planned(migration(row())))
    assert only_row(planned(migration(row()), facts=account(*held))).course is None
    laid = planned(migration(row()), facts=account(*held), laid=frozenset((RowStanding.SCHEDULED,)))
    assert only_row(laid).course is not None


EDITS: dict[str, dict[str, Any]] = {
    "another price": {"items": (Item(price="price_team"),)},
    "a coupon": {"coupon": "TEN"},
    "a later start": {"start": START + 2 * DAY},
    "metadata": {"metadata": {KEY: "sub_a", "tier": "2"}},
    "the due date": {"collection_method": "send_invoice", "days_until_due": 30},
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_a_changed_row_that_has_not_started_is_updated_in_place_and_converges(edit: dict[str, Any]) -> None:
    held = applied(planned(migration(row(coupon=None))))
    block = migration(row(**edit))
    draft = planned(block, facts=account(*held))
    step, change = only_step(draft), only(draft)
    assert (step.id, step.path) == (f"{address()}/update", f"/v1/subscription_schedules/{held[0].id}")
    assert step.params["phases"][0]["start_date"] == edit.get("start", START)
    assert step.params["metadata"]["billplan_digest"] != held[0].digest
    assert step.precondition == Unchanged(
        remote_id=held[0].id,
        before={
            "status": "not_started",
            "metadata[billplan_project]": "acme",
            "metadata[billplan_address]": str(address()),
            "metadata[billplan_digest]": held[0].digest,
        },
    )
    assert step.deadline == START - 5 * MINUTE
    assert (change.action, change.change_class, change.reason) == (
        Action.UPDATE, ChangeClass.MONEY, "its row has changed",
    )  # fmt: skip
    assert only_row(draft).standing is RowStanding.SCHEDULED
    after = planned(block, facts=account(*applied(draft, held)))
    assert (after.draft.changes, after.draft.unchanged) == ((), 1)


def test_a_changed_row_shows_what_was_scheduled_and_what_is_to_be() -> None:
    held = applied(planned(migration(row(coupon="TEN"))))
    edited = row(items=(Item(price="price_team", quantity=3),), cancel_at_period_end=True)
    diffs = only(planned(migration(edited), facts=account(*held))).diffs
    assert {d.name: (d.before, d.after) for d in diffs if d.name != MARK_DIGEST} == {
        "items": ("price_pro", "3 x price_team"),
        "coupon": ("TEN", None),
        "ends": (None, "2027-02-01T00:00:00Z"),
    }


def test_of_a_schedule_that_nobody_read_only_the_digest_shows() -> None:
    held = [replace(one, sent=None) for one in applied(planned(migration(row())))]
    diffs = only(planned(migration(row(items=(Item(price="price_team"),))), facts=account(*held))).diffs
    assert [d.name for d in diffs] == [MARK_DIGEST]


def test_an_update_resends_the_discounts() -> None:
    held = applied(planned(migration(row(coupon="TEN"))))
    draft = planned(migration(row(coupon="TEN", items=(Item(price="price_team"),))), facts=account(*held))
    assert only_step(draft).params["phases"][0]["discounts"] == [{"coupon": "TEN"}]


def test_a_moved_start_shows_both_moments_and_neither_may_have_come() -> None:
    held = applied(planned(migration(row())))
    earlier = planned(migration(row(start=START - 10 * DAY)), facts=account(*held))
    diffs = only(earlier).diffs
    assert FieldDiff(name="start_date", before="2027-01-01T00:00:00Z", after="2026-12-22T00:00:00Z") in diffs
    assert only_step(earlier).deadline == START - 10 * DAY - 5 * MINUTE
    too_soon = planned(migration(row(start=NOW + HOUR)), facts=account(*held))
    assert reasons(too_soon) == ["start_too_soon"]
    assert "lead_time asks for 24 h" in refusal(too_soon).refused
    late = planned(migration(row(start=START + DAY)), facts=account(*held, now=START - 4 * MINUTE))
    assert reasons(late) == ["starting"]
    assert "in 4 min" in refusal(late).refused


def test_a_start_that_stays_needs_no_new_lead_time() -> None:
    held = applied(planned(migration(row())))
    draft = planned(migration(row(coupon="TEN")), facts=account(*held, now=START - 10 * MINUTE))
    assert only(draft).action is Action.UPDATE


def test_a_block_that_changes_further_phases_updates_what_has_not_started_and_warns_of_the_rest() -> None:
    before = migration(row(), row("sub_b", 3, customer="cus_2"))
    held = applied(planned(before))
    then = (Then(duration=Duration(interval="month"), items=(Item(price="price_team", quantity=1),)),)
    block = replace(before, then=then)
    draft = planned(block, facts=account(*started(held[0]), held[1]))
    assert [(c.address.key, c.action, c.reason) for c in draft.draft.changes] == [
        ("sub_b", Action.UPDATE, "its block has changed")
    ]
    assert told(draft) == [
        "subscription_migration.zuora: 1 row (line 2): started, and stays as it is: what the block says of later "
        "phases has changed since"
    ]
    assert draft.draft.unchanged == 1


@pytest.mark.parametrize("status", ["active", "canceled"])
def test_a_changed_row_that_has_started_is_refused_with_what_to_do(status: str) -> None:
    held = started(applied(planned(migration(row())))[0], status)
    draft = planned(migration(row(coupon="TEN")), facts=account(*held, now=START + DAY))
    change = refusal(draft)
    assert reasons(draft) == ["started"]
    assert "sub_1" in change.refused
    assert "restore the row" in change.hint
    assert only_row(draft).standing is (RowStanding.LIVE if status == "active" else RowStanding.ENDED)


def test_a_row_without_a_readable_digest_is_changed_before_its_start_and_left_alone_after() -> None:
    (held,) = applied(planned(migration(row())))
    unknown = replace(held, digest="9:what:ever")
    assert "nobody knows" in only(planned(migration(row()), facts=account(unknown))).reason
    live = planned(migration(row(coupon="TEN")), facts=account(*started(unknown), now=START + DAY))
    assert live.draft.changes == ()


def test_another_customer_is_refused_since_a_schedule_keeps_its_own() -> None:
    held = applied(planned(migration(row())))
    draft = planned(migration(row(customer="cus_2")), facts=account(*held))
    assert reasons(draft) == ["customer_changed"]
    assert "action: cancel" in refusal(draft).hint


def test_what_was_canceled_before_its_start_is_at_rest_until_the_attempt_is_raised() -> None:
    (held,) = applied(planned(migration(row())))
    gone = replace(held, status="canceled")
    draft = planned(migration(row()), facts=account(gone))
    assert (draft.draft.changes, draft.draft.steps) == ((), ())
    assert only_row(draft).standing is RowStanding.CANCELED
    assert "rolled back" in told(draft)[0]
    assert "attempt:" in draft.draft.diagnostics[0].hint
    anew = planned(migration(row(), attempt=2), facts=account(gone))
    step = only_step(anew)
    assert step.precondition == Absent(incarnations=(gone.id,), natural_key=None, key=(KEY, "sub_a"))
    assert step.params["metadata"]["billplan_attempt"] == "2"
    assert step.id == f"{address()}/create"
    held_again = applied(anew, [gone], NOW + DAY)
    assert planned(migration(row(), attempt=2), facts=account(*held_again)).draft.changes == ()


@pytest.mark.parametrize("status", ["canceled", "incomplete_expired", "active"])
def test_a_row_that_ever_started_is_never_scheduled_again(status: str) -> None:
    held = started(applied(planned(migration(row())))[0], status)
    for witness in (held, held[:1], held[1:]):
        for attempt in (1, 2, 9):
            draft = planned(migration(row(), attempt=attempt), facts=account(*witness, now=NOW))
            assert (draft.draft.changes, draft.draft.steps) == ((), ())


def test_rows_of_a_batch_that_is_not_released_are_checked_and_not_sent() -> None:
    batches = (Batch(name="canary", rows=1), Batch(name="rest"))
    rows = (row(), row("sub_b", 3, customer="cus_2"), row("sub_c", 4, customer="cus_9"))
    draft = planned(migration(*rows, batches=batches, released=("canary",)))
    assert [(one.row.key, one.batch, one.standing) for one in draft.planned] == [
        ("sub_a", "canary", RowStanding.DUE),
        ("sub_b", "rest", RowStanding.NOT_RELEASED),
        ("sub_c", "rest", RowStanding.FAILED),
    ]
    assert [step.address.key for step in draft.draft.steps] == ["sub_a"]
    assert draft.draft.steps[0].params["metadata"]["billplan_batch"] == "canary"
    assert [c.action for c in draft.draft.changes] == [Action.CREATE, Action.REFUSED]
    assert draft.planned[1].course is not None


def test_a_scheduled_row_keeps_its_batch_when_the_file_grows() -> None:
    batches = (Batch(name="canary", rows=1), Batch(name="rest"))
    held = applied(planned(migration(row(), batches=batches, released=("canary",))))
    grown = migration(
        row("sub_0", 2, customer="cus_2"), row(line=3, coupon="TEN"), batches=batches, released=("canary", "rest")
    )
    draft = planned(grown, facts=account(*held))
    assert {one.row.key: one.batch for one in draft.planned} == {"sub_0": "rest", "sub_a": "canary"}
    update = next(step for step in draft.draft.steps if step.id.endswith("/update"))
    assert update.params["metadata"]["billplan_batch"] == "canary"


def test_rows_with_faults_are_refused_with_all_of_them_and_their_place() -> None:
    fault = Fault(reason="bad_quantity", column="quantity", summary="'x' is no number", hint="write a whole number")
    bad = replace(row(customer="cus_9"), faults=(fault,))
    unreadable = Row(key="sub_b", source=SourceRange("zuora.csv", 3, 1), terms=None, faults=(fault,))
    draft = planned(migration(bad, unreadable))
    first, second = draft.draft.changes
    assert first.refused == "quantity: 'x' is no number; customer: this account has no customer cus_9"
    assert first.hint.startswith("write a whole number; check the id")
    assert (first.source, second.source) == (bad.source, unreadable.source)
    assert second.refused == "quantity: 'x' is no number"
    assert [one.standing for one in draft.planned] == [RowStanding.FAILED] * 2


def _unpaid(**values: Any) -> AccountFacts:
    return account(payers=[payer(method=False, **values)])


def test_set_latest_plans_one_step_a_customer_before_its_schedules() -> None:
    rows = (row(), row("sub_b", 3, items=(Item(price="price_team"),)))
    draft = planned(migration(*rows, missing_method=Missing.SET_LATEST), facts=_unpaid(latest="pm_7"))
    pays, first, second = draft.draft.steps
    assert (pays.kind, pays.path, pays.params) == (
        "payer", "/v1/customers/cus_1", {"invoice_settings": {"default_payment_method": "pm_7"}},
    )  # fmt: skip
    unset = {"invoice_settings[default_payment_method]": None, "default_source": None}
    assert pays.precondition == Unchanged(remote_id="cus_1", before=unset)
    assert first.needs == second.needs == (pays.id,)
    assert [c.address.kind for c in draft.draft.changes].count("payer") == 1


def test_set_latest_without_any_method_is_a_fault_and_require_is_too() -> None:
    for missing in Missing:
        assert reasons(planned(migration(row(), missing_method=missing), facts=_unpaid())) == ["default_payment_method"]


def test_what_this_plan_creates_comes_first_and_stays_a_reference() -> None:
    facts = account()
    new = replace(facts, prices={PRO: price(None, named=PRO)}, ids={})
    draft = planned(migration(row(price=PRO)), facts=new, creates={PRO.address: "price.pro/create"})
    step = only_step(draft)
    assert step.needs == ("price.pro/create",)
    assert step.params["phases"][0]["items"][0]["price"] == PRO
    assert reasons(planned(migration(row(price=PRO)), facts=new)) == ["unknown_price"]


def test_a_replaced_price_is_carried_into_rows_only_where_the_block_follows_prices() -> None:
    held = applied(planned(migration(row(price=PRO))))
    facts = account(*held)
    known = replace(facts, prices={PRO: price("price_new", named=PRO)}, ids={PRO: "price_new"})
    making = replace(facts, prices={PRO: price(None, named=PRO)}, ids={})
    for new, creates in ((known, {}), (making, {PRO.address: "price.pro/create"})):
        assert planned(migration(row(price=PRO)), facts=new, creates=creates).draft.changes == ()
        follows = migration(row(price=PRO), follow_prices=True)
        draft = planned(follows, facts=new, creates=creates)
        assert only(draft).reason == "a price that it names was replaced"
        sent = only_step(draft).params["phases"][0]["items"][0]["price"]
        assert sent == (Ref(Address("price", "pro")) if creates else "price_new")
    after = replace(known, holdings=account(*applied(planned(follows, facts=known), held)).holdings)
    assert planned(follows, facts=after).draft.changes == ()


def _mid_cycle(**values: Any) -> Migration:
    return migration(row(anchor=NEXT - 7 * DAY, backdate=START - 7 * DAY, **values), mid_cycle_by_subscription=True)


def test_a_mid_cycle_row_waits_for_its_start_and_becomes_a_subscription_then() -> None:
    waits = planned(_mid_cycle(), facts=account(now=START - HOUR))
    assert (waits.draft.changes, waits.draft.steps) == ((), ())
    assert only_row(waits).standing is RowStanding.WAITING
    draft = planned(_mid_cycle(), facts=account(now=START + HOUR))
    step = only_step(draft)
    assert (step.kind, step.path) == ("migrated_subscription", "/v1/subscriptions")
    assert step.params["backdate_start_date"] == START - 7 * DAY
    assert step.params["metadata"]["billplan_address"] == str(address())
    assert step.deadline == NEXT - 7 * DAY - 5 * MINUTE
    assert only(draft).action is Action.CREATE
    held = applied(draft)
    again = planned(_mid_cycle(), facts=account(*held, now=START + 2 * HOUR))
    assert (again.draft.changes, again.draft.unchanged) == ((), 1)


def test_a_mid_cycle_row_is_refused_once_its_period_is_over() -> None:
    draft = planned(_mid_cycle(), facts=account(now=NEXT - 7 * DAY - MINUTE))
    assert reasons(draft) == ["period_over"]
    assert refusal(draft)


def test_two_that_bill_under_one_marker_are_refused_and_named() -> None:
    (held,) = applied(planned(migration(row())))
    twin = replace(held, id="sub_sched_twin")
    draft = planned(migration(row()), facts=account(held, twin))
    assert reasons(draft) == ["billed_twice"]
    assert held.id in refusal(draft).refused
    assert twin.id in refusal(draft).refused


def test_a_started_schedule_and_its_subscription_are_one_however_late_one_of_them_was_seen() -> None:
    schedule, subscription = started(applied(planned(migration(row())))[0])
    for held in (
        (schedule, subscription),
        (replace(schedule, status="not_started", subscription=None), subscription),
        (schedule, replace(subscription, schedule=None)),
    ):
        assert planned(migration(row()), facts=account(*held, now=START + DAY)).draft.changes == ()
