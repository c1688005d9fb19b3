"""Pages that a second process stores: the same mirror, whatever becomes of that process, and nothing of it left."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from reconciler.adapters import page_writer
from reconciler.adapters.sql_mirror import SqlMirror
from reconciler.core.mirrored import read_row
from reconciler.core.standing import Window
from reconciler.emulator.history import grow
from reconciler.errors import StoreError
from reconciler.mirrored import BY_NAME
from reconciler.ports.mirror import Page
from reconciler.store.location import Backend
from tests.account import Account, new_world
from tests.crash.real_time import lease_in_real_time
from tests.mirror.likeness import differences
from tests.mirror.restless import small_pages
from tests.mirror.syncing import mirror_of, run_sync

# What stands in for the second process: READY, and then no answer.
READY = "import sys; sys.stdin.buffer.read(8); sys.stdout.buffer.write(bytes(8)); sys.stdout.buffer.flush()"


class Watched(page_writer.Helper):
    """A second process that is waited for, and how many frames went to it; killed at the one that is `fatal`."""

    started: list[Watched]
    frames = 0
    fatal = 0

    def __init__(self, opening: bytes) -> None:
        super().__init__(opening)
        self.started.append(self)

    def is_ready(self) -> bool:
        while not super().is_ready():
            time.sleep(0.005)
        return True

    def commit(self, pages: Any) -> Any:
        self.frames += 1
        if self.frames == self.fatal:
            os.kill(self.pid, signal.SIGKILL)
        return super().commit(pages)

    @property
    def pid(self) -> int:
        return self._process.pid

    def is_gone(self) -> bool:
        """Whether it has ended, and was waited for."""
        return self._process.returncode is not None and self._pages.closed and self._answers.closed


@pytest.fixture
def helpers(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Watched]]:
    """The second processes that a test starts; none of them is left at its end."""
    started: list[Watched] = []
    monkeypatch.setattr(Watched, "started", started, raising=False)
    monkeypatch.setattr(page_writer, "Helper", Watched)
    monkeypatch.setattr(page_writer, "_several_processors", lambda: True)
    yield started
    assert all(one.is_gone() for one in started)


@pytest.fixture(params=["sqlite", "postgresql"])
def account(request: pytest.FixtureRequest, folder: Path) -> Iterator[Account]:
    """An account with some pages of some types, and a store in either database."""
    store: Path | str = folder if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    world = new_world()
    grow(world, 60)
    with Account(store, world=world) as account:
        lease_in_real_time(account)
        yield account


def customer_page(window: Window, id: str = "cus_1", rest: tuple[Window, ...] = ()) -> Page:
    row = read_row(BY_NAME["customer"], {"id": id, "object": "customer", "name": "A", "created": 1})
    return Page(type="customer", rows={"customer": [row]}, at=100, window=window, rest=rest)


def rows_of(account: Account) -> list[Any]:
    """All raw objects, and by which digests they are known."""
    schema = "billplan." if account.database.backend is Backend.POSTGRESQL else ""
    with account.database.read() as connection:
        raw = connection.execute(text(f"SELECT type, id, raw FROM {schema}raw_objects WHERE type <> 'event'"))
        invoices = connection.execute(text(f"SELECT id, total, digest, observed_by FROM {schema}invoices"))
        lines = connection.execute(text(f"SELECT invoice, position, amount FROM {schema}invoice_lines"))
        return [sorted(tuple(row) for row in found) for found in (raw, invoices, lines)]


def test_mirror_is_the_same_whoever_stores_it(account: Account, helpers: list[Watched]) -> None:
    assert not run_sync(account, alone=0).failed
    assert len(helpers) == 1
    assert helpers[0].frames > 1
    assert not differences(account.world, mirror_of(account))
    before = rows_of(account)
    account.world.clock.advance(100)
    # In this process, which finds each row as it would have written it.
    assert not run_sync(account, full=True).failed
    assert len(helpers) == 1
    assert rows_of(account) == before


def test_small_listing_starts_no_second_process_nor_does_one_with_a_single_processor(
    account: Account, helpers: list[Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not run_sync(account, alone=10_000).failed
    monkeypatch.setattr(page_writer, "_several_processors", lambda: False)
    assert not run_sync(account, alone=0, full=True).failed
    assert helpers == []


def test_second_process_that_is_killed_stops_the_sync_and_the_next_one_goes_on(
    account: Account, helpers: list[Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Watched, "fatal", 3)
        small_pages(patch, 10)
        with pytest.raises(StoreError, match="killed by signal 9") as caught:
            run_sync(account, alone=0)
    assert "goes on where this one stopped" in caught.value.hint
    assert len(helpers) == 1
    assert not run_sync(account, alone=0).failed
    assert not differences(account.world, mirror_of(account))


def test_second_process_that_ends_by_itself_is_a_bug(
    account: Account, helpers: list[Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_writer, "_COMMAND", ("-c", f"{READY}; raise SystemExit(3)"))
    with pytest.raises(RuntimeError, match="ended with 3"):
        run_sync(account, alone=0)
    assert len(helpers) == 1
    monkeypatch.undo()
    assert not run_sync(account).failed
    assert not differences(account.world, mirror_of(account))


@pytest.mark.parametrize(
    "command", [("-c", "raise SystemExit(3)"), ("-c", "import os, signal; os.kill(os.getpid(), 9)")]
)
def test_second_process_that_never_gets_ready_is_done_without(
    account: Account, helpers: list[Watched], monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setattr(page_writer, "_COMMAND", command)
    assert not run_sync(account, alone=0).failed
    assert [one.frames for one in helpers] in ([], [0])
    assert not differences(account.world, mirror_of(account))


def test_second_process_that_cannot_be_started_is_done_without(
    account: Account, helpers: list[Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert not run_sync(account, alone=0).failed
    assert helpers == []
    assert not differences(account.world, mirror_of(account))


def helped(account: Account) -> SqlMirror:
    """The account's mirror, whose pages are all stored by a second process."""
    return SqlMirror(account.database, account.world.account_id, account.world.livemode, pages_alone=0)


