"""The simple field types: what may stand in a spec, its canonical form, and what is said of anything else."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.address import Address
from reconciler.core.fields import FieldType
from reconciler.core.types import Amount, DecimalNumber, Flag, Moment, Reference, Text, Whole, describe, show_moment
from reconciler.core.values import Ref
from tests.core.fields_at_work import found, holds, parsed, schema_holds

ID = Text(max_length=5, pattern="[a-z-]+", what="an id of letters and -")
CURRENCY = Text(max_length=3, pattern="[a-z]{3}", fold=True, what="a currency code")
ROUND = Text(choices=("up", "down"))
UP_TO = Whole(minimum=1, maximum=9, word="inf")
PERCENT = DecimalNumber(minimum=0, maximum=100, places=2)
PRODUCT = Reference(kind="product")
CUSTOMER = Reference(kind="customer", declared=False)


@pytest.mark.parametrize(
    ("kind", "value", "canonical"),
    [
        (Text(), "für alle 🎉", "für alle 🎉"),
        (ID, "a-b-c", "a-b-c"),
        (CURRENCY, "USD", "usd"),
        (ROUND, "up", "up"),
        (UP_TO, 1, 1),
        (UP_TO, 9, 9),
        (UP_TO, "inf", "inf"),
        (Whole(), -(10**20), -(10**20)),
        (PERCENT, 20, "20"),
        (PERCENT, Decimal("12.50"), "12.5"),
        (PERCENT, "12.50", "12.5"),
        (PERCENT, "0.0", "0"),
        (PERCENT, 100, "100"),
        (DecimalNumber(), "-0.000000000001", "-0.000000000001"),
        (Amount(), 2900, "2900"),
        (Amount(), 0, "0"),
        (Amount(), 999_999_999_999, "999999999999"),
        (Amount(minimum=None), -5, "-5"),
        (Flag(), True, True),
        (Flag(), False, False),
        (PRODUCT, "product.pro", Ref(Address("product", "pro"))),
        (PRODUCT, 'product["a b"]', Ref(Address("product", "a b"))),
        (PRODUCT, "prod_123", "prod_123"),
        (PRODUCT, "acme-pro", "acme-pro"),
        (CUSTOMER, "cus_1", "cus_1"),
        (CUSTOMER, "customer.x", "customer.x"),
    ],
)
def test_a_good_value_has_a_canonical_form(kind: FieldType, value: Any, canonical: Any) -> None:
    assert parsed(kind, value) == canonical
    assert type(parsed(kind, value)) is type(canonical)
    assert schema_holds(kind, value)


@pytest.mark.parametrize(
    ("value", "canonical"),
    [("2900", "2900"), ("2900.0", "2900"), ("0.12", "0.12"), ("0.120", "0.12"), ("0.000000000001", "0.000000000001")],
)
def test_an_amount_below_the_smallest_unit_is_a_quoted_decimal(value: str, canonical: str) -> None:
    assert parsed(Amount(), value, ("tiers", 0, "unit_amount_decimal")) == canonical


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        (Text(), 9, ("BP1204", "expected a text, found the number 9", 'write "9" in quotes')),
        (Text(), Decimal("1.10"), ("BP1204", "expected a text, found the number 1.10", 'write "1.10" in quotes')),
        (Text(), True, ("BP1204", "expected a text, found the boolean true", "")),
        (Text(), None, ("BP1204", "expected a text, found nothing (null)", "")),
        (Text(), ["a"], ("BP1204", "expected a text, found a list", "")),
        (Text(), {"a": 1}, ("BP1204", "expected a text, found a mapping", "")),
        (Text(), "", ("BP1207", "expected a text, found an empty text", "leave the field out to unset it")),
        (ID, "abcdef", ("BP1207", "the text has 6 characters, at most 5 are allowed", "")),
        (ID, "ab c", ("BP1207", "'ab c' is not an id of letters and -", "")),
        (Text(), "a\x00b", ("BP1207", "the text holds control characters", "take them out")),
        (ID, "abc\n", ("BP1207", "'abc\\n' is not an id of letters and -", "")),
        (CURRENCY, "us", ("BP1207", "'us' is not a currency code", "")),
        (ROUND, "dwn", ("BP1206", "'dwn' is not one of up, down", "did you mean down?")),
        (ROUND, "sideways", ("BP1206", "'sideways' is not one of up, down", "")),
        (ROUND, "UP", ("BP1206", "'UP' is not one of up, down", "")),
        (ROUND, "", ("BP1206", "'' is not one of up, down", "")),
        (UP_TO, "9", ("BP1204", "expected a whole number, found the text '9'", "")),
        (UP_TO, "infinite", ("BP1204", "expected a whole number, found the text 'infinite'", "")),
        (UP_TO, True, ("BP1204", "expected a whole number, found the boolean true", "")),
        (UP_TO, None, ("BP1204", "expected a whole number, found nothing (null)", "")),
        (UP_TO, 0, ("BP1205", "0 is below the minimum of 1", "")),
        (UP_TO, 10, ("BP1205", "10 is above the maximum of 9", "")),
        (PERCENT, "a lot", ("BP1204", "expected a decimal number such as 12.5, found the text 'a lot'", "")),
        (PERCENT, "NaN", ("BP1204", "expected a decimal number such as 12.5, found the text 'NaN'", "")),
        (PERCENT, "1e1", ("BP1204", "expected a decimal number such as 12.5, found the text '1e1'", "")),
        (PERCENT, "1_0", ("BP1204", "expected a decimal number such as 12.5, found the text '1_0'", "")),
        (PERCENT, " 5", ("BP1204", "expected a decimal number such as 12.5, found the text ' 5'", "")),
        (PERCENT, "\u0665", ("BP1204", "expected a decimal number such as 12.5, found the text '\u0665'", "")),
        (PERCENT, "1e99999999", ("BP1204", "expected a decimal number such as 12.5, found the text '1e99999999'", "")),
        (PERCENT, Decimal("inf"), ("BP1204", "expected a decimal number such as 12.5, found the number Infinity", "")),
        (PERCENT, False, ("BP1204", "expected a decimal number such as 12.5, found the boolean false", "")),
        (PERCENT, "-0.01", ("BP1205", "-0.01 is below the minimum of 0", "")),
        (PERCENT, Decimal("100.01"), ("BP1205", "100.01 is above the maximum of 100", "")),
        (PERCENT, "12.345", ("BP1205", "12.345 has more than 2 digits after the point", "")),
        (Amount(), -1, ("BP1205", "-1 is below the minimum of 0", "")),
        (Amount(), 10**12, ("BP1205", "1000000000000 is above the maximum of 999999999999", "")),
        (Amount(minimum=1), 0, ("BP1205", "0 is below the minimum of 1", "")),
        (Amount(), "2900", ("BP1204", "expected a whole number, found the text '2900'", "")),
        (Flag(), "yes", ("BP1204", "expected true or false, found the text 'yes'", "")),
        (Flag(), 1, ("BP1204", "expected true or false, found the number 1", "")),
        (Flag(), None, ("BP1204", "expected true or false, found nothing (null)", "")),
    ],
)
def test_a_bad_value_is_named_with_the_way_out(kind: FieldType, value: Any, said: tuple[str, str, str]) -> None:
    assert found(kind, value) == [said]


def test_an_amount_with_a_point_is_told_of_the_smallest_unit() -> None:
    hint = "amounts are whole numbers of the smallest unit: 2900 is 29.00"
    said = ("BP1204", "expected a whole number, found the number 29.00", hint)
    assert found(Amount(), Decimal("29.00"), ("unit_amount",)) == [said]


@pytest.mark.parametrize("value", [2900, Decimal("0.12")])
def test_a_decimal_amount_without_quotes_is_told_to_take_them(value: Any) -> None:
    said = ("BP1204", f"expected a decimal in quotes, found the number {value}", f'write "{value}" in quotes')
    assert found(Amount(), value, ("unit_amount_decimal",)) == [said]


@pytest.mark.parametrize(
    ("value", "code"), [("-0.5", "BP1205"), ("0.0000000000001", "BP1205"), ("1,5", "BP1204"), ("", "BP1204")]
)
def test_a_decimal_amount_out_of_bounds_is_refused(value: str, code: str) -> None:
    assert [c for c, _, _ in found(Amount(), value, ("unit_amount_decimal",))] == [code]


EPOCH = 1_798_761_600


@pytest.mark.parametrize(
    "value",
    [
        EPOCH,
        "2027-01-01T00:00:00Z",
        "2027-01-01 00:00:00Z",
        "2027-01-01T01:00:00+01:00",
        "2026-12-31T19:00:00-05:00",
        "2027-01-01T00:00:00.000Z",
    ],
)
def test_one_moment_in_all_its_spellings_is_one_value(value: Any) -> None:
    assert parsed(Moment(), value) == EPOCH
    assert schema_holds(Moment(), value)


@pytest.mark.parametrize(
    ("value", "summary", "hint"),
    [
        ("2027-01-01T00:00:00", "has no time zone", "write 2027-01-01T00:00:00Z for UTC"),
        ("2027-01-01", "has no time zone", "write 2027-01-01T00:00:00Z for UTC"),
        ("2027-02-30T00:00:00Z", "expected a date and time such as", ""),
        ("tomorrow", "found the text 'tomorrow'", ""),
        ("1798761600", "found the text '1798761600'", ""),
        ("", "found the text ''", ""),
        (True, "found the boolean true", ""),
        (Decimal("1798761600.5"), "found the number 1798761600.5", ""),
        (None, "found nothing (null)", ""),
        (EPOCH * 1000, "is no date from 1970 to 9999", "write whole seconds, not milliseconds"),
        (-1, "is no date from 1970 to 9999", ""),
    ],
)
def test_what_is_no_moment_is_refused(value: Any, summary: str, hint: str) -> None:
    [(code, said, way_out)] = found(Moment(), value)
    assert (code, way_out) == ("BP1208", hint)
    assert summary in said


@settings(deadline=None)
@given(st.datetimes(datetime(1970, 1, 2), datetime(9999, 12, 30)), st.integers(-14, 14))
def test_a_moment_is_shown_as_it_may_be_written(naive: datetime, hours: int) -> None:
    moment = naive.replace(microsecond=0, tzinfo=timezone(timedelta(hours=hours)))
    epoch = parsed(Moment(), moment.isoformat())
    assert epoch == moment.timestamp()
    assert parsed(Moment(), show_moment(epoch)) == epoch


@pytest.mark.parametrize(
    ("value", "code", "summary"),
    [
        ("price.pro", "BP1303", "'price.pro' does not name a product"),
        ('price["a b"]', "BP1303", "'price[\"a b\"]' does not name a product"),
        ("product.", "BP1303", "'product.' is not an address: the name after the dot is missing"),
        ("product[pro]", "BP1303", "'product[pro]' is not an address: expected .name"),
        (7, "BP1204", "found the number 7"),
        (None, "BP1204", "found nothing (null)"),
        ("", "BP1204", "expected a product: its address (product.name) or its Stripe id, found the text ''"),
    ],
)
def test_a_reference_to_something_else_is_refused(value: Any, code: str, summary: str) -> None:
    [(found_code, said, _)] = found(PRODUCT, value)
    assert found_code == code
    assert summary in said


def test_a_reference_to_another_kind_says_what_is_expected() -> None:
    [(_, _, hint)] = found(PRODUCT, "price.pro")
    assert hint == "expected a product: its address (product.name) or its Stripe id"


def test_what_cannot_be_declared_is_named_by_its_id() -> None:
    assert found(CUSTOMER, 5) == [("BP1204", "expected a Stripe id, found the number 5", "")]


@pytest.mark.parametrize(
    ("kind", "raw", "canonical"),
    [
        (Text(), "Pro", "Pro"),
        (Text(), "", None),
        (CURRENCY, "USD", "usd"),
        (UP_TO, 3, 3),
        (UP_TO, "inf", "inf"),
        (PERCENT, 12.5, "12.5"),
        (PERCENT, 20.0, "20"),
        (PERCENT, "20.00", "20"),
        (Amount(), 2900, "2900"),
        (Amount(), "0.120", "0.12"),
        (Moment(), EPOCH, EPOCH),
        (PRODUCT, "prod_1", "prod_1"),
        (PRODUCT, {"id": "prod_1", "object": "product"}, "prod_1"),
        (PRODUCT, "", None),
    ],
)
def test_an_answer_is_read_into_the_same_canonical_form(kind: FieldType, raw: Any, canonical: Any) -> None:
    assert kind.read(raw) == canonical


ANYTHING = (
    st.none()
    | st.booleans()
    | st.integers(-3, 200)
    | st.decimals(-3, 200, places=3)
    | st.text("abcU-1.5 ", max_size=7)
    | st.sampled_from(["inf", "up", "down", "usd", "12.5", "product.pro"])
    | st.lists(st.integers(), max_size=1)
)
SIMPLE = [Text(), Text(max_length=4), ID, CURRENCY, ROUND, Whole(), UP_TO, PERCENT, Amount(), Flag(), Moment()]


@pytest.mark.parametrize("kind", SIMPLE, ids=repr)
@settings(deadline=None, max_examples=120)
@given(value=ANYTHING)
def test_what_was_sent_and_is_shown_again_is_no_difference(kind: FieldType, value: Any) -> None:
    if holds(kind, value):
        canonical = parsed(kind, value)
        assert kind.read(kind.encode(canonical)) == canonical


@pytest.mark.parametrize("kind", SIMPLE, ids=repr)
@settings(deadline=None, max_examples=120)
@given(value=ANYTHING)
def test_the_schema_takes_whatever_parses(kind: FieldType, value: Any) -> None:
    if holds(kind, value):
        assert schema_holds(kind, value)


# A schema cannot bound a number that stands in a text, and calls 2.0 an integer.
PLAIN = st.none() | st.booleans() | st.integers(-3, 200) | st.text("abcU-1.5 ", max_size=7) | st.just("inf")


@pytest.mark.parametrize("kind", [k for k in SIMPLE if k is not PERCENT and not isinstance(k, Moment)], ids=repr)
@settings(deadline=None, max_examples=120)
@given(value=PLAIN)
def test_the_schema_takes_nothing_else(kind: FieldType, value: Any) -> None:
    assert schema_holds(kind, value) == holds(kind, value)


@settings(deadline=None)
@given(st.integers(0, 999_999_999_999), st.integers(0, 12))
def test_the_two_spellings_of_an_amount_are_one_value(amount: int, zeros: int) -> None:
    spelled = f"{amount}.{'0' * zeros}" if zeros else str(amount)
    whole = parsed(Amount(), amount, ("unit_amount",))
    assert parsed(Amount(), spelled, ("unit_amount_decimal",)) == whole
    assert Amount().encode(whole) == amount


def test_the_types_of_a_spec_have_names_that_its_author_knows() -> None:
    values: list[Any] = [None, True, 3, Decimal("1.5"), "x", {}, [], ()]
    assert [describe(v) for v in values] == [
        "nothing (null)",
        "the boolean true",
        "the number 3",
        "the number 1.5",
        "the text 'x'",
        "a mapping",
        "a list",
        "a list",
    ]
