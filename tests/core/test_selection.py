"""Selecting a part of a plan: what is named comes with everything that it needs, and nothing else does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.address import Address
from reconciler.core.changes import Action, Change, Drift
from reconciler.core.fields import ChangeClass
from reconciler.core.plan import Absent, Step
from reconciler.core.planner import Draft
from reconciler.core.selection import select

NAMES = "abcdef"


def address(name: str) -> Address:
    return Address("price", name)


def draft(needs: Mapping[str, Sequence[str]], drifting: str = "") -> Draft:
    """Draft a create for each name, after those of the names that it needs."""
    absent = Absent(incarnations=(), natural_key=None)
    steps = [
        Step(
            id=f"price.{name}/create",
            address=address(name),
            kind="price",
            title="",
            method="post",
            path="/v1/prices",
            params={},
            precondition=absent,
            expect={},
            needs=tuple(f"price.{need}/create" for need in of),
        )
        for name, of in needs.items()
    ]
    changes = [
        Change(address=address(n), action=Action.CREATE, change_class=ChangeClass.MONEY, reason="") for n in needs
    ]
    drift = [
        Drift(address=address(n), remote_id=f"price_{n}", name="nickname", applied="a", known=True, live="b")
        for n in drifting
    ]
    return Draft(
        changes=tuple(changes), steps=tuple(steps), drift=tuple(drift), unmanaged={"price": 3}, unchanged=7, owned={}
    )


def names(part: Draft) -> tuple[str, str, str]:
    return (
        "".join(c.address.name for c in part.changes),
        "".join(s.address.name for s in part.steps),
        "".join(d.address.name for d in part.drift),
    )


@pytest.mark.parametrize(
    ("needs", "globs", "chosen"),
    [
        ({"a": "", "b": ""}, ["price.a"], "a"),
        ({"a": "", "b": "", "c": ""}, ["price.c", "price.a"], "ac"),
        ({"a": "", "b": "", "c": ""}, ["price.*"], "abc"),
        ({"a": "", "b": "a", "c": "b", "d": "a"}, ["price.c"], "abc"),
        ({"a": "", "b": "a", "c": "b"}, ["price.a"], "a"),
        ({"a": "", "b": "", "c": "ab", "d": "c", "e": ""}, ["price.d"], "abcd"),
        ({"a": "", "b": ""}, ["product.*"], ""),
        ({"a": "", "b": ""}, ["price.z", "price.b"], "b"),
    ],
)
def test_what_is_named_comes_with_all_that_it_needs(needs: dict[str, str], globs: list[str], chosen: str) -> None:
    assert names(select(draft(needs), globs)) == (chosen, chosen, "")


def test_drift_follows_what_is_chosen_and_what_is_named() -> None:
    # There is drift without a change, too: what the specs say again is what somebody changed it to.
    whole = draft({"a": "", "b": "a", "c": ""}, drifting="abcdxy")
    assert names(select(whole, ["price.b", "price.x"])) == ("ab", "ab", "abx")


def test_thousands_that_need_one_each_are_selected_in_a_moment() -> None:
    # Looking through all steps for each of them would take minutes.
    pairs = 20_000
    needs = {f"need{n}": list[str]() for n in range(pairs)} | {f"row{n}": [f"need{n}"] for n in range(pairs)}
    part = select(draft(needs), ["price.row*"])
    assert (len(part.changes), len(part.steps)) == (2 * pairs, 2 * pairs)


def test_without_globs_the_draft_is_untouched() -> None:
    whole = draft({"a": "", "b": "a"}, drifting="az")
    assert select(whole, []) is whole


def test_counts_of_the_whole_stay() -> None:
    part = select(draft({"a": "", "b": ""}), ["price.a"])
    assert (part.unchanged, part.unmanaged) == (7, {"price": 3})


NEEDS = st.dictionaries(st.sampled_from(NAMES), st.sets(st.sampled_from(NAMES))).map(
    lambda found: {n: "".join(sorted(w for w in of if w < n and w in found)) for n, of in sorted(found.items())}
)


@settings(deadline=None)
@given(NEEDS, st.sets(st.sampled_from(NAMES), min_size=1))
def test_a_selection_is_closed_and_no_larger_than_it_must_be(needs: dict[str, str], chosen: set[str]) -> None:
    part = select(draft(needs), [f"price.{name}" for name in sorted(chosen)])
    ids = {s.id for s in part.steps}
    assert all(need in ids for s in part.steps for need in s.needs)
    for name in {s.address.name for s in part.steps} - chosen:
        assert any(f"price.{name}/create" in s.needs for s in part.steps)
    assert chosen & needs.keys() <= {c.address.name for c in part.changes}
