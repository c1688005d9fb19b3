"""What an apply sees while it goes on: fresh, by few requests, and never older than what Stripe has answered to it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.bindings import KIND
from reconciler.core.resources import Observed
from reconciler.core.values import Value
from reconciler.emulator.faults import Fault, FaultKind
from reconciler.engine.refresh import refresh
from reconciler.engine.sight import FRESH_SECONDS, Sight, Since
from reconciler.engine.stretches import Stretches
from reconciler.errors import RemoteError
from reconciler.ports.billing import BillingApi
from tests.account import Account, Silent
from tests.engine.binding_account import KEY, BindingAccount
from tests.relay import Relay

HELD = f"metadata[{KEY}]"
OLD = FRESH_SECONDS + 1


class Watched(Relay):
    """An API that tells which requests were sent, and lets something happen before or after each."""

    def __init__(self, inner: BillingApi) -> None:
        super().__init__(inner)
        self.sent: list[str] = []
        self.before: Callable[[str], object] = lambda path: None
        self.after: Callable[[str], object] = lambda path: None

    @contextmanager
    def around(self, method: str, path: str) -> Iterator[None]:
        self.sent.append(f"{method} {path}")
        self.before(path)
        yield
        self.after(path)

    def counts(self) -> tuple[int, int]:
        """How many lists were asked for, and how many customers by themselves, since this was asked last."""
        sent, self.sent = self.sent, []
        return sent.count("get /v1/customers"), sum(one.startswith("get /v1/customers/") for one in sent)


@pytest.fixture
def account(tmp_path: Path) -> Iterator[BindingAccount]:
    account = BindingAccount(tmp_path)
    yield account
    account.close()


def people(account: BindingAccount, count: int, a_second: int = 1) -> list[str]:
    """Make customers, so many a second."""
    made = []
    for n in range(count):
        made.append(account.customer(name=f"Ann {n}"))
        if n % a_second == a_second - 1:
            account.world.clock.advance(1)
    return made


def sight_of(account: Account, api: BillingApi, *kinds: str) -> Sight:
    known = account.outside.kinds
    since = Since(epoch=account.clock.now(), monotonic=account.clock.monotonic())
    snapshot = refresh(api, [known[name] for name in kinds], "acme", Silent())
    return Sight(snapshot, api, account.clock, known, since)


def watched(account: BindingAccount) -> tuple[Watched, Sight]:
    api = Watched(account.api)
    sight = sight_of(account, api, KIND)
    api.sent.clear()
    return api, sight


def held(observed: Observed | None) -> Value:
    return None if observed is None else observed.attrs.get(HELD)


def looks(sight: Sight, ids: Sequence[str]) -> list[Value]:
    return [held(sight.current(KIND, id)) for id in ids]


def answered(sight: Sight, account: BindingAccount, id: str, external_id: str) -> None:
    """Change a customer as a step does, and take in Stripe's answer."""
    raw = account.by_hand("post", f"/v1/customers/{id}", metadata={KEY: external_id})
    sight.take(account.outside.kinds[KIND].observe(raw, account.world.now()))


@pytest.mark.parametrize(("a_second", "pages"), [(1, 4), (7, 5), (100, 4)])
def test_many_are_read_again_by_a_page_for_each_hundred_of_them(
    account: BindingAccount, a_second: int, pages: int
) -> None:
    ids = people(account, 400, a_second)
    api, sight = watched(account)
    account.world.clock.advance(FRESH_SECONDS)
    assert looks(sight, ids) == [None] * 400
    assert api.counts() == (0, 0)
    account.world.clock.advance(1)
    for id in ids:
        account.by_hand("post", f"/v1/customers/{id}", metadata={KEY: f"user of {id}"})
    assert looks(sight, ids) == [f"user of {id}" for id in ids]
    # The first two of each page are read by themselves.
    assert api.counts() == (pages, 2 * pages)
    assert looks(sight, ids) == [f"user of {id}" for id in ids]
    assert api.counts() == (0, 0)
    account.world.clock.advance(OLD)
    assert looks(sight, ids) == [f"user of {id}" for id in ids]
    assert api.counts() == (pages, 0)


def test_of_few_each_is_read_by_itself(account: BindingAccount) -> None:
    ids = people(account, 300)
    api, sight = watched(account)
    for _ in range(2):
        account.world.clock.advance(OLD)
        assert looks(sight, [ids[0], ids[150], ids[299]]) == [None] * 3
    assert api.counts() == (0, 6)


