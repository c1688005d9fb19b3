"""The composite field types: lists, mappings with free keys, structs with named fields."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.address import Address
from reconciler.core.fields import Field, FieldType
from reconciler.core.shapes import ListOf, MapOf, Struct, encoded, holds_references
from reconciler.core.types import Amount, Flag, Reference, Text, Whole
from reconciler.core.values import Ref
from tests.core.fields_at_work import found, holds, parsed, paths, schema_holds

TEXTS = ListOf(item=Text(max_length=4), max_items=3)
PRODUCTS = ListOf(item=Reference(kind="product"), ordered=False)
METADATA = MapOf(
    value=Text(max_length=5),
    key_pattern=r"[^\[\]]{1,8}",
    key_name="a metadata key",
    max_keys=2,
    reserved="own_",
)
TIER = Struct(
    fields=(
        Field(name="up_to", type=Whole(minimum=1, word="inf"), doc="Upper bound.", required=True),
        Field(name="unit_amount", type=Amount(), twin="unit_amount_decimal", doc="Amount."),
        Field(name="round", type=Text(choices=("up", "down")), doc="Which way.", default="up"),
    ),
    excluded=(("expand", "billplan reads objects whole by itself"),),
)
TIERS = ListOf(item=TIER)


@pytest.mark.parametrize(
    ("kind", "value", "canonical"),
    [
        (TEXTS, ["b", "a", "b"], ["b", "a", "b"]),
        (PRODUCTS, ["prod_2", "prod_1"], ["prod_1", "prod_2"]),
        (METADATA, {"b": "1", "a.b": "2"}, {"a.b": "2", "b": "1"}),
        (METADATA, {}, {}),
        (TIER, {"up_to": 5}, {"up_to": 5, "round": "up"}),
        (TIER, {"up_to": 5, "round": "down"}, {"up_to": 5, "round": "down"}),
        (TIER, {"up_to": "inf", "unit_amount": 12}, {"up_to": "inf", "unit_amount": "12", "round": "up"}),
        (TIER, {"up_to": 5, "unit_amount_decimal": "0.50"}, {"up_to": 5, "unit_amount": "0.5", "round": "up"}),
        (TIER, {"up_to": 5, "unit_amount": None}, {"up_to": 5, "round": "up"}),
    ],
)
def test_a_good_value_has_a_canonical_form(kind: FieldType, value: Any, canonical: Any) -> None:
    assert parsed(kind, value) == canonical


def test_an_unordered_list_is_the_same_in_any_order() -> None:
    one = parsed(PRODUCTS, ["product.b", "prod_1", "product.a"])
    assert one == parsed(PRODUCTS, ["product.a", "product.b", "prod_1"])
    assert sorted(map(str, one)) == ["prod_1", "product.a", "product.b"]
    assert PRODUCTS.read(["z", "a"]) == PRODUCTS.read(["a", "z"])
    assert TEXTS.read(["z", "a"]) != TEXTS.read(["a", "z"])


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        (TEXTS, "a", ("BP1204", "expected a list, found the text 'a'", "")),
        (TEXTS, {"a": "b"}, ("BP1204", "expected a list, found a mapping", "")),
        (TEXTS, None, ("BP1204", "expected a list, found nothing (null)", "")),
        (TEXTS, [], ("BP1205", "the list is empty", "leave the field out to unset it")),
        (TEXTS, list("abcd"), ("BP1205", "the list has 4 entries, at most 3 are allowed", "")),
        (TEXTS, ["a", 5], ("BP1204", "expected a text, found the number 5", 'write "5" in quotes')),
        (METADATA, ["a"], ("BP1204", "expected a mapping, found a list", "")),
        (METADATA, {"a": "1", "b": "2", "c": "3"}, ("BP1205", "3 keys, at most 2 are allowed", "")),
        (METADATA, {"a[b]": "1"}, ("BP1207", "'a[b]' is not a metadata key", "")),
        (METADATA, {"": "1"}, ("BP1207", "'' is not a metadata key", "")),
        (METADATA, {"ninechars": "1"}, ("BP1207", "'ninechars' is not a metadata key", "")),
        (METADATA, {"own_x": "1"}, ("BP1207", "'own_x' is kept for billplan's own marks", "take another key")),
        (METADATA, {"a": 1}, ("BP1204", "expected a text, found the number 1", 'write "1" in quotes')),
        (TIER, "5", ("BP1204", "expected a mapping, found the text '5'", "")),
        (TIER, {}, ("BP1203", "up_to is required", "Upper bound.")),
        (TIER, {"up_to": None}, ("BP1203", "up_to is required", "Upper bound.")),
        (TIER, {"up_to": 1, "unit_amout": 2}, ("BP1201", "unknown field unit_amout", "did you mean unit_amount?")),
        (TIER, {"up_to": 1, "colour": 2}, ("BP1201", "unknown field colour", "")),
        (TIER, {"up_to": 1, "expand": []}, ("BP1202", "expand is not declared here", TIER.excluded[0][1])),
        (
            TIER,
            {"up_to": 1, "unit_amount": 1, "unit_amount_decimal": "1"},
            ("BP1209", "unit_amount and unit_amount_decimal exclude each other", ""),
        ),
    ],
)
def test_a_bad_value_is_named_with_the_way_out(kind: FieldType, value: Any, said: tuple[str, str, str]) -> None:
    assert found(kind, value) == [said]


@pytest.mark.parametrize(
    ("kind", "value", "where"),
    [
        (TEXTS, ["a", 5, "long text"], [(1,), (2,)]),
        (METADATA, {"a": 1, "b": "too long"}, [("a",), ("b",)]),
        (TIERS, [{"up_to": 0}, {"up_to": 1, "unit_amount_decimal": 5}], [(0, "up_to"), (1, "unit_amount_decimal")]),
        (TIERS, [{"up_to": 1, "x": 1, "y": 1}], [(0, "x"), (0, "y")]),
        (TIERS, [{}], [(0,)]),
    ],
)
def test_every_problem_is_reported_at_its_own_place(kind: FieldType, value: Any, where: list[Any]) -> None:
    assert paths(kind, value) == where


def test_the_defaults_of_a_part_count_as_what_stripe_shows() -> None:
    assert TIER.read({"up_to": 5, "unit_amount": None, "round": None, "other": 1}) == parsed(TIER, {"up_to": 5})
    assert TIER.read({"up_to": 5, "unit_amount": None, "unit_amount_decimal": "0.500"})["unit_amount"] == "0.5"
    assert TIER.read({"up_to": 5, "unit_amount": 50, "unit_amount_decimal": "50"})["unit_amount"] == "50"


def test_what_is_empty_at_stripe_is_unset() -> None:
    assert TEXTS.read([]) is None
    assert METADATA.read({}) is None


@pytest.mark.parametrize(
    ("value", "wire"),
    [
        ("50", [("unit_amount", 50)]),
        ("0", [("unit_amount", 0)]),
        ("0.5", [("unit_amount_decimal", "0.5")]),
        ("-0.5", [("unit_amount_decimal", "-0.5")]),
    ],
)
def test_an_amount_is_sent_whole_where_it_can_be(value: str, wire: list[tuple[str, Any]]) -> None:
    assert list(encoded(TIER.fields[1], value)) == wire


def test_a_part_is_sent_without_what_is_unset() -> None:
    sent = TIERS.encode(parsed(TIERS, [{"up_to": 5, "unit_amount_decimal": "0.5"}, {"up_to": "inf"}]))
    assert sent == [{"up_to": 5, "unit_amount_decimal": "0.5", "round": "up"}, {"up_to": "inf", "round": "up"}]


@pytest.mark.parametrize(
    ("kind", "holding"),
    [
        (Reference(kind="product"), True),
        (Reference(kind="customer", declared=False), False),
        (PRODUCTS, True),
        (TEXTS, False),
        (MapOf(value=Reference(kind="price"), key_pattern=".*", key_name="a key"), True),
        (METADATA, False),
        (Struct(fields=(Field(name="a", type=ListOf(item=PRODUCTS), doc=""),)), True),
        (TIER, False),
        (Flag(), False),
    ],
)
def test_references_are_known_to_stand_inside(kind: FieldType, holding: bool) -> None:
    assert holds_references(kind) is holding


def test_references_inside_a_list_are_read_as_such() -> None:
    assert parsed(PRODUCTS, ["product.pro"]) == [Ref(Address("product", "pro"))]


KEYS = st.sampled_from(["up_to", "unit_amount", "unit_amount_decimal", "round", "expand", "a", "own"])
LEAVES = st.integers(-2, 5) | st.sampled_from(["inf", "up", "a", "0.5", "1.50", "long text", None, True])
ANYTHING = LEAVES | st.lists(LEAVES, max_size=4) | st.dictionaries(KEYS, LEAVES, max_size=3)
GOOD_TIER = st.fixed_dictionaries(
    {"up_to": st.integers(1, 9) | st.just("inf")},
    optional={"unit_amount": st.integers(0, 9), "round": st.sampled_from(["up", "down"])},
) | st.fixed_dictionaries({"up_to": st.just(1), "unit_amount_decimal": st.sampled_from(["0.50", "12", "3.0"])})
CASES = [
    (TEXTS, ANYTHING | st.lists(st.text("ab", min_size=1, max_size=5), max_size=4)),
    (METADATA, ANYTHING | st.dictionaries(st.text("ab[", max_size=2), st.text("c", max_size=6), max_size=3)),
    (TIER, ANYTHING | GOOD_TIER),
    (TIERS, st.lists(GOOD_TIER | ANYTHING, max_size=3)),
]


@pytest.mark.parametrize(("kind", "values"), CASES, ids=["list", "mapping", "struct", "list of structs"])
@settings(deadline=None, max_examples=120)
@given(data=st.data())
def test_what_was_sent_and_is_shown_again_is_no_difference(
    kind: FieldType, values: st.SearchStrategy[Any], data: st.DataObject
) -> None:
    value = data.draw(values)
    if holds(kind, value):
        canonical = parsed(kind, value)
        assert (kind.read(kind.encode(canonical)) or {}) == canonical


@pytest.mark.parametrize(("kind", "values"), CASES, ids=["list", "mapping", "struct", "list of structs"])
@settings(deadline=None, max_examples=120)
@given(data=st.data())
def test_the_schema_takes_what_parses_and_nothing_else(
    kind: FieldType, values: st.SearchStrategy[Any], data: st.DataObject
) -> None:
    value = data.draw(values)
    if not _beyond_schema(value):
        assert schema_holds(kind, value) == holds(kind, value)


def _beyond_schema(value: Any) -> bool:
    """Say whether a value holds what a schema takes otherwise: null for left out, both spellings of one amount."""
    if isinstance(value, list):
        return any(_beyond_schema(v) for v in value)
    if isinstance(value, dict):
        return None in value.values() or {"unit_amount", "unit_amount_decimal"} <= value.keys()
    return False
