"""The README's queries, run on the mirror of a grown account, and compared with the account itself."""

from __future__ import annotations

import re
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from reconciler import Project
from reconciler.emulator.clock import SystemClock
from reconciler.emulator.history import grow
from reconciler.emulator.server import Server, serve
from reconciler.emulator.world import World
from tests.emulator.client import Caller
from tests.postgres import PostgresServer

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
QUERIES = re.findall(r"^```sql\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)
(DIALECTS,) = re.findall(r"^\| SQLite \| PostgreSQL \|\n\|---\|---\|\n((?:\|.*\n)+)", README, flags=re.MULTILINE)
PER_YEAR = {"year": 1, "month": 12, "week": 52, "day": 365}
PROJECT = "version: 1\nproject: acme\nstripe: {mode: test, limits: {global_rps: 1000, endpoint_rps: 1000}}\n"
Rows = list[tuple[Any, ...]]


def query(words: str) -> str:
    """The query that comes after these words."""
    (text,) = (sql for sql in QUERIES if f"{words}:\n\n```sql\n{sql}```" in README)
    return str(text)


def next_month() -> tuple[int, int]:
    """When the next month begins and ends."""
    now = datetime.now(UTC)
    months = [divmod(now.year * 12 + now.month - 1 + ahead, 12) for ahead in (1, 2)]
    begins, ends = (datetime(year, month + 1, 1, tzinfo=UTC) for year, month in months)
    return int(begins.timestamp()), int(ends.timestamp())


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Answer for an account with credit that expires next month, and with something that nobody bought."""
    world = World(clock=SystemClock())
    grow(world, 80, 0)
    caller = Caller(world)
    caller.make("/v1/products", {"name": "Nobody wants this"})
    customer = next(str(one["id"]) for one in world.tables["customer"])
    amount = {"type": "monetary", "monetary": {"currency": "usd", "value": 700}}
    scope = {"scope": {"price_type": "metered"}}
    grant = {"amount": amount, "applicability_config": scope, "customer": customer, "name": "Welcome"}
    for moment in (next_month()[0] + 5, next_month()[1] + 5):
        caller.make("/v1/billing/credit_grants", {**grant, "category": "promotional", "expires_at": moment})
    with serve([world]) as running:
        yield running


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def answers(
    request: pytest.FixtureRequest, server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Rows]]:
    """What each query answers, on a mirror that was synced just now."""
    folder = tmp_path_factory.mktemp("acme")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STRIPE_API_KEY", "sk_test_emulator")
        patch.setenv("STRIPE_API_BASE", server.url)
        if request.param == "sqlite":
            synced(folder, "")
            with closing(sqlite3.connect(folder / ".billplan" / "store.db")) as connection:
                yield {sql: connection.execute(sql).fetchall() for sql in QUERIES}
            return
        postgres: PostgresServer = request.getfixturevalue("postgres")
        patch.setenv("BILLPLAN_STORE", postgres.url)
        with psycopg.connect(postgres.url, autocommit=True) as shared:
            shared.execute("DROP SCHEMA IF EXISTS billplan CASCADE")
            synced(folder, "store: env:BILLPLAN_STORE\n")
            shared.execute("SET search_path TO billplan")
            yield {sql: shared.execute(in_postgres(sql).encode()).fetchall() for sql in QUERIES}


def synced(folder: Path, more: str) -> None:
    (folder / "billplan.yaml").write_text(PROJECT + more)
    with Project.load(folder) as project:
        project.sync().check()


def in_postgres(sql: str) -> str:
    """Put in place of what only SQLite knows what the README says."""
    for lite, other in re.findall(r"^\| `(.*?)` \| `(.*?)` \|$", DIALECTS, flags=re.MULTILINE):
        assert any(lite in one for one in QUERIES), lite
        sql = sql.replace(lite, other)
    return sql


def test_revenue_by_product_and_price(server: Server, answers: dict[str, Rows]) -> None:
    found = answers[query("without usage")]
    tables = server.worlds[0].tables
    expected: dict[tuple[str, Any, str], float] = defaultdict(float)
    for one in tables["subscription"]:
        if one["status"] not in ("active", "past_due"):
            continue
        for item in one["items"]:
            price = tables["price"].get(item["price"])
            assert price is not None
            every = price["recurring"]
            if price["unit_amount"] is None or every["usage_type"] != "licensed":
                continue
            product = tables["product"].get(price["product"])
            assert product is not None
            key = (product["name"], price["lookup_key"], price["currency"])
            months = 12 * every["interval_count"] / PER_YEAR[every["interval"]]
            expected[key] += price["unit_amount"] * item["quantity"] / months
    assert len(expected) > 3
    assert {row[:3]: float(row[4]) for row in found} == pytest.approx(expected, abs=1)


def test_customers_with_past_due_subscriptions(server: Server, answers: dict[str, Rows]) -> None:
    found = answers[query("and what they owe")]
    late = [one for one in server.worlds[0].tables["subscription"] if one["status"] == "past_due"]
    assert late
    assert {(row[0], row[2]) for row in found} == {(one["customer"], one["id"]) for one in late}
    assert all(row[4] > 0 for row in found)


def test_credit_that_expires_next_month(answers: dict[str, Rows]) -> None:
    found = answers[query("Credit that expires next month")]
    mine = [row for row in found if row[2] == "Welcome"]
    assert [(row[3], row[4], row[5]) for row in mine] == [("usd", next_month()[0] + 5, 700)]
    assert all(next_month()[0] <= row[4] < next_month()[1] for row in found)


def test_products_that_nobody_is_subscribed_to(server: Server, answers: dict[str, Rows]) -> None:
    found = answers[query("Products that nobody is subscribed to")]
    tables = server.worlds[0].tables
    running = [s for s in tables["subscription"] if s["status"] not in ("canceled", "incomplete_expired")]
    prices = {item["price"] for one in running for item in one["items"]}
    bought = {price["product"] for price in tables["price"] if price["id"] in prices}
    expected = {product["id"] for product in tables["product"] if product["active"]} - bought
    assert {row[0] for row in found} == expected
    assert "Nobody wants this" in {row[1] for row in found}


def test_customers_by_country(server: Server, answers: dict[str, Rows]) -> None:
    found = answers[query("customers by country")]
    customers = server.worlds[0].tables["customer"]
    assert dict(found) == Counter((one["address"] or {}).get("country") for one in customers)


def test_every_query_is_tried(answers: dict[str, Rows]) -> None:
    assert len(QUERIES) == 5
    assert all(answers[sql] for sql in QUERIES)