def test_failure_of_the_store_is_told_as_it_would_be_here(account: Account, helpers: list[Watched]) -> None:
    mirror = helped(account)
    mirror.begin("customer", 100, [Window()], None)
    (window,) = mirror.windows("customer")
    schema = "billplan." if account.database.backend is Backend.POSTGRESQL else ""
    with mirror.listing():
        for id in ("cus_1", "cus_2"):
            mirror.put_page(customer_page(window, id, (window,)))
        with account.database.write() as connection:
            connection.execute(text(f"ALTER TABLE {schema}raw_objects RENAME TO gone"))
        with pytest.raises(StoreError) as there:
            mirror.put_page(customer_page(window, "cus_3", (window,)))
        assert helpers[0].frames == 3
    with pytest.raises(StoreError) as here:
        mirror_of(account).put_page(customer_page(window, "cus_3", (window,)))
    assert (there.value.message, there.value.hint) == (here.value.message, here.value.hint)
    assert "raw_objects" in there.value.message


@pytest.mark.parametrize("error", [KeyboardInterrupt, StoreError("full"), ValueError])
def test_nothing_is_left_of_it_however_the_listing_ends(
    account: Account, helpers: list[Watched], error: BaseException | type[BaseException]
) -> None:
    mirror = helped(account)
    mirror.begin("customer", 100, [Window()], None)
    (window,) = mirror.windows("customer")

    def list_some() -> None:
        with mirror.listing():
            for id in ("cus_1", "cus_2"):
                mirror.put_page(customer_page(window, id, (window,)))
            raise error

    with pytest.raises((KeyboardInterrupt, StoreError, ValueError)):
        list_some()
    assert [(one.frames, one.is_gone()) for one in helpers] == [(2, True)]
    # What comes after is stored here.
    mirror.put_page(customer_page(window, "cus_3"))
    assert len(helpers) == 1
    assert mirror.counts()["customer"] == 3


def test_interrupt_in_mid_answer_ends_it(
    account: Account, helpers: list[Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it would answer next is the answer to something else."""
    mirror = helped(account)
    mirror.begin("customer", 100, [Window()], None)
    (window,) = mirror.windows("customer")

    def interrupted(pipe: object) -> bytes:
        raise KeyboardInterrupt

    with mirror.listing():
        for id in ("cus_1", "cus_2"):
            mirror.put_page(customer_page(window, id, (window,)))
        monkeypatch.setattr(page_writer, "read_frame", interrupted)
        with pytest.raises(KeyboardInterrupt):
            mirror.put_page(customer_page(window, "cus_3", (window,)))
        assert helpers[0].is_gone()
        mirror.put_page(customer_page(window, "cus_4"))
    assert len(helpers) == 1


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="no /proc")
def test_password_is_neither_an_argument_nor_in_the_environment(postgres_url: str, helpers: list[Watched]) -> None:
    with Account(postgres_url.replace("owner@", "owner:hush-hush@")) as account:
        mirror = helped(account)
        mirror.begin("customer", 100, [Window()], None)
        (window,) = mirror.windows("customer")
        with mirror.listing():
            for id in ("cus_1", "cus_2", "cus_3"):
                mirror.put_page(customer_page(window, id, (window,)))
            (helper,) = helpers
            for told in ("cmdline", "environ"):
                content = Path(f"/proc/{helper.pid}/{told}").read_bytes()
                assert content
                assert b"hush-hush" not in content
        assert helper.frames == 3
        assert mirror.counts()["customer"] == 3


def test_page_of_a_listing_that_was_dropped_moves_no_window_of_another(account: Account) -> None:
    """A run that was killed may have left a second process behind, with one last frame."""
    mirror = mirror_of(account)
    mirror.begin("customer", 100, [Window(), Window(listing=1)], None)
    stale, _ = mirror.windows("customer")
    mirror.put_page(customer_page(stale, "cus_1", (stale,)))
    mirror.finish("customer", 100, 100)
    mirror.begin("customer", 200, [Window()], None)
    windows = mirror.windows("customer")
    assert stale.id not in {window.id for window in windows}
    for rest in ((stale, Window(since=1)), ()):
        assert mirror.put_page(customer_page(stale, "cus_1", rest)).rest == rest
        assert mirror.windows("customer") == windows
    # And it is no word on what the listing under way has seen.
    assert mirror.unseen("customer", 200) == ("cus_1",)
