"""The "did you mean": a near word where there is one, and silence where there is none."""

from __future__ import annotations

import pytest

from reconciler.core.suggest import suggestion

FIELDS = ("name", "description", "default_price", "unit_amount", "unit_label")


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("nmae", "did you mean name?"),
        ("descripton", "did you mean description?"),
        ("unit_amout", "did you mean unit_amount?"),
        ("defaultprice", "did you mean default_price?"),
        ("colour", ""),
        ("", ""),
        ("x" * 500, ""),
    ],
)
def test_a_near_word_is_offered_and_a_far_one_is_not(word: str, said: str) -> None:
    assert suggestion(word, FIELDS) == said


def test_the_nearest_of_several_is_offered() -> None:
    assert suggestion("price.pro_montly", ["price.pro", "price.pro_yearly", "price.pro_monthly"]) == (
        "did you mean price.pro_monthly?"
    )


def test_nothing_is_offered_where_nothing_is_known() -> None:
    assert suggestion("name", iter(())) == ""
