"""Learning: a lost store gets its bindings again from the customers' metadata, and from nothing else."""

from __future__ import annotations

import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.adapters.sql_bindings import SqlBindings
from reconciler.core.resolved import Outcome
from reconciler.emulator.faults import Fault, FaultKind, Faults
from reconciler.engine.first_touch import Bindings
from reconciler.engine.learning import Learned, learn_bindings
from reconciler.engine.listing import PAGE
from reconciler.errors import BillplanError
from tests.account import Account
from tests.crash.real_time import lease_in_real_time
from tests.engine.touching import (
    EMAIL,
    KEY,
    Application,
    customer,
    learn,
    metadata_of,
    scope_of,
    store_of,
    sync_and_learn,
)
from tests.mirror.syncing import change, mirror_of, run_sync


@pytest.fixture
def account(either: Account) -> Account:
    return either


def test_a_lost_store_is_learned_anew_from_the_metadata(account: Account, app: Application, tmp_path: Path) -> None:
    for number in range(5):
        customer(account, f"jane{number}@example.com")
    customer(account, external_id="by-hand")
    sync_and_learn(account)
    for number in range(4):
        app.touch(f"u{number}", f"jane{number}@example.com")
    before = app.store.all()
    assert len(before) == 5
    lost = tmp_path / "anew"
    lost.mkdir()
    with Account(lost, world=account.world) as anew, closing(store_of(anew)) as store:
        lease_in_real_time(anew)
        assert sync_and_learn(anew) == Learned(new=5)
        assert {id: one.customer for id, one in store.all().items()} == {id: one.customer for id, one in before.items()}
        assert learn(anew) == Learned()
    assert sync_and_learn(account) == Learned()
    assert app.store.all() == before


def test_learning_what_is_known_writes_nothing(tmp_path: Path) -> None:
    with Account(tmp_path) as account:
        lease_in_real_time(account)
        for id in ("u1", "u2", "u2"):
            customer(account, external_id=id)
        assert sync_and_learn(account) == Learned(new=1, disputed=1)
        session = account.database.session()
        version = "PRAGMA data_version"
        before = session.connection.cursor().execute(version).fetchall()
        assert learn(account) == Learned(disputed=1)
        assert session.connection.cursor().execute(version).fetchall() == before
        session.close()


def test_an_external_id_that_several_customers_carry_is_nobodys(account: Account, app: Application) -> None:
    first, second = customer(account, EMAIL, "u1"), customer(account, "kim@example.com", "u1")
    other = customer(account, "sam@example.com")
    assert sync_and_learn(account) == Learned(disputed=1)
    reason = f"the metadata of several customers has this external id: {first}, {second}"
    for email in (EMAIL, "sam@example.com"):
        assert app.refused(email=email) == (Outcome.CONFLICT, reason)
    change(account, "post", f"/v1/customers/{second}", metadata={KEY: ""})
    assert sync_and_learn(account) == Learned(new=1)
    assert app.touch(email="sam@example.com")[0].customer == first
    assert app.touch("u3", "sam@example.com")[0].customer == other


def test_what_the_mirror_knows_and_no_sync_has_taught_a_first_touch_learns(account: Account, app: Application) -> None:
    first = customer(account, "old@example.com", "u1")
    customer(account, EMAIL)
    other = customer(account, "kim@example.com")
    account.world.clock.advance(100)
    # As a sync that has the customers and is busy with other types, or that died there.
    run_sync(account, objects=("customer",))
    assert app.touch()[0].outcome is Outcome.BOUND
    assert app.touch()[0].customer == first
    # As another runner, with a store of its own, and a plan that catches this mirror up.
    change(account, "post", f"/v1/customers/{other}", metadata={KEY: "u2"})
    account.world.clock.advance(100)
    run_sync(account)
    found, posted = app.touch("u2")
    assert (found.outcome, found.customer, posted) == (Outcome.BOUND, other, [])
    change(account, "post", f"/v1/customers/{customer(account, 'sam@example.com')}", metadata={KEY: "u3"})
    account.world.clock.advance(100)
    run_sync(account)
    assert app.touch("u3", None)[0].outcome is Outcome.BOUND


