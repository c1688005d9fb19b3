"""Values: one text for equal values, references that survive being written, and no floats."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.address import Address
from reconciler.core.ownership import encode_digest
from reconciler.core.values import (
    Ref,
    Secret,
    canonical,
    decimal_text,
    digest,
    from_json,
    refs_in,
    replace_refs,
    to_json,
)

ADDRESSES = st.builds(Address, st.sampled_from(["price", "product"]), st.text(max_size=5), st.none() | st.text())
REFS = st.builds(Ref, ADDRESSES, st.sampled_from(["id", "lookup_key"]))
NAMES = st.sampled_from(["$ref", "$$ref", "$$$ref", "attr", "$", "ref", "$other"]) | st.text(max_size=4)
LEAVES = st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=4)
DEEP = st.recursive(
    LEAVES | REFS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=8
)
PRO, TEAM = Ref(Address("product", "pro")), Ref(Address("price", "team"), "lookup_key")


def shuffled(value: Any) -> Any:
    """Turn the order of all keys around."""
    if isinstance(value, dict):
        return {k: shuffled(v) for k, v in reversed(value.items())}
    return [shuffled(v) for v in value] if isinstance(value, list) else value


def typed(value: Any) -> Any:
    """Tell True from 1, which Python holds to be equal."""
    if isinstance(value, dict):
        return {k: typed(v) for k, v in value.items()}
    return [typed(v) for v in value] if isinstance(value, list) else (type(value), value)


@settings(deadline=None, max_examples=200)
@given(DEEP)
def test_what_is_written_as_json_is_read_back(value: Any) -> None:
    assert typed(from_json(json.loads(json.dumps(to_json(value))))) == typed(value)


@settings(deadline=None, max_examples=200)
@given(DEEP, DEEP)
def test_equal_values_and_no_others_have_one_text(one: Any, other: Any) -> None:
    assert (canonical(one) == canonical(other)) == (typed(one) == typed(other))
    assert (digest(one) == digest(other)) == (typed(one) == typed(other))


@settings(deadline=None)
@given(DEEP)
def test_the_order_of_keys_does_not_matter(value: Any) -> None:
    assert canonical(shuffled(value)) == canonical(value)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Decimal("12.50"), Decimal("12.5")),
        (Decimal("1E+3"), Decimal("1000")),
        (Decimal("-0.0"), Decimal("0")),
        ((1, 2), [1, 2]),
    ],
)
def test_equal_values_in_other_spellings_have_one_text(one: Any, other: Any) -> None:
    assert canonical({"a": one}) == canonical({"a": other})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, True),
        (0, None),
        ("", None),
        ([1, 2], [2, 1]),
        (1, "1"),
        ({"a": None}, {}),
        (PRO, "product.pro"),
        (PRO, TEAM),
        (PRO, Ref(PRO.address, "name")),
        (PRO, {"$ref": "product.pro", "attr": "id"}),
        ({"$ref": "x", "attr": "y"}, {"$$ref": "x", "attr": "y"}),
    ],
)
def test_different_values_have_different_texts(one: Any, other: Any) -> None:
    assert canonical(one) != canonical(other)
    assert digest([one]) != digest([other])


@pytest.mark.parametrize("hold", [lambda v: v, lambda v: [v], lambda v: {"a": [{"b": v}]}, lambda v: ({"c": (v,)},)])
@pytest.mark.parametrize("value", [1.5, 0.0, float("nan"), {1, 2}, b"bytes", Secret("sk_live_1"), object()])
def test_floats_and_other_strangers_are_refused_however_deep(hold: Any, value: Any) -> None:
    with pytest.raises(TypeError, match="has no place in a plan"):
        canonical(hold(value))


def test_a_refused_secret_is_not_shown() -> None:
    with pytest.raises(TypeError) as caught:
        canonical({"key": Secret("sk_live_1")})
    assert "sk_live_1" not in str(caught.value)


@pytest.mark.parametrize("name", ["$ref", "$$ref", "$$$ref", "$other", "$"])
def test_metadata_that_looks_like_a_reference_is_none(name: str) -> None:
    for metadata in ({name: "price.x"}, {name: "price.x", "attr": "id"}, {name: "no address", "attr": "id", "b": "c"}):
        assert from_json(to_json({"metadata": metadata})) == {"metadata": metadata}
        assert refs_in(from_json(to_json(metadata))) == []


def test_metadata_with_a_dollar_is_written_as_it_is() -> None:
    assert to_json({"$ref": "price.x"}) == {"$ref": "price.x"}
    assert to_json({"$cost": "9", "attr": "id"}) == {"$cost": "9", "attr": "id"}


def test_a_reference_is_written_as_an_address_and_an_attribute() -> None:
    assert to_json([PRO, TEAM]) == [{"$ref": "product.pro", "attr": "id"}, {"$ref": "price.team", "attr": "lookup_key"}]


@pytest.mark.parametrize("broken", ["no address", "", 7, None, ["price.x"]])
def test_a_broken_reference_is_refused(broken: Any) -> None:
    with pytest.raises(ValueError, match="is not a"):
        from_json([{"$ref": broken, "attr": "id"}])


def test_half_a_surrogate_pair_has_a_text_and_a_hash() -> None:
    halves = ["\ud83d", "\ude00", "\ud83d\ude00", "\U0001f600"]
    assert len({canonical(h) for h in halves}) == len(halves)
    assert len({digest({"metadata": {h: h}}) for h in halves}) == len(halves)
    assert len({encode_digest({f"metadata[{h}]": h}) for h in halves}) == len(halves)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("12.50"), "12.5"),
        (Decimal("100"), "100"),
        (Decimal("1E+3"), "1000"),
        (Decimal("1E-12"), "0.000000000001"),
        (Decimal("-0.000"), "0"),
        (Decimal("-1.10"), "-1.1"),
        (Decimal("0.0"), "0"),
        (2900, "2900"),
        (-5, "-5"),
        (10**30, "1" + "0" * 30),
    ],
)
def test_a_decimal_is_written_without_exponent_and_trailing_zeros(value: Decimal | int, text: str) -> None:
    assert decimal_text(value) == text


@settings(deadline=None)
@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15))
def test_the_text_of_a_decimal_has_its_value(value: Decimal) -> None:
    text = decimal_text(value)
    assert Decimal(text) == value
    assert decimal_text(Decimal(text)) == text


def test_references_are_found_in_order_however_deep() -> None:
    assert refs_in({"a": [PRO, {"b": (TEAM, "price.x")}], "c": 1, "d": PRO}) == [PRO, TEAM, PRO]
    assert refs_in("product.pro") == []


@settings(deadline=None)
@given(DEEP)
def test_replaced_references_are_gone_and_the_rest_is_as_before(value: Any) -> None:
    assert refs_in(replace_refs(value, lambda ref: "id")) == []
    assert replace_refs(value, lambda ref: ref) == value


def test_a_reference_is_replaced_by_what_it_is_asked_to_be() -> None:
    replaced = replace_refs({"product": PRO, "tiers": ({"price": TEAM},)}, lambda ref: f"id of {ref}")
    assert replaced == {"product": "id of product.pro", "tiers": [{"price": "id of price.team.lookup_key"}]}


def test_a_secret_shows_nothing_of_itself() -> None:
    secret = Secret("sk_live_1")
    assert [str(secret), repr(secret), f"{secret}", f"{[secret]}"] == ["Secret(***)"] * 3 + ["[Secret(***)]"]
    assert secret.text == "sk_live_1"
