"""First touch, and what a bound user is told: by the mirror, by Stripe where it matters, and never by guessing."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.bindings import Bound, BoundBy
from reconciler.core.mirrored import Source, read_row
from reconciler.core.resolved import Outcome
from reconciler.emulator.faults import Fault, FaultKind
from reconciler.engine.first_touch import BadEmail, BadExternalId
from reconciler.errors import BillplanError, RemoteUnavailable, WrongTarget
from reconciler.mirrored import BY_NAME
from reconciler.ports.mirror import Put
from tests.account import Account
from tests.crash.real_time import lease_in_real_time
from tests.engine.touching import (
    EMAIL,
    KEY,
    Application,
    customer,
    map_product,
    metadata_of,
    opened,
    sold,
    store_of,
    subscribe,
    sync_and_learn,
)
from tests.mirror.syncing import change, mirror_of, run_sync
from tests.relay import Relay


@pytest.fixture
def account(either: Account) -> Account:
    return either


def put_status(account: Account, id: str, status: str) -> None:
    """Let the mirror's row of a subscription have another status."""
    raw = account.api.request("get", f"/v1/subscriptions/{id}", {}).body
    row = read_row(BY_NAME["subscription"], {**raw, "status": status})
    mirror_of(account).put([Put(type="subscription", id=id, row=row, at=account.clock.now(), source=Source.READ)])


def test_the_only_customer_with_an_e_mail_is_bound_at_first_touch(account: Account, app: Application) -> None:
    jane = customer(account, "Jane@Example.com")
    customer(account, "jane+shop@example.com")
    customer(account)
    sync_and_learn(account)
    found, posted = app.touch(email="  JANE@example.COM ")
    assert (found.outcome, found.customer, posted) == (Outcome.BOUND_NOW, jane, [f"/v1/customers/{jane}"])
    assert metadata_of(account, jane) == {KEY: "u1"}
    bound = Bound(external_id="u1", customer=jane, by=BoundBy.TOUCH, at=account.clock.now())
    assert app.store.all() == {"u1": bound}
    since = len(account.world.log)
    assert app.bindings.resolve("u1", "somebody-else@example.com").customer == jane
    again = app.bindings.resolve("u1")
    assert (again.outcome, again.customer, again.as_of) == (Outcome.BOUND, jane, found.as_of)
    assert account.world.log[since:] == []


def test_features_are_the_most_of_what_all_current_subscriptions_unlock(account: Account, app: Application) -> None:
    jane = customer(account, EMAIL)
    products = {name: sold(account, name) for name in ("pro", "seats", "addon", "old", "unmapped")}
    map_product(account, products["pro"][0], "pro", {"sso": False, "seats": 5, "calls": "unlimited", "logs": 7})
    map_product(account, products["seats"][0], "pro", {"seats": 10})
    map_product(account, products["addon"][0], "addon", {"sso": True, "seats": 0, "calls": 1_000})
    map_product(account, products["old"][0], "old", {"legacy": True})
    subscribe(account, jane, products["pro"][1], products["seats"][1], products["unmapped"][1])
    subscribe(account, jane, products["addon"][1])
    change(account, "delete", f"/v1/subscriptions/{subscribe(account, jane, products['old'][1])}")
    sync_and_learn(account)
    found, _ = app.touch()
    assert found.features == {"sso": True, "seats": 10, "calls": "unlimited", "logs": 7}
    assert found.products == ("addon", "pro")
    assert found.as_of == mirror_of(account).standings()["subscription"].as_of


def test_a_subscription_unlocks_while_it_is_current(account: Account, app: Application) -> None:
    jane = customer(account, external_id="u1")
    product, price = sold(account, "Pro")
    map_product(account, product, "pro", {"sso": True})
    id = subscribe(account, jane, price)
    sync_and_learn(account)
    current = ("active", "trialing", "past_due", "unpaid")
    for status in (*current, "canceled", "incomplete", "incomplete_expired", "paused"):
        put_status(account, id, status)
        found, _ = app.touch(email=None)
        assert found.outcome is Outcome.BOUND
        assert found.features == ({"sso": True} if status in current else {}), status


