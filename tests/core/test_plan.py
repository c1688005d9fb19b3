"""A plan's digest binds every exact call, its target and its specs, and nothing that is only said of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from reconciler.core.address import Address
from reconciler.core.changes import Action, Change, Drift
from reconciler.core.diagnostics import Diagnostic
from reconciler.core.fields import ChangeClass
from reconciler.core.plan import FORMAT_VERSION, Absent, Header, Plan, Step, Unchanged
from reconciler.core.values import Ref, canonical

PRO, TEAM = Address("product", "pro"), Address("product", "team")
HEADER = Header(
    format_version=FORMAT_VERSION,
    tool_version="0.1.0",
    account="acct_1",
    livemode=False,
    api_version="2026-01-01",
    project="acme",
    spec_digest="abc",
    created_at=1_795_000_000,
    expires_at=1_795_086_400,
)
CREATE = Step(
    id="product.pro/create",
    address=PRO,
    kind="product",
    title="create product.pro",
    method="post",
    path="/v1/products",
    params={"name": "Pro", "metadata": {"tier": "1"}},
    precondition=Absent(incarnations=(), natural_key="acme-pro"),
    expect={"name": "Pro"},
    undo="take it out",
)
UPDATE = replace(
    CREATE,
    id="product.team/update",
    address=TEAM,
    path="/v1/products/team",
    params={"name": "Team"},
    precondition=Unchanged(remote_id="team", before={"name": "Teams"}),
    needs=("product.pro/create",),
)


def change(address: Address = PRO, action: Action = Action.CREATE, **more: Any) -> Change:
    return Change(address=address, action=action, change_class=ChangeClass.COSMETIC, reason="not there yet", **more)


PLAN = Plan(header=HEADER, changes=(change(), change(TEAM, Action.UPDATE, remote_id="team")), steps=(CREATE, UPDATE))


def with_step(**more: Any) -> Plan:
    return replace(PLAN, steps=(CREATE, replace(UPDATE, **more)))


def with_header(**more: Any) -> Plan:
    return replace(PLAN, header=replace(HEADER, **more))


BOUND: dict[str, Plan] = {
    "account": with_header(account="acct_2"),
    "mode": with_header(livemode=True),
    "project": with_header(project="other"),
    "API version": with_header(api_version="2026-02-02"),
    "specs": with_header(spec_digest="abd"),
    "environment": with_header(environment="production"),
    "expiry": with_header(expires_at=1_795_086_401),
    "method": with_step(method="delete"),
    "path": with_step(path="/v1/products/pro"),
    "params": with_step(params={"name": "team"}),
    "a param's type": with_step(params={"name": True}),
    "one more param": with_step(params={"name": "Team", "active": True}),
    "a reference for a text": with_step(params={"name": Ref(TEAM)}),
    "a step's id": with_step(id="product.team/other"),
    "needs": with_step(needs=()),
    "target": with_step(precondition=Unchanged(remote_id="other", before={"name": "Teams"})),
    "what it was before": with_step(precondition=Unchanged(remote_id="team", before={"name": "Team"})),
    "another precondition": with_step(precondition=Absent(incarnations=("team",), natural_key=None)),
    "expect": with_step(expect={"name": "Team"}),
    "expect gone": with_step(expect=None),
    "until when": with_step(deadline=1_795_000_100),
    "another until when": with_step(deadline=1_795_000_101),
    "one step less": replace(PLAN, steps=(CREATE,)),
    "other order of steps": replace(PLAN, steps=(UPDATE, CREATE)),
    "a change's action": replace(PLAN, changes=(change(), change(TEAM, Action.ADOPT, remote_id="team"))),
    "a change's object": replace(PLAN, changes=(change(), change(TEAM, Action.UPDATE, remote_id="other"))),
    "one change less": replace(PLAN, changes=PLAN.changes[:1]),
}
DRIFT = Drift(address=PRO, remote_id="pro", name="name", applied="a", known=True, live="b")
UNBOUND: dict[str, Plan] = {
    "refusals": replace(PLAN, refusals=("4 are over guards.max_creates: 3",)),
    "drift": replace(PLAN, drift=(DRIFT,)),
    "warnings": replace(PLAN, diagnostics=(Diagnostic(code="BP1401", summary="names nothing"),)),
    "unmanaged": replace(PLAN, unmanaged={"price": 3}, owned={"price": 2}, unchanged=4),
    "title": with_step(title="do it"),
    "undo": with_step(undo="cannot be undone"),
    "reason": replace(PLAN, changes=tuple(replace(c, reason="why not") for c in PLAN.changes)),
    "the order of params": replace(
        PLAN, steps=(replace(CREATE, params={n: CREATE.params[n] for n in reversed([*CREATE.params])}), UPDATE)
    ),
}


@pytest.mark.parametrize("other", BOUND.values(), ids=BOUND.keys())
def test_another_call_target_or_spec_is_another_digest(other: Plan) -> None:
    assert other.digest != PLAN.digest


@pytest.mark.parametrize("other", UNBOUND.values(), ids=UNBOUND.keys())
def test_what_is_said_of_a_plan_does_not_change_its_digest(other: Plan) -> None:
    assert other.digest == PLAN.digest


def test_all_digests_of_different_plans_differ() -> None:
    assert len({p.digest for p in BOUND.values()} | {PLAN.digest}) == len(BOUND) + 1


def test_the_summary_counts_every_action() -> None:
    actions = [Action.CREATE, Action.CREATE, Action.RETIRE, Action.REFUSED, Action.NOOP]
    plan = replace(PLAN, changes=tuple(change(action=a) for a in actions), unchanged=5)
    assert plan.summary == {
        "noop": 6, "create": 2, "adopt": 0, "update": 0, "replace": 0, "retire": 1, "refused": 1,
    }  # fmt: skip
    assert sum(plan.summary.values()) == len(plan.changes) + plan.unchanged


ACTIONS: list[tuple[list[Action], tuple[str, ...], bool, bool]] = [
    ([], (), True, True),
    ([Action.NOOP], (), True, True),
    ([Action.CREATE], (), True, False),
    ([Action.CREATE], ("too many",), False, False),
    ([], ("too many",), False, True),
    ([Action.CREATE, Action.REFUSED], (), False, False),
    ([Action.REFUSED], (), False, False),
]


@pytest.mark.parametrize(("actions", "refusals", "applicable", "empty"), ACTIONS)
def test_a_plan_with_a_refusal_is_not_applicable_and_one_without_changes_is_empty(
    actions: list[Action], refusals: tuple[str, ...], applicable: bool, empty: bool
) -> None:
    plan = replace(PLAN, changes=tuple(change(action=a) for a in actions), steps=(), refusals=refusals, unchanged=3)
    assert (plan.applicable, plan.empty) == (applicable, empty)


CHECKS: list[Callable[[Plan], object]] = [lambda p: p.digest, lambda p: p.summary, lambda p: p.empty]


@pytest.mark.parametrize("ask", CHECKS)
def test_asking_twice_gives_the_same_answer(ask: Callable[[Plan], object]) -> None:
    assert ask(PLAN) == ask(PLAN)


def test_a_digest_is_what_it_was_so_that_a_plan_made_by_the_version_before_is_the_same_plan() -> None:
    assert PLAN.digest == "b0f901bed686c8afebd36e85716d32f6706755779a43f73add9a57440b5ebd2f"


def test_a_digest_is_made_once_and_anew_for_another_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def written(value: Any) -> str:
        made.append(value)
        return canonical(value)

    monkeypatch.setattr("reconciler.core.plan.canonical", written)
    plan = replace(PLAN, unchanged=1)
    first = plan.digest
    once = len(made)
    assert plan.judged(("too many",)).digest == plan.digest == first
    assert (once, len(made)) == (1 + len(plan.changes) + len(plan.steps), once)
    assert replace(plan, steps=(CREATE,)).digest != first
    assert replace(plan, header=replace(HEADER, project="other")).digest != first


def test_having_asked_for_its_digest_makes_no_other_plan() -> None:
    plan = replace(PLAN)
    assert plan.digest
    assert plan == replace(PLAN)
    assert repr(plan) == repr(replace(PLAN))


def test_other_words_of_the_guards_leave_the_rest_as_it_is() -> None:
    assert PLAN.judged(("too many",)) == replace(PLAN, refusals=("too many",))
    assert not PLAN.judged(("too many",)).applicable
    assert with_header(project="other").judged(()).digest == with_header(project="other").digest
