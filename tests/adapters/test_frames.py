"""Frames: whole messages or none."""

from __future__ import annotations

from io import BytesIO

import pytest

from reconciler.adapters.frames import read_frame, write_frame

MESSAGES = (b"", b"a", bytes(70_000))


def test_messages_come_as_they_were_sent_and_then_an_end() -> None:
    pipe = BytesIO()
    for message in MESSAGES:
        write_frame(pipe, message)
    pipe.seek(0)
    assert tuple(read_frame(pipe) for _ in MESSAGES) == MESSAGES
    assert read_frame(pipe) is None


@pytest.mark.parametrize("length", range(12))
def test_message_whose_sender_ended_within_it_is_none(length: int) -> None:
    pipe = BytesIO()
    write_frame(pipe, b"four")
    whole = pipe.getvalue()
    assert read_frame(BytesIO(whole[:length])) is None
    assert read_frame(BytesIO(whole)) == b"four"