def test_a_first_touch_learns_once_and_not_again(account: Account) -> None:
    for number in range(3):
        customer(account, f"jane{number}@example.com")
    account.world.clock.advance(100)
    run_sync(account)
    learned: list[Learned] = []
    with closing(store_of(account)) as store:
        bindings = Bindings(
            store, lambda: account.api, scope_of(account), account.clock, lambda: learned.append(learn(account))
        )
        gate = threading.Barrier(8)

        def touch(number: int) -> None:
            gate.wait()
            bindings.resolve(f"u{number}", f"jane{number % 3}@example.com" if number < 3 else None)

        threads = [threading.Thread(target=touch, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(store.all()) == 3
    assert learned == [Learned()]


def test_a_mirror_that_never_stands_still_binds_nobody(account: Account) -> None:
    customer(account, EMAIL)
    account.world.clock.advance(100)
    run_sync(account)
    with closing(store_of(account)) as store:
        bindings = Bindings(store, lambda: account.api, scope_of(account), account.clock, lambda: None)
        with pytest.raises(BillplanError, match="being changed"):
            bindings.resolve("u1", EMAIL)
        assert store.all() == {}


def test_metadata_of_a_customer_that_the_store_knows_otherwise_takes_nothing_from_others(
    account: Account, app: Application
) -> None:
    jane, kim = customer(account, EMAIL, "u1"), customer(account, "kim@example.com", "u2")
    sync_and_learn(account)
    change(account, "post", f"/v1/customers/{kim}", metadata={KEY: "u1"})
    assert sync_and_learn(account) == Learned()
    assert {id: one.customer for id, one in app.store.all().items()} == {"u1": jane, "u2": kim}


def test_a_second_project_in_one_store_learns_its_own(account: Account) -> None:
    theirs = customer(account, "old@example.com", metadata={"billplan_id_other": "u1"})
    jane = customer(account, EMAIL)
    sync_and_learn(account)
    scope = replace(scope_of(account), project="other")
    with closing(SqlBindings(account.database, scope)) as store:

        def learn_other() -> None:
            learn_bindings(mirror_of(account), store, "other", account.clock.now())

        bindings = Bindings(store, lambda: account.api, scope, account.clock, learn_other)
        assert bindings.resolve("u1", EMAIL).customer == theirs
    assert metadata_of(account, jane) == {}


@pytest.mark.parametrize("why", ["only recent ones", "the listing failed"])
def test_nothing_is_learned_from_less_than_all_customers(account: Account, app: Application, why: str) -> None:
    first = customer(account, "a@example.com", "u1")
    account.world.clock.advance(90 * 86400)
    if why == "only recent ones":
        second = customer(account, "b@example.com", "u1")
        run_sync(account, created_after=account.clock.now() - 86400)
    else:
        for _ in range(PAGE):
            customer(account)
            account.world.clock.advance(86400)
        second = customer(account, "b@example.com", "u1")
        account.world.add_fault(Fault(FaultKind.ERROR_BEFORE, "get", "/v1/customers", nth=2, times=0))
        assert "customer" in run_sync(account).failed
    assert 0 < sum(1 for _ in mirror_of(account).raws("customer")) < PAGE + 2
    assert learn(account) == Learned()
    assert app.store.all() == {}
    account.world.faults = Faults()
    assert sync_and_learn(account) == Learned(disputed=1)
    reason = f"the metadata of several customers has this external id: {first}, {second}"
    assert app.refused() == (Outcome.CONFLICT, reason)


def test_a_binding_that_was_learned_is_taken_back_when_another_customer_has_the_id(
    account: Account, app: Application
) -> None:
    first = customer(account, "a@example.com", "u1")
    assert sync_and_learn(account) == Learned(new=1)
    second = customer(account, EMAIL, "u1")
    assert sync_and_learn(account) == Learned(disputed=1)
    reason = f"the metadata of several customers has this external id: {first}, {second}"
    assert app.refused() == (Outcome.CONFLICT, reason)


def test_metadata_that_is_no_external_id_is_counted_and_left(account: Account, app: Application) -> None:
    customer(account, external_id="x" * 201)
    customer(account, external_id="a\nb")
    customer(account, external_id="u1 ")
    customer(account, external_id="fine")
    assert sync_and_learn(account) == Learned(new=1, unusable=3)
    assert list(app.store.all()) == ["fine"]


def test_another_projects_ids_are_its_own(account: Account, app: Application) -> None:
    jane = customer(account, EMAIL, metadata={"billplan_id_other": "o1"})
    assert sync_and_learn(account) == Learned()
    assert app.touch()[0].customer == jane
    assert metadata_of(account, jane) == {"billplan_id_other": "o1", KEY: "u1"}
    beside = SqlBindings(account.database, replace(scope_of(account), project="other"))
    assert beside.all() == {}
