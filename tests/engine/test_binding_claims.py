"""Bindings while they are applied: found by an e-mail that must still be right, reserved until Stripe has answered."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.bindings import BoundBy, email_mark
from reconciler.core.journal import Event, Record
from reconciler.core.plan import Plan
from reconciler.core.planfile import read_lines, write_lines
from reconciler.core.results import Outcome, Result
from reconciler.emulator.faults import Fault, FaultKind
from reconciler.engine import claims, sight
from reconciler.engine.first_touch import Bindings
from reconciler.engine.look import RefreshMode
from reconciler.errors import LockLost, RemoteRejected, RemoteUnavailable, StoreError
from tests.crash.real_time import lease_in_real_time
from tests.engine.binding_account import KEY, BindingAccount, row, wanted
from tests.engine.meddling import meddle
from tests.engine.touching import bindings_of, learn

JANE = "jane@example.com"


@pytest.fixture
def account(tmp_path: Path) -> Iterator[BindingAccount]:
    account = BindingAccount(tmp_path / "store")
    yield account
    account.close()


@pytest.fixture
def old_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a listing be old after a few seconds: a lock that nobody renews while this clock stands is lost later."""
    monkeypatch.setattr(claims, "FRESH_SECONDS", 3)
    monkeypatch.setattr(sight, "FRESH_SECONDS", 3)


def saved(plan: Plan) -> Plan:
    return read_lines(list(write_lines(plan)))


def only(results: tuple[Result, ...]) -> tuple[Outcome, str]:
    (result,) = results
    assert "@" not in result.detail
    assert email_mark(JANE) not in result.detail
    return result.outcome, result.detail


def test_a_customer_that_has_another_email_by_now_is_not_bound_by_the_old_one(account: BindingAccount) -> None:
    one = account.customer(JANE)
    account.sync()
    specs = wanted([row("jane", email="Jane@example.com")])
    for mode in (RefreshMode.LIVE, RefreshMode.NONE):
        plan = saved(account.plan(specs, refresh=mode))
        account.by_hand("post", f"/v1/customers/{one}", email="bob@example.com")
        account.customer(JANE)
        outcome, detail = only(account.carry_out(plan, specs).results)
        assert (outcome, detail) == (
            Outcome.STALE, f"{one} has another e-mail by now than the one that it was found by",
        )  # fmt: skip
        assert (account.held(one), dict(account.bindings.all())) == (None, {})
        account.by_hand("delete", f"/v1/customers/{account.live('customer')[-1]['id']}")
        account.by_hand("post", f"/v1/customers/{one}", email=JANE)
    assert account.carry_out(plan, specs).complete


def test_a_customer_whose_email_another_one_has_too_by_now_is_not_bound(account: BindingAccount) -> None:
    one = account.customer(JANE)
    specs = wanted([row("jane", email=JANE)])
    plan = account.plan(specs)
    two = account.customer("JANE@Example.com")
    outcome, detail = only(account.carry_out(plan, specs).results)
    assert (outcome, detail) == (Outcome.STALE, f"{two} has the e-mail too, by now, that {one} was found by")
    assert dict(account.bindings.all()) == {}


@pytest.mark.usefixtures("old_at_once")
@pytest.mark.parametrize("change", ["moved", "shared", "deleted", "bound"])
def test_once_the_listing_is_old_it_is_looked_again(account: BindingAccount, change: str) -> None:
    one = account.customer(JANE)
    specs = wanted([row("jane", email=JANE)])
    plan = account.plan(specs)

    def happen() -> None:
        match change:
            case "moved":
                account.by_hand("post", f"/v1/customers/{one}", email="bob@example.com")
            case "shared":
                account.customer("Jane@EXAMPLE.com")
            case "deleted":
                account.by_hand("delete", f"/v1/customers/{one}")
            case "bound":
                account.by_hand("post", f"/v1/customers/{one}", metadata={KEY: "another runner's"})
        account.world.clock.advance(5)

    meddle(account, "get", "/v1/customers", happen, after=True)
    outcome, _ = only(account.carry_out(plan, specs).results)
    assert outcome is Outcome.STALE
    assert dict(account.bindings.all()) == {}
    assert "jane" not in [c["metadata"].get(KEY) for c in account.live("customer")]


@pytest.mark.usefixtures("old_at_once")
def test_once_the_listing_is_old_each_is_looked_at_again_however_it_was_named(account: BindingAccount) -> None:
    by_id, by_email = account.customer(), account.customer(JANE)
    specs = wanted([row("u1", customer=by_id), row("u2", email=JANE)])
    plan = account.plan(specs)
    meddle(account, "get", "/v1/customers", lambda: account.world.clock.advance(5), after=True)
    before = len(account.world.log)
    assert account.carry_out(plan, specs).complete
    assert [account.reads(f"/v1/customers/{id}", before) for id in (by_id, by_email)] == [1, 1]


