"""A whole account from its users' CSV to bound customers: buckets, plan, apply, and nothing left to do."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from reconciler.core.buckets import sort_into_buckets
from reconciler.core.changes import Action
from reconciler.core.email_address import email_key
from reconciler.engine.buckets import look_at_buckets
from reconciler.engine.look import RefreshMode
from reconciler.specfiles.project_file import load_project
from reconciler.specfiles.project_specs import gather_specs
from tests.benchmarks.binding_plan import people, specs_in
from tests.engine.binding_account import KEY, BindingAccount

COUNT = 1_000


def test_a_thousand_users_are_planned_from_the_mirror_bound_and_then_nothing_is_left(tmp_path: Path) -> None:
    account = BindingAccount(tmp_path / "store")
    file = load_project(specs_in(tmp_path, people(account.world, COUNT)), environment=None, variables={}, var_files=())
    customers = account.live("customer")
    emails = Counter(email_key(one["email"]) for one in customers if one["email"])
    alone = {one["id"] for one in customers if one["email"] and emails[email_key(one["email"])] == 1}
    account.sync()
    buckets = look_at_buckets(account.outside, account.pins).buckets
    assert {one.id for one in buckets.pending} == alone
    assert {one.customer.id for one in buckets.attention} == {one["id"] for one in customers} - alone
    assert len(buckets.attention) == COUNT * 8 // 100

    specs = gather_specs(file)
    before = len(account.world.log)
    plan = account.plan(specs, refresh=RefreshMode.AUTO)
    assert account.reads("/v1/customers", before) == 0
    assert {c.remote_id for c in plan.changes if c.action is Action.UPDATE} == alone
    # Users without a customer, and those whose e-mail address several customers share.
    assert sum(c.action is Action.REFUSED for c in plan.changes) == COUNT * 8 // 100

    before = len(account.world.log)
    assert account.carry_out(plan, specs, skip_refused=True, concurrency=8).complete
    assert len(account.writes(before)) == len(alone)
    # Pages, and nothing for each customer: the plan for the rate of writes leaves no room for it.
    assert account.reads("/v1/customers", before) == COUNT // 100
    assert {one["id"] for one in account.live("customer") if one["metadata"].get(KEY)} == alone

    again = account.plan(specs, refresh=RefreshMode.AUTO)
    assert not again.steps
    assert not again.drift
    assert again.unchanged == len(alone)
    bound = {one.customer: one.external_id for one in account.bindings.all().values()}
    account.sync()
    seen = look_at_buckets(account.outside, account.pins)
    assert {one.customer_id for one in seen.buckets.bound} == alone
    assert all(one.written for one in seen.buckets.bound)

    account.change_store(tmp_path / "another")
    account.sync()
    anew = sort_into_buckets(look_at_buckets(account.outside, account.pins).seen, "acme")
    assert {one.customer_id: one.external_id for one in anew.bound} == bound
    assert not account.plan(specs, refresh=RefreshMode.AUTO).steps
    account.close()
