"""The marker's hashes: what was applied is known again, everything else is noticed, and it fits Stripe's metadata."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.address import Address
from reconciler.core.kind import Kind
from reconciler.core.ownership import AppliedDigest, encode_digest
from reconciler.core.shapes import Struct
from reconciler.core.values import Ref
from reconciler.kinds import KINDS

MOST_CHARACTERS = 500
PRO, TEAM = Ref(Address("product", "pro")), Ref(Address("product", "team"))
VALUES = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.lists(st.text(max_size=2), max_size=2)
NAMES = st.sampled_from(["name", "active", "metadata[tier]", "metadata[a.b]", "recurring", "currency_options[eur]"])


def fullest(kind: Kind) -> dict[str, Any]:
    """Own every field of a kind, and all the metadata that a spec may have."""
    attrs: dict[str, Any] = {}
    for field in kind.body.fields:
        if field.name == "metadata":
            attrs.update({f"metadata[{n:0>40}]": "v" * 500 for n in range(45)})
        elif field.split and isinstance(field.type, Struct):
            attrs.update({f"{field.name}[{part.name}]": "value" for part in field.type.fields})
        else:
            attrs[f"{field.name}[eur]" if field.split else field.name] = "value"
    return attrs


@pytest.mark.parametrize("kind", [k for k in KINDS if k.marked], ids=lambda kind: kind.name)
def test_the_hashes_of_every_field_fit_a_metadata_value(kind: Kind) -> None:
    attrs = fullest(kind)
    text = encode_digest(attrs)
    assert len(text) <= MOST_CHARACTERS
    applied = AppliedDigest(text)
    assert applied.known
    assert all(applied.applied(name, value) for name, value in attrs.items())


@pytest.mark.parametrize("currencies", range(0, 140, 10))
def test_a_price_in_many_currencies_fits_too_and_every_change_shows(currencies: int) -> None:
    attrs = {"currency": "usd", **{f"currency_options[{n:0>3}]": {"unit_amount": str(n)} for n in range(currencies)}}
    text = encode_digest(attrs)
    assert len(text) <= MOST_CHARACTERS
    assert text == encode_digest(dict(reversed(attrs.items())))
    for name in attrs:
        assert encode_digest({**attrs, name: {"unit_amount": "9999"}}) != text
        assert encode_digest({n: v for n, v in attrs.items() if n != name}) != text


def test_hashes_that_did_not_fit_one_by_one_tell_nothing_of_one() -> None:
    attrs = {f"currency_options[{n:0>3}]": "value" for n in range(100)}
    applied = AppliedDigest(encode_digest(attrs))
    assert not applied.known
    assert not any(applied.owned(n) or applied.applied(n, v) for n, v in attrs.items())


@settings(deadline=None)
@given(st.dictionaries(NAMES, VALUES))
def test_what_was_applied_is_known_again(attrs: dict[str, Any]) -> None:
    applied = AppliedDigest(encode_digest(attrs))
    assert applied.known
    for name in ("name", "active", "metadata[tier]", "metadata[a.b]", "recurring", "currency_options[eur]"):
        assert applied.owned(name) is (name in attrs)
    assert all(applied.applied(name, value) for name, value in attrs.items())


@settings(deadline=None)
@given(VALUES, VALUES)
def test_any_other_value_is_noticed(before: Any, after: Any) -> None:
    same = (type(before), before) == (type(after), after)
    assert AppliedDigest(encode_digest({"name": before})).applied("name", after) is same


@pytest.mark.parametrize(
    ("before", "after"),
    [(PRO, TEAM), (PRO, "prod_1"), (PRO, "product.pro"), (None, ""), (True, "true"), ("1", 1), ([PRO], [TEAM])],
)
def test_values_that_look_alike_are_told_apart(before: Any, after: Any) -> None:
    applied = AppliedDigest(encode_digest({"product": before}))
    assert applied.applied("product", before)
    assert not applied.applied("product", after)


@settings(deadline=None)
@given(st.dictionaries(NAMES, VALUES))
def test_the_order_of_attributes_does_not_matter(attrs: dict[str, Any]) -> None:
    assert encode_digest(attrs) == encode_digest(dict(reversed(attrs.items())))


@pytest.mark.parametrize("text", ["", "2:abcdefgh", "0:abcdefgh", "11:abcdefgh", "abcdefgh", "hello"])
def test_of_another_version_nothing_is_known(text: str) -> None:
    applied = AppliedDigest(text)
    assert not applied.known
    assert not applied.owned("name")
    assert not applied.applied("name", None)


def test_a_marker_that_somebody_cut_off_does_not_claim_what_is_gone() -> None:
    text = encode_digest({"name": "Pro"})
    assert not AppliedDigest(text[:-1]).applied("name", "Pro")
    assert not AppliedDigest(text[:4]).owned("name")
    assert AppliedDigest("1:").known
