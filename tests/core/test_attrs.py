"""Attributes: bodies laid flat under the names of the wire, and requests built from them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.address import Address
from reconciler.core.attrs import flatten, leaf, params, root
from reconciler.core.fields import Problems
from reconciler.core.kind import Kind
from reconciler.core.values import Ref
from reconciler.kinds import BY_NAME
from reconciler.kinds.price import PRICE
from reconciler.kinds.product import PRODUCT
from reconciler.kinds.promotion_code import PROMOTION_CODE

CASES: list[tuple[Kind, dict[str, Any], dict[str, Any]]] = [
    (PRODUCT, {"name": "Pro", "description": None}, {"name": "Pro"}),
    (PRODUCT, {"metadata": {"tier": "1", "a.b": "2"}}, {"metadata[tier]": "1", "metadata[a.b]": "2"}),
    (PRODUCT, {"metadata": {"a b": "1", "ü": "2"}}, {"metadata[a b]": "1", "metadata[ü]": "2"}),
    (PRODUCT, {"metadata": {}}, {}),
    (PRODUCT, {"active": False, "shippable": False}, {"active": False, "shippable": False}),
    (
        PRODUCT,
        {"marketing_features": [{"name": "Fast"}], "images": ["a", "b"]},
        {"marketing_features": [{"name": "Fast"}], "images": ["a", "b"]},
    ),
    (
        PRICE,
        {"recurring": {"interval": "month", "interval_count": 1}},
        {"recurring": {"interval": "month", "interval_count": 1}},
    ),
    (
        PRICE,
        {"currency_options": {"eur": {"unit_amount": "5"}, "gbp": {"unit_amount": "4"}}},
        {"currency_options[eur]": {"unit_amount": "5"}, "currency_options[gbp]": {"unit_amount": "4"}},
    ),
    (
        PROMOTION_CODE,
        {
            "promotion": {"type": "coupon", "coupon": "launch"},
            "restrictions": {
                "first_time_transaction": True,
                "minimum_amount": None,
                "currency_options": {"eur": {"minimum_amount": "5"}},
            },
        },
        {
            "promotion": {"type": "coupon", "coupon": "launch"},
            "restrictions[first_time_transaction]": True,
            "restrictions[currency_options][eur]": {"minimum_amount": "5"},
        },
    ),
]


@pytest.mark.parametrize(("kind", "value", "flat"), CASES)
def test_a_body_is_laid_flat_where_its_parts_are_owned_one_by_one(
    kind: Kind, value: dict[str, Any], flat: dict[str, Any]
) -> None:
    assert flatten(kind.body, value) == flat


SENT: list[tuple[Kind, dict[str, Any], dict[str, Any]]] = [
    (PRODUCT, {"name": "Pro", "active": False}, {"name": "Pro", "active": False}),
    (PRODUCT, {"metadata[tier]": "1", "metadata[a.b]": "2"}, {"metadata": {"tier": "1", "a.b": "2"}}),
    (PRODUCT, {"metadata[tier]": None, "metadata[a]": "x"}, {"metadata": {"tier": "", "a": "x"}}),
    (PRODUCT, {"description": None, "images": None}, {"description": "", "images": ""}),
    (PRICE, {"unit_amount": "2900"}, {"unit_amount": 2900}),
    (PRICE, {"unit_amount": "0.5"}, {"unit_amount_decimal": "0.5"}),
    (PRICE, {"unit_amount": None}, {"unit_amount": ""}),
    (
        PRICE,
        {"currency_options[eur]": {"unit_amount": "5"}, "currency_options[gbp]": {"unit_amount": "4.5"}},
        {"currency_options": {"eur": {"unit_amount": 5}, "gbp": {"unit_amount_decimal": "4.5"}}},
    ),
    (
        PRICE,
        {"tiers": [{"up_to": 5, "unit_amount": "0.5", "flat_amount": "9"}, {"up_to": "inf", "unit_amount": "1"}]},
        {"tiers": [{"up_to": 5, "unit_amount_decimal": "0.5", "flat_amount": 9}, {"up_to": "inf", "unit_amount": 1}]},
    ),
    (
        PRICE,
        {"currency_options[eur]": {"tiers": [{"up_to": "inf", "flat_amount": "0.1"}]}},
        {"currency_options": {"eur": {"tiers": [{"up_to": "inf", "flat_amount_decimal": "0.1"}]}}},
    ),
    (
        PROMOTION_CODE,
        {
            "restrictions[currency_options][eur]": {"minimum_amount": "5"},
            "restrictions[minimum_amount]": "500",
            "restrictions[first_time_transaction]": None,
        },
        {
            "restrictions": {
                "currency_options": {"eur": {"minimum_amount": 5}},
                "minimum_amount": 500,
                "first_time_transaction": "",
            }
        },
    ),
    (PRODUCT, {"default_price": Ref(Address("price", "pro"))}, {"default_price": Ref(Address("price", "pro"))}),
]


@pytest.mark.parametrize(("kind", "attrs", "sent"), SENT)
def test_attributes_are_sent_as_stripe_spells_them(kind: Kind, attrs: dict[str, Any], sent: dict[str, Any]) -> None:
    assert params(kind.body, attrs) == sent


def test_nothing_is_sent_for_no_attributes() -> None:
    assert params(PRODUCT.body, {}) == {}


@pytest.mark.parametrize(
    ("kind", "name", "field", "top"),
    [
        ("product", "name", "name", "name"),
        ("product", "metadata[tier]", "metadata", "metadata"),
        ("product", "metadata[a.b]", "metadata", "metadata"),
        ("product", "metadata[name]", "metadata", "metadata"),
        ("price", "recurring", "recurring", "recurring"),
        ("price", "currency_options[eur]", "currency_options", "currency_options"),
        ("promotion_code", "restrictions[minimum_amount]", "minimum_amount", "restrictions"),
        ("promotion_code", "restrictions[currency_options][eur]", "currency_options", "restrictions"),
    ],
)
def test_an_attribute_has_the_field_that_governs_it(kind: str, name: str, field: str, top: str) -> None:
    assert leaf(BY_NAME[kind].body, name).name == field
    assert root(name) == top


@pytest.mark.parametrize(
    ("kind", "name"), [("product", "colour"), ("product", "colour[a]"), ("promotion_code", "restrictions[colour]")]
)
def test_an_unknown_attribute_has_no_field(kind: str, name: str) -> None:
    with pytest.raises(KeyError):
        leaf(BY_NAME[kind].body, name)


KEYS = st.text(st.characters(blacklist_characters="[]", blacklist_categories=["Cs"]), min_size=1, max_size=40)
METADATA = st.dictionaries(
    KEYS.filter(lambda k: not k.startswith("billplan_")), st.text("aé 1\n", min_size=1, max_size=5), max_size=5
)
OPTIONS = st.dictionaries(
    st.sampled_from(["eur", "gbp", "jpy"]),
    st.fixed_dictionaries({"unit_amount": st.integers(0, 99)})
    | st.fixed_dictionaries({"unit_amount_decimal": st.sampled_from(["0.5", "12.25", "7.0"])}),
)
DEFAULTS = {"billing_scheme": "per_unit", "tax_behavior": "unspecified", "active": True}


@settings(deadline=None)
@given(METADATA, OPTIONS)
def test_what_is_sent_and_shown_again_is_what_was_declared(
    metadata: dict[str, str], options: dict[str, dict[str, Any]]
) -> None:
    problems = Problems()
    body = {"product": "prod_1", "currency": "USD", "metadata": metadata, "currency_options": options}
    attrs = flatten(PRICE.body, PRICE.body.parse_declared(body, (), problems))
    assert not problems
    assert len(attrs) == 2 + len(metadata) + len(options)
    sent = params(PRICE.body, attrs)
    assert sent.get("metadata", {}) == metadata
    assert flatten(PRICE.body, PRICE.body.read(sent)) == {**DEFAULTS, **attrs}
