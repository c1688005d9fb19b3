"""The writer of pages: in this process and, once there are many, in one of its own beside it."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import BinaryIO

import msgspec

from reconciler.adapters.frames import read_frame, write_frame
from reconciler.adapters.mirror_pages import CodedPage, frame_head, pack_page, store_pages, unpack_page
from reconciler.adapters.mirror_process import Answer, Opening
from reconciler.errors import StoreError
from reconciler.ports.mirror import Kept
from reconciler.store.database import Database
from reconciler.store.mirror_rows import Target

_COMMAND = ("-P", "-m", "reconciler.adapters.mirror_process")
# Some pages at once; Linux allows this much without privileges.
_PIPE_BYTES = 1 << 20
_END_SECONDS = 30


class PageWriter:
    """Commits pages, for one thread at a time.

    Inside `helped()` another process takes over after so many pages as `alone` says (None: never), where this machine
    has a second processor for it. It is not waited for: until it is ready, pages are committed here.
    """

    def __init__(self, database: Database, target: Target, alone: int | None) -> None:
        self._database = database
        self._target = target
        self._alone = alone if alone is not None and _several_processors() else None
        self._helpable = False
        self._committed = 0
        self._helper: Helper | None = None

    @contextmanager
    def helped(self) -> Iterator[None]:
        """Allow for help until the block ends; then the other process has ended, too."""
        self._helpable = True
        try:
            yield
        finally:
            self._dismiss()

    def packed(self, page: CodedPage) -> CodedPage | bytes:
        """Pack a page for the other process, where there is one: it would wait for the thread that commits to do so."""
        return page if self._helper is None else pack_page(page)

    def commit(self, pages: Sequence[CodedPage | bytes]) -> Sequence[Kept]:
        """Write pages in one transaction; durable when this returns. Raises StoreError."""
        helper = self._ready_helper()
        self._committed += len(pages)
        if helper is None:
            with self._database.write() as connection:
                return store_pages(connection, self._target, [unpack_page(page) for page in pages])
        try:
            # Two processes that write one file of SQLite wait for each other by polling, and one of them starves.
            with self._database.turn():
                answer = helper.commit(pages)
        except BaseException:
            self._dismiss()
            raise
        if answer.error:
            raise StoreError(answer.error, hint=answer.hint)
        return answer.kept

    def _ready_helper(self) -> Helper | None:
        if self._helper is None and self._helpable and self._alone is not None and self._committed >= self._alone:
            self._helper = self._start()
            self._helpable = self._helper is not None
        try:
            return self._helper if self._helper is not None and self._helper.is_ready() else None
        except EOFError:
            self._dismiss()
            return None

    def _start(self) -> Helper | None:
        opening = Opening(self._database.url, *self._target.values())
        try:
            return Helper(msgspec.msgpack.encode(opening))
        except (OSError, UnicodeEncodeError):
            return None

    def _dismiss(self) -> None:
        """End the other process; another one is not started any more."""
        self._helpable = False
        helper, self._helper = self._helper, None
        if helper is not None:
            helper.end()


class Helper:
    """The other process, as long as it runs."""

    def __init__(self, opening: bytes) -> None:
        # In a session of its own, where no Ctrl-C reaches it: it ends with its input.
        self._process = subprocess.Popen(
            [sys.executable, *_COMMAND], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._pages: BinaryIO = self._process.stdin  # type: ignore[assignment]
        self._answers: BinaryIO = self._process.stdout  # type: ignore[assignment]
        self._ready = False
        self._midway = False
        try:
            _widen(self._pages)
            write_frame(self._pages, opening)
        except BaseException:
            self.end()
            raise

    def is_ready(self) -> bool:
        """Say whether it takes pages by now; raise EOFError if it ended before it did."""
        if not self._ready:
            poll = select.poll()
            poll.register(self._answers.fileno(), select.POLLIN)
            if poll.poll(0):
                if read_frame(self._answers) is None:
                    raise EOFError
                self._ready = True
        return self._ready

    def commit(self, pages: Sequence[CodedPage | bytes]) -> Answer:
        """Let it commit pages; raise StoreError if somebody killed it."""
        packed = [pack_page(page) for page in pages]
        self._midway = True
        try:
            write_frame(self._pages, frame_head(len(packed)), *packed)
            frame = read_frame(self._answers)
        except BrokenPipeError:
            frame = None
        if frame is None:
            raise self._death()
        self._midway = False
        return msgspec.msgpack.decode(frame, type=Answer)

    def _death(self) -> Exception:
        try:
            code = self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            return RuntimeError("the process that writes the mirror closed its pipes and did not end")
        if code >= 0:
            return RuntimeError(f"the process that writes the mirror ended with {code}; what it said is above")
        return StoreError(
            f"the process that writes the mirror was killed by signal {-code}",
            hint="the same command again goes on where this one stopped; see that there is enough memory",
        )

    def end(self) -> None:
        """End it, and wait until it has."""
        if not self._ready or self._midway:
            # Nothing that it may be at is waited for by anybody.
            self._process.kill()
        with suppress(BrokenPipeError):
            self._pages.close()
        try:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_END_SECONDS)
        finally:
            self._process.kill()
            self._process.wait()
            self._answers.close()


def _several_processors() -> bool:
    """Say whether there is a second processor, on a system whose pipes can be looked at without waiting."""
    if os.name != "posix" or not sys.executable:
        return False
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (allowed or 1) > 1


def _widen(pipe: BinaryIO) -> None:
    """Let the pipe hold some pages at once, where the system can."""
    if sys.platform == "linux":
        import fcntl

        with suppress(OSError):
            fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
