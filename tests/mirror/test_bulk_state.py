"""The mirror's own state in bulk: doubts, windows and old events by the thousand, in either database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reconciler.adapters import sql_mirror
from reconciler.core.mirrored import Source, read_row
from reconciler.core.standing import Window
from reconciler.engine import backfill
from reconciler.engine.mirror_status import types_of
from reconciler.mirrored import BY_NAME, EVENT
from reconciler.ports.mirror import Doubt, EventPage, Page, Put
from tests.account import Account
from tests.crash.real_time import lease_in_real_time
from tests.mirror.syncing import change, mirror_of, requests, run_sync
from tests.postgres import PostgresServer


@pytest.fixture(params=["sqlite", "postgresql"])
def either(request: pytest.FixtureRequest, folder: Path) -> Iterator[Account]:
    """An empty account with a store in either database."""
    store: Path | str = folder
    if request.param == "postgresql":
        _: PostgresServer = request.getfixturevalue("postgres")
        store = request.getfixturevalue("postgres_url")
    with Account(store) as account:
        lease_in_real_time(account)
        yield account


def event(number: int) -> dict[str, Any]:
    about = {"id": "cus_1", "object": "customer"}
    return {
        "id": f"evt_{number}",
        "object": "event",
        "type": "customer.updated",
        "created": number,
        "data": {"object": about},
    }


def observed_at(account: Account, type: str, id: str) -> int:
    return mirror_of(account).versions(type, [id])[id].at


def test_a_listing_that_settles_strikes_off_the_doubts_of_its_type_alone(either: Account) -> None:
    mirror = mirror_of(either)
    # Of types listed by parent, the parent is in doubt: the same id, and another doubt.
    others = [Doubt("product_feature", f"prod_{n}") for n in range(3)]
    mirror.doubt([*others, *(Doubt("product", f"prod_{n}") for n in range(3))])
    mirror.begin("product", 100, [Window()], None)
    assert mirror.doubt_counts() == {"product": 3, "product_feature": 3}
    mirror.begin("product", 100, [Window()], None, settles=True)
    assert mirror.doubts() == tuple(others)
    assert {one.type: one.doubts for one in types_of(mirror) if one.doubts} == {"product_feature": 3}


def test_doubts_are_settled_by_the_thousand_and_only_those_of_the_type(either: Account) -> None:
    mirror = mirror_of(either)
    doubts = [Doubt(type, f"prod_{n:05}") for type in ("product", "product_feature") for n in range(1_500)]
    mirror.doubt(doubts)
    mirror.put((), [*doubts[:1_499], doubts[1_500]])
    assert mirror.doubt_counts() == {"product": 1, "product_feature": 1_499}


def test_windows_of_many_parents_are_begun_in_order_and_parts_are_numbered(either: Account) -> None:
    mirror = mirror_of(either)
    mirror.begin("product_feature", 100, [Window(parent=f"prod_{n:05}", since=n) for n in range(1_500)], None)
    first, *others = mirror.windows("product_feature")
    assert [window.parent for window in (first, *others)] == [f"prod_{n:05}" for n in range(1_500)]
    parts = [Window(parent="prod_00000", since=n, cursor="c") for n in range(3)]
    kept = mirror.put_page(Page(type="product_feature", rows={}, at=100, window=first, rest=parts))
    assert kept.rest[0].id == first.id
    assert mirror.windows("product_feature") == (kept.rest[0], *others, *kept.rest[1:])


def test_old_events_are_dropped_with_their_objects_in_parts(either: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql_mirror, "_FORGOTTEN_AT_ONCE", 3)
    mirror = mirror_of(either)
    rows = [read_row(EVENT, event(number)) for number in range(1, 10)]
    mirror.put_events(EventPage(rows=rows, at=100, window=Window(id=0)))
    # Of another type, whatever its id.
    customer = read_row(BY_NAME["customer"], {"id": "evt_1", "object": "customer"})
    mirror.put([Put(type="customer", id="evt_1", row=customer, at=1, source=Source.READ)])
    mirror.forget_events(7)
    assert mirror.known_events([row.id for row in rows]) == {"evt_7", "evt_8", "evt_9"}
    assert mirror.raw("event", "evt_6") is None
    assert mirror.raw("event", "evt_7") is not None
    assert mirror.raw("customer", "evt_1") is not None


def test_a_listing_ages_what_was_observed_as_it_began_and_leaves_events_alone(either: Account) -> None:
    mirror = mirror_of(either)
    mirror.put_events(EventPage(rows=[read_row(EVENT, event(1))], at=100, window=Window(id=0)))
    customer = read_row(BY_NAME["customer"], {"id": "cus_1", "object": "customer"})
    mirror.put([Put(type="customer", id="cus_1", row=customer, at=100, source=Source.READ)])
    for type in ("event", "customer"):
        mirror.begin(type, 100, [Window()], None)
    assert observed_at(either, "event", "evt_1") == 100
    assert observed_at(either, "customer", "cus_1") == 99


def test_doubts_by_the_thousand_are_handed_to_the_threads_in_parts(
    either: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "_IN_HAND", 3)
    ids = [change(either, "post", "/v1/customers", name=f"No. {n}")["id"] for n in range(10)]
    run_sync(either)
    mirror_of(either).doubt([Doubt("customer", id) for id in ids])
    since = len(either.world.log)
    assert not run_sync(either).failed
    assert not mirror_of(either).doubts()
    assert {requests(either.world, since)[f"/v1/customers/{id}"] for id in ids} == {1}


def test_row_that_says_the_same_in_another_order_is_what_is_stored(either: Account) -> None:
    mirror = mirror_of(either)
    mirror.begin("customer", 100, [Window()], None)
    stored = {"id": "cus_1", "object": "customer", "name": "A", "address": {"city": "Leeds", "line1": None}}
    told = {"address": {"line1": None, "city": "Leeds"}, "name": "A", "object": "customer", "id": "cus_1"}

    def page(raw: dict[str, Any], at: int) -> Page:
        return Page(type="customer", rows={"customer": [read_row(BY_NAME["customer"], raw)]}, at=at, window=Window())

    (window,) = mirror.windows("customer")
    assert mirror.put_page(page(stored, 100)).changed == 1
    mirror.finish("customer", 100, 100)
    mirror.begin("customer", 10_000, [Window()], None)
    (window,) = mirror.windows("customer")
    assert mirror.put_page(replace(page(told, 10_000), window=window, rest=(window,))).changed == 0
    assert mirror.unseen("customer", 10_000) == ()
    assert list(mirror.raw("customer", "cus_1") or ()) == list(stored)
    # A list of the same keys is another one in another order, and a number is no text.
    for at, other in ((20_000, {**stored, "name": 1}), (30_000, {**stored, "address": ["Leeds", None]})):
        assert mirror.put_page(replace(page(other, at), window=window, rest=(window,))).changed == 1
    # One that follows close upon a change may lag behind it.
    assert mirror.put_page(replace(page(told, 30_000), window=window, rest=(window,))).changed == 0
    assert mirror.doubts() == (Doubt("customer", "cus_1"),)
