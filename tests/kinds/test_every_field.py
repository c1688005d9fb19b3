"""Every field of every kind: created, changed and taken out; the plan says what happens, and then nothing is left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.changes import Action, Change
from reconciler.core.guards import Guards
from reconciler.core.plan import Plan
from reconciler.emulator.seed import load_seed
from reconciler.kinds import STRIPE_KINDS
from tests.account import Account
from tests.emulator.sdk_contract import paths
from tests.kinds.rows import GROUND, ROWS, Body, Row
from tests.kinds.test_sdk_contract import PARAMS, leaves

# The emulator has no customer accounts; tests/kinds/test_promotion_code.py looks at this field without it.
ELSEWHERE = {("promotion_code", "customer_account")}

# A price's tax_behavior is final once it is set.
ALLOWED = Guards(allow=("irreversible:price.subject",))

each_row = pytest.mark.parametrize("row", ROWS, ids=str)


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    """An account with two customers."""
    with Account(tmp_path) as account:
        load_seed(account.world, {"customers": [{"id": "cus_1"}, {"id": "cus_2"}]})
        yield account


def bodies(row: Row, body: Body) -> dict[str, Body]:
    """The row's resource among what it may refer to."""
    needed = dict(GROUND)
    if row.kind != "product":
        needed = {a: b for a, b in needed.items() if not a.startswith("price.")}
    return {**needed, f"{row.kind}.subject": body}


def change_of(plan: Plan, row: Row) -> Change:
    return next(c for c in plan.changes if str(c.address) == f"{row.kind}.subject")


def expected(row: Row) -> Action:
    """What Stripe's own update parameters say of this field, in the way that the kind has for it."""
    _, update = PARAMS[row.kind]
    if row.path in set(paths(update)):
        return Action.UPDATE
    return Action.REFUSED if row.kind in ("product", "coupon", "meter") else Action.REPLACE


def converge(account: Account, wanted: Mapping[str, Body]) -> Plan:
    """Plan and apply; the plan after it is empty, and nothing seems to have been changed by somebody else."""
    plan = account.plan(wanted, ALLOWED)
    applied = account.apply(plan)
    assert applied.complete, [(r.step.id, r.outcome, r.detail) for r in applied.results if not r.good]
    after = account.plan(wanted)
    assert after.empty, [(str(c.address), c.reason, c.diffs) for c in after.changes]
    assert not after.drift
    return plan


def settled(account: Account, row: Row, body: Body) -> Body:
    """A meter carries no marker: only with its id is it known to be ours when it is to change."""
    if row.kind != "meter":
        return body
    event = row.before["event_name"]
    return {**body, "adopt": next(m["id"] for m in account.live("billing.meter") if m["event_name"] == event)}


def test_every_field_has_a_row() -> None:
    declared = {(k.name, path) for k in STRIPE_KINDS for path, _ in leaves(k.body)}
    assert declared - ELSEWHERE == {(row.kind, row.path) for row in ROWS}


@each_row
def test_a_change_is_carried_out_once_there_and_back(account: Account, row: Row) -> None:
    created = converge(account, bodies(row, row.before))
    assert change_of(created, row).action is Action.CREATE
    changed = bodies(row, settled(account, row, row.after))
    plan = account.plan(changed, ALLOWED)
    change = change_of(plan, row)
    assert change.action is expected(row)
    assert [c.address.name for c in plan.changes] == ["subject"]
    assert change.diffs or row.path == "event_name"
    assert all(d.before != d.after for d in change.diffs)
    if change.action is Action.REFUSED:
        assert not plan.applicable
        assert not plan.steps
        assert change.hint
    else:
        converge(account, changed)
        converge(account, bodies(row, settled(account, row, row.before)))


@pytest.mark.parametrize("row", [row for row in ROWS if row.gone is not None], ids=str)
def test_a_field_that_is_taken_out_is_unset_or_left_once_and_for_all(account: Account, row: Row) -> None:
    converge(account, bodies(row, row.before))
    without: Any = row.without
    plan = account.plan(bodies(row, without), ALLOWED)
    assert change_of(plan, row).action is row.gone
    if row.gone is not Action.REFUSED:
        converge(account, bodies(row, without))
