"""How migrated rows leave a plan: rolled back, removed, renamed, or left behind by a file that has lost them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.address import Address
from reconciler.core.changes import Action, Change
from reconciler.core.diagnostics import Severity, SourceRange
from reconciler.core.fields import ChangeClass
from reconciler.core.guards import Guards, refusals
from reconciler.core.migration_facts import Held
from reconciler.core.migrations import Fault
from reconciler.core.plan import Unchanged
from reconciler.core.resources import Moved, Removed
from reconciler.core.row_standing import RowStanding
from tests.core.migration_account import (
    DAY,
    KEY,
    MINUTE,
    NEXT,
    START,
    account,
    address,
    applied,
    migration,
    only,
    only_row,
    only_step,
    planned,
    reasons,
    refusal,
    row,
    started,
    told,
)

HERE = SourceRange("migrations.yaml", 9, 5)


def scheduled(*keys: str, name: str = "zuora") -> list[Held]:
    """What an apply has left of rows with these keys, each of a customer of its own."""
    rows = [row(key, line, customer=f"cus_{line - 1}") for line, key in enumerate(keys, 2)]
    return applied(planned(migration(*rows, name=name)))


def removed(target: Address, action: str) -> tuple[Removed, ...]:
    return (Removed(address=target, action=action, source=HERE),)


def moved(before: Address, after: Address) -> tuple[Moved, ...]:
    return (Moved(before=before, after=after, source=HERE),)


def test_state_canceled_cancels_every_schedule_that_has_not_started() -> None:
    held = scheduled("sub_a", "sub_b")
    rows = (row(), row("sub_b", 3, customer="cus_2"), row("sub_c", 4, customer="cus_2"))
    block = migration(*rows, canceled=True)
    draft = planned(block, facts=account(*held))
    assert [(c.address.key, c.action, c.verb, c.change_class) for c in draft.draft.changes] == [
        ("sub_a", Action.RETIRE, "cancel", ChangeClass.MONEY),
        ("sub_b", Action.RETIRE, "cancel", ChangeClass.MONEY),
    ]
    step = draft.draft.steps[0]
    assert (step.id, step.path) == (
        f"{address()}/cancel {held[0].id}", f"/v1/subscription_schedules/{held[0].id}/cancel",
    )  # fmt: skip
    # Should it start in the very moment, a cancel must neither bill nor credit anything.
    assert step.params == {"invoice_now": False, "prorate": False}
    assert isinstance(step.precondition, Unchanged)
    assert step.precondition.before["status"] == "not_started"
    assert step.precondition.before["metadata[billplan_address]"] == str(address())
    assert step.expect == {"status": "canceled"}
    assert step.deadline == START - 5 * MINUTE
    assert "attempt: 2" in step.undo
    after = planned(block, facts=account(*applied(draft, held)))
    assert after.draft.changes == ()
    assert [one.standing for one in after.planned] == [
        RowStanding.CANCELED, RowStanding.CANCELED, RowStanding.NOT_RELEASED,
    ]  # fmt: skip


def test_what_has_started_or_is_about_to_is_told_and_not_rolled_back() -> None:
    first, second = scheduled("sub_a", "sub_b")
    rows = (row(), row("sub_b", 3, customer="cus_2"))
    held = (*started(first), replace(second, start=START + DAY))
    draft = planned(migration(*rows, canceled=True), facts=account(*held, now=START + DAY - 4 * MINUTE))
    assert draft.draft.steps == ()
    assert told(draft) == [
        "subscription_migration.zuora: 1 row (line 2): started already, and not rolled back by state: canceled",
        "subscription_migration.zuora: 1 row (line 3): starts within 5 minutes: too late to cancel",
    ]


def test_broken_rows_do_not_stand_in_the_way_of_a_roll_back() -> None:
    held = scheduled("sub_a")
    broken = replace(row(customer="cus_9"), faults=(Fault(reason="bad", column="", summary="bad"),))
    for one in (broken, replace(broken, terms=None)):
        draft = planned(migration(one, canceled=True), facts=account(*held))
        assert only(draft).action is Action.RETIRE


def test_a_roll_back_takes_the_rows_along_that_left_the_file() -> None:
    held = scheduled("sub_a", "sub_b")
    draft = planned(migration(row(), canceled=True), facts=account(*held))
    assert [(c.address.key, c.action) for c in draft.draft.changes] == [
        ("sub_a", Action.RETIRE), ("sub_b", Action.RETIRE),
    ]  # fmt: skip
    assert told(draft) == []
    other = planned(migration(row(), canceled=True), facts=account(*held, *scheduled("sub_z", name="other")))
    assert {c.address.name for c in other.draft.changes} == {"zuora"}


def test_a_roll_back_is_no_share_of_anything_and_counts_as_changes() -> None:
    held = scheduled("sub_a", "sub_b")
    rows = (row(), row("sub_b", 3, customer="cus_2"))
    draft = planned(migration(*rows, canceled=True), facts=account(*held)).draft
    many, owned = draft.changes * 10, {"subscription_migration": 20, "price": 20}
    assert refusals(many, owned, Guards()) == ()
    assert "20 changes are over guards.max_changes: 5" in refusals(many, owned, Guards(max_changes=5))[0]
    assert "over guards.max_retires: 5" in refusals(many, owned, Guards(max_retires=5))[0]
    own = Guards(by_kind={"subscription_migration": {"max_retire_percent": 10}})
    assert "guards.kinds.subscription_migration.max_retire_percent" in refusals(many, owned, own)[0]


def test_schedules_do_not_water_down_the_share_of_a_catalogue_that_leaves() -> None:
    prices = [replace(c, address=Address("price", f"p{n}")) for n, c in enumerate(_retired())]
    owned = {"subscription_migration": 100_000, "price": 12}
    assert "4 of 12 live" in refusals(prices, owned, Guards())[0]


def _retired() -> list[Change]:
    (held,) = scheduled("sub_a")
    change = only(planned(migration(row(), canceled=True), facts=account(held)))
    return [change] * 4


def test_a_row_that_left_the_file_is_told_and_never_canceled_in_silence() -> None:
    held = scheduled("sub_a", "sub_b")
    draft = planned(migration(row()), facts=account(*held))
    assert (draft.draft.changes, draft.draft.steps, draft.draft.unchanged) == ((), (), 1)
    (diagnostic,) = draft.draft.diagnostics
    assert diagnostic.severity is Severity.WARNING
    assert (
        "1 schedule of subscription_migration.zuora that no row declares any more: 1 will start" in diagnostic.summary
    )
    assert held[1].id in diagnostic.summary
    assert f"removed: [{{address: '{address('sub_b')}', action: cancel}}]" in diagnostic.hint


def test_subscriptions_that_go_on_by_themselves_are_no_orphans() -> None:
    schedule, subscription = started(scheduled("sub_b")[0])
    held = (replace(schedule, status="released"), subscription)
    assert planned(migration(), facts=account(*held)).draft.diagnostics == ()


def test_rows_that_have_started_and_left_the_file_are_counted_once() -> None:
    schedules = scheduled("sub_b", "sub_c")
    held = [
        one for n, s in enumerate(schedules) for one in started(replace(s, id=f"sub_sched_{n}"), "active", f"s_{n}")
    ]
    gone_on = [replace(one, status="released") if one.object == "subscription_schedule" else one for one in held]
    assert told(planned(migration(row()), facts=account(*gone_on))) == [
        "subscription_migration.zuora: 2 rows that have started are declared no more: nothing is done about them"
    ]


def test_removed_cancel_cancels_what_has_not_started() -> None:
    held = scheduled("sub_a", "sub_b")
    draft = planned(migration(row()), facts=account(*held), removed=removed(address("sub_b"), "cancel"))
    assert only_step(draft).path.endswith(f"{held[1].id}/cancel")
    assert (only(draft).action, only(draft).reason, only(draft).source) == (
        Action.RETIRE, "removed: says cancel", HERE,
    )  # fmt: skip
    assert told(draft) == []
    # The entry stays in the file afterwards, and has nothing more to say.
    after = planned(migration(row()), facts=account(*applied(draft, held)), removed=removed(address("sub_b"), "cancel"))
    assert (after.draft.changes, told(after)) == ((), [])


def test_removed_may_name_a_whole_migration() -> None:
    held = scheduled("sub_a", "sub_b")
    whole = removed(Address("subscription_migration", "zuora"), "cancel")
    draft = planned(facts=account(*held), removed=whole)
    assert [c.address.key for c in draft.draft.changes] == ["sub_a", "sub_b"]


@pytest.mark.parametrize(
    ("action", "standing", "why"),
    [("cancel", "started", "has started"), ("release", "waiting", "would lose the subscription")],
)
def test_removed_does_not_do_what_it_cannot(action: str, standing: str, why: str) -> None:
    (held,) = scheduled("sub_b")
    there = started(held) if standing == "started" else [held]
    draft = planned(facts=account(*there), removed=removed(address("sub_b"), action))
    assert draft.draft.steps == ()
    (summary,) = told(draft)
    assert why in summary


def test_removed_release_lets_a_started_subscription_go_on_by_itself() -> None:
    held = started(scheduled("sub_b")[0])
    draft = planned(facts=account(*held), removed=removed(address("sub_b"), "release"))
    step = only_step(draft)
    assert step.path == f"/v1/subscription_schedules/{held[0].id}/release"
    assert step.expect == {"status": "released"}


def test_removed_forget_takes_the_marker_off_schedule_and_subscription() -> None:
    held = started(scheduled("sub_b")[0])
    draft = planned(facts=account(*held), removed=removed(address("sub_b"), "forget"))
    assert {(s.kind, s.path) for s in draft.draft.steps} == {
        ("subscription_migration", f"/v1/subscription_schedules/{held[0].id}"),
        ("migrated_subscription", "/v1/subscriptions/sub_1"),
    }
    assert all(set(s.params["metadata"].values()) == {""} for s in draft.draft.steps)
    assert all("billplan_address" in s.params["metadata"] for s in draft.draft.steps)
    assert "takes a coupon off" in draft.draft.changes[0].notes[0]
    waiting = planned(facts=account(*scheduled("sub_b")), removed=removed(address("sub_b"), "forget"))
    assert "leave the entry" in only(waiting).notes[0]


def test_removed_leaves_alone_what_is_still_declared() -> None:
    held = scheduled("sub_a")
    draft = planned(migration(row()), facts=account(*held), removed=removed(address(), "cancel"))
    assert draft.draft.changes == ()
    assert "still declared" in told(draft)[0]


def test_a_renamed_migration_rewrites_the_marker_of_schedules_with_phases_whole() -> None:
    held = scheduled("sub_a")
    moves = moved(Address("subscription_migration", "zuora"), Address("subscription_migration", "zuora-2026"))
    block = migration(row(), name="zuora-2026")
    draft = planned(block, facts=account(*held), moved=moves)
    change, step = only(draft), only_step(draft)
    assert (change.action, change.change_class) == (Action.UPDATE, ChangeClass.COSMETIC)
    assert change.reason == f"renamed from {address()}"
    new = str(address(name="zuora-2026"))
    assert step.params["metadata"]["billplan_address"] == new
    # Else the subscription would get the former address when it starts.
    assert {phase["metadata"]["billplan_address"] for phase in step.params["phases"]} == {new}
    after = planned(block, facts=account(*applied(draft, held)))
    assert (after.draft.changes, after.draft.unchanged, told(after)) == ((), 1, [])


def test_a_renamed_row_that_has_started_gets_new_metadata_and_nothing_else() -> None:
    held = started(scheduled("sub_a")[0])
    block = migration(row(), name="new")
    moves = moved(address(), address(name="new"))
    draft = planned(block, facts=account(*held, now=START + DAY), moved=moves)
    assert only(draft).change_class is ChangeClass.COSMETIC
    assert [(s.kind, sorted(s.params)) for s in draft.draft.steps] == [
        ("subscription_migration", ["metadata"]), ("migrated_subscription", ["metadata"]),
    ]  # fmt: skip
    after = planned(block, facts=account(*applied(draft, held), now=START + DAY))
    assert (after.draft.changes, after.draft.unchanged) == ((), 1)


def test_a_coupon_that_waits_for_the_first_charge_is_not_touched_by_a_rename() -> None:
    terms: dict[str, Any] = {"coupon": "TEN", "anchor": NEXT - 7 * DAY}
    held = started(applied(planned(migration(row(**terms))))[0])
    block = migration(row(**terms), name="new")
    moves = moved(address(), address(name="new"))
    draft = planned(block, facts=account(*held, now=START + DAY), moved=moves)
    assert (draft.draft.steps, draft.draft.unchanged) == ((), 1)
    assert "would take its coupon off" in told(draft)[0]
    later = planned(block, facts=account(*held, now=NEXT), moved=moves)
    assert len(later.draft.steps) == 2


def test_a_rolled_back_row_does_not_come_again_by_being_renamed() -> None:
    held = [replace(one, status="canceled") for one in scheduled("sub_a")]
    moves = moved(address(), address(name="new"))
    kept = planned(migration(row(), name="new"), facts=account(*held), moved=moves)
    assert (kept.draft.changes, only_row(kept).standing) == ((), RowStanding.CANCELED)
    without = planned(migration(row(), name="new"), facts=account(*held))
    assert reasons(without) == ["key_taken"]


def test_a_renamed_file_is_refused_with_the_moved_line_instead_of_billing_twice() -> None:
    held = scheduled("sub_a")
    block = migration(row(waives=frozenset({"existing_subscription"})), name="new")
    draft = planned(block, facts=account(*held))
    assert reasons(draft) == ["key_taken"]
    line = "moved: [{from: subscription_migration.zuora, to: subscription_migration.new}]"
    assert line in refusal(draft).hint
    keyless = [replace(one, keys={}) for one in held]
    draft = planned(block, facts=account(*keyless))
    assert reasons(draft) == ["orphan"]
    assert line in refusal(draft).hint


def test_an_orphan_of_the_customer_that_has_not_started_stops_another_row() -> None:
    held = scheduled("sub_old")
    draft = planned(migration(row("sub_new", waives=frozenset({"existing_subscription"}))), facts=account(*held))
    assert reasons(draft) == ["orphan"]
    assert f"to: '{address('sub_new')}'" in refusal(draft).hint
    live = planned(
        migration(row("sub_new", waives=frozenset({"existing_subscription"}))),
        facts=account(*started(held[0]), now=START - DAY - 1),
    )
    assert only(live).action is Action.CREATE


def test_metadata_keys_of_the_specs_are_what_a_lost_marker_is_found_by() -> None:
    (held,) = scheduled("sub_a")
    bare = replace(held, address=None, project=None, digest="", keys={KEY: "sub_a"})
    assert reasons(planned(migration(row()), facts=account(bare)))[0] == "key_taken"
