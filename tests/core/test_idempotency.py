"""Idempotency keys: the same intent has the same key everywhere, and no other intent has it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.core.address import Address
from reconciler.core.idempotency import Scope, action_key, create_key

MOST_CHARACTERS = 255
SCOPE = Scope(account="acct_1", livemode=False, project="acme")
PRO = Address("product", "pro")
SCOPES = st.builds(
    Scope, account=st.from_regex(r"acct_[a-z0-9]{1,3}", fullmatch=True), livemode=st.booleans(), project=st.text("ab")
)
IDS = st.lists(st.sampled_from(["prod_1", "prod_2", "prod_3"]), unique=True)
ADDRESSES = st.builds(Address, st.sampled_from(["price", "product"]), st.text(max_size=3), st.none() | st.text())
INTENTS = st.tuples(SCOPES, ADDRESSES, IDS.map(sorted), st.integers(0, 3))
KEY_OF_A_CREATE = "billplan-b257efb83d2fb3719ac59cdcce4cbeb6688963383a7e4cf2"
KEY_OF_AN_UPDATE = "billplan-9adcd4c1fd012a3839e68a07267f48b9e3105daff66c63be"
CALLS: list[Callable[[], str]] = [
    lambda: create_key(SCOPE, PRO, [], 0),
    lambda: create_key(SCOPE, PRO, [], 1),
    lambda: create_key(SCOPE, PRO, ["prod_1"], 0),
    lambda: create_key(SCOPE, PRO, ["prod_1", "prod_2"], 0),
    lambda: create_key(SCOPE, Address("product", "team"), [], 0),
    lambda: create_key(SCOPE, Address("price", "pro"), [], 0),
    lambda: create_key(SCOPE, Address("product", "pro", "key"), [], 0),
    lambda: create_key(Scope(account="acct_2", livemode=False, project="acme"), PRO, [], 0),
    lambda: create_key(Scope(account="acct_1", livemode=True, project="acme"), PRO, [], 0),
    lambda: create_key(Scope(account="acct_1", livemode=False, project="other"), PRO, [], 0),
    lambda: action_key("digest", "product.pro/create", 0),
    lambda: action_key("digest", "product.pro/update", 0),
    lambda: action_key("other digest", "product.pro/update", 0),
    lambda: action_key("digest", "product.pro/update", 1),
]


def test_whatever_differs_in_an_intent_gives_another_key() -> None:
    keys = [call() for call in CALLS]
    assert len(set(keys)) == len(keys)
    assert [call() for call in CALLS] == keys


@settings(deadline=None, max_examples=200)
@given(INTENTS, INTENTS)
def test_two_creations_share_a_key_if_and_only_if_they_are_one(one: Any, other: Any) -> None:
    assert (create_key(*one) == create_key(*other)) == (one == other)


@settings(deadline=None)
@given(SCOPES, ADDRESSES, IDS.flatmap(lambda ids: st.tuples(st.just(ids), st.permutations(ids))), st.integers(0, 3))
def test_the_order_of_earlier_incarnations_does_not_matter(
    scope: Scope, address: Address, ids: tuple[list[str], list[str]], attempt: int
) -> None:
    assert create_key(scope, address, ids[0], attempt) == create_key(scope, address, tuple(ids[1]), attempt)


@settings(deadline=None)
@given(st.text(max_size=400), st.lists(st.text(max_size=30), max_size=30), st.integers(0, 10**9))
def test_a_key_is_short_and_plain_however_long_the_intent(text: str, ids: list[str], attempt: int) -> None:
    scope = Scope(account=text, livemode=True, project=text)
    for key in (create_key(scope, Address("price", text, text), ids, attempt), action_key(text, text, attempt)):
        assert len(key) <= MOST_CHARACTERS
        assert key.isascii()
        assert key.isprintable()


def test_a_key_is_the_same_in_every_version() -> None:
    # A key that changed from version to version would let a re-run after an update create things twice.
    assert create_key(SCOPE, PRO, ["prod_2", "prod_1"], 0) == KEY_OF_A_CREATE
    assert action_key("digest", "product.pro/update", 0) == KEY_OF_AN_UPDATE


def test_the_parameters_of_a_creation_are_no_part_of_its_key() -> None:
    # Another commit's create of the same address must collide, so that Stripe is the arbiter.
    assert list(inspect.signature(create_key).parameters) == ["scope", "address", "earlier", "attempt"]


@pytest.mark.parametrize(("livemode", "text"), [(True, "acct_1/live/acme"), (False, "acct_1/test/acme")])
def test_a_scope_names_account_mode_and_project(livemode: bool, text: str) -> None:
    assert str(Scope(account="acct_1", livemode=livemode, project="acme")) == text
