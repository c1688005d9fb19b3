"""Learning: a lost store gets its bindings again from the customers' metadata, and from nothing else."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from reconciler.adapters.sql_bindings import SqlBindings
from reconciler.core.resolved import Outcome
from reconciler.engine.learning import Learned
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
from tests.mirror.syncing import change


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


def test_metadata_that_is_no_external_id_is_counted_and_left(account: Account, app: Application) -> None:
    customer(account, external_id="x" * 201)
    customer(account, external_id="a\nb")
    customer(account, external_id="fine")
    assert sync_and_learn(account) == Learned(new=1, unusable=2)
    assert list(app.store.all()) == ["fine"]


def test_another_projects_ids_are_its_own(account: Account, app: Application) -> None:
    jane = customer(account, EMAIL, metadata={"billplan_id_other": "o1"})
    assert sync_and_learn(account) == Learned()
    assert app.touch()[0].customer == jane
    assert metadata_of(account, jane) == {"billplan_id_other": "o1", KEY: "u1"}
    beside = SqlBindings(account.database, replace(scope_of(account), project="other"))
    assert beside.all() == {}
