"""What lines come to, with the figures worked out by hand."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.migration_facts import CouponFacts
from reconciler.core.row_amounts import Line, add_up, priced, ratio, reduced
from tests.core.courses import coupon, rate

PRICED = [
    # Half a cent is rounded up, and only at the end: three of 0.5 are 1.5, thus 2.
    ("0.5", 1, (1, 1), 1),
    ("0.5", 3, (1, 1), 2),
    ("0.12", 4, (1, 1), 0),
    ("0.12", 5, (1, 1), 1),
    ("10000", 1, (24, 31), 7_742),
    ("10000", 3, (24, 31), 23_226),
    ("9999", 0, (24, 31), 0),
    ("1", 1, (1, 2), 1),
]


@pytest.mark.parametrize(("unit", "quantity", "share", "amount"), PRICED)
def test_an_amount_is_rounded_half_up_at_its_end(unit: str, quantity: int, share: tuple[int, int], amount: int) -> None:
    assert priced(ratio(Decimal(unit)), quantity, share) == amount


AB: list[Line] = [(100, "prod_a"), (50, "prod_b")]
REDUCED = [
    (None, [100, 50]),
    (coupon(percent_off=Decimal(10)), [90, 45]),
    # 50 in all, of which 33 and a third is the first line's.
    (coupon(percent_off=Decimal("33.3")), [67, 33]),
    (coupon(amounts_off={"usd": 20}), [87, 43]),
    (coupon(amounts_off={"usd": 500}), [0, 0]),
    (coupon(amounts_off={"eur": 20}), [100, 50]),
    (coupon(percent_off=Decimal(100), products=frozenset({"prod_b"})), [100, 0]),
    (coupon(percent_off=Decimal(50), products=frozenset({"prod_c"})), [100, 50]),
]


@pytest.mark.parametrize(("one", "left"), REDUCED)
def test_a_discount_is_dealt_to_the_lines_that_it_is_good_for(one: CouponFacts | None, left: list[int]) -> None:
    assert reduced(AB, one, "usd") == left


def test_a_credit_is_no_base_of_a_discount() -> None:
    lines: list[Line] = [(100, "prod_a"), (-40, "prod_b")]
    assert reduced(lines, coupon(percent_off=Decimal(50)), "usd") == [50, -40]


TAXED = [
    (None, 150, 150),
    (rate(percentage="10"), 150, 165),
    (rate(percentage="19", inclusive=True), 150, 150),
    # 8.875 and 4.4375, each rounded by itself.
    (rate(percentage="8.875"), 150, 150 + 9 + 4),
]


@pytest.mark.parametrize(("one", "net", "total"), TAXED)
def test_a_tax_goes_on_top_of_each_line_unless_it_is_within(one: None, net: int, total: int) -> None:
    found = add_up(AB, None, "usd", one)
    assert (found.net, found.total) == (net, total)


def test_a_tax_is_of_what_the_discount_leaves() -> None:
    assert add_up(AB, coupon(percent_off=Decimal(20)), "usd", rate(percentage="50")).total == 120 + 40 + 20


@given(
    amounts=st.lists(st.integers(0, 10**7), min_size=1, max_size=5),
    percent=st.decimals(Decimal("0.01"), Decimal(100), places=2),
)
def test_the_shares_of_a_discount_come_to_the_discount(amounts: list[int], percent: Decimal) -> None:
    left = reduced([(amount, "prod_a") for amount in amounts], coupon(percent_off=percent), "usd")
    exact = sum(amounts) * Fraction(percent) / 100
    assert abs(sum(amounts) - sum(left) - exact) <= Fraction(1, 2)
    assert all(0 <= one <= amount for one, amount in zip(left, amounts, strict=True))
    # No line gets more than a cent beyond its share.
    assert all(
        abs((amount - one) - amount * Fraction(percent) / 100) < 2 for one, amount in zip(left, amounts, strict=True)
    )