def test_another_runner_bound_the_id_since_the_plan_though_there_is_no_common_store(
    account: BindingAccount, tmp_path: Path
) -> None:
    one, two = account.customer(), account.customer()
    specs = wanted([row("u1", customer=one)])
    plan = account.plan(specs)
    runner = BindingAccount(tmp_path / "other", world=account.world)
    others = wanted([row("u1", customer=two)])
    assert runner.carry_out(runner.plan(others), others).complete
    runner.close()
    outcome, detail = only(account.carry_out(plan, specs).results)
    assert (outcome, detail) == (Outcome.STALE, f"{two} has u1 in its metadata by now, so {one} cannot have it")
    assert (account.held(one), dict(account.bindings.all())) == (None, {})


def mended(account: BindingAccount) -> None:
    """See that nothing is left of u1's binding: its row is mended, and applied."""
    assert dict(account.bindings.all()) == {}
    account.around = lambda api: api
    other = account.customer()
    specs = wanted([row("u1", customer=other)])
    assert account.carry_out(account.plan(specs), specs).complete
    assert account.held(other) == "u1"


def refuse() -> None:
    raise RemoteRejected("this key may only read", status=403)


def test_a_refused_request_binds_nothing(account: BindingAccount) -> None:
    one = account.customer()
    specs = wanted([row("u1", customer=one)])
    plan = account.plan(specs)
    meddle(account, "post", f"/v1/customers/{one}", refuse)
    assert only(account.carry_out(plan, specs).results)[0] is Outcome.FAILED
    mended(account)


def test_a_customer_that_was_deleted_after_the_listing_binds_nothing(account: BindingAccount) -> None:
    one = account.customer()
    specs = wanted([row("u1", customer=one)])
    plan = account.plan(specs)
    meddle(account, "post", f"/v1/customers/{one}", lambda: account.by_hand("delete", f"/v1/customers/{one}"))
    assert only(account.carry_out(plan, specs).results)[0] is Outcome.FAILED
    mended(account)


def test_a_store_that_fails_before_the_send_binds_nothing(account: BindingAccount) -> None:
    one = account.customer()
    specs = wanted([row("u1", customer=one)])
    plan = account.plan(specs)
    write = account.ledger.write

    def fail(run_id: int, record: Record) -> None:
        if record.event is Event.SENT:
            raise StoreError("the disk is full")
        write(run_id, record)

    account.ledger.write = fail  # type: ignore[method-assign]
    with pytest.raises(StoreError):
        account.carry_out(plan, specs)
    account.ledger.write = write  # type: ignore[method-assign]
    mended(account)


def test_a_lock_that_is_lost_before_the_send_binds_nothing(account: BindingAccount) -> None:
    one = account.customer()
    specs = wanted([row("u1", customer=one)])
    plan = account.plan(specs)

    def lose() -> None:
        raise LockLost("the lock was lost")

    meddle(account, "post", f"/v1/customers/{one}", lose)
    with pytest.raises(LockLost):
        account.carry_out(plan, specs)
    mended(account)


def test_what_is_in_doubt_stays_reserved_and_is_given_up_once_it_cannot_come_any_more(account: BindingAccount) -> None:
    one, two = account.customer(), account.customer()
    specs, other = wanted([row("u1", customer=one)]), wanted([row("u1", customer=two)])
    plan = account.plan(specs)
    account.world.add_fault(Fault(FaultKind.DROP_BEFORE, method="POST", times=0))
    assert only(account.carry_out(plan, specs).results)[0] is Outcome.IN_DOUBT
    account.world.faults.registered.clear()
    assert dict(account.bindings.all()) == {}
    again = account.plan(other)
    outcome, detail = only(account.carry_out(again, other).results)
    assert outcome is Outcome.STALE
    assert "being bound by an apply that has not heard from Stripe" in detail
    account.world.clock.advance(700)
    assert account.carry_out(again, other).complete
    assert (account.held(one), account.held(two)) == (None, "u1")
    assert {b.customer: b.by for b in account.bindings.all().values()} == {two: BoundBy.PLAN}


def test_what_may_be_an_earlier_request_that_is_running_still_stays_reserved(account: BindingAccount) -> None:
    one, two = account.customer(), account.customer()
    specs = wanted([row("u1", customer=one)])
    plan = account.plan(specs)

    def busy() -> None:
        raise RemoteUnavailable("a request with this key is in progress", status=409)

    meddle(account, "post", f"/v1/customers/{one}", busy)
    assert only(account.carry_out(plan, specs).results)[0] is Outcome.FAILED
    assert not account.bindings.claim("u1", two, BoundBy.TOUCH, 1).holds


def test_what_is_in_doubt_is_finished_by_the_same_plan(account: BindingAccount) -> None:
    lease_in_real_time(account)
    one = account.customer()
    specs = wanted([row("u1", customer=one), row("u2", email="kim@example.com", create={})])
    plan = account.plan(specs)
    account.world.add_fault(Fault(FaultKind.DROP_BEFORE, method="POST", times=0))
    assert [r.outcome for r in account.carry_out(plan, specs).results] == [Outcome.IN_DOUBT] * 2
    account.world.faults.registered.clear()
    assert account.carry_out(plan, specs).complete
    assert set(account.bindings.all()) == {"u1", "u2"}


