"""What lives in the store, asked in Stripe's manner: on both databases, from many threads and from other processes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from reconciler.adapters.routed_api import RoutedApi
from reconciler.adapters.store_api import StoreApi
from reconciler.core.idempotency import Scope
from reconciler.errors import BillplanError, RemoteRejected
from reconciler.ports.billing import Answer
from reconciler.store.binding_tables import ANSWERS, MAPPED_PRODUCTS
from reconciler.store.database import Database, open_database

SCOPE = Scope(account="acct_1", livemode=False, project="acme")
FEATURES, MAPPINGS = "/billplan/features", "/billplan/product_mappings"


class Ticking:
    """A clock that a test moves on."""

    def __init__(self) -> None:
        self.at = 1_795_000_000

    def now(self) -> int:
        return self.at

    def monotonic(self) -> float:
        return float(self.at)

    def sleep(self, seconds: float) -> None:
        self.at += int(seconds)


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:{tmp_path}/store.db"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def database(store_url: str, tmp_path: Path) -> Iterator[Database]:
    with open_database(store_url, base_folder=tmp_path) as database:
        yield database


@pytest.fixture
def clock() -> Ticking:
    return Ticking()


@pytest.fixture
def api(database: Database, clock: Ticking) -> StoreApi:
    return StoreApi(lambda: database, SCOPE, clock.now)


def make(api: StoreApi, path: str, key: str, **params: Any) -> Answer:
    return api.request("post", path, params, idempotency_key=key)


def refusal(ask: Callable[[], object]) -> tuple[int | None, str | None, str | None, str]:
    with pytest.raises(RemoteRejected) as caught:
        ask()
    return caught.value.status, caught.value.code, caught.value.kind, caught.value.message


def mapped(database: Database) -> dict[str, tuple[str, Any]]:
    with database.read() as connection:
        rows = connection.execute(select(MAPPED_PRODUCTS)).all()
    return {row.product: (row.mapping, json.loads(row.features)) for row in rows}


def test_what_is_made_is_read_and_listed_the_newest_first(api: StoreApi, clock: Ticking) -> None:
    for number in range(5):
        clock.at += number % 2
        made = make(api, FEATURES, f"k{number}", id=f"f{number}", name="F", metadata={"a": "1", "b": ""})
        assert (made.date, made.replayed) == (clock.at, False)
    assert api.request("get", f"{FEATURES}/f3", {}).body == {
        "id": "f3", "object": "feature", "name": "F", "created": clock.at, "metadata": {"a": "1"},
    }  # fmt: skip
    seen: list[str] = []
    cursor: dict[str, Any] = {}
    while True:
        page = api.request("get", FEATURES, {"limit": 2, **cursor}).body
        seen += [one["id"] for one in page["data"]]
        if not page["has_more"]:
            break
        cursor = {"starting_after": seen[-1]}
    assert seen == ["f4", "f3", "f2", "f1", "f0"]
    assert api.request("get", MAPPINGS, {}).body == {"object": "list", "data": [], "has_more": False}


def test_an_update_replaces_values_merges_metadata_and_unsets_what_is_empty(api: StoreApi) -> None:
    make(api, MAPPINGS, "1", id="m", name="M", stripe_products=["p"], features={"a": 1, "b": True}, metadata={"x": "1"})
    changed = make(api, f"{MAPPINGS}/m", "2", features={"a": 0}, metadata={"x": "", "y": "2"}).body
    assert (changed["features"], changed["metadata"], changed["name"]) == ({"a": 0}, {"y": "2"}, "M")
    changed = make(api, f"{MAPPINGS}/m", "3", features="", metadata="").body
    assert "features" not in changed
    assert changed["metadata"] == {}


def test_what_cannot_be_done_is_refused_as_stripe_refuses_it(api: StoreApi) -> None:
    make(api, FEATURES, "1", id="f", name="F")
    missing = (404, "resource_missing", "invalid_request_error", "the store refused it: No such feature: 'g'")
    assert refusal(lambda: api.request("get", f"{FEATURES}/g", {})) == missing
    assert refusal(lambda: make(api, f"{FEATURES}/g", "2", name="G")) == missing
    assert refusal(lambda: api.request("delete", f"{FEATURES}/g", {})) == missing
    again = refusal(lambda: make(api, FEATURES, "3", id="f", name="G"))
    assert again[:2] == (400, "resource_already_exists")
    assert refusal(lambda: make(api, FEATURES, "4", name="G"))[1] == "parameter_missing"
    assert refusal(lambda: make(api, f"{FEATURES}/f", "5", created=1))[1] == "parameter_unknown"
    assert refusal(lambda: api.request("get", FEATURES, {"starting_after": "g"}))[:2] == (400, "resource_missing")
    assert refusal(lambda: api.request("get", FEATURES, {"limit": 101}))[1] == "parameter_invalid_integer"
    assert refusal(lambda: api.request("get", FEATURES, {"active": True}))[1] == "parameter_unknown"
    assert refusal(lambda: api.request("get", "/billplan/plans", {}))[0] == 404
    assert refusal(lambda: api.request("delete", FEATURES, {}))[0] == 404
    with pytest.raises(ValueError, match="needs an idempotency key"):
        api.request("post", FEATURES, {"id": "g"})
    # What was refused has changed nothing, and its key is free.
    assert make(api, FEATURES, "3", id="g", name="G").replayed is False


def test_the_same_key_does_it_once(api: StoreApi, database: Database, clock: Ticking) -> None:
    first = make(api, FEATURES, "k", id="f", name="F")
    clock.at += 100
    again = make(api, FEATURES, "k", id="f", name="F")
    assert (again.body, again.replayed, again.date) == (first.body, True, clock.at)
    assert refusal(lambda: make(api, FEATURES, "k", id="f", name="G"))[2] == "idempotency_error"
    api.request("delete", f"{FEATURES}/f", {})
    assert make(api, FEATURES, "k", id="f", name="F").replayed
    assert refusal(lambda: api.request("get", f"{FEATURES}/f", {}))[1] == "resource_missing"
    clock.at += 31 * 86_400
    make(api, FEATURES, "other", id="g", name="G")
    with database.read() as connection:
        assert connection.execute(select(ANSWERS.c.idempotency_key)).scalars().all() == ["other"]


def test_each_scope_has_its_own(api: StoreApi, database: Database, clock: Ticking) -> None:
    others = [
        Scope(account="acct_2", livemode=False, project="acme"),
        Scope(account="acct_1", livemode=True, project="acme"),
        Scope(account="acct_1", livemode=False, project="other"),
    ]
    make(api, MAPPINGS, "k", id="m", name="M", stripe_products=["p"])
    for scope in others:
        other = StoreApi(lambda: database, scope, clock.now)
        assert other.request("get", MAPPINGS, {}).body["data"] == []
        assert not make(other, MAPPINGS, "k", id="m", name=str(scope), stripe_products=["p"]).replayed
        other.request("delete", f"{MAPPINGS}/m", {})
    assert api.request("get", f"{MAPPINGS}/m", {}).body["name"] == "M"
    assert mapped(database) == {"p": ("m", {})}


def test_the_products_of_a_mapping_are_written_with_it(api: StoreApi, database: Database) -> None:
    make(api, MAPPINGS, "1", id="m", name="M", stripe_products=["p", "q"], features={"a": 3, "b": "unlimited"})
    assert mapped(database) == {"p": ("m", {"a": 3, "b": "unlimited"}), "q": ("m", {"a": 3, "b": "unlimited"})}
    make(api, f"{MAPPINGS}/m", "2", stripe_products=["q"], features={"a": True})
    assert mapped(database) == {"q": ("m", {"a": True})}
    make(api, MAPPINGS, "3", id="n", name="N", stripe_products=["q", "r"])
    assert mapped(database) == {"q": ("n", {}), "r": ("n", {})}
    make(api, f"{MAPPINGS}/m", "4", stripe_products=["p"])
    assert mapped(database) == {"p": ("m", {"a": True}), "q": ("n", {}), "r": ("n", {})}
    api.request("delete", f"{MAPPINGS}/n", {})
    assert mapped(database) == {"p": ("m", {"a": True})}


def test_what_a_mapping_lets_go_of_falls_back_to_the_one_that_still_lists_it(api: StoreApi, database: Database) -> None:
    make(api, MAPPINGS, "1", id="m", name="M", stripe_products=["p", "q"], features={"a": 1})
    make(api, MAPPINGS, "2", id="n", name="N", stripe_products=["q", "r"], features={"a": 2})
    assert mapped(database) == {"p": ("m", {"a": 1}), "q": ("n", {"a": 2}), "r": ("n", {"a": 2})}
    make(api, f"{MAPPINGS}/n", "3", stripe_products=["r"])
    assert mapped(database) == {"p": ("m", {"a": 1}), "q": ("m", {"a": 1}), "r": ("n", {"a": 2})}
    make(api, f"{MAPPINGS}/n", "4", stripe_products=["r", "p"])
    api.request("delete", f"{MAPPINGS}/n", {})
    assert mapped(database) == {"p": ("m", {"a": 1}), "q": ("m", {"a": 1})}


def test_a_store_that_is_not_there_holds_nothing_and_is_not_made_by_looking(tmp_path: Path, clock: Ticking) -> None:
    opened: list[Database] = []

    def database() -> Database:
        opened.append(open_database(f"sqlite:{tmp_path}/new/store.db", base_folder=tmp_path))
        return opened[-1]

    api = StoreApi(database, SCOPE, clock.now, lambda: bool(opened))
    assert api.request("get", FEATURES, {"limit": 100}).body["data"] == []
    assert refusal(lambda: api.request("get", f"{FEATURES}/f", {}))[1] == "resource_missing"
    assert not list(tmp_path.iterdir())
    make(api, FEATURES, "1", id="f", name="F")
    assert [one["id"] for one in api.request("get", FEATURES, {}).body["data"]] == ["f"]
    for one in opened:
        one.close()


def test_where_nobody_tells_the_store_looking_raises_that(clock: Ticking) -> None:
    def database() -> Database:
        raise BillplanError("the environment variable BILLPLAN_STORE is not set")

    with pytest.raises(BillplanError, match="BILLPLAN_STORE"):
        StoreApi(database, SCOPE, clock.now, lambda: None).request("get", FEATURES, {})


def test_before_send_may_stop_it(api: StoreApi) -> None:
    def stop() -> None:
        raise BillplanError("the lock was lost")

    with pytest.raises(BillplanError, match="lock"):
        api.request("post", FEATURES, {"id": "f"}, idempotency_key="1", before_send=stop)
    assert api.request("get", FEATURES, {}).body["data"] == []


def test_many_at_once_make_one_and_lose_no_change(
    api: StoreApi, database: Database, store_url: str, tmp_path: Path, clock: Ticking
) -> None:
    make(api, MAPPINGS, "m", id="m", name="M", stripe_products=["p"], metadata={})

    def one(number: int) -> bool:
        with open_database(store_url, base_folder=tmp_path) as own:
            other = StoreApi(lambda: own if number % 2 else database, SCOPE, clock.now)
            made = make(other, FEATURES, "same", id="f", name="F")
            make(other, f"{MAPPINGS}/m", f"m{number}", metadata={f"n{number}": "1"}, stripe_products=["p", "q"])
            make(other, MAPPINGS, f"o{number}", id=f"o{number}", name="O", stripe_products=["q"])
            return not made.replayed

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(one, range(32))) == 1
    assert len(api.request("get", f"{MAPPINGS}/m", {}).body["metadata"]) == 32
    assert set(mapped(database)) == {"p", "q"}


def test_only_its_own_paths_go_to_the_store_which_goes_by_stripes_clock(database: Database, clock: Ticking) -> None:
    asked: list[tuple[str, str]] = []

    class Stripe:
        api_version, livemode = "v", False

        def request(self, method: str, path: str, params: object, **options: object) -> Answer:
            asked.append((method, path))
            return Answer(body={"id": "acct_1"}, request_id="req_1", date=clock.at + 50, replayed=False)

    accounts: list[str] = []

    def store_of(account: str, now: Callable[[], int]) -> StoreApi:
        accounts.append(account)
        return StoreApi(lambda: database, SCOPE, now)

    routed = RoutedApi(Stripe(), store_of, clock)
    assert (routed.api_version, routed.livemode) == ("v", False)
    routed.request("get", FEATURES, {})
    clock.at += 7
    assert routed.request("get", FEATURES, {}).date == clock.at + 50
    clock.at -= 20
    assert routed.request("get", FEATURES, {}).date == clock.at + 63
    routed.request("post", "/v1/products", {}, idempotency_key="1")
    assert asked == [("get", "/v1/account"), ("post", "/v1/products")]
    assert set(accounts) == {"acct_1"}
    told = RoutedApi(Stripe(), store_of, clock, lambda: "acct_9")
    told.request("get", FEATURES, {})
    assert accounts[-1] == "acct_9"
    assert len(asked) == 2
