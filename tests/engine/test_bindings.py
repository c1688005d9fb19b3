"""Bindings through plan and apply, on an emulated account: bound once, repaired, refused, and never by mistake."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.bindings import BoundBy
from reconciler.core.changes import Action
from reconciler.core.guards import Guards
from reconciler.core.planfile import write_lines
from reconciler.core.results import Outcome
from reconciler.engine.drift import tell
from reconciler.engine.look import RefreshMode
from reconciler.engine.make_plan import PlanOptions, make_plan
from reconciler.errors import BillplanError, PlanRefused, StoreError
from reconciler.kinds import BY_NAME
from reconciler.views.document import json_chunks
from reconciler.views.markdown import render_markdown
from reconciler.views.text import render_text
from tests.engine.binding_account import KEY, BindingAccount, row, wanted


@pytest.fixture
def account(tmp_path: Path) -> Iterator[BindingAccount]:
    account = BindingAccount(tmp_path)
    yield account
    account.close()


def outcomes(applied: Any) -> list[tuple[str, Outcome]]:
    return [(r.step.address.name, r.outcome) for r in applied.results]


def test_bound_by_id_and_email_in_metadata_and_store_and_then_nothing_is_left(account: BindingAccount) -> None:
    one, two = account.customer(), account.customer("Jane@example.com", metadata={"mine": "1"})
    specs = wanted([row("u1", customer=one), row("u2", email="jane@example.com")])
    applied = account.carry_out(account.plan(specs), specs)
    assert applied.complete
    assert (account.held(one), account.held(two)) == ("u1", "u2")
    assert account.live("customer")[1]["metadata"] == {"mine": "1", KEY: "u2"}
    assert {b.external_id: (b.customer, b.by) for b in account.bindings.all().values()} == {
        "u1": (one, BoundBy.PLAN),
        "u2": (two, BoundBy.PLAN),
    }
    after = account.plan(specs)
    assert (after.empty, after.unchanged, after.diagnostics) == (True, 2, ())


def test_a_plan_without_bindings_does_not_look_at_customers(account: BindingAccount) -> None:
    account.customer()
    before = len(account.world.log)
    account.plan({"product.pro": {"name": "Pro"}})
    assert account.reads("/v1/customers", before) == 0


def test_bindings_and_other_resources_are_one_plan_and_can_be_selected(account: BindingAccount) -> None:
    one = account.customer()
    specs = wanted([row("u1", customer=one)], bodies={"product.pro": {"name": "Pro"}})
    assert [str(c.address) for c in account.plan(specs).changes] == ["product.pro", "customer_binding.u1"]
    assert [str(c.address) for c in account.plan(specs, select=("product.*",)).changes] == ["product.pro"]
    assert [str(c.address) for c in account.plan(specs, select=("customer_binding.*",)).changes] == [
        "customer_binding.u1"
    ]
    account.carry_out(account.plan(specs), specs)
    assert account.plan(specs, select=("customer_binding.u1",)).empty
    with pytest.raises(BillplanError, match="no such address"):
        account.plan(specs, select=("customer_binding.u2",))


@pytest.mark.parametrize("mode", [RefreshMode.AUTO, RefreshMode.NONE])
def test_the_mirror_stands_for_the_account(account: BindingAccount, mode: RefreshMode) -> None:
    one, two = account.customer("a@example.com"), account.customer("b@example.com")
    account.by_hand("delete", f"/v1/customers/{two}")
    account.sync()
    before = len(account.world.log)
    specs = wanted([row("u1", email="a@example.com"), row("u2", email="B@example.com")])
    plan = account.plan(specs, refresh=mode)
    bound, refused = plan.changes
    assert (bound.action, bound.remote_id) == (Action.UPDATE, one)
    assert refused.refused == "no customer has the e-mail of users.csv:3; a customer that had it was deleted"
    assert account.reads("/v1/customers", before) == 0
    assert plan.header.mirror_as_of is not None


def test_what_happened_since_the_sync_is_caught_up(account: BindingAccount) -> None:
    account.customer("a@example.com")
    account.sync()
    account.world.clock.advance(1000)
    late = account.customer("late@example.com")
    specs = wanted([row("u1", email="late@example.com"), row("u2", email="a@example.com")])
    plan = account.plan(specs, refresh=RefreshMode.AUTO)
    assert plan.changes[0].remote_id == late
    assert account.carry_out(plan, specs).complete
    again = account.plan(specs, refresh=RefreshMode.AUTO)
    assert (again.empty, again.unchanged) == (True, 2)


def test_offline_a_mirror_without_customers_is_refused_with_the_way_out(account: BindingAccount) -> None:
    account.sync("product", "price", "coupon", "promotion_code", "tax_rate", "meter")
    with pytest.raises(BillplanError, match="it lacks customer") as caught:
        account.plan(wanted([row("u1", customer="cus_1")]), refresh=RefreshMode.NONE)
    assert "billplan sync --objects customer" in caught.value.hint


def test_a_refused_plan_applies_its_good_rows_only_if_asked(account: BindingAccount) -> None:
    one = account.customer()
    specs = wanted([row("u1", customer=one), row("u2", email="nobody@example.com"), row("", customer=one)])
    plan = account.plan(specs)
    assert not plan.applicable
    with pytest.raises(PlanRefused):
        account.carry_out(plan, specs)
    assert account.writes() == [("POST", "/v1/customers")]
    assert account.carry_out(plan, specs, skip_refused=True).complete
    assert account.held(one) == "u1"
    left = account.plan(specs)
    assert [c.action for c in left.changes] == [Action.REFUSED] * 2


def test_an_external_id_never_changes(account: BindingAccount) -> None:
    one, two = account.customer(), account.customer()
    first = wanted([row("u1", customer=one)])
    account.carry_out(account.plan(first), first)
    renamed = account.plan(wanted([row("u9", customer=one)]))
    assert "u1" in renamed.changes[0].refused
    assert "u9" in renamed.changes[0].refused
    moved = account.plan(wanted([row("u1", customer=two)]))
    assert one in moved.changes[0].refused
    assert two in moved.changes[0].refused
    with pytest.raises(PlanRefused) as caught:
        account.carry_out(moved, first)
    assert caught.value.exit_code == 4
    shown = render_text(moved, BY_NAME, color=False, width=160)
    assert f"customer: {one} -> {two}" in shown
    assert (account.held(one), account.held(two)) == ("u1", None)


def test_metadata_edited_by_hand_is_drift_and_apply_puts_it_back(account: BindingAccount) -> None:
    one, two = account.customer(), account.customer()
    specs = wanted([row("u1", customer=one), row("u2", customer=two)])
    account.carry_out(account.plan(specs), specs)
    account.by_hand("post", f"/v1/customers/{one}", metadata={KEY: "somebody"})
    account.by_hand("post", f"/v1/customers/{two}", metadata={KEY: ""})
    plan = account.plan(specs)
    assert [(d.applied, d.live) for d in plan.drift] == [("u1", "somebody"), ("u2", None)]
    assert "u1 -> somebody" in render_text(plan, BY_NAME, color=False, width=160)
    assert account.carry_out(plan, specs).complete
    assert (account.held(one), account.held(two)) == ("u1", "u2")
    after = account.plan(specs)
    assert after.empty
    assert not after.drift


def test_a_lost_store_changes_nothing_since_the_metadata_has_it_all(account: BindingAccount, tmp_path: Path) -> None:
    one = account.customer("a@example.com")
    specs = wanted([row("u1", email="a@example.com")])
    account.carry_out(account.plan(specs), specs)
    account.change_store(tmp_path / "another")
    assert account.plan(specs).empty
    taken = account.plan(wanted([row("u2", customer=one)]))
    assert [c.action for c in taken.changes] == [Action.REFUSED]


def test_a_first_touch_without_its_write_is_finished_from_the_mirror(account: BindingAccount) -> None:
    one = account.customer("a@example.com")
    account.bindings.claim("u1", one, BoundBy.TOUCH, 1)
    before = len(account.world.log)
    assert account.plan({}).empty
    assert account.reads("/v1/customers", before) == 0
    account.sync()
    specs = wanted([])
    plan = account.plan(specs, refresh=RefreshMode.AUTO)
    assert [(c.action, c.remote_id) for c in plan.changes] == [(Action.UPDATE, one)]
    assert plan.unmanaged == {"customer_binding": 1}
    assert account.carry_out(plan, specs).complete
    assert account.held(one) == "u1"


def test_no_email_stands_in_a_plan_its_file_its_journal_or_its_views(account: BindingAccount) -> None:
    account.customer("a@example.com")
    account.customer("twice@example.com")
    account.customer("Twice@example.com")
    specs = wanted(
        [
            row("u1", email="a@example.com"),
            row("u2", email="twice@example.com"),
            row("u3", email="none@example.com"),
            row("u4", email="kim@example.com", create={"name": "Kim"}),
            row("u5", email="no address@example.com"),
        ]
    )
    plan = account.plan(specs)
    applied = account.carry_out(plan, specs, skip_refused=True)
    assert applied.complete
    texts = [
        *write_lines(plan),
        *json_chunks(plan, BY_NAME, emails=True),
        render_text(plan, BY_NAME, color=False, width=200, emails=True),
        render_markdown(plan, BY_NAME, emails=True),
        *map(str, account.ledger.records(plan.digest)),
        *map(str, applied.results),
    ]
    assert "example.com" not in "".join(texts)
    assert "(known after apply: customer_binding.u4.email)" in "".join(texts)


def test_who_binds_first_in_the_store_wins(account: BindingAccount) -> None:
    one, two = account.customer("a@example.com"), account.customer("b@example.com")
    specs = wanted(
        [
            row("u1", customer=one),
            row("u2", customer=two),
            row("u3", email="kim@example.com", create={}),
        ]
    )
    plan = account.plan(specs)
    three = account.customer("c@example.com")
    account.bindings.claim("u1", three, BoundBy.TOUCH, 1)
    account.bindings.claim("touched", two, BoundBy.TOUCH, 1)
    account.bindings.claim("u3", "cus_x", BoundBy.TOUCH, 1)
    before = len(account.world.log)
    applied = account.carry_out(plan, specs)
    assert outcomes(applied) == [("u1", Outcome.STALE), ("u2", Outcome.STALE), ("u3", Outcome.STALE)]
    assert [r.detail for r in applied.results] == [
        f"u1 is bound to {three}, so u1 cannot be bound to {one}",
        f"touched is bound to {two}, so u2 cannot be bound to {two}",
        "u3 is bound to cus_x by now, so no customer is made for it",
    ]
    assert account.writes(before) == []


def test_metadata_that_came_since_the_plan_is_left_alone(account: BindingAccount) -> None:
    one, two = account.customer(), account.customer()
    specs = wanted([row("u1", customer=one), row("u2", customer=two)])
    plan = account.plan(specs)
    account.by_hand("post", f"/v1/customers/{one}", metadata={KEY: "other"})
    account.by_hand("post", f"/v1/customers/{two}", metadata={KEY: "u2"})
    applied = account.carry_out(plan, specs)
    assert outcomes(applied) == [("u1", Outcome.STALE), ("u2", Outcome.ALREADY)]
    assert set(account.bindings.all()) == {"u2"}


def test_customers_are_listed_once_and_not_read_one_by_one(account: BindingAccount) -> None:
    ids = [account.customer() for _ in range(120)]
    few = wanted([row(f"u{n}", customer=id) for n, id in enumerate(ids[:3])])
    plan = account.plan(few)
    before = len(account.world.log)
    account.carry_out(plan, few)
    assert (account.reads("/v1/customers", before), account.reads(f"/v1/customers/{ids[0]}", before)) == (2, 0)
    many = wanted([row(f"u{n}", customer=id) for n, id in enumerate(ids)])
    plan = account.plan(many)
    before = len(account.world.log)
    assert account.carry_out(plan, many, concurrency=4).complete
    assert account.reads("/v1/customers", before) == 2
    assert len([r for r in list(account.world.log)[before:] if r["method"] == "GET"]) == 3


def test_another_customer_with_the_id_by_now_is_seen_in_the_listing(account: BindingAccount) -> None:
    ids = [account.customer() for _ in range(101)]
    specs = wanted([row(f"u{n}", customer=id) for n, id in enumerate(ids)])
    plan = account.plan(specs)
    other = account.customer(metadata={KEY: "u5"})
    applied = account.carry_out(plan, specs)
    stale = [(r.step.address.name, r.detail) for r in applied.results if r.outcome is Outcome.STALE]
    assert stale == [("u5", f"{other} has u5 in its metadata by now, so {ids[5]} cannot have it")]


def test_a_text_shows_twenty_and_counts_the_rest_and_json_has_all(account: BindingAccount) -> None:
    ids = [account.customer() for _ in range(60)]
    refused = [row(f"bad{n}", customer=f"cus_bad{n}") for n in range(55)]
    plan = account.plan(wanted([row(f"u{n:02}", customer=id) for n, id in enumerate(ids)] + refused))
    shown = render_text(plan, BY_NAME, color=False, width=160)
    assert shown.count("~   bind customer_binding.") == 20
    assert "... and 40 more customer_binding to bind" in shown
    assert shown.count("!   refused customer_binding.") == 55
    assert render_markdown(plan, BY_NAME).count("**bind** ") == 20
    assert len(json.loads("".join(json_chunks(plan, BY_NAME)))["resource_changes"]) == 115


def test_who_edited_a_binding_is_told_where_the_mirror_has_the_event(account: BindingAccount) -> None:
    one = account.customer()
    specs = wanted([row("u1", customer=one)])
    account.carry_out(account.plan(specs), specs)
    account.sync()
    account.world.clock.advance(100)
    account.by_hand("post", f"/v1/customers/{one}", metadata={KEY: "somebody"})
    plan = account.plan(specs, refresh=RefreshMode.AUTO)
    (drift,) = tell(plan, account.mirror.events_of, account.outside.kinds).drift
    assert drift.told is not None
    assert drift.told.request_id is not None


def test_a_store_that_cannot_be_read_is_said_and_the_metadata_decides(account: BindingAccount) -> None:
    def unreadable(scope: object) -> None:
        raise StoreError("the disk is gone")

    one = account.customer(metadata={KEY: "u1"})
    options = PlanOptions(pins=account.pins, guards=Guards())
    plan = make_plan(wanted([row("u1", customer=one)]), replace(account.outside, bindings=unreadable), options)
    assert plan.empty
    assert [d.summary for d in plan.diagnostics] == ["planned without the store's bindings: the disk is gone"]