def test_threads_that_need_the_same_page_ask_for_it_once(account: BindingAccount) -> None:
    ids = people(account, 100)
    api, sight = watched(account)
    account.world.clock.advance(OLD)
    looks(sight, ids[:2])
    assert api.counts() == (0, 2)
    for id in ids[2:]:
        account.by_hand("post", f"/v1/customers/{id}", metadata={KEY: f"user of {id}"})
    asked, go_on = threading.Event(), threading.Event()

    def wait(path: str) -> None:
        if path == "/v1/customers":
            asked.set()
            assert go_on.wait(10)

    api.before = wait
    with ThreadPoolExecutor(16) as pool:
        found = [pool.submit(sight.current, KIND, id) for id in ids[2:]]
        assert asked.wait(10)
        # What is fresh is given while others wait for the page.
        assert sight.current(KIND, ids[0]) is not None
        go_on.set()
        assert [held(one.result()) for one in found] == [f"user of {id}" for id in ids[2:]]
    assert api.counts() == (1, 0)


def test_many_threads_see_nothing_old(account: BindingAccount) -> None:
    ids = people(account, 250, a_second=10)
    api, sight = watched(account)
    for turn in range(3):
        account.world.clock.advance(OLD)
        for id in ids:
            account.by_hand("post", f"/v1/customers/{id}", metadata={KEY: f"{turn} of {id}"})
        with ThreadPoolExecutor(16) as pool:
            found = list(pool.map(lambda id: held(sight.current(KIND, id)), ids))
        assert found == [f"{turn} of {id}" for id in ids]
        lists, alone = api.counts()
        assert lists == 3
        assert alone == (6 if turn == 0 else 0)


def paged(sight: Sight, api: Watched, account: BindingAccount, ids: Sequence[str]) -> None:
    """Let the page of these be what the next look asks for."""
    account.world.clock.advance(OLD)
    looks(sight, ids[:2])
    api.counts()


@pytest.mark.parametrize("later", [0, 1, FRESH_SECONDS - 2])
def test_a_page_never_takes_the_place_of_our_own_answer(account: BindingAccount, later: int) -> None:
    """The page was made before our change, and comes after its answer, or some seconds later from a list that lags."""
    ids = people(account, 10)
    api, sight = watched(account)
    paged(sight, api, account, ids)
    account.world.add_fault(Fault(FaultKind.STALE_READ, path="/v1/customers"))
    answered(sight, account, ids[5], "mine")
    account.world.clock.advance(later)
    sight.current(KIND, ids[4])
    assert api.counts() == (1, 0)
    assert held(sight.current(KIND, ids[5])) == "mine"
    assert [one.remote_id for one in sight.of_kind(KIND) if one.attrs.get(HELD)] == [ids[5]]


@pytest.mark.parametrize("earlier", [0, 1])
def test_our_own_answer_is_taken_in_though_the_page_has_a_later_date(account: BindingAccount, earlier: int) -> None:
    ids = people(account, 10)
    api, sight = watched(account)
    paged(sight, api, account, ids)
    sight.current(KIND, ids[4])
    assert api.counts() == (1, 0)
    raw = account.by_hand("post", f"/v1/customers/{ids[5]}", metadata={KEY: "mine"})
    sight.take(account.outside.kinds[KIND].observe(raw, account.world.now() - earlier))
    assert held(sight.current(KIND, ids[5])) == "mine"


def test_a_change_while_the_page_is_on_its_way_is_taken_in(account: BindingAccount) -> None:
    ids = people(account, 10)
    api, sight = watched(account)
    paged(sight, api, account, ids)
    api.after = lambda path: answered(sight, account, ids[5], "mine") if path == "/v1/customers" else None
    sight.current(KIND, ids[4])
    assert api.counts() == (1, 0)
    assert held(sight.current(KIND, ids[5])) == "mine"


def test_a_page_is_as_old_as_its_request(account: BindingAccount) -> None:
    """An answer that took long shows what was, and the object is read again."""
    ids = people(account, 10)
    api, sight = watched(account)
    paged(sight, api, account, ids)

    def take_long(path: str) -> None:
        if path == "/v1/customers":
            account.world.clock.advance(OLD)
            account.by_hand("post", f"/v1/customers/{ids[4]}", metadata={KEY: "theirs"})

    api.after = take_long
    assert held(sight.current(KIND, ids[4])) == "theirs"
    assert api.counts() == (1, 1)


def test_what_is_gone_is_not_in_the_page_and_is_looked_for_by_itself(account: BindingAccount) -> None:
    ids = people(account, 10)
    api, sight = watched(account)
    paged(sight, api, account, ids)
    for id in ids[4:6]:
        account.by_hand("delete", f"/v1/customers/{id}")
    assert sight.current(KIND, ids[4]) is None
    assert api.counts() == (1, 1)
    assert sight.seen(KIND, ids[4]) is None
    # One request for each that the page did not show, and no second page.
    assert sight.current(KIND, ids[5]) is None
    assert looks(sight, ids[6:]) == [None] * 4
    assert api.counts() == (0, 1)


