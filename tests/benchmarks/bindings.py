"""`python -m tests.benchmarks.bindings [BINDINGS]`: how fast an application learns who a user is and what is unlocked.

With 100,000 bound customers, each with a subscription of one of ten mapped products, in a mirror that stands in the
store alone: what it takes to learn the bindings from the customers' metadata after the store was lost, to learn them
again when nothing is new, and `Bindings.resolve` of users drawn by lot, from one thread and from eight. The store is
SQLite, and nothing asks Stripe.
"""

from __future__ import annotations

import math
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

from reconciler.core.mirrored import Row, read_row
from reconciler.core.resolved import Outcome
from reconciler.core.standing import Window
from reconciler.engine.first_touch import Bindings
from reconciler.engine.learning import learn_bindings
from reconciler.mirrored import BY_NAME
from reconciler.ports.billing import BillingApi
from reconciler.ports.mirror import Page
from tests.account import Account
from tests.benchmarks.measure import print_figure
from tests.engine.touching import KEY, customer, map_product, opened, sold, store_of, subscribe
from tests.mirror.syncing import mirror_of

BOUND, PRODUCTS, CALLS, THREADS = 100_000, 10, 50_000, 8
LEAST_A_SECOND, LEARN_SECONDS = 5_000, 2
_ROWS_OF_A_PAGE = 1_000
Raw = Mapping[str, Any]


def main() -> None:
    """Fill a store, and measure."""
    bound = int(sys.argv[1]) if len(sys.argv) > 1 else BOUND
    with tempfile.TemporaryDirectory() as name, Account(Path(name)) as account:
        _fill(account, bound)
        _learn(account, bound, f"learning {bound:,} bindings after the store was lost", "")
        _learn(account, 0, f"learning {bound:,} bindings again", f"under {LEARN_SECONDS} s")
        store = store_of(account)
        bindings = opened(account, store, _no_api)
        for threads in (1, THREADS):
            _resolve(bindings, bound, threads)
        bindings.close()


def _learn(account: Account, new: int, name: str, limit: str) -> None:
    started = time.perf_counter()
    learned = learn_bindings(mirror_of(account), store_of(account), account.pins.project, account.clock.now())
    print_figure(f"{name}: wall", time.perf_counter() - started, "s", limit)
    if learned.new != new or learned.disputed or learned.unusable:
        raise SystemExit(f"{learned}, where {new} new ones were expected")


def _resolve(bindings: Bindings, bound: int, threads: int) -> None:
    """Resolve users drawn by lot, and print how many a second and how long the slow ones took."""
    spent: list[list[float]] = [[] for _ in range(threads)]
    gate = threading.Barrier(threads + 1)

    def work(number: int) -> None:
        draw, mine = Random(number), spent[number]
        drawn = [f"user-{draw.randrange(bound)}" for _ in range(CALLS // threads)]
        gate.wait()
        for external_id in drawn:
            started = time.perf_counter()
            found = bindings.resolve(external_id)
            mine.append(time.perf_counter() - started)
            if found.outcome is not Outcome.BOUND or not found.features:
                raise SystemExit(f"resolving {external_id} said {found}")

    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    for worker in workers:
        worker.start()
    gate.wait()
    started = time.perf_counter()
    for worker in workers:
        worker.join()
    seconds = time.perf_counter() - started
    every = sorted(one for mine in spent for one in mine)
    if len(every) != CALLS // threads * threads:
        raise SystemExit("some calls failed")
    name = f"resolve of {bound:,} bound users, {threads} thread{'s' if threads > 1 else ''}"
    print_figure(f"{name}: calls", len(every) / seconds, "/s", f"at least {LEAST_A_SECOND:,}/s" if threads == 1 else "")
    for share in (50, 99):
        print_figure(f"{name}: p{share}", every[len(every) * share // 100] * 1_000_000, "us")


def _fill(account: Account, bound: int) -> None:
    """Multiply a customer and a subscription that the account has, in the mirror alone."""
    like = customer(account, "like@example.com", name="Like")
    pairs = [sold(account, f"Plan {number}") for number in range(PRODUCTS)]
    for number, (product, _) in enumerate(pairs):
        features: dict[str, bool | int | str] = {"sso": number % 2 == 0, "seats": 5 * number, "api_calls": "unlimited"}
        map_product(account, product, f"plan_{number}", features)
    raw = account.api.request("get", f"/v1/customers/{like}", {}).body
    bought = [subscribe(account, like, price) for _, price in pairs]
    subscriptions = [account.api.request("get", f"/v1/subscriptions/{id}", {}).body for id in bought]
    makers: dict[str, Callable[[int], Raw]] = {
        "customer": lambda number: _customer(raw, number),
        "subscription": lambda number: _subscription(subscriptions[number % PRODUCTS], number),
    }
    mirror, now = mirror_of(account), account.clock.now()
    for type, make in makers.items():
        mirror.begin(type, now, [], None)
        rows = _rows(type, make)
        for page in range(math.ceil(bound / _ROWS_OF_A_PAGE)):
            some = list(islice(rows, min(_ROWS_OF_A_PAGE, bound - page * _ROWS_OF_A_PAGE)))
            mirror.put_page(Page(type=type, rows={type: some}, at=now, window=Window()))
        mirror.finish(type, now, now)


def _rows(type: str, make: Callable[[int], Raw]) -> Iterator[Row]:
    number = 0
    while True:
        yield read_row(BY_NAME[type], make(number))
        number += 1


def _customer(raw: Raw, number: int) -> Raw:
    marked = {"metadata": {KEY: f"user-{number}"}, "email": f"user-{number}@example.com"}
    return {**raw, **marked, "id": _customer_id(number)}


def _subscription(raw: Raw, number: int) -> Raw:
    return {**raw, "id": f"sub_bench{number:012d}", "customer": _customer_id(number)}


def _customer_id(number: int) -> str:
    return f"cus_bench{number:012d}"


def _no_api() -> BillingApi:
    raise SystemExit("a bound user was looked for in Stripe")


if __name__ == "__main__":
    main()