def touched(account: BindingAccount, external_id: str, email: str) -> Bindings:
    account.sync()
    learn(account)
    return bindings_of(account)


def test_a_first_touch_while_its_customer_is_being_made_finds_it_taken(account: BindingAccount) -> None:
    specs = wanted([row("u44", email="kim@example.com", create={})])
    plan = account.plan(specs)
    account.customer("private@example.com")
    account.world.clock.advance(100)
    application = touched(account, "u44", "private@example.com")
    answers: list[Any] = []
    meddle(account, "post", "/v1/customers", lambda: answers.append(application.resolve("u44", "private@example.com")))
    assert account.carry_out(plan, specs).complete
    assert answers[0].customer is None
    assert "is binding it" in answers[0].reason
    (made,) = [c for c in account.live("customer") if c["metadata"].get(KEY)]
    assert made["email"] == "kim@example.com"
    assert application.resolve("u44").customer == made["id"]
    assert account.plan(specs).empty
    application.close()


def test_a_first_touch_of_what_an_apply_is_binding_binds_it_and_stays(account: BindingAccount) -> None:
    one = account.customer(JANE)
    specs = wanted([row("u1", customer=one)])
    plan = account.plan(specs)
    account.world.clock.advance(100)
    application = touched(account, "u1", JANE)
    answers: list[Any] = []

    def happen() -> None:
        answers.append(application.resolve("u1", JANE))
        refuse()

    meddle(account, "post", f"/v1/customers/{one}", happen)
    assert only(account.carry_out(plan, specs).results)[0] is Outcome.FAILED
    assert answers[0].customer == one
    assert application.resolve("u1").customer == one
    application.close()


def test_a_first_touch_of_a_customer_that_is_deleted_meanwhile_binds_nothing(account: BindingAccount) -> None:
    one = account.customer(JANE)
    account.world.clock.advance(100)
    touched(account, "u1", JANE).close()
    api, world = account.api, account.api
    meddle(account, "post", f"/v1/customers/{one}", lambda: world.request("delete", f"/v1/customers/{one}", {}))
    account.api = account.around(api)
    application = bindings_of(account)
    answer = application.resolve("u1", JANE)
    assert (answer.customer, answer.outcome.value) == (None, "unknown")
    assert "was deleted" in answer.reason
    assert dict(account.bindings.all()) == {}
    application.close()


def test_metadata_that_was_swapped_or_set_to_anothers_id_is_put_back(account: BindingAccount) -> None:
    ids = [account.customer() for _ in range(4)]
    specs = wanted([row(f"u{n}", customer=id) for n, id in enumerate(ids)])
    assert account.carry_out(account.plan(specs), specs).complete
    for id, held in zip(ids, ["u1", "u0", "u2", "u2"], strict=True):
        account.by_hand("post", f"/v1/customers/{id}", metadata={KEY: held})
    for declared in (specs, wanted([row("u2", customer=ids[2])])):
        plan = account.plan(declared, refresh=RefreshMode.LIVE)
        assert plan.applicable
        assert [(d.applied, d.live) for d in plan.drift] == [("u0", "u1"), ("u1", "u0"), ("u3", "u2")]
    assert account.carry_out(plan, declared).complete
    assert [account.held(id) for id in ids] == ["u0", "u1", "u2", "u3"]
    assert not account.plan(specs).drift


def test_an_old_mirror_says_how_old_its_customers_are(account: BindingAccount) -> None:
    account.customer(JANE)
    account.sync()
    specs = wanted([row("jane", email=JANE)])
    assert "BP1512" not in [d.code for d in account.plan(specs, refresh=RefreshMode.NONE).diagnostics]
    account.world.clock.advance(3 * 86400)
    (told,) = [d for d in account.plan(specs, refresh=RefreshMode.NONE).diagnostics if d.code == "BP1512"]
    assert "3 days ago" in told.summary


def test_a_binding_of_a_metadata_source_can_be_selected_when_nothing_is_left_to_do(account: BindingAccount) -> None:
    account.customer(metadata={"user_id": "u1"})
    specs = wanted([], from_metadata="user_id")
    assert account.carry_out(account.plan(specs), specs).complete
    assert account.plan(specs, select=("customer_binding.u1",)).empty


def test_a_creation_beside_a_binding_that_left_the_specs_is_warned_of(account: BindingAccount) -> None:
    specs = wanted([row("old", email="kim@example.com", create={})])
    assert account.carry_out(account.plan(specs), specs).complete
    (made,) = account.live("customer")
    account.by_hand("post", f"/v1/customers/{made['id']}", email="new@example.com")
    renamed = account.plan(wanted([row("new", email="kim@example.com", create={})]))
    (told,) = [d for d in renamed.diagnostics if d.code == "BP1513"]
    assert "no spec declares old any more" in told.summary
    account.bindings.claim("touched", account.customer(), BoundBy.TOUCH, 1)
    both = wanted([row("old", customer=made["id"]), row("new", email="kim@example.com", create={})])
    assert "BP1513" not in [d.code for d in account.plan(both).diagnostics]
