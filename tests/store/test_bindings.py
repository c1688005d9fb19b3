"""The store's bindings: one to one both ways, whoever races; learned in bulk; looked up by indexes alone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import insert

from reconciler.adapters.binding_queries import bound_customer_text, candidates_query
from reconciler.adapters.sql_bindings import SqlBindings
from reconciler.core.bindings import Bound, BoundBy
from reconciler.core.idempotency import Scope
from reconciler.core.resolved import BoundCustomer
from reconciler.errors import StoreError
from reconciler.ports.bindings import Claim, Lesson
from reconciler.store.binding_tables import MAPPED_PRODUCTS
from reconciler.store.database import Database, open_database
from reconciler.store.location import Backend
from reconciler.store.mirror_tables import MIRROR_TYPES

SCOPE = Scope(account="acct_1", livemode=False, project="acme")
THREADS = 32


@pytest.fixture
def store(database: Database) -> Iterator[SqlBindings]:
    with closing(SqlBindings(database, SCOPE)) as store:
        yield store


def race(work: Callable[[int], None]) -> None:
    """Let threads do this at once, each with its number."""
    gate, failed = threading.Barrier(THREADS), list[BaseException]()

    def run(number: int) -> None:
        gate.wait()
        try:
            work(number)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed


def one(external_id: str, customer: str, by: BoundBy = BoundBy.TOUCH, at: int = 7) -> Bound:
    return Bound(external_id=external_id, customer=customer, by=by, at=at)


def test_a_claim_holds_and_holds_when_it_is_made_again(store: SqlBindings) -> None:
    first = store.claim("u1", "cus_1", BoundBy.TOUCH, 7)
    assert first == Claim(made=True, holds=True, bound=(one("u1", "cus_1"),))
    again = store.claim("u1", "cus_1", BoundBy.PLAN, 9)
    assert again == Claim(made=False, holds=True, bound=(one("u1", "cus_1"),))
    assert store.claimed("u1") == one("u1", "cus_1")
    assert store.claimed("u2") is None


def test_a_claim_that_one_or_two_bindings_stand_against_tells_them(store: SqlBindings) -> None:
    store.claim("u1", "cus_1", BoundBy.TOUCH, 7)
    store.claim("u2", "cus_2", BoundBy.TOUCH, 7)
    by_id = store.claim("u1", "cus_3", BoundBy.PLAN, 9)
    assert by_id == Claim(made=False, holds=False, bound=(one("u1", "cus_1"),))
    by_customer = store.claim("u3", "cus_2", BoundBy.PLAN, 9)
    assert by_customer == Claim(made=False, holds=False, bound=(one("u2", "cus_2"),))
    by_both = store.claim("u1", "cus_2", BoundBy.PLAN, 9)
    assert by_both == Claim(made=False, holds=False, bound=(one("u1", "cus_1"), one("u2", "cus_2")))
    assert store.all() == {"u1": one("u1", "cus_1"), "u2": one("u2", "cus_2")}


@pytest.mark.parametrize(
    "other",
    [
        Scope(account="acct_2", livemode=False, project="acme"),
        Scope(account="acct_1", livemode=True, project="acme"),
        Scope(account="acct_1", livemode=False, project="other"),
    ],
)
def test_another_scope_has_bindings_of_its_own(database: Database, store: SqlBindings, other: Scope) -> None:
    store.claim("u1", "cus_1", BoundBy.TOUCH, 7)
    with closing(SqlBindings(database, other)) as beside:
        assert beside.all() == {}
        assert beside.bound_customer("u1") is None
        assert beside.claim("u1", "cus_2", BoundBy.TOUCH, 7).made


def test_of_many_who_claim_one_pair_one_made_it(store: SqlBindings) -> None:
    claims: list[Claim] = []
    race(lambda number: claims.append(store.claim("u1", "cus_1", BoundBy.TOUCH, number)))
    assert sum(claim.made for claim in claims) == 1
    assert all(claim.holds for claim in claims)
    assert {claim.bound for claim in claims} == {(store.all()["u1"],)}


def test_of_many_who_claim_one_id_for_a_customer_each_one_gets_it(store: SqlBindings) -> None:
    claims: dict[int, Claim] = {}

    def claim(number: int) -> None:
        claims[number] = store.claim("u1", f"cus_{number}", BoundBy.TOUCH, 7)

    race(claim)
    (winner,) = [number for number, claim in claims.items() if claim.made]
    assert store.all() == {"u1": one("u1", f"cus_{winner}")}
    assert all(claim.bound == (one("u1", f"cus_{winner}"),) for claim in claims.values())
    assert sum(claim.holds for claim in claims.values()) == 1


def test_of_many_who_claim_one_customer_for_an_id_each_one_gets_it(store: SqlBindings) -> None:
    claims: dict[int, Claim] = {}

    def claim(number: int) -> None:
        claims[number] = store.claim(f"u{number}", "cus_1", BoundBy.TOUCH, 7)

    race(claim)
    (winner,) = [number for number, claim in claims.items() if claim.made]
    assert store.all() == {f"u{winner}": one(f"u{winner}", "cus_1")}
    assert all(claim.bound == (one(f"u{winner}", "cus_1"),) for claim in claims.values())


def test_claims_by_lot_leave_ids_and_customers_one_to_one(store: SqlBindings) -> None:
    made: list[tuple[str, str]] = []

    def claim(number: int) -> None:
        draw = Random(number)
        for _ in range(10):
            external_id, customer = f"u{draw.randrange(12)}", f"cus_{draw.randrange(12)}"
            if store.claim(external_id, customer, BoundBy.TOUCH, 7).made:
                made.append((external_id, customer))

    race(claim)
    kept = [(bound.external_id, bound.customer) for bound in store.all().values()]
    assert sorted(kept) == sorted(made)
    assert len({customer for _, customer in kept}) == len(kept)


def test_learning_takes_in_what_is_new_on_both_sides_and_nothing_twice(store: SqlBindings) -> None:
    store.claim("u1", "cus_1", BoundBy.TOUCH, 7)
    found = [("u1", "cus_1"), ("u1b", "cus_1"), ("u2", "cus_2"), ("üñ", "cus_3")]
    assert store.learn(Lesson(as_of=5, found=found), 9) == 2
    learned = {"u2": one("u2", "cus_2", BoundBy.METADATA, 9), "üñ": one("üñ", "cus_3", BoundBy.METADATA, 9)}
    assert store.all() == {"u1": one("u1", "cus_1")} | learned
    assert store.learn(Lesson(as_of=6, found=found), 11) == 0
    assert store.learn(Lesson(as_of=7, found=[("u1", "cus_9")]), 11) == 0


def test_many_are_learned_at_once_by_several_who_find_the_same(store: SqlBindings) -> None:
    found = [(f"u{number}", f"cus_{number}") for number in range(12_000)]
    counts: list[int] = []
    lesson = Lesson(as_of=5, found=found, disputed=[("twice", "cus_a"), ("twice", "cus_b")])
    threads = [threading.Thread(target=lambda: counts.append(store.learn(lesson, 9))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(counts) == len(threads)
    assert sum(counts) == len(found)
    assert {id: bound.customer for id, bound in store.all().items()} == dict(found)


def test_disputes_are_kept_in_the_place_of_those_before(database: Database, store: SqlBindings) -> None:
    mirror_customers(database, as_of=5)
    disputed = [("u1", "cus_1"), ("u1", "cus_2")]
    for as_of, learned in ((4, False), (5, True)):
        store.learn(Lesson(as_of=as_of, disputed=disputed), 9)
        seen = store.candidates("u1", "jane@example.com")
        assert seen is not None
        assert (seen.as_of, seen.learned, seen.disputed) == (5, learned, ("cus_1", "cus_2"))
    store.learn(Lesson(as_of=5), 9)
    seen = store.candidates("u1", None)
    assert seen is not None
    assert seen.disputed == ()


def test_what_a_project_has_learned_is_its_own(database: Database, store: SqlBindings) -> None:
    mirror_customers(database, as_of=5)
    store.learn(Lesson(as_of=5), 9)
    with closing(SqlBindings(database, replace(SCOPE, project="other"))) as beside:
        for one_of, learned in ((store, True), (beside, False)):
            seen = one_of.candidates("u1", None)
            assert seen is not None
            assert seen.learned is learned


def test_what_was_learned_gives_way_when_several_have_the_id_and_what_was_claimed_does_not(store: SqlBindings) -> None:
    store.claim("u1", "cus_1", BoundBy.TOUCH, 7)
    store.learn(Lesson(as_of=5, found=[("u2", "cus_2"), ("u3", "cus_3")]), 9)
    disputed = [("u1", "cus_1"), ("u1", "cus_8"), ("u2", "cus_2"), ("u2", "cus_9"), ("u3", "cus_5"), ("u3", "cus_6")]
    assert store.learn(Lesson(as_of=6, found=[("u4", "cus_4")], disputed=disputed), 11) == 1
    assert {id: bound.customer for id, bound in store.all().items()} == {"u1": "cus_1", "u3": "cus_3", "u4": "cus_4"}


def mirror_customers(database: Database, as_of: int) -> None:
    """Let the mirror have all customers as of then."""
    row = {"account": "acct_1", "livemode": False, "type": "customer", "status": "ready", "as_of": as_of, "detail": ""}
    with database.write() as connection:
        connection.execute(insert(MIRROR_TYPES).values(**row))


def test_the_read_path_is_one_statement_that_scans_nothing(store_url: str, tmp_path: Path) -> None:
    with open_database(store_url, base_folder=tmp_path) as database, database.read() as connection:
        values = ("acct_1", False, "acme", "u1")
        text = bound_customer_text(database.backend)
        if database.backend is Backend.SQLITE:
            plan = [str(row[3]) for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values)]
            searched = [line.split()[1] for line in plan if line.startswith("SEARCH")]
            assert sorted(searched) == ["a", "b", "i", "m", "s", "t"]
            assert not [line for line in plan if not line.startswith(("SEARCH", "CORRELATED SCALAR SUBQUERY"))]
            assert any("subscriptions_by_customer" in line for line in plan)
            return
        # Of small tables the server would read all.
        connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        plan = [str(row[0]) for row in connection.exec_driver_sql(f"EXPLAIN {text}", values)]
        assert not [line for line in plan if "Seq Scan" in line]
        assert any("bindings_pkey" in line for line in plan)
        assert any("subscriptions_by_customer" in line for line in plan)


def test_customers_are_found_by_e_mail_through_an_index(store_url: str, tmp_path: Path) -> None:
    with open_database(store_url, base_folder=tmp_path) as database, database.read() as connection:
        if database.backend is Backend.SQLITE:
            query = candidates_query(SCOPE, "jane@example.com", 11).compile(
                connection.engine, compile_kwargs={"literal_binds": True, "render_postcompile": True}
            )
            text = str(query).replace("billplan.", "")
            plan = [str(row[3]) for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}")]
            assert not [line for line in plan if line.startswith("SCAN")]
            assert any("customers_by_email_key" in line for line in plan)


def test_reads_go_on_after_the_server_has_closed_the_connections(postgres_url: str, tmp_path: Path) -> None:
    with open_database(postgres_url, base_folder=tmp_path) as database:
        store = SqlBindings(database, SCOPE)
        store.claim("u1", "cus_1", BoundBy.TOUCH, 7)
        for _ in range(3):
            found = store.bound_customer("u1")
            assert found is not None
            assert found.id == "cus_1"
            with open_database(postgres_url, base_folder=tmp_path) as other, other.write() as connection:
                others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
                connection.exec_driver_sql(f"{others} AND application_name = 'billplan'")
        store.close()


def test_a_store_without_mappings_is_told_from_a_customer_without_any(database: Database, store: SqlBindings) -> None:
    ready = {
        "account": "acct_1",
        "livemode": False,
        "type": "subscription",
        "status": "ready",
        "as_of": 5,
        "detail": "",
    }
    others = {"account": "acct_1", "livemode": False, "project": "other", "product": "prod_1", "mapping": "pro"}
    with database.write() as connection:
        connection.execute(insert(MIRROR_TYPES).values(**ready))
        connection.execute(insert(MAPPED_PRODUCTS).values(**others, features="{}"))
    store.claim("u1", "cus_1", BoundBy.TOUCH, 7)
    assert store.bound_customer("u1") == BoundCustomer(id="cus_1", as_of=5, mapped=False)
    with database.write() as connection:
        connection.execute(insert(MAPPED_PRODUCTS).values(**{**others, "project": "acme"}, features="{}"))
    assert store.bound_customer("u1") == BoundCustomer(id="cus_1", as_of=5, mapped=True)


def test_a_read_sees_what_another_connection_has_just_written(store_url: str, tmp_path: Path) -> None:
    with open_database(store_url, base_folder=tmp_path) as database:
        store = SqlBindings(database, SCOPE)
        for number in range(3):
            assert store.bound_customer(f"u{number}") is None
            with open_database(store_url, base_folder=tmp_path) as other:
                SqlBindings(other, SCOPE).claim(f"u{number}", f"cus_{number}", BoundBy.TOUCH, 7)
            found = store.bound_customer(f"u{number}")
            assert found is not None
            assert (found.id, found.as_of, found.unlocked) == (f"cus_{number}", None, ())
        store.close()
        assert store.bound_customer("u1") is not None
        store.close()


def test_a_store_that_was_dropped_is_told_as_such(postgres_url: str, tmp_path: Path) -> None:
    with (
        open_database(postgres_url, base_folder=tmp_path) as database,
        closing(SqlBindings(database, SCOPE)) as store,
    ):
        assert store.bound_customer("u1") is None
        with database.write() as connection:
            connection.exec_driver_sql("DROP SCHEMA billplan CASCADE")
        with pytest.raises(StoreError, match="lacks a table"):
            store.bound_customer("u1")


def test_after_a_fork_it_says_that_it_must_be_opened_anew(
    database: Database, store: SqlBindings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert store.bound_customer("u1") is None
    with monkeypatch.context() as patch:
        patch.setattr("os.getpid", lambda: 1)
        with pytest.raises(StoreError, match="before this process was forked"):
            store.bound_customer("u1")
