"""A second process for the tests: opens a store and does one thing with it."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from reconciler.adapters.sql_ledger import SqlLedger
from reconciler.adapters.sql_locks import SqlLocks
from reconciler.adapters.system_clock import SystemClock
from reconciler.core.journal import Event, Record, Run
from reconciler.errors import LockLost
from reconciler.store.database import Database, open_database


def write_records(database: Database, name: str, count: int) -> None:
    """Open a run and write so many records."""
    ledger = SqlLedger(database)
    run = Run(id=0, account="acct_1", livemode=False, project="acme", plan_digest="d", actor=name, started_at=1)
    run_id = ledger.start(run)
    for index in range(count):
        record = Record(step_id=f"{name}-{index}", address=f"price.{name}_{index}", event=Event.SENT, at=index)
        ledger.write(run_id, record)


def hold_lock(database: Database, scope: str, who: str) -> None:
    """Take the lock, say so, and check it until it is lost."""
    with SqlLocks(database, SystemClock()).acquire(scope, who) as lock:
        print("held", flush=True)
        while True:
            try:
                lock.check()
            except LockLost as error:
                print(error.message, flush=True)
                return
            time.sleep(0.1)


def main(action: str, url: str, first: str, second: str) -> None:
    """Do what the command line says, as soon as a line comes in on standard input."""
    print("ready", flush=True)
    sys.stdin.readline()
    with open_database(url, base_folder=Path("/")) as database:
        match action:
            case "open":
                print("opened", flush=True)
            case "write":
                write_records(database, first, int(second))
                print("written", flush=True)
            case "hold":
                hold_lock(database, first, second)


if __name__ == "__main__":
    main(*sys.argv[1:])
