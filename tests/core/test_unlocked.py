"""What products unlock together, and what customers lose where a mapping is narrowed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from reconciler.core.feature_values import is_more, merged, misfit
from reconciler.core.product_use import Subscribed, count_subscribed, product_use
from reconciler.core.unlocked import Narrowing, Unlocked, unlocked


def of(**products: tuple[str, Mapping[str, Any]]) -> dict[str, Unlocked]:
    return {id: Unlocked(mapping=mapping, features=features) for id, (mapping, features) in products.items()}


ITEMS = [
    ("sub_1", "cus_1", "p"),
    ("sub_2", "cus_1", "q"),
    ("sub_3", "cus_2", "p"),
    ("sub_3", "cus_2", "p"),
    ("sub_4", "cus_3", "x"),
    ("sub_5", "cus_4", "p"),
    ("sub_5", "cus_4", "x"),
]
SUBSCRIBED = count_subscribed(ITEMS)
NO_LOSS = "no customer with an active subscription loses anything by it"


def losses(
    before: Mapping[str, Unlocked],
    after: Mapping[str, Unlocked],
    *changed: str,
    subscribed: Subscribed = SUBSCRIBED,
) -> dict[str, tuple[str, ...]]:
    return Narrowing(before=before, after=after, changed=frozenset(changed)).losses(subscribed)


BEFORE = of(p=("pro", {"sso": True, "calls": 100, "seats": "unlimited"}), q=("team", {"sso": True, "calls": 50}))


@pytest.mark.parametrize(
    ("more", "less"),
    [(True, False), (True, None), (1, 0), (1, None), ("unlimited", 10**15), ("unlimited", None), (3, 2)],
)
def test_more_is_more(more: Any, less: Any) -> None:
    assert is_more(more, less)
    assert not is_more(less, more)


@pytest.mark.parametrize("none", [None, False, 0])
def test_nothing_is_nothing(none: Any) -> None:
    assert not is_more(none, None)
    assert not is_more(None, none)


def test_several_subscriptions_give_the_most_of_each_feature() -> None:
    together = merged([{"a": False, "b": 5, "c": "unlimited"}, {"a": True, "b": 7, "c": 9}, {"a": False, "d": 0}])
    assert together == {"a": True, "b": 7, "c": "unlimited", "d": 0}


@pytest.mark.parametrize(
    ("value", "type", "fits"),
    [(True, "boolean", True), (1, "boolean", False), ("unlimited", "boolean", False), (False, "quota", False),
     (0, "quota", True), ("unlimited", "limit", True)],
)  # fmt: skip
def test_a_value_fits_its_type(value: Any, type: str, fits: bool) -> None:
    assert (misfit(value, type) == "") is fits


@pytest.mark.parametrize(
    ("after", "is_narrowed"),
    [
        (BEFORE, False),
        ({**BEFORE, **of(p=("pro", {"sso": True, "calls": 200, "seats": "unlimited", "new": 1}))}, False),
        ({**BEFORE, **of(p=("pro", {"sso": True, "calls": 99, "seats": "unlimited"}))}, True),
        ({**BEFORE, **of(p=("pro", {"sso": True, "calls": 100}))}, True),
        ({**BEFORE, **of(p=("other", BEFORE["p"].features))}, True),
        ({"q": BEFORE["q"]}, True),
    ],
)
def test_a_mapping_is_narrowed_by_what_it_gives_no_more(after: Mapping[str, Unlocked], is_narrowed: bool) -> None:
    assert list(losses(BEFORE, after, "pro", "other", "team")) == (["pro"] if is_narrowed else [])


def test_a_removed_mapping_takes_from_customers_what_no_other_product_gives_them() -> None:
    assert losses(BEFORE, {"q": BEFORE["q"]}, "pro")["pro"] == (
        "3 customers do not have pro any more",
        "2 customers lose calls",
        "3 customers lose seats",
        "2 customers lose sso",
        "1 customer gets less of calls",
    )


def test_a_lower_value_takes_from_those_who_have_no_more_of_it_elsewhere() -> None:
    after = {**BEFORE, **of(p=("pro", {"sso": False, "calls": 60, "seats": 3}))}
    assert losses(BEFORE, after, "pro", "max")["pro"] == (
        "2 customers lose sso",
        "3 customers get less of calls",
        "3 customers get less of seats",
    )


def test_a_product_that_goes_over_with_all_it_gives_takes_only_the_name() -> None:
    after = {**BEFORE, **of(p=("max", {**BEFORE["p"].features, "calls": 1000}))}
    assert losses(BEFORE, after, "pro", "max")["pro"] == ("3 customers do not have pro any more",)


def test_where_nobody_has_it_nobody_loses_it_and_what_was_not_counted_is_said() -> None:
    gone = {"q": BEFORE["q"]}
    assert losses(BEFORE, gone, "pro", subscribed=count_subscribed([])) == {"pro": (NO_LOSS,)}
    assert losses(BEFORE, gone, "pro", subscribed=Subscribed(unknown="the key lacks it")) == {
        "pro": ("how many customers lose something by it was not counted: the key lacks it",)
    }


def test_a_product_in_two_mappings_is_with_the_changed_one() -> None:
    mappings: dict[str, dict[str, Any]] = {
        "a": {"stripe_products": ["p"], "features": {"sso": True}},
        "z": {"stripe_products": ["p", "q"], "features": None},
    }
    assert unlocked(mappings, frozenset()) == of(p=("z", {}), q=("z", {}))
    assert unlocked(mappings, frozenset({"a"})) == of(p=("a", {"sso": True}), q=("z", {}))
    assert unlocked(mappings, frozenset({"a", "z"})) == of(p=("z", {}), q=("z", {}))


def test_what_a_mapping_takes_over_from_an_unchanged_one_is_lost_by_the_taker() -> None:
    after = {**BEFORE, **of(p=("a", {"sso": True, "calls": 60}))}
    assert losses(BEFORE, after, "a") == {
        "a": ("3 customers do not have pro any more", "3 customers lose seats", "3 customers get less of calls")
    }


def test_a_loss_by_two_changes_is_told_at_one_of_them() -> None:
    assert losses(BEFORE, {}, "pro", "team") == {
        "pro": (
            "3 customers do not have pro any more",
            "3 customers lose calls",
            "3 customers lose seats",
            "3 customers lose sso",
        ),
        "team": (
            "1 customer does not have team any more",
            "what customers lose by this and another change is told at the mapping pro",
        ),
    }
    less = of(p=("pro", {"seats": "unlimited", "sso": True, "calls": 70}), q=("team", {"sso": True, "calls": 40}))
    assert losses(BEFORE, less, "pro", "team") == {"pro": ("3 customers get less of calls",), "team": (NO_LOSS,)}


def test_two_takers_of_one_mapping_tell_its_end_once() -> None:
    before = of(p=("old", {"sso": True}), q=("old", {"sso": True}))
    after = of(p=("a", {"sso": True}), q=("b", {"sso": True}))
    told = losses(before, after, "a", "b")
    assert told == {
        "a": ("3 customers do not have old any more",),
        "b": ("what customers lose by this and another change is told at the mapping a",),
    }


def test_products_come_the_most_used_first_and_what_is_left_out_is_counted() -> None:
    products = {"p": ("Pro", True), "x": ("X", True), "new": ("New", True), "old": ("Old", False), "gone": ("G", False)}
    use = product_use(products, {"p": "pro", "gone": "team"}, SUBSCRIBED)
    assert [(one.id, one.mapping, one.subscriptions, one.active) for one in use.products] == [
        ("p", "pro", 3, True),
        ("x", None, 2, True),
        ("q", None, 1, True),
        ("new", None, 0, True),
        ("gone", "team", 0, False),
    ]
    # sub_5 has a mapped product beside the one that is not.
    assert (use.unmapped, use.left_out) == (3, 2)


def test_what_was_not_counted_is_not_nought() -> None:
    use = product_use({"p": ("Pro", True)}, {}, Subscribed(unknown="no mirror"))
    assert [(one.id, one.subscriptions) for one in use.products] == [("p", None)]
    assert (use.left_out, use.unknown) == (None, "no mirror")
