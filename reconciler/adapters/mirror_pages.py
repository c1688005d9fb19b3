"""Pages as they are stored: coded in the thread that read them, and written many to a transaction."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import Connection

from reconciler.core.mirrored import Source
from reconciler.core.standing import Window
from reconciler.ports.mirror import Kept, Page
from reconciler.store.mirror_rows import Coded, Reading, Target, code_rows, mark_doubted, mark_seen, write_rows
from reconciler.store.mirror_windows import move_window


class CodedPage(msgspec.Struct, array_like=True, frozen=True):
    """A page whose rows are coded; another process can be sent it as it is."""

    type: str
    rows: dict[str, list[Coded]]
    at: int
    window: Window
    rest: tuple[Window, ...]


def code_page(page: Page) -> CodedPage:
    """Encode the rows of a page."""
    rows = {type: code_rows(some) for type, some in page.rows.items()}
    return CodedPage(page.type, rows, page.at, page.window, tuple(page.rest))


def pack_page(page: CodedPage | bytes) -> bytes:
    """Make of a page what another process is sent; one that is packed stays as it is."""
    return page if isinstance(page, bytes) else msgspec.msgpack.encode(page)


def unpack_page(page: CodedPage | bytes) -> CodedPage:
    """Undo it."""
    return _UNPACK(page) if isinstance(page, bytes) else page


def frame_head(pages: int) -> bytes:
    """What stands before so many packed pages, fewer than 65,536, to make them what `unpack_frame` reads."""
    return b"\xdc" + pages.to_bytes(2, "big")


def unpack_frame(frame: bytes) -> list[CodedPage]:
    """Read packed pages behind their head: together they are one array of MessagePack."""
    return _UNPACK_ALL(frame)


_UNPACK = msgspec.msgpack.Decoder(CodedPage).decode
_UNPACK_ALL = msgspec.msgpack.Decoder(list[CodedPage]).decode


def store_pages(connection: Connection, target: Target, pages: Sequence[CodedPage]) -> list[Kept]:
    """Write pages in one transaction, each with its window's progress."""
    return [_store(connection, target, page) for page in pages]


def _store(connection: Connection, target: Target, page: CodedPage) -> Kept:
    rest = move_window(connection, target, page.type, page.window, page.rest)
    changed = 0
    for type, coded in page.rows.items():
        written = write_rows(connection, target, type, coded, Reading(page.at, Source.READ))
        changed += written.changed
        mark_doubted(connection, target, ((type, id) for id in written.doubted))
        # A page of a listing that was dropped says nothing of what the one under way has seen.
        if rest is not None:
            mark_seen(connection, target, type, written.seen)
    return Kept(changed=changed, rest=page.rest if rest is None else rest)