def test_a_subscription_with_many_items_unlocks_by_each(account: Account, app: Application) -> None:
    jane = customer(account, external_id="u1")
    pairs = [sold(account, f"P{number}") for number in range(14)]
    for number, (product, _) in enumerate(pairs):
        map_product(account, product, f"m{number:02}", {f"f{number}": True})
    subscribe(account, jane, *(price for _, price in pairs))
    sync_and_learn(account)
    found, _ = app.touch(email=None)
    assert found.products == tuple(f"m{number:02}" for number in range(14))
    assert len(found.features) == 14


def test_who_is_nobody_stays_unknown(account: Account, app: Application) -> None:
    customer(account, EMAIL)
    gone = customer(account, "gone@example.com")
    change(account, "delete", f"/v1/customers/{gone}")
    sync_and_learn(account)
    for email in (None, "", "   "):
        assert app.refused(email=email) == (Outcome.UNKNOWN, "it is not bound")
    for email in ("jane+a@example.com", "gone@example.com", "no e-mail", "x" * 2000, "jane@example.com.evil.example"):
        assert app.refused(email=email)[0] is Outcome.UNKNOWN
    for email in ("jane\0@example.com", "jane\ud800@example.com"):
        assert app.refused(email=email) == (Outcome.UNKNOWN, "it is not bound, and no customer can have that e-mail")


def test_e_mails_in_other_scripts(account: Account, app: Application) -> None:
    # Of the last four, each two are two addresses, which two people can have.
    pairs = {
        "zoë@example.com": ("ZOE\u0308@example.com", True),
        "ÉLAN@example.com": ("élan@example.com", True),
        "ΟΔΟΣ@example.com": ("οδος@example.com", True),
        "jane@strasse.example": ("jane@straße.example", False),
        "noe@example.com": ("noë@example.com", False),
        "j.ane@example.com": ("jane@example.com", False),
        # KELVIN SIGN, which Unicode takes for a K.
        "kim@example.com": ("\u212aim@example.com", False),
    }
    for theirs in pairs:
        customer(account, theirs)
    sync_and_learn(account)
    for given, same in pairs.values():
        found, _ = app.touch(external_id=f"user of {given}", email=given)
        assert found.outcome is (Outcome.BOUND_NOW if same else Outcome.UNKNOWN), given


def test_an_e_mail_that_several_have_binds_nobody(account: Account, app: Application) -> None:
    first, second = customer(account, EMAIL), customer(account, "JANE@example.com")
    sync_and_learn(account)
    reason = f"several customers have that e-mail: {first}, {second}"
    assert app.refused() == (Outcome.NEEDS_ATTENTION, reason)


@pytest.mark.parametrize("newer", [EMAIL, "Jane@Example.com", "JANE@EXAMPLE.COM"])
def test_a_customer_that_the_mirror_does_not_know_yet_is_seen_all_the_same(
    account: Account, app: Application, newer: str
) -> None:
    first = customer(account, "Jane@Example.com")
    sync_and_learn(account)
    second = customer(account, newer)
    reason = f"several customers have that e-mail: {first}, {second}"
    assert app.refused(email="JANE@EXAMPLE.COM") == (Outcome.NEEDS_ATTENTION, reason)


def test_what_changed_after_the_sync_counts(account: Account, app: Application) -> None:
    gone, renamed, marked = (customer(account, f"{name}@example.com") for name in ("gone", "renamed", "marked"))
    sync_and_learn(account)
    change(account, "delete", f"/v1/customers/{gone}")
    change(account, "post", f"/v1/customers/{renamed}", email="other@example.com")
    change(account, "post", f"/v1/customers/{marked}", metadata={KEY: "u9"})
    whose = "it is not bound, and the only customer that had that e-mail"
    assert app.refused(email="gone@example.com") == (Outcome.UNKNOWN, f"{whose}, {gone}, was deleted")
    assert app.refused(email="renamed@example.com") == (Outcome.UNKNOWN, f"{whose}, {renamed}, has another one now")
    taken = f"the only customer with that e-mail, {marked}, is bound to another external id: u9"
    assert app.refused(email="marked@example.com") == (Outcome.CONFLICT, taken)
    assert app.touch("u9", "marked@example.com")[0].outcome is Outcome.BOUND_NOW


def test_another_users_customer_is_not_bound_again(account: Account, app: Application) -> None:
    jane, kim = customer(account, EMAIL), customer(account, "kim@example.com")
    sync_and_learn(account)
    app.touch("u1")
    taken = "the only customer with that e-mail, {}, is bound to another external id: {}"
    since = len(account.world.log)
    assert app.refused("u2") == (Outcome.CONFLICT, taken.format(jane, "u1"))
    change(account, "post", f"/v1/customers/{kim}", metadata={KEY: "u3"})
    sync_and_learn(account)
    since = len(account.world.log)
    assert app.refused("u2", "kim@example.com") == (Outcome.CONFLICT, taken.format(kim, "u3"))
    # What the store and the mirror know already, Stripe is not asked about again at every call.
    assert account.world.log[since:] == []


