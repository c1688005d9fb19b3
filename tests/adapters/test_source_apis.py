"""Requests to another account: the read key reads, the write key writes, and neither goes where it does not belong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from reconciler.adapters.routed_api import RoutedApi
from reconciler.adapters.source_apis import SourceApis
from reconciler.core.migrations import SourceAccount
from reconciler.core.values import Value
from reconciler.errors import BillplanError
from reconciler.ports.billing import Answer, always
from tests.adapters.simulated_time import SimulatedClock

OLD = SourceAccount(read="env:READ", write="env:WRITE")
NOW = 1_795_000_000


class Recorded:
    """A billing API of one key, which answers with the account's id and writes down what it was asked."""

    def __init__(self, account: str, date: int = NOW) -> None:
        self.account = account
        self.date = date
        self.asked: list[tuple[str, str]] = []

    api_version, livemode = "v", False

    def request(
        self,
        method: str,
        path: str,
        params: Mapping[str, Value],
        *,
        idempotency_key: str | None = None,
        before_send: Callable[[], None] = always,
    ) -> Answer:
        before_send()
        self.asked.append((method, path))
        return Answer(body={"id": self.account}, request_id=None, date=self.date, replayed=False)


class Accounts:
    """The new account, and the keys of old ones by their places."""

    def __init__(self, **places: str) -> None:
        self.new = Recorded("acct_new")
        self.keys = {f"env:{name}": Recorded(account) for name, account in places.items()}
        self.opened: list[str] = []
        self.sources = SourceApis(self._open)
        self.api = RoutedApi(self.new, self._no_store, SimulatedClock(), sources=self.sources)

    def _open(self, source: SourceAccount, where: str) -> Recorded:
        self.opened.append(where)
        return self.keys[where]

    def _no_store(self, account: str, now: Callable[[], int]) -> Any:
        raise AssertionError("nothing of the store is asked for")


def test_the_read_key_reads_and_the_write_key_writes() -> None:
    accounts = Accounts(READ="acct_old", WRITE="acct_old")
    assert accounts.sources.ask(OLD).account == "acct_old"
    assert accounts.sources.ask(OLD, write=True).account == "acct_old"
    accounts.api.request("get", "/source/acct_old/v1/subscriptions", {})
    accounts.api.request("post", "/source/acct_old/v1/subscriptions/sub_1", {}, idempotency_key="k")
    assert accounts.keys["env:READ"].asked == [("get", "/v1/account"), ("get", "/v1/subscriptions")]
    assert accounts.keys["env:WRITE"].asked == [("get", "/v1/account"), ("post", "/v1/subscriptions/sub_1")]
    assert accounts.new.asked == []


def test_everything_else_goes_to_the_account_of_the_project() -> None:
    accounts = Accounts(READ="acct_old")
    accounts.sources.ask(OLD)
    accounts.api.request("get", "/v1/subscriptions", {})
    assert accounts.new.asked == [("get", "/v1/subscriptions")]
    assert ("get", "/v1/subscriptions") not in accounts.keys["env:READ"].asked


@pytest.mark.parametrize(("method", "account"), [("get", "acct_other"), ("post", "acct_old")])
def test_nothing_is_sent_to_an_account_whose_key_was_not_checked_for_it(method: str, account: str) -> None:
    accounts = Accounts(READ="acct_old", WRITE="acct_old")
    accounts.sources.ask(OLD)
    with pytest.raises(BillplanError, match=f"key of the source account {account} was checked"):
        accounts.api.request(method, f"/source/{account}/v1/subscriptions", {}, idempotency_key="k")
    assert accounts.keys["env:WRITE"].asked == []


def test_without_sources_nothing_is_asked_of_them() -> None:
    new = Recorded("acct_new")
    api = RoutedApi(new, lambda account, now: pytest.fail("no store"), SimulatedClock())
    with pytest.raises(BillplanError, match="the source account acct_old is asked nothing here"):
        api.request("get", "/source/acct_old/v1/subscriptions", {})
    assert new.asked == []


def test_a_key_is_opened_when_it_is_needed_and_once() -> None:
    accounts = Accounts(READ="acct_old", WRITE="acct_old")
    assert accounts.opened == []
    for _ in range(3):
        accounts.sources.ask(OLD)
    assert accounts.opened == ["env:READ"]


def test_a_source_without_a_write_key_says_so() -> None:
    with pytest.raises(BillplanError, match="source_account has no write key"):
        Accounts(READ="acct_old").sources.ask(SourceAccount(read="env:READ"), write=True)


def test_what_is_asked_before_a_send_is_asked_of_the_other_account_too() -> None:
    accounts = Accounts(READ="acct_old", WRITE="acct_old")
    accounts.sources.ask(OLD, write=True)

    def refuse() -> None:
        raise RuntimeError("the lock is lost")

    with pytest.raises(RuntimeError, match="the lock is lost"):
        accounts.api.request("post", "/source/acct_old/v1/x/1", {}, idempotency_key="k", before_send=refuse)
    assert accounts.keys["env:WRITE"].asked == [("get", "/v1/account")]


def test_the_time_of_the_other_account_is_not_taken_for_that_of_this_one() -> None:
    """What lives in the store is dated by the answers of the project's own account."""
    accounts = Accounts(READ="acct_old")
    accounts.keys["env:READ"].date = NOW + 1000
    dates: list[int] = []

    class Store:
        def request(self, *args: Any, **more: Any) -> Answer:
            return accounts.new.request("get", "", {})

    def store_of(account: str, now: Callable[[], int]) -> Any:
        dates.append(now())
        return Store()

    api = RoutedApi(accounts.new, store_of, SimulatedClock(), sources=accounts.sources)
    accounts.sources.ask(OLD)
    api.request("get", "/v1/account", {})
    api.request("get", "/source/acct_old/v1/subscriptions", {})
    api.request("get", "/billplan/features", {})
    assert dates == [NOW]
