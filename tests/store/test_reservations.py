"""Reservations in the store: they keep a place, are no bindings, and give way to what Stripe has answered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from reconciler.adapters.sql_bindings import SqlBindings
from reconciler.core.bindings import Bound, BoundBy
from reconciler.core.idempotency import Scope
from reconciler.ports.bindings import Lesson
from reconciler.store.database import Database

SCOPE = Scope(account="acct_1", livemode=False, project="acme")


@pytest.fixture
def store(database: Database) -> Iterator[SqlBindings]:
    with closing(SqlBindings(database, SCOPE)) as store:
        yield store


def one(external_id: str, customer: str, by: BoundBy, at: int) -> Bound:
    return Bound(external_id=external_id, customer=customer, by=by, at=at)


def test_a_reservation_keeps_both_sides_and_is_no_binding(store: SqlBindings) -> None:
    claim = store.reserve("u1", "cus_1", 7)
    reserved = one("u1", "cus_1", BoundBy.RESERVED, 7)
    assert (claim.made, claim.holds, claim.bound) == (True, True, (reserved,))
    assert (dict(store.all()), store.claimed("u1"), store.bound_to("cus_1")) == ({}, None, None)
    assert store.bound_customer("u1") is None
    for pair in (("u1", "cus_2"), ("u2", "cus_1")):
        for other in (store.claim(*pair, BoundBy.TOUCH, 8), store.reserve(*pair, 8)):
            assert (other.made, other.holds, other.bound) == (False, False, (reserved,))


def test_a_reservation_that_is_made_again_counts_from_then_and_is_released_as_it_is(store: SqlBindings) -> None:
    (first,) = store.reserve("u1", "cus_1", 7).bound
    again = store.reserve("u1", "cus_1", 9)
    assert (again.holds, again.bound[0].at) == (True, 9)
    store.release(first)
    assert not store.reserve("u1", "cus_2", 9).holds
    store.release(again.bound[0])
    assert store.reserve("u1", "cus_2", 9).holds


def test_a_customer_that_is_to_be_made_is_reserved_for(store: SqlBindings) -> None:
    assert store.reserve("u1", None, 7).made
    assert store.reserve("u2", None, 7).made
    assert not store.claim("u1", "cus_1", BoundBy.TOUCH, 8).holds
    settled = store.settle("u1", "cus_1", 9)
    assert (settled.made, settled.bound) == (True, (one("u1", "cus_1", BoundBy.PLAN, 9),))
    assert store.all() == {"u1": one("u1", "cus_1", BoundBy.PLAN, 9)}


def test_a_binding_of_the_pair_takes_a_reservation_over_and_is_not_released_with_it(store: SqlBindings) -> None:
    (reserved,) = store.reserve("u1", "cus_1", 7).bound
    assert store.claim("u1", "cus_1", BoundBy.TOUCH, 8).made
    store.release(reserved)
    assert store.claimed("u1") == store.bound_to("cus_1") == one("u1", "cus_1", BoundBy.TOUCH, 8)
    held = store.reserve("u1", "cus_1", 9)
    assert (held.made, held.holds, held.bound[0].by) == (False, True, BoundBy.TOUCH)


def test_what_stripe_answered_goes_before_reservations_and_not_before_bindings(store: SqlBindings) -> None:
    store.reserve("u1", "cus_9", 7)
    store.reserve("u9", "cus_1", 7)
    assert store.settle("u1", "cus_1", 8).made
    assert set(store.all()) == {"u1"}
    refused = store.settle("u2", "cus_1", 9)
    assert (refused.holds, refused.bound) == (False, (one("u1", "cus_1", BoundBy.PLAN, 8),))


def test_metadata_goes_before_the_reservations_that_are_older_than_it(store: SqlBindings) -> None:
    store.reserve("u1", "cus_1", 7)
    store.reserve("made", None, 7)
    store.reserve("left", "cus_5", 7)
    store.reserve("young", "cus_6", 20)
    found = [("u1", "cus_1"), ("made", "cus_3"), ("young", "cus_7")]
    assert store.learn(Lesson(as_of=10, found=found), 30) == 2
    assert {id: bound.customer for id, bound in store.all().items()} == {"u1": "cus_1", "made": "cus_3"}
    assert not store.claim("left", "cus_8", BoundBy.TOUCH, 31).holds