def test_a_customer_that_another_caller_took_meanwhile_is_a_conflict(account: Account, app: Application) -> None:
    jane = customer(account, EMAIL)
    sync_and_learn(account)
    app.bindings = opened(account, app.store, lambda: Interrupted(account, "get"))
    taken = f"the only customer with that e-mail, {jane}, is bound to another external id: u9"
    found, posted = app.touch()
    assert (found.outcome, found.reason, found.customer, posted) == (Outcome.CONFLICT, taken, None, [])
    assert list(app.store.all()) == ["u9"]


class Interrupted(Relay):
    """Stripe, but before a method on a customer something happens: somebody claims it, or the process dies."""

    def __init__(self, account: Account, method: str) -> None:
        super().__init__(account.api)
        self._account = account
        self._method = method

    @contextmanager
    def around(self, method: str, path: str) -> Iterator[None]:
        if method == self._method and path.startswith("/v1/customers/"):
            if method == "post":
                raise KeyboardInterrupt
            store_of(self._account).claim("u9", path.rpartition("/")[2], BoundBy.PLAN, 1)
        yield


def test_a_process_that_dies_before_its_write_leaves_the_binding(account: Account, app: Application) -> None:
    jane = customer(account, EMAIL)
    sync_and_learn(account)
    dying = opened(account, app.store, lambda: Interrupted(account, "post"))
    with pytest.raises(KeyboardInterrupt):
        dying.resolve("u1", EMAIL)
    assert metadata_of(account, jane) == {}
    found, posted = app.touch()
    assert (found.outcome, found.customer, posted) == (Outcome.BOUND, jane, [])


def test_a_binding_holds_though_the_metadata_cannot_be_written(
    account: Account, app: Application, caplog: pytest.LogCaptureFixture
) -> None:
    jane = customer(account, EMAIL)
    sync_and_learn(account)
    account.world.add_fault(Fault(FaultKind.ERROR_BEFORE, "post", "/v1/customers/*", times=0))
    with caplog.at_level(logging.WARNING):
        found, _ = app.touch()
    assert (found.outcome, found.customer) == (Outcome.BOUND_NOW, jane)
    assert "metadata does not tell yet" in found.reason
    (record,) = [record for record in caplog.records if record.name == "reconciler.engine.first_touch"]
    assert jane in record.getMessage()
    assert "RemoteUnavailable" in record.getMessage()
    assert "@" not in caplog.text
    assert "sk_test" not in caplog.text
    again, posted = app.touch()
    assert (again.outcome, again.customer, posted) == (Outcome.BOUND, jane, [])


def test_an_answer_that_was_lost_is_asked_for_again_under_the_same_key(account: Account, app: Application) -> None:
    jane = customer(account, EMAIL)
    sync_and_learn(account)
    account.world.add_fault(Fault(FaultKind.DROP_AFTER, "post", "/v1/customers/*"))
    found, posted = app.touch()
    assert (found.outcome, len(posted)) == (Outcome.BOUND_NOW, 2)
    assert metadata_of(account, jane) == {KEY: "u1"}
    updates = [event for event in account.world.tables["event"] if event["type"] == "customer.updated"]
    assert len(updates) == 1


def test_a_binding_made_anew_is_written_anew(account: Account, app: Application, tmp_path: Path) -> None:
    jane = customer(account, EMAIL)
    sync_and_learn(account)
    app.touch()
    change(account, "post", f"/v1/customers/{jane}", metadata={KEY: ""})
    account.world.clock.advance(100)
    other = tmp_path / "anew"
    other.mkdir()
    with Account(other, world=account.world) as anew:
        lease_in_real_time(anew)
        sync_and_learn(anew)
        application = Application(anew)
        with closing(application.store):
            assert application.touch()[0].outcome is Outcome.BOUND_NOW
    assert metadata_of(account, jane) == {KEY: "u1"}


