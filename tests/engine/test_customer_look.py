"""What stands against a first touch in Stripe though the mirror does not know it, and how often that is asked."""

from __future__ import annotations

import pytest

from reconciler.core.resolved import Outcome
from reconciler.engine.listing import PAGE
from reconciler.errors import BillplanError
from tests.account import Account
from tests.engine.touching import EMAIL, KEY, Application, customer, metadata_of, sync_and_learn
from tests.mirror.syncing import change


@pytest.fixture
def account(either: Account) -> Account:
    return either


def test_a_newer_customer_is_seen_in_any_spelling_and_among_many(
    account: Account, app: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    jane = customer(account, EMAIL)
    sync_and_learn(account)
    newer = customer(account, "Jane@Example.com")
    for _ in range(PAGE):
        customer(account)
    reason = f"several customers have that e-mail: {jane}, {newer}"
    assert app.refused() == (Outcome.NEEDS_ATTENTION, reason)
    monkeypatch.setattr("reconciler.engine.customer_look._PAGES", 1)
    with pytest.raises(BillplanError, match="more than 100 customers were made since the last sync") as raised:
        app.bindings.resolve("u2", EMAIL)
    assert raised.value.hint == "billplan sync"
    assert app.store.all() == {}


def test_a_newer_customer_that_has_the_external_id_is_in_the_way(account: Account, app: Application) -> None:
    customer(account, EMAIL)
    sync_and_learn(account)
    newer = customer(account, "kim@example.com", "u1")
    reason = f"another customer's metadata has this external id: {newer}; a sync tells whose it is"
    assert app.refused() == (Outcome.CONFLICT, reason)
    sync_and_learn(account)
    assert app.touch()[0].customer == newer


def test_an_answer_that_stripe_gave_is_given_again_for_a_minute(account: Account, app: Application) -> None:
    customer(account, EMAIL)
    sync_and_learn(account)
    other = customer(account, EMAIL)
    first = app.refused()
    since = len(account.world.log)
    assert {app.refused() for _ in range(5)} == {first}
    assert account.world.log[since:] == []
    change(account, "delete", f"/v1/customers/{other}")
    account.world.clock.advance(59)
    assert app.refused() == first
    # Another user's question is another one.
    account.world.clock.advance(2)
    assert app.touch()[0].outcome is Outcome.BOUND_NOW


def test_a_customer_with_all_metadata_keys_that_stripe_takes_is_not_bound(account: Account, app: Application) -> None:
    full = customer(account, EMAIL, metadata={f"k{number}": "1" for number in range(50)})
    almost = customer(account, "kim@example.com", metadata={f"k{number}": "1" for number in range(49)})
    sync_and_learn(account)
    outcome, reason = app.refused()
    assert (outcome, full in reason) == (Outcome.NEEDS_ATTENTION, True)
    assert "has 50 metadata keys, all that Stripe takes" in reason
    assert app.touch("u2", "kim@example.com")[0].customer == almost
    assert metadata_of(account, almost)[KEY] == "u2"


def test_metadata_that_cannot_be_an_external_id_is_for_a_person_to_mend(account: Account, app: Application) -> None:
    odd, later = customer(account, EMAIL, "u1 "), customer(account, "kim@example.com")
    sync_and_learn(account)
    change(account, "post", f"/v1/customers/{later}", metadata={KEY: "x" * 201})
    reason = "what is in the metadata of {}, the only customer with that e-mail, cannot be an external id"
    assert app.refused() == (Outcome.NEEDS_ATTENTION, reason.format(odd))
    assert app.refused("u2", "kim@example.com") == (Outcome.NEEDS_ATTENTION, reason.format(later))
