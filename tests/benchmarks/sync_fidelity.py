"""`python -m tests.benchmarks.sync_fidelity [CUSTOMERS [KILLS]]`: whether the mirror is the account, row by row.

Of an account of 20,000 customers, on SQLite and PostgreSQL: a sync over HTTP; each row compared with the object; a
second sync, which writes no row; and a sync that is killed at 50 random moments, and comes to the same.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import select

from reconciler.adapters.endpoint import endpoint_name
from reconciler.adapters.sql_mirror import SqlMirror
from reconciler.emulator.clock import SystemClock
from reconciler.emulator.history import grow
from reconciler.emulator.limits import LimitMode
from reconciler.emulator.server import serve
from reconciler.emulator.world import World
from reconciler.engine.backfill import WORKERS
from reconciler.mirrored import EVENT, MIRRORED
from reconciler.store.database import open_database
from reconciler.store.mirror_tables import LINES, RAW_OBJECTS, TABLES
from tests.benchmarks.measure import print_figure
from tests.benchmarks.sync_process import run_sync, start_sync
from tests.mirror.likeness import differences
from tests.postgres import running_postgres

CUSTOMERS, KILLS = 20_000, 50
# A command that is about to read its first page, and one that has read for a while.
_EARLIEST, _LATEST = 0.8, 4.0


def main(arguments: Sequence[str]) -> None:
    """Grow the account, and try both databases."""
    customers, kills = (*map(int, arguments), *(CUSTOMERS, KILLS)[len(arguments) :])
    world = World(clock=SystemClock())
    grow(world, customers)
    with serve(world) as server, running_postgres() as postgres, tempfile.TemporaryDirectory() as folder:
        for name, store in (("SQLite", f"sqlite:{folder}/whole.db"), ("PostgreSQL", postgres.url)):
            _try(world, server.url, store, name)
        _try_killed(world, server.url, folder, kills)


def _try(world: World, url: str, store: str, name: str) -> None:
    finished = run_sync(url, store, LimitMode.OFF)
    before = _rows(store)
    print_figure(f"{name}: rows", finished.objects, "")
    print_figure(f"{name}: seconds", finished.seconds, "s")
    print_figure(f"{name}: rows that differ from the account", _differing(world, store), "", "0")
    run_sync(url, store, LimitMode.OFF)
    after = _rows(store)
    written = [table for table in before if before[table] != after[table]]
    print_figure(f"{name}: tables of which a second sync wrote a row", len(written), " ".join(written), "0")


def _try_killed(world: World, url: str, folder: str, kills: int) -> None:
    """Kill syncs; where one comes to its end all the same, another one begins anew."""
    draw = random.Random(8)
    killed = round = 0
    while killed < kills:
        round += 1
        store, first, before = f"sqlite:{folder}/killed-{round}.db", len(world.log), killed
        while killed < kills and _killed(start_sync(url, store, LimitMode.OFF), draw.uniform(_EARLIEST, _LATEST)):
            killed += 1
        run_sync(url, store, LimitMode.OFF)
        most, of = _most_twice(world, first)
        print_figure("killed: times", killed - before, "")
        print_figure("killed: rows that differ from the account", _differing(world, store), "", "0")
        bound = (killed - before) * WORKERS
        print_figure("killed: pages of one list that were asked for again", most, of, f"at most {bound:,}")


def _killed(process: subprocess.Popen[str], seconds: float) -> bool:
    """Kill a process after some seconds; say whether it was still at work."""
    time.sleep(seconds)
    process.kill()
    process.communicate()
    return process.returncode != 0


def _most_twice(world: World, first: int) -> tuple[int, str]:
    """How many pages were asked for again of the list of which the most were, and which one that is."""
    # Each sync looks anew at events and at what no event tells of, and catching up reads lists of some owners again.
    lists = {endpoint_name("get", m.path) for m in MIRRORED if not m.polled and m.parent is None}
    asked = Counter(str(line["path"]) for line in world.log[first:] if "limit=100" in line["path"])
    again: Counter[str] = Counter()
    for path, count in asked.items():
        again[endpoint_name("get", path)] += count - 1
    return max((count, name) for name, count in again.items() if name in lists)


def _differing(world: World, store: str) -> int:
    with open_database(store, base_folder=Path()) as database:
        found = differences(world, SqlMirror(database, world.account_id, world.livemode))
    for line in found[:10]:
        print(line)
    return len(found)


def _rows(store: str) -> dict[str, int]:
    """A number for the content of each table, equal for equal rows; without events, which grow old and are dropped."""
    hashes = {}
    with open_database(store, base_folder=Path()) as database, database.read() as connection:
        for table in (*TABLES.values(), *LINES.values(), RAW_OBJECTS):
            query = select(table).order_by(*table.primary_key)
            if table is RAW_OBJECTS:
                query = query.where(table.c.type != EVENT.name)
            if table is not TABLES[EVENT.name]:
                hashes[table.name] = hash(tuple(tuple(row) for row in connection.execute(query)))
    return hashes


if __name__ == "__main__":
    main(sys.argv[1:])
