"""Another account that subscriptions come from: whose its keys are, what is read there, and what a plan says of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.address import parse_address
from reconciler.core.migrations import Row
from reconciler.core.plan import Plan
from reconciler.core.planfile import read_lines, write_lines
from reconciler.core.values import Ref
from reconciler.emulator.clock import FrozenClock
from reconciler.emulator.key import Key
from reconciler.emulator.world import World
from reconciler.engine.look import RefreshMode
from reconciler.engine.target import ClockSkew
from reconciler.errors import BillplanError, LockHeld, WrongTarget
from tests.account import api_of
from tests.engine.two_accounts import (
    DAY,
    OLD,
    OLD_ID,
    READ,
    WRITE,
    OldAccount,
    TwoAccounts,
    migrating,
    moving,
    pair,
)

PRO = Ref(parse_address("price.pro"))


@pytest.fixture
def account(tmp_path: Path) -> Iterator[TwoAccounts]:
    with TwoAccounts(tmp_path) as account:
        yield account


def refusals(plan: Plan) -> list[str]:
    return [f"{c.address.key}: {c.refused} ({c.hint})" for c in plan.changes if c.refused]


def sent_to(account: TwoAccounts, method: str) -> list[str]:
    return [str(line["path"]) for line in account.old.world.log if line["method"] == method]


def test_a_plan_pins_both_accounts_and_reads_the_old_one_with_its_read_key(account: TwoAccounts) -> None:
    specs = migrating(moving([pair(account, "a", PRO)]))
    del account.keys["env:OLD_WRITE_KEY"]
    before = len(account.old.world.log)
    plan = account.plan(specs)
    assert plan.header.sources == {"old": OLD_ID}
    assert {line["method"] for line in account.old.world.log[before:]} == {"GET"}
    assert read_lines(write_lines(plan)) == plan
    assert read_lines(write_lines(plan)).digest == plan.digest


def test_a_plan_without_a_source_account_says_nothing_of_one(account: TwoAccounts) -> None:
    plan = account.plan(migrating(moving([], source_account=None, end_source=False)))
    assert "sources" not in next(iter(write_lines(plan)))


def test_the_old_account_is_listed_once_however_many_rows_there_are(account: TwoAccounts) -> None:
    specs = migrating(moving([pair(account, f"r{n}", PRO) for n in range(5)]))
    account.plan(specs)
    before = len(account.old.world.log)
    assert account.plan(specs).applicable
    read = [str(line["path"]).partition("?")[0] for line in account.old.world.log[before:]]
    assert sorted(read) == ["/v1/account", "/v1/subscriptions"]


def test_an_apply_needs_the_write_key_and_says_so_before_anything_is_sent(account: TwoAccounts) -> None:
    plan = account.plan(migrating(moving([pair(account, "a", PRO)])))
    del account.keys["env:OLD_WRITE_KEY"]
    before = len(account.world.log)
    with pytest.raises(BillplanError, match="OLD_WRITE_KEY is not set"):
        account.apply(plan)
    assert {line["method"] for line in account.world.log[before:]} == {"GET"}


def test_a_read_key_that_is_not_set_is_named(account: TwoAccounts) -> None:
    specs = migrating(moving([pair(account, "a", PRO)]))
    del account.keys["env:OLD_READ_KEY"]
    with pytest.raises(BillplanError, match="OLD_READ_KEY is not set"):
        account.plan(specs)


def test_a_key_of_the_new_account_is_no_source(account: TwoAccounts) -> None:
    specs = migrating(moving([pair(account, "a", PRO)]))
    account.keys["env:OLD_READ_KEY"] = "sk_test_emulator"
    with pytest.raises(WrongTarget, match="the read key belongs to acct_000001, the account that subscriptions are to"):
        account.plan(specs)


def test_a_write_key_of_the_new_account_is_refused_before_anything_is_sent(account: TwoAccounts) -> None:
    plan = account.plan(migrating(moving([pair(account, "a", PRO)])))
    account.keys["env:OLD_WRITE_KEY"] = "sk_test_emulator"
    with pytest.raises(WrongTarget, match="the write key belongs to acct_000001"):
        account.apply(plan)
    assert account.schedules() == []


def test_a_plan_made_for_another_source_account_is_refused(account: TwoAccounts) -> None:
    plan = account.plan(migrating(moving([pair(account, "a", PRO)])))
    other = World(account_id="acct_other", clock=account.world.clock, keys=account.old.world.keys)
    account.old = OldAccount(other)
    with pytest.raises(WrongTarget, match=r"made for the source account acct_old .* of acct_other") as raised:
        account.apply(plan)
    assert raised.value.exit_code == 3
    assert account.schedules() == []


def test_a_write_key_of_a_third_account_is_refused(account: TwoAccounts) -> None:
    plan = account.plan(migrating(moving([pair(account, "a", PRO)])))
    third = World(account_id="acct_third", clock=account.world.clock, keys={"sk_test_third": Key()})
    whole = account._open

    def opened(source: Any, where: str) -> Any:
        return api_of(third, "sk_test_third") if where == OLD.write else whole(source, where)

    account._open = opened  # type: ignore[method-assign]
    with pytest.raises(WrongTarget, match="its key is of acct_third"):
        account.apply(plan)


def test_the_modes_of_both_accounts_must_agree(account: TwoAccounts) -> None:
    specs = migrating(moving([pair(account, "a", PRO)]))
    live = World(account_id="acct_live", livemode=True, clock=account.world.clock, keys={"sk_live_old": Key()})
    account.old = OldAccount.__new__(OldAccount)
    account.old.world = live
    account.keys["env:OLD_READ_KEY"] = "sk_live_old"
    with pytest.raises(WrongTarget, match="the read key is a live mode key, and this is test mode"):
        account.plan(specs)


def test_the_clock_is_held_against_that_of_the_old_account_too(account: TwoAccounts) -> None:
    specs = migrating(moving([pair(account, "a", PRO)]))
    account.old.world.clock = FrozenClock(account.world.now() + 3600)
    with pytest.raises(ClockSkew):
        account.plan(specs)


def test_a_key_that_the_old_account_refuses_is_told_by_its_place_and_never_shown(account: TwoAccounts) -> None:
    specs = migrating(moving([pair(account, "a", PRO)]))
    account.keys["env:OLD_READ_KEY"] = "rk_test_nobody_knows_this_one"
    with pytest.raises(BillplanError, match="the key at env:OLD_READ_KEY was refused") as raised:
        account.plan(specs)
    assert "nobody_knows" not in f"{raised.value.message}{raised.value.hint}"


def test_no_key_stands_in_a_plan(account: TwoAccounts) -> None:
    plan = account.plan(migrating(moving([pair(account, "a", PRO)])))
    text = "".join(write_lines(plan))
    assert READ not in text
    assert WRITE not in text


def test_an_apply_locks_both_accounts_in_one_order(account: TwoAccounts) -> None:
    plan = account.plan(migrating(moving([pair(account, "a", PRO)])))
    with account.locks.acquire(f"{OLD_ID}/test/acme", "somebody"), pytest.raises(LockHeld):
        account.apply(plan)
    with account.locks.acquire("acct_000001/test/acme", "somebody"), pytest.raises(LockHeld):
        account.apply(plan)
    assert account.schedules() == []
    assert account.apply(plan).complete


def test_offline_nothing_is_scheduled_whose_source_was_not_looked_at(account: TwoAccounts) -> None:
    rows = [pair(account, "a", PRO)]
    account.sync()
    plan = account.plan(migrating(moving(rows)), refresh=RefreshMode.NONE)
    (refused,) = refusals(plan)
    assert "the source account was not looked at" in refused
    assert any("its source account was not looked at" in d.summary for d in plan.diagnostics)
    assert plan.header.sources == {}


def without(account: TwoAccounts, **more: Any) -> Row:
    return replace(pair(account, "a", PRO), **more)


def case_overdue(account: TwoAccounts) -> Row:
    made = pair(account, "a", PRO)
    world, id = account.old.world, str(made.source_subscription)
    world.tables["subscription"].put({**world.tables["subscription"].get(id), "status": "past_due"})  # type: ignore[dict-item]
    return made


def case_ended(account: TwoAccounts) -> Row:
    made = pair(account, "a", PRO)
    account.old.hand.request("delete", f"/v1/subscriptions/{made.source_subscription}", {})
    return made


def case_ending(account: TwoAccounts) -> Row:
    made = pair(account, "a", PRO)
    account.old.post(f"/v1/subscriptions/{made.source_subscription}", cancel_at_period_end=True)
    return made


def case_scheduled(account: TwoAccounts) -> Row:
    made = pair(account, "a", PRO)
    account.old.post("/v1/subscription_schedules", from_subscription=made.source_subscription)
    return made


def case_elsewhere(account: TwoAccounts) -> Row:
    made = pair(account, "a", PRO)
    marks = {"billplan_moved_to": 'subscription_migration.x["1"]', "billplan_moved_by": "acct_x/test/other"}
    account.old.post(f"/v1/subscriptions/{made.source_subscription}", metadata=marks)
    return made


def case_another_day(account: TwoAccounts) -> Row:
    made = pair(account, "a", PRO)
    assert made.terms is not None
    return replace(made, terms=replace(made.terms, start=made.terms.start + DAY))


CASES = {
    "has no subscription sub_nowhere": lambda account: without(account, source_subscription="sub_nowhere"),
    "is past_due, and not active": case_overdue,
    "has ended (canceled)": case_ended,
    "ends at 2026-12-18T11:06:40Z by itself": case_ending,
    "is managed by the schedule sub_sched_": case_scheduled,
    'was set to end for subscription_migration.x["1"] of acct_x/test/other': case_elsewhere,
    "2026-12-19T11:06:40Z is not when the period of sub_000001 ends, 2026-12-18T11:06:40Z": case_another_day,
}


@pytest.mark.parametrize("words", CASES)
def test_what_cannot_end_at_the_start_is_refused_with_the_reason(account: TwoAccounts, words: str) -> None:
    plan = account.plan(migrating(moving([CASES[words](account)])))
    (refused,) = refusals(plan)
    assert words in refused
    assert not [s for s in plan.steps if s.address.key]


def test_two_rows_must_not_replace_the_same_subscription(account: TwoAccounts) -> None:
    one, other = pair(account, "a", PRO), pair(account, "b", PRO)
    other = replace(other, source_subscription=one.source_subscription)
    assert len([r for r in refusals(account.plan(migrating(moving([one, other])))) if "another row as well" in r]) == 2


def test_an_id_of_the_old_account_is_known_as_such(account: TwoAccounts) -> None:
    made = pair(account, "a", PRO)
    assert made.terms is not None
    old = account.old.post("/v1/customers", name="more")["id"]
    old = account.old.post("/v1/customers", name="more still")["id"]
    account.old.post("/v1/coupons", id="OLD10", percent_off=10, duration="forever")
    alien = replace(made, terms=replace(made.terms, customer=str(old), coupon="OLD10"))
    unmapped, mapped = (
        refusals(account.plan(migrating(moving([alien], mapped=frozenset(kinds))))) for kinds in ((), ("customer",))
    )
    assert f"{old} is an id of the source account {OLD_ID}, and this account has no such customer" in unmapped[0]
    assert f"OLD10 is an id of the source account {OLD_ID}, and this account has no such coupon" in unmapped[0]
    assert "maps: {customer: FILE.csv}" in unmapped[0]
    assert "the map of customer ids has it among the new ones" in mapped[0]


def test_an_id_that_neither_account_has_is_told_as_before(account: TwoAccounts) -> None:
    made = pair(account, "a", PRO)
    assert made.terms is not None
    alien = replace(made, terms=replace(made.terms, customer="cus_999999"))
    (refused,) = refusals(account.plan(migrating(moving([alien]))))
    assert "this account has no customer cus_999999" in refused


def test_the_plan_says_what_ends_where_and_when(account: TwoAccounts) -> None:
    plan = account.plan(migrating(moving([pair(account, "a", PRO)])))
    change = next(c for c in plan.changes if c.address.key == "a")
    (words,) = change.notes
    assert words.endswith("every month on the 18th; sub_000001 in acct_old ends then, at 2026-12-18T11:06:40Z")
    (step,) = [s for s in plan.steps if s.kind == "source_subscription"]
    assert step.path == "/source/acct_old/v1/subscriptions/sub_000001"
    assert step.needs == ('subscription_migration.old["a"]/create',)
    assert step.deadline == 1_797_592_000 - 300
