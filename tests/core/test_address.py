"""Addresses: what is printed is read back, and nothing else is."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.address import Address, parse_address

TEXTS = st.text(max_size=20) | st.text('a"[]\\.\n\t*?{} é𝄞', max_size=12)
KINDS = st.from_regex(r"[a-z][a-z_]{0,12}", fullmatch=True)
ADDRESSES = st.builds(Address, KINDS, TEXTS, st.none() | TEXTS)


@settings(deadline=None, max_examples=300)
@given(ADDRESSES)
def test_a_printed_address_is_read_back(address: Address) -> None:
    assert parse_address(str(address)) == address


@settings(deadline=None, max_examples=150)
@given(ADDRESSES, ADDRESSES)
def test_two_addresses_never_print_alike(one: Address, other: Address) -> None:
    assert (str(one) == str(other)) == (one == other)


@pytest.mark.parametrize(
    ("address", "text"),
    [
        (Address("price", "pro_monthly"), "price.pro_monthly"),
        (Address("price", "pro-monthly"), "price.pro-monthly"),
        (Address("price", "2026"), 'price["2026"]'),
        (Address("price", "a.b"), 'price["a.b"]'),
        (Address("price", ""), 'price[""]'),
        (Address("product", "für alle"), 'product["für alle"]'),
        (Address("customer_binding", "auth0", "auth0|9"), 'customer_binding.auth0["auth0|9"]'),
        (Address("customer_binding", "a b", 'say "]"'), 'customer_binding["a b"]["say \\"]\\""]'),
        (Address("product", "two\nlines"), 'product["two\\nlines"]'),
    ],
)
def test_an_address_is_printed_bare_where_it_can_be_and_quoted_elsewhere(address: Address, text: str) -> None:
    assert str(address) == text
    assert parse_address(text) == address


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "starts with a kind"),
        ("Price.pro", "starts with a kind"),
        ("9.pro", "starts with a kind"),
        ('["pro"]', "starts with a kind"),
        ("price", "expected .name"),
        ("price.", "the name after the dot is missing"),
        ("price.9lives", "the name after the dot is missing"),
        ("price..pro", "the name after the dot is missing"),
        ("price.pro.usd", "expected .name"),
        ("price.pro ", "expected .name"),
        ("price.pro\n", "expected .name"),
        ("price[pro]", "expected .name"),
        ("price['pro']", "expected .name"),
        ('price["pro"', "expected .name"),
        ('price["pro\\"]', "expected .name"),
        ('price["a\nb"]', "Invalid control character"),
        ('price["\\x"]', "escape"),
        ('price.pro["a"]["b"]', "is left over"),
        ('price.pro["a"].b', "is left over"),
    ],
)
def test_what_is_no_address_is_refused_with_the_text_and_the_reason(text: str, why: str) -> None:
    with pytest.raises(ValueError, match="is not an address") as caught:
        parse_address(text)
    assert repr(text) in str(caught.value)
    assert why in str(caught.value)


@settings(deadline=None)
@given(st.text('ab.["]\\_', max_size=12))
def test_any_text_is_read_as_an_address_or_refused(text: str) -> None:
    try:
        address = parse_address(text)
    except ValueError:
        return
    assert parse_address(str(address)) == address


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("price.pro_monthly", True),
        ("price.*", True),
        ("*", True),
        ("*_monthly", True),
        ("price.pro_month??", True),
        ("price.pro", False),
        ("Price.pro_monthly", False),
        ("product.*", False),
        ("price.[p]ro_monthly", False),
        ("", False),
    ],
)
def test_a_glob_names_an_address_as_a_shell_would(pattern: str, matches: bool) -> None:
    assert Address("price", "pro_monthly").matches(pattern) is matches


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ('customer_binding.auth0["auth0|9"]', True),
        ('customer_binding.auth0["*"]', True),
        ("customer_binding.auth0[*]", True),
        ("customer_binding.auth0*", True),
        ('customer_binding.auth0["auth0|8"]', False),
        ("customer_binding.auth0", False),
    ],
)
def test_brackets_of_a_glob_stand_for_themselves(pattern: str, matches: bool) -> None:
    assert Address("customer_binding", "auth0", "auth0|9").matches(pattern) is matches


@settings(deadline=None)
@given(ADDRESSES)
def test_an_address_as_printed_is_a_glob_that_names_it(address: Address) -> None:
    assert address.matches(str(address))