def test_a_page_from_before_a_deletion_brings_nothing_back(account: BindingAccount) -> None:
    ids = people(account, 10)
    api, sight = watched(account)
    paged(sight, api, account, ids)
    account.world.add_fault(Fault(FaultKind.STALE_READ, path="/v1/customers"))
    account.by_hand("delete", f"/v1/customers/{ids[5]}")
    assert sight.read(KIND, ids[5]) is None
    sight.current(KIND, ids[4])
    assert api.counts() == (1, 1)
    assert ids[5] not in [one.remote_id for one in sight.of_kind(KIND)]


def test_a_page_that_fails_is_made_up_for_by_single_reads_and_is_not_tried_each_time(account: BindingAccount) -> None:
    ids = people(account, 20)
    api, sight = watched(account)
    paged(sight, api, account, ids)
    account.by_hand("post", f"/v1/customers/{ids[4]}", metadata={KEY: "theirs"})

    def fail(path: str) -> None:
        if path == "/v1/customers":
            raise RemoteError("no answer")

    api.before = fail
    assert looks(sight, ids[4:8]) == ["theirs", None, None, None]
    assert api.counts() == (1, 4)
    account.world.clock.advance(OLD)
    api.before = lambda path: None
    looks(sight, ids)
    assert api.counts() == (1, 0)


def test_a_failure_of_the_single_read_surfaces(account: BindingAccount) -> None:
    ids = people(account, 5)
    api, sight = watched(account)
    paged(sight, api, account, ids)

    def fail(path: str) -> None:
        raise RemoteError("no answer", status=401)

    api.before = fail
    with pytest.raises(RemoteError):
        sight.current(KIND, ids[3])
    assert api.counts() == (1, 1)


def test_what_came_after_the_listing_is_read_by_itself(account: BindingAccount) -> None:
    ids = people(account, 5)
    api, sight = watched(account)
    paged(sight, api, account, ids)
    new = people(account, 4)
    assert looks(sight, new * 2) == [None] * 8
    assert api.counts() == (0, 4)
    account.world.clock.advance(OLD)
    assert looks(sight, new) == [None] * 4
    assert api.counts() == (0, 4)


def test_archived_ones_are_found_in_the_list_of_their_own(account: BindingAccount) -> None:
    names = [f"p{n}" for n in range(12)]
    account.converge(
        {
            "product.a": {"name": "A"},
            **{f"price.{n}": {"product": "product.a", "currency": "usd", "unit_amount": 5} for n in names},
        }
    )
    api = Watched(account.api)
    sight = sight_of(account, api, "price")
    account.world.clock.advance(OLD)
    ids = [one["id"] for one in account.live("price")]
    account.by_hand("post", f"/v1/prices/{ids[9]}", active=False)
    api.sent.clear()
    alive = [one is not None and one.alive for one in (sight.current("price", id) for id in ids)]
    assert alive == [n != 9 for n in range(12)]
    assert api.sent.count("get /v1/prices") == 2
    assert len(api.sent) == 2 + 4


@pytest.mark.parametrize("more", [{"by_created": False}, {"below": "subscriptions"}])
def test_what_cannot_be_listed_by_its_creation_is_read_by_itself(account: BindingAccount, more: dict[str, Any]) -> None:
    ids = people(account, 6)
    kind = account.outside.kinds[KIND]
    api = Watched(account.api)
    since = Since(epoch=account.clock.now(), monotonic=account.clock.monotonic())
    snapshot = refresh(account.api, [kind], "acme", Silent())
    other = replace(kind, lookup=replace(kind.lookup, **more))
    sight = Sight(snapshot, api, account.clock, {KIND: other}, since)
    account.world.clock.advance(OLD)
    assert looks(sight, ids) == [None] * 6
    assert api.counts() == (0, 6)


def test_stretches_hold_whole_seconds_and_at_most_a_page_of_them() -> None:
    seconds = [1] * 60 + [2] * 40 + [3] + [4] * 250 + [5] * 99 + [9]
    stretches = Stretches(reversed(seconds))
    found = [stretches.of(second) for second in range(11)]
    assert [None if one is None else (one.since, one.until, one.pages) for one in found] == [
        None,
        (1, 2, 1),
        (1, 2, 1),
        (3, 3, 1),
        (4, 4, 3),
        *[(5, 9, 1)] * 5,
        None,
    ]
    assert Stretches([]).of(7) is None
