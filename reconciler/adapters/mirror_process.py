"""`python -P -m reconciler.adapters.mirror_process`: stores the pages that another process reads.

Reading Stripe and writing the store take about as long, and one interpreter does one at a time. This one is told over
its standard input whose mirror in which store it is, then gets pages, many to a frame, and answers each frame on its
standard output. It ends with its input, and so with the process that started it, however that one ends.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import BinaryIO

import msgspec

from reconciler.adapters.frames import read_frame, write_frame
from reconciler.adapters.mirror_pages import CodedPage, store_pages, unpack_frame
from reconciler.core.collector import collector_slowed
from reconciler.errors import StoreError
from reconciler.ports.mirror import Kept
from reconciler.store.database import Database, open_database
from reconciler.store.mirror_rows import Target

# The answer to the first frame.
READY = b""


class Opening(msgspec.Struct, array_like=True, frozen=True):
    """The first frame: whose mirror, and in which store. The URL may hold a password: it is shown nowhere."""

    url: str
    account: str
    livemode: bool


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What came of a frame: what was kept of each page or, with nothing stored, why the store failed."""

    kept: tuple[Kept, ...] = ()
    error: str = ""
    hint: str = ""


def main() -> int:
    """Store what comes, until nothing comes any more."""
    pages, answers = _pipes()
    with pages, answers:
        first = read_frame(pages)
        if first is None:
            return 0
        opening = msgspec.msgpack.decode(first, type=Opening)
        try:
            database = open_database(opening.url, base_folder=Path("/"))
        except StoreError:
            # Whoever started this has the same store open, and goes on without.
            return 1
        with database, collector_slowed():
            try:
                write_frame(answers, READY)
                _serve(pages, answers, database, Target(opening.account, opening.livemode))
            except BrokenPipeError:
                # The other process has ended: nobody waits for the answer.
                os._exit(0)
    return 0


def _pipes() -> tuple[BinaryIO, BinaryIO]:
    """Input and output, which nothing else here reads or writes: what anybody prints goes to standard error."""
    pages, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    return pages, answers


def _serve(pages: BinaryIO, answers: BinaryIO, database: Database, target: Target) -> None:
    while (frame := read_frame(pages)) is not None:
        write_frame(answers, msgspec.msgpack.encode(_stored(database, target, unpack_frame(frame))))


def _stored(database: Database, target: Target, pages: list[CodedPage]) -> Answer:
    try:
        with database.write() as connection:
            return Answer(kept=tuple(store_pages(connection, target, pages)))
    except StoreError as error:
        return Answer(error=error.message, hint=error.hint)


if __name__ == "__main__":
    sys.exit(main())
