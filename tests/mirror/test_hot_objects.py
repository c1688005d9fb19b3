"""A handful of objects that change again and again, often twice within a second with a sync in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import pytest

from reconciler.errors import RemoteRejected
from reconciler.ports.billing import BillingApi
from tests.account import Account, new_world
from tests.mirror.likeness import differences
from tests.mirror.restless import in_turn
from tests.mirror.syncing import mirror_of, move_in, run_sync
from tests.relay import Relay

BATCHES, BATCH, ROUNDS = 6, 15, 5
OBJECTS = ("customer", "product", "price", "coupon", "subscription", "tax_rate")
PAUSES = (0, 0, 0, 1, 2, 3, 40)
LONG = (0, 0, 61, 300, 4000)


class Hands:
    """Somebody who changes few objects all the time: renames, deletes, and makes anew under the same id."""

    def __init__(self, account: Account, random: Random) -> None:
        self._account = account
        self._random = random
        self._count = count()
        self._keys = count()
        self._acts: list[Callable[[], None]] = [self._customer, self._product, self._coupon, self._subscription]

    def post(self, path: str, **params: Any) -> dict[str, Any]:
        answer = self._account.api.request("post", path, params, idempotency_key=f"hands-{next(self._keys)}")
        return dict(answer.body)

    def begin(self) -> None:
        """Make the objects."""
        self.post("/v1/products", id="hot", name="Hot")
        terms = {"currency": "usd", "recurring": {"interval": "month"}, "unit_amount": 0}
        price = self.post("/v1/prices", product="hot", **terms)["id"]
        self.customers = [self.post("/v1/customers", name="Ann")["id"] for _ in range(2)]
        self.subscription = self.post("/v1/subscriptions", customer=self.customers[0], items=[{"price": price}])["id"]

    def act(self) -> None:
        """Do one thing, or let time pass."""
        if self._random.random() < 0.4:
            self._account.clock.sleep(self._random.choice(PAUSES))
        else:
            self._random.choice(self._acts)()

    def _customer(self) -> None:
        self.post(f"/v1/customers/{self._random.choice(self.customers)}", name=f"Ann {next(self._count)}")

    def _subscription(self) -> None:
        self.post(f"/v1/subscriptions/{self.subscription}", metadata={"n": str(next(self._count))})

    def _product(self) -> None:
        self._renew("/v1/products", "cold", name=f"Cold {next(self._count)}")

    def _coupon(self) -> None:
        self._renew(
            "/v1/coupons", "ten", name=f"Ten {next(self._count)}", terms={"percent_off": 10, "duration": "once"}
        )

    def _renew(self, path: str, id: str, name: str, terms: Mapping[str, Any] | None = None) -> None:
        """Rename what is there, delete it, or make it again."""
        try:
            self._account.api.request("get", f"{path}/{id}", {})
        except RemoteRejected:
            self.post(path, id=id, name=name, **(terms or {}))
            return
        if self._random.random() < 0.4:
            self._account.api.request("delete", f"{path}/{id}", {})
        else:
            self.post(f"{path}/{id}", name=name)


class Meddled(Relay):
    """A billing API with hands that act around each request of a sync."""

    def __init__(self, inner: BillingApi, hands: Hands, random: Random) -> None:
        super().__init__(inner)
        self._hands, self._random = hands, random
        self._left = 12

    @contextmanager
    def around(self, method: str, path: str) -> Iterator[None]:
        self._stir()
        yield
        self._stir()

    def _stir(self) -> None:
        if self._left and self._random.random() < 0.3:
            self._left -= 1
            self._hands.act()


def live(account: Account, seed: int) -> None:
    random = Random(seed)
    move_in(account, new_world())
    account.world.account_id = f"acct_{seed}"
    hands = Hands(account, random)
    hands.begin()
    for _ in range(ROUNDS):
        for _ in range(random.randrange(6)):
            hands.act()
        account.clock.sleep(random.choice(LONG))
        if random.random() < 0.5:
            meddled = Meddled(account.api, hands, random)
            assert not run_sync(account, meddled, objects=OBJECTS, full=random.random() < 0.2).failed
        assert not run_sync(account, objects=OBJECTS).failed
        found = [one for one in differences(account.world, mirror_of(account)) if one.startswith(OBJECTS)]
        assert not found, f"seed {seed}"


@pytest.mark.parametrize("batch", range(BATCHES))
def test_mirror_is_right_after_each_sync_of_objects_that_hardly_rest(batch: int, folder: Path) -> None:
    with Account(folder) as account, pytest.MonkeyPatch.context() as patch:
        in_turn(patch)
        for seed in range(batch * BATCH, (batch + 1) * BATCH):
            live(account, seed)
