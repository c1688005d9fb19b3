"""An emulated account of any size that subscriptions migrate into, in a process of its own that counts its requests.

`python -m tests.benchmarks.migration_account CUSTOMERS LIMITS` prints its address, and answers each line that it reads
with a count of the requests since the one before. It keeps no file: a save of so much would take longer than all else.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

from reconciler.emulator.clock import SystemClock
from reconciler.emulator.rules.billing import attach_payment_method
from reconciler.emulator.server import serve
from reconciler.emulator.shapes import customer
from reconciler.emulator.world import World
from tests.benchmarks.emulator import Emulator

SCHEDULES = "/v1/subscription_schedules"
# Longer ago than Stripe keeps events.
_AGE = 90 * 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class Requests:
    """What was asked: `gets` and `posts` are all requests, `scheduled` the schedules made, `late` those answered 429.
    `schedules` is how many there are."""

    gets: int
    posts: int
    scheduled: int
    late: int
    schedules: int

    @property
    def calls(self) -> int:
        return self.gets + self.posts


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationAccount:
    """A running account."""

    emulator: Emulator
    ask: IO[str]
    told: IO[str]

    def requests(self) -> Requests:
        """Count the requests since the last time."""
        self.ask.write("\n")
        self.ask.flush()
        return Requests(**json.loads(self.told.readline()))


def customer_id(number: int) -> str:
    """The id of one of the customers, counted from 0."""
    return f"cus_bench{number:07d}"


@contextmanager
def running_account(customers: int, limits: str) -> Iterator[MigrationAccount]:
    """Run an account with so many customers, each with a card, until the block ends."""
    command = [sys.executable, "-m", "tests.benchmarks.migration_account", str(customers), limits]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            url = process.stdout.readline().strip()
            if not url:
                raise SystemExit("the account did not start")
            yield MigrationAccount(emulator=Emulator(url=url), ask=process.stdin, told=process.stdout)
        finally:
            process.terminate()


def _world(customers: int) -> World:
    world = World(clock=SystemClock())
    created = world.now() - _AGE
    for n in range(customers):
        params = {"email": f"user.{n}@example.com", "invoice_prefix": f"P{n}", "name": f"User {n}"}
        world.tables["customer"].put(customer.build(world, params, customer_id(n), created + n // 100))
        attach_payment_method(world, customer_id(n), created + n // 100)
    return world


def _counted(world: World) -> dict[str, Any]:
    with world.lock:
        log = list(world.log)
        # Nothing is on its way: who asks for a count has waited for the end of what was to be counted.
        world.log.clear()
        schedules = len(world.tables["subscription_schedule"])
    methods = Counter(str(one["method"]) for one in log)
    made = sum(one["method"] == "POST" and one["path"] == SCHEDULES and one["status"] == 200 for one in log)
    late = sum(one["status"] == 429 for one in log)
    return {
        "gets": methods["GET"],
        "posts": methods["POST"],
        "scheduled": made,
        "late": late,
        "schedules": schedules,
    }


def main() -> None:
    """Serve until terminated."""
    customers, limits = int(sys.argv[1]), sys.argv[2]
    world = _world(customers)
    world.limit(limits)
    server = serve([world], port=0)
    print(server.url, flush=True)
    for _ in sys.stdin:
        print(json.dumps(_counted(world)), flush=True)


if __name__ == "__main__":
    main()
