"""Each limit of the guards, below, at and above it; and that the way out, taken to the letter, is a way out."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.core.address import Address
from reconciler.core.changes import Action, Change
from reconciler.core.fields import ChangeClass
from reconciler.core.guards import Guards, refusals

NO_SHARES: dict[str, Any] = {"max_retire_percent": None}
LIMITS = [
    ("max_creates", Action.CREATE),
    ("max_updates", Action.UPDATE),
    ("max_updates", Action.ADOPT),
    ("max_replaces", Action.REPLACE),
    ("max_retires", Action.RETIRE),
]


def changes(count: int, action: Action, kind: str = "price") -> list[Change]:
    return [
        Change(address=Address(kind, f"n{n}"), action=action, change_class=ChangeClass.MONEY, reason="")
        for n in range(count)
    ]


def final(name: str) -> Change:
    return Change(
        address=Address("coupon", name),
        action=Action.RETIRE,
        change_class=ChangeClass.IRREVERSIBLE,
        reason="",
        irreversible="a deleted coupon is gone",
    )


@pytest.mark.parametrize(("name", "action"), LIMITS)
@pytest.mark.parametrize(("count", "refused"), [(0, False), (1, False), (2, False), (3, True), (9, True)])
def test_a_count_above_its_limit_is_refused(name: str, action: Action, count: int, refused: bool) -> None:
    guards = Guards(**{**NO_SHARES, name: 2})
    text = f"{count} are over guards.{name}: 2; if they are meant, raise it to {count} in billplan.yaml"
    assert refusals(changes(count, action), {}, guards) == ((text,) if refused else ())


@pytest.mark.parametrize(("name", "action"), LIMITS)
def test_other_actions_do_not_count(name: str, action: Action) -> None:
    others = {a for _, a in LIMITS} - {a for n, a in LIMITS if n == name}
    assert action not in others
    acting = [c for other in others for c in changes(3, other)]
    assert refusals(acting, {}, Guards(**{**NO_SHARES, name: 0})) == ()


@pytest.mark.parametrize(("name", "action"), LIMITS)
def test_a_limit_of_zero_is_a_limit(name: str, action: Action) -> None:
    assert len(refusals(changes(1, action), {}, Guards(**{**NO_SHARES, name: 0}))) == 1


def test_raised_to_the_letter_the_general_limit_lets_the_plan_pass() -> None:
    plan = changes(4, Action.CREATE)
    [text] = refusals(plan, {}, Guards(max_changes=3))
    assert refusals(plan, {}, Guards(max_changes=int(text.split("--max-changes ")[1]))) == ()


@pytest.mark.parametrize("live", [10, 11, 13, 17, 99, 101, 333])
def test_raised_to_the_letter_the_share_lets_the_plan_pass_and_one_less_does_not(live: int) -> None:
    for count in range(1, live + 1, 1 + live // 50):
        leaving = changes(count, Action.RETIRE)
        for text in refusals(leaving, {"price": live}, Guards()):
            needed = int(text.split("raise it to ")[1].split()[0])
            assert refusals(leaving, {"price": live}, Guards(max_retire_percent=needed)) == ()
            assert refusals(leaving, {"price": live}, Guards(max_retire_percent=needed - 1))
            # What is refused for being over 30 % must not be shown as 30 %.
            assert float(text.split("(")[1].split("%")[0]) > 30


@pytest.mark.parametrize("action", [Action.RETIRE, Action.REPLACE])
@pytest.mark.parametrize(
    ("count", "live", "refused"),
    [(3, 10, False), (4, 10, True), (30, 100, False), (31, 100, True), (9, 9, False), (1, 0, False), (4, 13, True)],
)
def test_a_share_counts_from_ten_live_ones_on(action: Action, count: int, live: int, refused: bool) -> None:
    assert bool(refusals(changes(count, action), {"price": live, "product": 1000}, Guards())) is refused


@pytest.mark.parametrize("action", [Action.UPDATE, Action.ADOPT])
def test_updates_have_a_share_of_their_own(action: Action) -> None:
    guards = Guards(max_update_percent=50)
    assert refusals(changes(5, action), {"price": 10, "product": 1000}, guards) == ()
    [text] = refusals(changes(6, action), {"price": 10, "product": 1000}, guards)
    assert text.startswith("6 of 10 live prices (60%) are over guards.max_update_percent: 50;")


def test_shares_are_of_each_kind_by_itself() -> None:
    leaving = [*changes(4, Action.RETIRE, "price"), *changes(3, Action.RETIRE, "product")]
    [text] = refusals(leaving, {"price": 10, "product": 10}, Guards())
    assert text.startswith("4 of 10 live prices")


@pytest.mark.parametrize(
    ("own", "count", "text"),
    [
        ({"max_retire_percent": 50}, 5, ""),
        ({"max_retire_percent": 50}, 6, "6 of 10 live prices (60%) are over guards.kinds.price.max_retire_percent: 50"),
        ({"max_retire_percent": 10}, 2, "2 of 10 live prices (20%) are over guards.kinds.price.max_retire_percent: 10"),
        ({"max_retire_percent": 100, "max_retires": 2}, 2, ""),
        ({"max_retire_percent": 100, "max_retires": 2}, 3, "3 are over guards.kinds.price.max_retires: 2"),
        ({"max_retire_percent": 100, "max_changes": 2}, 2, ""),
        ({"max_retire_percent": 100, "max_changes": 2}, 3, "3 are over guards.kinds.price.max_changes: 2"),
    ],
)
def test_the_limits_of_a_kind_go_before_the_general_ones(own: dict[str, int], count: int, text: str) -> None:
    guards = Guards(by_kind={"price": own, "product": {"max_changes": 0, "max_retires": 0}})
    found = refusals(changes(count, Action.RETIRE), {"price": 10, "product": 1000}, guards)
    assert [one.startswith(text) for one in found] == ([True] if text else [])


def test_allowed_to_the_letter_the_irreversible_passes_and_nothing_else_does() -> None:
    one = final('a "b" [c]*')
    [text] = refusals([one], {}, Guards())
    flag = text.split("--allow '")[1].split("', or")[0]
    assert refusals([one], {}, Guards(allow=(flag,))) == ()
    assert len(refusals([one, final("other")], {}, Guards(allow=(flag,)))) == 1


def test_every_refusal_is_told_at_once() -> None:
    plan = [final("a"), final("b"), *changes(4, Action.RETIRE), *changes(1, Action.CREATE)]
    found = refusals(plan, {"price": 10}, Guards(max_changes=3, max_creates=0, by_kind={"price": {"max_changes": 4}}))
    assert [text.split(" cannot")[0].split(";")[0] for text in found] == [
        "7 changes are over guards.max_changes: 3",
        "1 are over guards.max_creates: 0",
        "5 are over guards.kinds.price.max_changes: 4",
        "4 of 10 live prices (40%) are over guards.max_retire_percent: 30",
        "coupon.a",
        "coupon.b",
    ]
