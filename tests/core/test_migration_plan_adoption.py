"""Rows that are in the account already by another hand: taken over where they say so, else refused, never doubled."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.address import parse_address
from reconciler.core.changes import Action
from reconciler.core.fields import ChangeClass
from reconciler.core.migration_facts import Held
from reconciler.core.migrations import Batch
from reconciler.core.plan import Unchanged
from reconciler.core.row_standing import RowStanding
from tests.core.migration_account import (
    DAY,
    KEY,
    NEXT,
    NOW,
    START,
    account,
    address,
    applied,
    foreign,
    migration,
    only,
    only_row,
    only_step,
    planned,
    reasons,
    refusal,
    row,
)

KEYED: dict[str, Any] = {"keys": {KEY: "sub_a"}}


@pytest.mark.parametrize(
    ("held", "words"),
    [
        (foreign(**KEYED), "the subscription sub_9 (active)"),
        (foreign(status="trialing", **KEYED), "the subscription sub_9 (trialing)"),
        (foreign(status="canceled", **KEYED), "the subscription sub_9 (canceled)"),
        (foreign("sub_sched_9", **KEYED), "the schedule sub_sched_9 (not_started)"),
        (
            foreign("sub_sched_9", status="released", subscription="sub_9", **KEYED),
            "the schedule sub_sched_9 (released)",
        ),
        (foreign(project="other", **KEYED), "of the billplan project 'other'"),
    ],
)
def test_a_key_that_is_on_something_else_stops_the_row(held: Held, words: str) -> None:
    draft = planned(migration(row()), facts=account(held))
    assert reasons(draft) == ["key_taken"]
    assert words in refusal(draft).refused
    # No waiver and no attempt gets around it.
    waived = migration(row(waives=frozenset({"existing_subscription", "key_taken"})), attempt=5)
    assert reasons(planned(waived, facts=account(held))) == ["key_taken"]


def test_a_strangers_schedule_that_was_canceled_before_its_start_is_no_obstacle() -> None:
    held = foreign("sub_sched_9", status="canceled", **KEYED)
    assert only(planned(migration(row()), facts=account(held))).action is Action.CREATE


def test_the_same_key_under_another_name_is_no_obstacle() -> None:
    held = foreign(keys={"other_id": "sub_a"})
    assert only(planned(migration(row()), facts=account(held))).action is Action.CREATE


def test_a_schedule_that_has_not_started_is_taken_over_with_phases_whole() -> None:
    held = foreign("sub_sched_9", **KEYED)
    block = migration(row(adopt="sub_sched_9"))
    draft = planned(block, facts=account(held))
    change, step = only(draft), only_step(draft)
    assert (change.action, change.change_class) == (Action.ADOPT, ChangeClass.MONEY)
    assert step.path == "/v1/subscription_schedules/sub_sched_9"
    assert step.params["phases"][0]["metadata"]["billplan_address"] == str(address())
    unmarked = {"metadata[billplan_project]": None, "metadata[billplan_address]": None}
    assert step.precondition == Unchanged(remote_id="sub_sched_9", before={"status": "not_started", **unmarked})
    assert only_row(draft).standing is RowStanding.SCHEDULED
    after = planned(block, facts=account(*applied(draft, [held])))
    assert (after.draft.changes, after.draft.unchanged) == ((), 1)


def test_a_schedule_of_a_batch_that_is_not_released_is_not_taken_over_yet() -> None:
    batches = (Batch(name="rest"),)
    block = migration(row(adopt="sub_sched_9"), batches=batches)
    draft = planned(block, facts=account(foreign("sub_sched_9", **KEYED)))
    assert (draft.draft.changes, only_row(draft).standing) == ((), RowStanding.NOT_RELEASED)


@pytest.mark.parametrize(
    ("held", "kind"),
    [
        (foreign(**KEYED), "migrated_subscription"),
        (foreign("sub_sched_9", status="active", subscription="sub_9", **KEYED), "subscription_migration"),
    ],
)
def test_what_has_begun_gets_metadata_and_nothing_else_and_is_at_rest_from_then_on(held: Held, kind: str) -> None:
    block = migration(row(adopt=held.id))
    draft = planned(block, facts=account(held))
    step = only_step(draft)
    assert (step.kind, sorted(step.params)) == (kind, ["metadata"])
    assert (only(draft).action, only(draft).change_class) == (Action.ADOPT, ChangeClass.COSMETIC)
    assert only_row(draft).standing is RowStanding.LIVE
    there = applied(draft, [held])
    for attempt in (1, 2):
        after = planned(replace(block, attempt=attempt), facts=account(*there, now=START + DAY))
        assert (after.draft.changes, only_row(after).standing) == ((), RowStanding.LIVE)
    changed = planned(migration(row(adopt=held.id, coupon="TEN")), facts=account(*there))
    assert reasons(changed) == ["started"]


OTHER = parse_address('subscription_migration.old["sub_a"]')
REFUSED: dict[str, tuple[Held | None, str, str]] = {
    "nothing has that id": (None, "adopt_unknown", "no schedule or subscription sub_9"),
    "another customer's": (foreign(customer="cus_2"), "adopt_customer", "is of cus_2"),
    "another row's": (foreign(address=OTHER, project="acme"), "adopt_taken", str(OTHER)),
    "another project's": (foreign(project="other"), "adopt_foreign", "'other'"),
    "what has ended": (foreign(status="canceled"), "adopt_ended", "has ended"),
}


@pytest.mark.parametrize(("held", "reason", "words"), REFUSED.values(), ids=REFUSED)
def test_what_must_not_be_taken_over_is_refused(held: Held | None, reason: str, words: str) -> None:
    draft = planned(migration(row(adopt="sub_9")), facts=account(*([held] if held is not None else [])))
    assert reasons(draft) == [reason]
    assert words in refusal(draft).refused


def test_another_projects_is_taken_over_where_the_plan_was_asked_for_it() -> None:
    facts = account(foreign(project="other"))
    draft = planned(migration(row(adopt="sub_9")), facts=facts, takeover=frozenset((str(address()),)))
    assert only(draft).action is Action.ADOPT
    precondition = only_step(draft).precondition
    assert precondition == Unchanged(remote_id="sub_9", before={"metadata[billplan_project]": "other"})


@pytest.mark.parametrize("until", [{"anchor": NEXT}, {"trial_end": NEXT}])
def test_a_coupon_that_waits_for_its_first_charge_is_not_risked(until: dict[str, Any]) -> None:
    block = migration(row(adopt="sub_9", coupon="TEN", **until))
    draft = planned(block, facts=account(foreign()))
    assert reasons(draft) == ["adopt_coupon"]
    assert "take its coupon off" in refusal(draft).refused
    assert only(planned(block, facts=account(foreign(), now=NEXT + DAY))).action is Action.ADOPT


def test_a_second_thing_with_the_key_stops_the_one_that_is_named() -> None:
    twin = foreign("sub_8", **KEYED)
    for adopt in ("sub_9", "sub_sched_9"):
        draft = planned(migration(row(adopt=adopt)), facts=account(foreign(adopt, **KEYED), twin))
        assert reasons(draft) == ["key_taken"]
        assert "sub_8" in refusal(draft).refused


def test_a_row_that_is_something_else_already_does_not_become_what_it_names() -> None:
    (held,) = applied(planned(migration(row())))
    draft = planned(migration(row(adopt="sub_9")), facts=account(held, foreign()))
    assert reasons(draft) == ["adopt_other"]
    assert held.id in refusal(draft).refused
    same = planned(migration(row(adopt=held.id)), facts=account(held))
    assert same.draft.changes == ()


def test_a_key_that_two_migrations_share_makes_one_subscription_only() -> None:
    one, other = migration(row()), migration(row(customer="cus_2"), name="other")
    draft = planned(one, other)
    assert reasons(draft) == ["key_in_two_migrations"] * 2
    assert draft.draft.steps == ()
    held = applied(planned(one))
    draft = planned(one, other, facts=account(*held, now=NOW))
    assert reasons(draft) == ["key_taken"]
    assert str(address()) in only(draft).refused
