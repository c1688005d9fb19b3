"""Guards: a plan over a limit is refused, and the words hold the numbers and the way out."""

from __future__ import annotations

import pytest

from reconciler.core.address import Address
from reconciler.core.changes import Action, Change
from reconciler.core.fields import ChangeClass
from reconciler.core.guards import Guards, allowed, briefly, refusals


def changes(kind: str, action: Action, count: int, change_class: ChangeClass = ChangeClass.COSMETIC) -> list[Change]:
    return [
        Change(
            address=Address(kind, f"{action.value}_{n}"),
            action=action,
            change_class=change_class,
            reason="",
            irreversible="why" if change_class is ChangeClass.IRREVERSIBLE else "",
        )
        for n in range(count)
    ]


CASES: dict[str, tuple[list[Change], dict[str, int], Guards, tuple[str, ...]]] = {
    "no limits": (changes("price", Action.CREATE, 5000), {}, Guards(), ()),
    "as many as are allowed": (changes("price", Action.CREATE, 3), {}, Guards(max_changes=3), ()),
    "one too many": (
        changes("price", Action.CREATE, 4),
        {},
        Guards(max_changes=3),
        ("4 changes are over guards.max_changes: 3; if they are meant: --max-changes 4",),
    ),
    "refused and unchanged ones do not count": (
        changes("price", Action.REFUSED, 9) + changes("price", Action.NOOP, 9),
        {},
        Guards(max_changes=0, max_updates=0),
        (),
    ),
    "adoption counts as an update": (
        changes("price", Action.UPDATE, 1) + changes("price", Action.ADOPT, 1),
        {},
        Guards(max_updates=1),
        ("2 are over guards.max_updates: 1; if they are meant, raise it to 2 in billplan.yaml",),
    ),
    "each action has a limit": (
        changes("price", Action.CREATE, 2) + changes("price", Action.REPLACE, 2) + changes("price", Action.RETIRE, 2),
        {},
        Guards(max_creates=1, max_replaces=1, max_retires=1),
        (
            "2 are over guards.max_creates: 1; if they are meant, raise it to 2 in billplan.yaml",
            "2 are over guards.max_replaces: 1; if they are meant, raise it to 2 in billplan.yaml",
            "2 are over guards.max_retires: 1; if they are meant, raise it to 2 in billplan.yaml",
        ),
    ),
    "a share of the live ones": (
        changes("price", Action.RETIRE, 7),
        {"price": 20},
        Guards(),
        (
            "7 of 20 live prices (35%) are over guards.max_retire_percent: 30; "
            "if they are meant, raise it to 35 in billplan.yaml",
        ),
    ),
    "exactly the share that is allowed": (changes("price", Action.RETIRE, 6), {"price": 20}, Guards(), ()),
    "a share is rounded up on the way out": (
        changes("price", Action.RETIRE, 4),
        {"price": 11},
        Guards(),
        (
            "4 of 11 live prices (36.4%) are over guards.max_retire_percent: 30; "
            "if they are meant, raise it to 37 in billplan.yaml",
        ),
    ),
    "a share of few says nothing": (changes("price", Action.RETIRE, 9), {"price": 9}, Guards(), ()),
    "a share of all kinds, where no kind is large enough by itself": (
        changes("price", Action.RETIRE, 6),
        {"price": 6, "product": 6},
        Guards(),
        (
            "6 of 12 live resources (50%) are over guards.max_retire_percent: 30; "
            "if they are meant, raise it to 50 in billplan.yaml",
        ),
    ),
    "a small share of all kinds": (changes("price", Action.RETIRE, 3), {"price": 6, "product": 6}, Guards(), ()),
    "a kind's own limit goes before the general one": (
        changes("coupon", Action.RETIRE, 5),
        {"coupon": 10},
        Guards(by_kind={"coupon": {"max_retire_percent": 50, "max_retires": 4}}),
        ("5 are over guards.kinds.coupon.max_retires: 4; if they are meant, raise it to 5 in billplan.yaml",),
    ),
    "a kind's own share": (
        changes("coupon", Action.UPDATE, 6),
        {"coupon": 10},
        Guards(by_kind={"coupon": {"max_update_percent": 50}}),
        (
            "6 of 10 live coupons (60%) are over guards.kinds.coupon.max_update_percent: 50; "
            "if they are meant, raise it to 60 in billplan.yaml",
        ),
    ),
    "what is irreversible needs a word": (
        changes("coupon", Action.RETIRE, 1, ChangeClass.IRREVERSIBLE),
        {},
        Guards(),
        (
            "coupon.retire_0 cannot be undone (why); if it is meant: --allow 'irreversible:coupon.retire_0', "
            "or the same under guards.allow in billplan.yaml",
        ),
    ),
    "what is irreversible and allowed": (
        changes("coupon", Action.RETIRE, 1, ChangeClass.IRREVERSIBLE),
        {},
        Guards(allow=("irreversible:coupon.*",)),
        (),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_refusals(name: str) -> None:
    planned, owned, guards, words = CASES[name]
    assert tuple(refusals(planned, owned, guards)) == words


@pytest.mark.parametrize(
    ("allow", "is_allowed"),
    [
        ("irreversible:coupon.retire_0", True),
        ("IRREVERSIBLE:coupon.*", True),
        ("irreversible:*", True),
        ("money:coupon.*", False),
        ("irreversible:price.*", False),
        ("coupon.retire_0", False),
        ("", False),
    ],
)
def test_what_an_allowance_names(allow: str, is_allowed: bool) -> None:
    (change,) = changes("coupon", Action.RETIRE, 1, ChangeClass.IRREVERSIBLE)
    assert allowed(change, (allow,)) is is_allowed


@pytest.mark.parametrize(("count", "last"), [(0, None), (3, "w2"), (200, "w199"), (201, "and 1 more")])
def test_a_message_holds_two_hundred_refusals_and_counts_the_rest(count: int, last: str | None) -> None:
    told = briefly([f"w{n}" for n in range(count)])
    assert told[:200] == [f"w{n}" for n in range(min(count, 200))]
    assert (told[-1] if told else None) == last


def test_a_hundred_thousand_refusals_are_counted_in_full() -> None:
    assert briefly(["x"] * 100_000)[200:] == ["and 99,800 more"]
