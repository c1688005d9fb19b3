"""Customers that bindings make: once, only where nobody has the e-mail address, and from specs alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.plan import Plan
from reconciler.core.planfile import read_lines, write_lines
from reconciler.core.results import Outcome
from reconciler.engine import claims
from reconciler.errors import StalePlan
from tests.engine.binding_account import KEY, BindingAccount, row, wanted
from tests.engine.meddling import meddle


@pytest.fixture
def account(tmp_path: Path) -> Iterator[BindingAccount]:
    account = BindingAccount(tmp_path)
    yield account
    account.close()


def outcomes(applied: Any) -> list[tuple[str, Outcome]]:
    return [(r.step.address.name, r.outcome) for r in applied.results]


def saved(plan: Plan) -> Plan:
    """Take a plan to another machine."""
    return read_lines(list(write_lines(plan)))


def test_create_makes_one_customer_and_applying_again_makes_no_other(account: BindingAccount) -> None:
    specs = wanted([row("u1", email="Kim@example.com", create={"name": "Kim", "metadata": {"tier": "2"}})])
    plan = saved(account.plan(specs))
    for _ in range(2):
        assert account.carry_out(plan, specs).complete
    (made,) = account.live("customer")
    assert (made["email"], made["name"], made["metadata"]) == ("Kim@example.com", "Kim", {"tier": "2", KEY: "u1"})
    assert account.bindings.all()["u1"].customer == made["id"]
    assert account.plan(specs).empty


def test_a_customer_with_the_id_and_another_email_is_not_taken_for_the_one_to_make(account: BindingAccount) -> None:
    specs = wanted([row("u1", email="kim@example.com", create={})])
    plan = account.plan(specs)
    other = account.customer("lee@example.com", metadata={KEY: "u1"})
    (result,) = account.carry_out(plan, specs).results
    assert (result.outcome, len(account.live("customer"))) == (Outcome.STALE, 1)
    assert result.detail == f"{other} has this external id, and not the e-mail that the specs say"


def test_a_customer_that_was_made_may_get_another_email(account: BindingAccount) -> None:
    specs = wanted([row("u1", email="kim@example.com", create={})])
    plan = account.plan(specs)
    assert account.carry_out(plan, specs).complete
    account.by_hand("post", f"/v1/customers/{account.live('customer')[0]['id']}", email="lee@example.com")
    assert outcomes(account.carry_out(plan, specs)) == [("u1", Outcome.ALREADY)]
    after = account.plan(specs)
    assert after.empty
    assert [d.code for d in after.diagnostics] == ["BP1503"]


def test_a_plan_that_makes_a_customer_needs_the_specs_it_was_made_from(account: BindingAccount) -> None:
    specs = wanted([row("u1", email="kim@example.com", create={})])
    plan = account.plan(specs)
    with pytest.raises(StalePlan):
        account.carry_out(plan, specs, spec_digest="another")
    (result,) = account.apply(plan).results
    assert (result.outcome, account.live("customer")) == (Outcome.FAILED, [])


def test_a_customer_that_came_with_the_email_since_makes_the_creation_stale(account: BindingAccount) -> None:
    specs = wanted([row("u1", email="kim@example.com", create={})])
    plan = account.plan(specs)
    one = account.customer("KIM@example.com")
    (result,) = account.carry_out(plan, specs).results
    assert result.outcome is Outcome.STALE
    assert one in result.detail
    assert "@" not in result.detail
    assert len(account.live("customer")) == 1
    assert account.carry_out(account.plan(specs), specs).complete
    assert account.held(one) == "u1"


def test_an_email_is_looked_for_again_once_the_listing_is_old(
    account: BindingAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Under the seconds after which a lock counts as lost, which nobody renews while this clock stands still.
    monkeypatch.setattr(claims, "FRESH_SECONDS", 5)
    specs = wanted([row("u1", email="kim@example.com", create={})])
    plan = account.plan(specs)

    def happen() -> None:
        account.customer("kim@example.com")
        account.world.clock.advance(10)

    meddle(account, "get", "/v1/customers", happen, after=True)
    (result,) = account.carry_out(plan, specs).results
    assert result.outcome is Outcome.STALE
    assert len(account.live("customer")) == 1
