"""E-mail addresses compared: what is one address in two spellings, and what never is."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.email_address import email_key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Jane@Example.COM", " jane@example.com\n"),
        ("ZOE\u0308@example.com", "zoë@example.com"),
        ("ΟΔΟΣ@example.com", "οδος@example.com"),
    ],
)
def test_two_spellings_of_one_address_are_one(one: str, other: str) -> None:
    assert email_key(one) == email_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("\u212aim@example.com", "kim@example.com"),
        ("jac\u212a@example.com", "jack@example.com"),
        ("\u017fam@example.com", "sam@example.com"),
        ("jane@stra\u00dfe.example", "jane@strasse.example"),
        ("jane+shop@example.com", "jane@example.com"),
    ],
)
def test_two_addresses_that_look_alike_are_two(one: str, other: str) -> None:
    assert email_key(one) != email_key(other)


def test_no_letter_beyond_ascii_becomes_one_of_ascii() -> None:
    beyond = map(chr, range(0x80, sys.maxunicode + 1))
    # Blanks around an address are no part of it.
    assert not [letter for letter in beyond if not letter.isspace() and email_key(letter).isascii()]


@given(st.text())
def test_the_key_of_a_key_is_itself(text: str) -> None:
    assert email_key(email_key(text)) == email_key(text)


@given(st.text(st.characters(codec="utf-8")))
def test_how_letters_are_composed_makes_no_difference(text: str) -> None:
    if not any(unicodedata.normalize("NFC", letter).isascii() for letter in text if not letter.isascii()):
        assert email_key(unicodedata.normalize("NFD", text)) == email_key(text)
