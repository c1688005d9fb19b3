"""A project as an application opens it: it learns by itself, and takes few of a server's connections."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from reconciler.core.resolved import Outcome
from reconciler.emulator.server import Server, serve
from reconciler.emulator.world import World
from reconciler.project import Project
from tests.emulator.client import Caller

THREADS = 32


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with serve(World()) as server:
        monkeypatch.setenv("STRIPE_API_BASE", server.url)
        monkeypatch.setenv("STRIPE_API_KEY", "sk_test_emulator")
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    postgres = request.param == "postgresql"
    return str(request.getfixturevalue("postgres_url")) if postgres else f"sqlite:{tmp_path}/store.db"


def project_of(folder: Path, store: str, name: str) -> Project:
    """A project with nothing but a name and a store, in a folder of its own."""
    (folder / name).mkdir()
    text = f"version: 1\nproject: {name}\nstripe: {{mode: test}}\nstore: {store}\n"
    (folder / name / "billplan.yaml").write_text(text)
    return Project.load(folder / name)


def test_a_project_that_never_synced_learns_its_bindings_from_anothers_mirror(
    tmp_path: Path, server: Server, store: str
) -> None:
    caller = Caller(server.worlds[0])
    theirs = caller.make("/v1/customers", {"email": "old@example.com", "metadata": {"billplan_id_beta": "u1"}})
    caller.make("/v1/customers", {"email": "jane@example.com"})
    with project_of(tmp_path, store, "acme") as acme:
        acme.sync().check()
    with project_of(tmp_path, store, "beta") as beta:
        found = beta.bindings.resolve("u1", "jane@example.com")
    assert (found.outcome, found.customer) == (Outcome.BOUND, theirs)


def test_an_application_takes_few_of_a_servers_connections(tmp_path: Path, server: Server, postgres_url: str) -> None:
    caller = Caller(server.worlds[0])
    for number in range(THREADS):
        caller.make("/v1/customers", {"email": f"jane{number}@example.com"})
    with project_of(tmp_path, postgres_url, "acme") as acme:
        acme.sync().check()
    with Project.load(tmp_path / "acme") as project, closing(psycopg.connect(postgres_url)) as watch:
        watch.autocommit = True
        gate, outcomes = threading.Barrier(THREADS), list[Outcome]()

        def touch(number: int) -> None:
            gate.wait()
            for _ in range(3):
                outcomes.append(project.bindings.resolve(f"u{number}", f"jane{number}@example.com").outcome)

        _ = project.bindings
        threads = [threading.Thread(target=touch, args=(number,)) for number in range(THREADS)]
        for thread in threads:
            thread.start()
        most = 0
        while any(thread.is_alive() for thread in threads):
            query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'billplan'"
            (row,) = watch.execute(query).fetchall()
            most = max(most, int(row[0]))
        assert sorted(outcomes) == sorted([Outcome.BOUND_NOW, Outcome.BOUND, Outcome.BOUND] * THREADS)
        # As the README says.
        assert 0 < most <= 6
