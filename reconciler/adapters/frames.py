"""Frames: messages over a pipe, each behind its length."""

from __future__ import annotations

from typing import BinaryIO

_LENGTH = 8


def write_frame(pipe: BinaryIO, *parts: bytes) -> None:
    """Send a message whole, which may be in parts; raise BrokenPipeError where nobody is there to read it."""
    pipe.write(sum(map(len, parts)).to_bytes(_LENGTH, "big"))
    for part in parts:
        pipe.write(part)
    pipe.flush()


def read_frame(pipe: BinaryIO) -> bytes | None:
    """Wait for the next message; None where the other side has ended, be it in the middle of one."""
    head = pipe.read(_LENGTH)
    size = int.from_bytes(head, "big")
    message = pipe.read(size) if len(head) == _LENGTH else b""
    return message if len(head) == _LENGTH and len(message) == size else None
