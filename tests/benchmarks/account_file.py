"""A saved account in which a project folder has been applied already: what an emulator is started from."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from itertools import count
from pathlib import Path

from reconciler.core.journal import Record, Run
from reconciler.emulator.clock import FrozenClock
from reconciler.emulator.state import save_worlds
from reconciler.emulator.world import World
from reconciler.engine.apply import ApplyOptions, apply
from reconciler.project import Project
from tests.account import Account

# One subscription for so many prices: an account that sells. All of these are of the first shape, a monthly one.
PRICES_OF_A_SUBSCRIPTION = 10
_BY_INVOICE = {"collection_method": "send_invoice", "days_until_due": 30}


class Unkept:
    """A journal that keeps nothing: what is made here is not measured, and cannot be interrupted halfway."""

    def start(self, run: Run) -> int:
        return 1

    def write(self, run_id: int, record: Record) -> None:
        """Keep nothing."""

    def finish(self, run_id: int, at: int, outcome: str) -> None:
        """Keep nothing."""

    def records(self, plan_digest: str) -> Sequence[Record]:
        return ()

    def last_finished(self, account: str, livemode: bool, project: str) -> Run | None:
        return None

    def applied(self, account: str, livemode: bool, project: str) -> dict[str, str]:
        return {}


def make_account(folder: Path, path: Path) -> dict[str, int]:
    """Apply a project folder to an empty account in this process, let it sell, save it, and count what it holds."""
    # An hour ago, so that a server on the present time continues from it.
    world = World(clock=FrozenClock(int(time.time()) - 3600))
    with Project.load(folder) as project, Account(folder / ".account", world=world, project="bench") as account:
        options = ApplyOptions(pins=account.pins, who="a benchmark", concurrency=1)
        applied = apply(account.plan(project.specs), account.outside, Unkept(), account.locks, options)
        if not applied.complete:
            raise RuntimeError([r.detail for r in applied.results if not r.good][:3])
        _subscribe(account)
    world.log.clear()
    world.idempotency.recorded.clear()
    save_worlds([world], path)
    return {name: len(table) for name, table in world.tables.items()}


def _subscribe(account: Account) -> None:
    keys = count()

    def post(path: str, **params: object) -> str:
        answer = account.api.request("post", path, params, idempotency_key=f"subscribe-{next(keys)}")
        return str(answer.body["id"])

    customer = post("/v1/customers", name="A customer")
    for price in [r["id"] for r in account.live("price")][::PRICES_OF_A_SUBSCRIPTION]:
        post("/v1/subscriptions", customer=customer, items=[{"price": price}], **_BY_INVOICE)


if __name__ == "__main__":
    print(json.dumps(make_account(Path(sys.argv[1]), Path(sys.argv[2]))))
