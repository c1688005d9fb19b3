"""The journal in the store: what goes in comes out, in order, from threads and from processes."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from reconciler.adapters.sql_ledger import SqlLedger
from reconciler.core.journal import Event, Record, Run
from reconciler.errors import StoreError
from reconciler.ports.ledger import Ledger
from reconciler.store.database import Database, open_database
from tests.store.conftest import Start, go, read_line

RUN = Run(id=0, account="acct_1", livemode=False, project="acme", plan_digest="d1", actor="ann@host", started_at=2**33)
SENT = Record(
    step_id="s1",
    address='customer_binding["auth0|9"]',
    event=Event.SENT,
    at=2**33 + 1,
    attempt=2,
    idempotency_key="k",
    remote_id="prod_1",
    request_id="req_1",
    detail="caf\u00e9 \u20ac \U0001f600",
)


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return SqlLedger(database)


def succeeded(address: str, remote_id: str | None) -> Record:
    return Record(step_id="s", address=address, event=Event.SUCCEEDED, at=1, remote_id=remote_id)


def test_a_record_comes_back_as_it_was_written(ledger: Ledger) -> None:
    bare = Record(step_id="s2", address="price.a", event=Event.UNKNOWN, at=0)
    run_id = ledger.start(RUN)
    ledger.write(run_id, SENT)
    ledger.write(run_id, bare)
    assert tuple(ledger.records("d1")) == (SENT, bare)


def test_records_of_one_plan_come_oldest_first_over_all_its_runs(ledger: Ledger) -> None:
    first, other, second = ledger.start(RUN), ledger.start(replace(RUN, plan_digest="d2")), ledger.start(RUN)
    for index, run_id in enumerate((first, other, second, first, second)):
        ledger.write(run_id, replace(SENT, step_id=f"s{index}", at=100 - index))
    assert [record.step_id for record in ledger.records("d1")] == ["s0", "s2", "s3", "s4"]
    assert ledger.records("d3") == ()


def test_what_no_database_can_hold_does_not_cost_the_record(ledger: Ledger) -> None:
    ledger.write(ledger.start(RUN), replace(SENT, detail="a\0b\ud800c"))
    assert ledger.records("d1")[0].detail == "a\ufffdb?c"


def test_last_finished_goes_by_finished_at_and_by_target(ledger: Ledger) -> None:
    assert ledger.last_finished("acct_1", False, "acme") is None
    late, early, _running = ledger.start(RUN), ledger.start(RUN), ledger.start(RUN)
    live = ledger.start(replace(RUN, livemode=True))
    ledger.finish(late, 30, "applied")
    ledger.finish(early, 20, "partial")
    ledger.finish(live, 40, "applied")
    assert ledger.last_finished("acct_1", False, "acme") == replace(RUN, id=late, finished_at=30, outcome="applied")
    assert ledger.last_finished("acct_1", False, "other") is None


def test_finishing_a_run_that_is_not_there_is_an_error(ledger: Ledger) -> None:
    with pytest.raises(StoreError, match="has no run 99"):
        ledger.finish(99, 1, "applied")


def test_applied_is_the_last_success_that_names_an_id(ledger: Ledger) -> None:
    run_id, live = ledger.start(RUN), ledger.start(replace(RUN, livemode=True))
    ledger.write(run_id, succeeded("price.a", "price_1"))
    ledger.write(run_id, succeeded("price.a", "price_2"))
    ledger.write(run_id, succeeded("price.a", None))
    ledger.write(run_id, replace(SENT, address="price.b"))
    ledger.write(live, succeeded("price.c", "price_3"))
    assert ledger.applied("acct_1", False, "acme") == {"price.a": "price_2"}
    assert ledger.applied("acct_1", True, "acme") == {"price.c": "price_3"}


def test_applied_of_a_kind_leaves_out_what_is_called_alike(database: Database) -> None:
    ledger = SqlLedger(database)
    run_id = ledger.start(RUN)
    row = 'subscription_migration.zuora["a"]'
    for address in (row, "price.subscription_migration", "subscriptionXmigration.a", "subscription_migrations.b"):
        ledger.write(run_id, succeeded(address, "id_1"))
    assert ledger.applied("acct_1", False, "acme", kind="subscription_migration") == {row: "id_1"}
    assert ledger.applied("acct_1", False, "acme", kind="coupon") == {}


def test_eight_threads_lose_no_record_and_keep_their_order(ledger: Ledger) -> None:
    run_id = ledger.start(RUN)

    def write(thread: int) -> None:
        for index in range(25):
            ledger.write(run_id, replace(SENT, step_id=str(thread), at=index))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    records = ledger.records("d1")
    for thread in range(8):
        assert [record.at for record in records if record.step_id == str(thread)] == list(range(25))


def test_two_processes_write_at_once(database: Database, store_url: str, start_worker: Start) -> None:
    workers = [start_worker("write", store_url, name, "40") for name in ("a", "b")]
    for worker in workers:
        go(worker)
    assert [read_line(worker) for worker in workers] == ["written", "written"]
    steps = [record.step_id for record in SqlLedger(database).records("d")]
    assert sorted(steps) == sorted(f"{name}-{index}" for name in ("a", "b") for index in range(40))


def test_a_record_is_there_after_the_store_is_opened_anew(store_url: str, tmp_path: Path) -> None:
    for expected in (1, 2):
        with open_database(store_url, base_folder=tmp_path) as database:
            ledger = SqlLedger(database)
            ledger.write(ledger.start(RUN), SENT)
            assert len(ledger.records("d1")) == expected


def test_every_thread_of_a_failed_commit_is_told(database: Database) -> None:
    ledger = SqlLedger(database)
    run_id = ledger.start(RUN)
    with database.write() as connection:
        schema = "billplan." if connection.dialect.name == "postgresql" else ""
        connection.execute(text(f"DROP TABLE {schema}records"))

    def write(_: int) -> str:
        with pytest.raises(StoreError) as caught:
            ledger.write(run_id, SENT)
        return caught.value.message

    with ThreadPoolExecutor(8) as pool:
        assert all("records" in message for message in pool.map(write, range(16)))


def test_what_left_in_an_apply_is_not_applied_and_steps_on_other_objects_do_not_count(ledger: Ledger) -> None:
    run_id = ledger.start(RUN)
    for step, remote_id in (("create", "price_1"), ("create", "price_2"), ("repoint prod_1", "prod_1")):
        ledger.write(run_id, replace(succeeded("price.a", remote_id), step_id=f"price.a/{step}"))
    ledger.write(run_id, replace(succeeded("price.a", "price_1"), step_id="price.a/archive price_1"))
    assert ledger.applied("acct_1", False, "acme") == {"price.a": "price_2"}
    ledger.write(run_id, replace(succeeded("price.a", "price_2"), step_id="price.a/archive price_2"))
    assert ledger.applied("acct_1", False, "acme") == {}
