"""An account for each test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.account import Account
from tests.crash.real_time import lease_in_real_time
from tests.engine.touching import Application


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    with Account(tmp_path) as account:
        yield account


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Account]:
    """An account with a store in either database."""
    store = str(request.getfixturevalue("postgres_url")) if request.param == "postgresql" else tmp_path
    with Account(store) as account:
        lease_in_real_time(account)
        yield account


@pytest.fixture
def app(account: Account) -> Iterator[Application]:
    """The account's bindings, as an application has them."""
    application = Application(account)
    with closing(application.store):
        yield application