def test_where_stripe_cannot_be_asked_nothing_is_bound(account: Account, app: Application) -> None:
    customer(account, EMAIL)
    sync_and_learn(account)
    account.world.add_fault(Fault(FaultKind.ERROR_BEFORE, "get", "/v1/customers", times=0))
    with pytest.raises(RemoteUnavailable) as raised:
        app.bindings.resolve("u1", EMAIL)
    assert "@" not in raised.value.message
    assert app.store.all() == {}


def test_a_key_of_another_account_touches_nobody(account: Account, app: Application) -> None:
    customer(account, EMAIL)
    sync_and_learn(account)
    with Account(account.database.url) as other:
        other.world.account_id = "acct_000009"
        bindings = opened(account, app.store, lambda: other.api)
        with pytest.raises(WrongTarget):
            bindings.resolve("u1", EMAIL)
    assert app.store.all() == {}


@pytest.mark.parametrize("only_recent", [False, True])
def test_without_a_whole_mirror_a_bound_user_is_known_and_its_features_are_not(
    account: Account, app: Application, only_recent: bool
) -> None:
    jane = customer(account, EMAIL)
    if only_recent:
        run_sync(account, created_after=account.clock.now())
    app.store.claim("u1", jane, BoundBy.PLAN, 1)
    found, _ = app.touch()
    assert (found.outcome, found.customer, found.as_of, found.features) == (Outcome.BOUND, jane, None, {})
    assert "its features are not known" in found.reason
    with pytest.raises(BillplanError, match="has not all customers") as raised:
        app.bindings.resolve("u2", EMAIL)
    assert raised.value.hint == "billplan sync"


def test_what_cannot_be_an_external_id_is_refused(account: Account, app: Application) -> None:
    for id in ("", "  ", "x" * 201, "a\nb", "a\0b", "a\x7fb", "a\ud800b", "u1 ", "\u00a0u1", "a\u2028b"):
        with pytest.raises(BadExternalId) as raised:
            app.bindings.resolve(id, EMAIL)
        assert isinstance(raised.value, BillplanError)
        assert isinstance(raised.value, ValueError)
    anything: Any = 42
    with pytest.raises(BadExternalId, match="of type int"):
        app.bindings.resolve(anything)
    for anything in (5, b"jane@example.com", ["jane@example.com"]):
        with pytest.raises(BadEmail, match="an e-mail is a text, and this one is of type") as wrong:
            app.bindings.resolve("u1", anything)
        assert "@" not in wrong.value.message


def test_odd_external_ids_are_ids(account: Account, app: Application) -> None:
    for number, id in enumerate(["auth0|9f", "ü" * 200, "🦊 fox", "a@b'; DROP TABLE bindings; --", "%s ? :x"]):
        customer(account, f"jane{number}@example.com")
        sync_and_learn(account)
        found = app.bindings.resolve(id, f"jane{number}@example.com")
        assert found.outcome is Outcome.BOUND_NOW
        assert app.bindings.resolve(id).customer == found.customer
        assert metadata_of(account, str(found.customer)) == {KEY: id}


def test_in_a_store_without_mappings_features_are_not_known_rather_than_none(
    account: Account, app: Application
) -> None:
    customer(account, external_id="u1")
    product, _ = sold(account, "Pro")
    sync_and_learn(account)
    found, _ = app.touch(email=None)
    assert (found.outcome, found.as_of, found.features) == (Outcome.BOUND, None, {})
    assert found.reason.endswith("not known, since no product mapping was applied to this store (billplan apply)")
    map_product(account, product, "pro", {"sso": True})
    found, _ = app.touch(email=None)
    assert (found.as_of, found.features) == (mirror_of(account).standings()["subscription"].as_of, {})
    assert "not known" not in found.reason


@pytest.mark.parametrize("email", [None, "  ", "jane\0@example.com"])
def test_without_all_customers_nobody_who_is_not_bound_is_said_to_be_unknown(
    account: Account, app: Application, email: str | None
) -> None:
    customer(account, external_id="u1")
    for _ in range(2):
        with pytest.raises(BillplanError, match="has not all customers") as raised:
            app.bindings.resolve("u1", email)
        assert raised.value.hint == "billplan sync"
        run_sync(account, created_after=account.clock.now())
    sync_and_learn(account)
    assert app.bindings.resolve("u1", email).outcome is Outcome.BOUND
    unknown = app.bindings.resolve("u2", email)
    assert (unknown.outcome, unknown.as_of) == (Outcome.UNKNOWN, mirror_of(account).standings()["customer"].as_of)
