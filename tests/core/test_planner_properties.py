"""What holds for every plan, whatever is declared and whatever is there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.changes import Action
from reconciler.core.plan import Absent, Step, Unchanged
from reconciler.core.planner import Draft
from reconciler.core.resources import MARKS, Desired
from reconciler.core.values import Ref, refs_in
from reconciler.kinds import BY_NAME
from tests.account import specs_of
from tests.core.drafting import Objects, applied, checked, draft_of
from tests.properties.catalogues import Bodies, edit, make_catalogue

MARK_KEYS = {name.removeprefix("metadata[").removesuffix("]") for name in MARKS}
# What a plan may send besides declared fields and its marks: see the kinds' expansions and transfers.
OWN_PARAMS = {"expand", "transfer_lookup_key"}
SEEDS = st.integers(0, 2**32)


def every(examples: int = 40) -> Callable[[Callable[..., None]], Callable[[], None]]:
    """Run a test for catalogues from many seeds."""

    def decorate(test: Callable[..., None]) -> Callable[[], None]:
        return settings(deadline=None, max_examples=examples)(given(seed=SEEDS)(test))

    return decorate


def wanted(seed: int) -> tuple[Bodies, Bodies, Objects]:
    """Make a catalogue, an edit of it, and an account with the first of them."""
    random = Random(seed)
    before = make_catalogue(random)
    after = edit(before, random)
    return before, after, applied(draft_of(before).steps, {})


def meddled(objects: Objects, seed: int) -> Objects:
    """Change an account as somebody at the Dashboard would."""
    random = Random(seed)
    account = {key: dict(raw) for key, raw in objects.items()}
    for (kind, _), raw in account.items():
        if kind in ("product", "price", "tax_rate") and random.random() < 0.3:
            raw["active"] = not raw.get("active", True)
        if kind in ("product", "coupon") and random.random() < 0.3:
            raw["name"] = "Meddled"
        if kind != "meter" and random.random() < 0.3:
            raw["metadata"] = {**raw["metadata"], "crm": "1", "tier": "9"}
        if kind != "meter" and random.random() < 0.1:
            raw["metadata"] = {}
    return account


def drafts(seed: int) -> list[tuple[Bodies, Draft]]:
    """Plan a creation, an edit, a repair, and the leaving of everything."""
    before, after, account = wanted(seed)
    rest: Bodies = {}
    return [
        (before, draft_of(before)),
        (after, draft_of(after, account)),
        (after, draft_of(after, meddled(account, seed))),
        (rest, draft_of(rest, account)),
    ]


def desired_of(bodies: Bodies) -> dict[str, Desired]:
    return {str(d.address): d for d in checked(specs_of(bodies))}


@every()
def test_the_plan_does_not_depend_on_the_order_of_specs(seed: int) -> None:
    _, after, account = wanted(seed)
    account = meddled(account, seed)
    specs = specs_of(after)
    shuffled = list(specs.specs)
    Random(seed).shuffle(shuffled)
    assert draft_of(replace(specs, specs=tuple(shuffled)), account) == draft_of(specs, account)


@every()
def test_the_plan_does_not_depend_on_the_order_in_which_objects_are_listed(seed: int) -> None:
    _, after, account = wanted(seed)
    account = meddled(account, seed)
    other = draft_of(after, dict(reversed(account.items())))
    draft = draft_of(after, account)
    assert other.changes == draft.changes
    assert {s.id: s for s in other.steps} == {s.id: s for s in draft.steps}


@every()
def test_what_was_just_applied_is_nothing_to_do(seed: int) -> None:
    before, after, account = wanted(seed)
    again = draft_of(before, account)
    assert (again.changes, again.steps, again.drift) == ((), (), ())
    assert again.unchanged == len(before)
    draft = draft_of(after, account)
    if not any(c.action is Action.REFUSED for c in draft.changes):
        last = draft_of(after, applied(draft.steps, account))
        assert (last.changes, last.steps, last.drift) == ((), (), ())


@every()
def test_a_repaired_account_is_nothing_to_do(seed: int) -> None:
    _, after, account = wanted(seed)
    account = meddled(account, seed)
    draft = draft_of(after, account)
    if not any(c.action is Action.REFUSED for c in draft.changes):
        last = draft_of(after, applied(draft.steps, account))
        assert (last.changes, last.steps, last.drift) == ((), (), ())


@every()
def test_an_undeclared_catalogue_leaves_and_stays_away(seed: int) -> None:
    before, _, account = wanted(seed)
    draft = draft_of({}, account)
    # A meter has no marker, and leaves by `removed:` only.
    assert {str(c.address) for c in draft.changes} == {a for a in before if not a.startswith("meter.")}
    assert {c.action for c in draft.changes} <= {Action.RETIRE}
    assert draft_of({}, applied(draft.steps, account)).changes == ()


@every()
def test_the_ids_of_steps_are_unique_and_their_needs_come_before_them(seed: int) -> None:
    for _, draft in drafts(seed):
        ids = [s.id for s in draft.steps]
        assert len(set(ids)) == len(ids)
        assert {need for s in draft.steps for need in s.needs} <= set(ids)
        assert _runs_dry(draft.steps)


def _runs_dry(steps: tuple[Step, ...]) -> bool:
    """Say whether every step is reached when each runs as soon as its needs are done."""
    waiting, done = {s.id: s for s in steps}, set[str]()
    while ready := [i for i, s in waiting.items() if done.issuperset(s.needs)]:
        done.update(ready)
        for one in ready:
            del waiting[one]
    return not waiting


@every()
def test_a_step_that_uses_the_answer_of_another_waits_for_it(seed: int) -> None:
    for _, draft in drafts(seed):
        creates = {s.address: s.id for s in draft.steps if isinstance(s.precondition, Absent)}
        for step in draft.steps:
            used = refs_in(step.params)
            if isinstance(step.precondition, Unchanged) and isinstance(step.precondition.remote_id, Ref):
                used = [*used, step.precondition.remote_id]
            assert all(creates[ref.address] in step.needs for ref in used)


@every()
def test_creations_and_nothing_else_ask_for_absence(seed: int) -> None:
    for _, draft in drafts(seed):
        for step in draft.steps:
            assert isinstance(step.precondition, Absent) == step.id.endswith("/create")
            assert step.undo, "every step says how it is taken back"
            if isinstance(step.precondition, Unchanged):
                assert step.precondition.remote_id
                assert step.precondition.before or step.kind == "meter"


@every()
def test_every_change_has_steps_unless_it_is_refused_and_no_step_is_without_a_change(seed: int) -> None:
    for bodies, draft in drafts(seed):
        acting = {c.address for c in draft.changes if c.action is not Action.REFUSED}
        assert {s.address for s in draft.steps} == acting
        assert Action.NOOP not in {c.action for c in draft.changes}
        assert len({c.address for c in draft.changes}) == len(draft.changes)
        listed = {str(c.address) for c in draft.changes}
        assert draft.unchanged == len([a for a in bodies if a not in listed])
        assert all(c.refused and c.hint for c in draft.changes if c.action is Action.REFUSED)


@every()
def test_a_creation_sends_what_is_declared_and_its_marks_and_nothing_else(seed: int) -> None:
    for bodies, draft in drafts(seed):
        desired = desired_of(bodies)
        for step in draft.steps:
            if isinstance(step.precondition, Absent):
                declared, kind = desired[str(step.address)].attrs, BY_NAME[step.kind]
                names = {n.partition("[")[0] for n in declared} | OWN_PARAMS | {"metadata", kind.natural_key}
                twins = {f.twin for f in kind.body.fields if f.name in declared}
                assert set(step.params) <= names | twins
                assert _keys(step) - MARK_KEYS <= {n[9:-1] for n in declared if n.startswith("metadata[")}


@every()
def test_a_step_on_a_live_object_sends_only_what_differs(seed: int) -> None:
    for _, draft in drafts(seed):
        diffs = {c.address: {d.name for d in c.diffs} for c in draft.changes}
        for step in draft.steps:
            if step.id.endswith("/update"):
                sent = {n for n in step.params if n not in ("metadata", *OWN_PARAMS)}
                sent |= {f"metadata[{key}]" for key in _keys(step) - MARK_KEYS}
                assert sent <= diffs[step.address]


def _keys(step: Step) -> set[str]:
    metadata: Any = step.params.get("metadata", {})
    return set(metadata)


@every()
def test_an_object_that_others_own_is_never_touched(seed: int) -> None:
    _, after, account = wanted(seed)
    foreign: Objects = {}
    for (kind, _), raw in account.items():
        if kind != "meter":
            one = f"theirs_{raw['id']}"
            metadata = {**raw["metadata"], "billplan_project": "theirs"}
            names = {"id": one, "lookup_key": None, "code": None, "default_price": None}
            foreign[(kind, one)] = {**raw, **names, "metadata": metadata}
    before, draft = draft_of(after, account), draft_of(after, {**account, **foreign})
    assert (draft.changes, draft.steps) == (before.changes, before.steps)
    assert sum(draft.unmanaged.values()) >= len(foreign)
