"""A page of a list as its text: checked to be JSON when it comes, and read object by object.

A sync stores most objects as they came, and wants a dozen values of each: to make a hash of every hash in them takes
more of its time than anything else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal, overload

import msgspec

from reconciler.adapters.json_excerpt import ExcerptReader, Odd
from reconciler.core.unread import Excerpt, Part, Rows, Sheet, Unread
from reconciler.core.values import Value

_JSON: msgspec.json.Decoder[Any] = msgspec.json.Decoder(float_hook=Decimal)


class _Page(msgspec.Struct, forbid_unknown_fields=True):
    object: Literal["list"]
    data: list[msgspec.Raw]
    has_more: bool
    url: str | msgspec.UnsetType = msgspec.UNSET


_PAGE = msgspec.json.Decoder(_Page)


def read_page(content: bytes) -> dict[str, Value] | None:
    """Read a list of Stripe's with its objects unread; None for whatever else this is, and for what is no JSON.

    Of a number nobody asks for, it is not seen whether a Decimal holds it.
    """
    try:
        if b"\n" in content:
            # Between values: inside of a text it stands as an escape.
            content = msgspec.json.format(content, indent=-1)
        page = _PAGE.decode(content)
        if not content.isascii():
            # What is skipped is not decoded.
            content.decode()
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    if any(bytes(memoryview(raw)[:1]) != b"{" for raw in page.data):
        return None
    known: dict[str, Value] = {"object": page.object, "data": _Objects(page.data), "has_more": page.has_more}
    return known if page.url is msgspec.UNSET else {**known, "url": page.url}


class _Object(Unread):
    """One object, by its part of the page's text."""

    __slots__ = ("_part", "_text", "_wanted", "_whole")

    def __init__(self, text: msgspec.Raw | bytes) -> None:
        self._text = text
        self._whole: dict[str, Value] | None = None
        self._wanted: Excerpt | None = None
        self._part: Part | None = None

    @property
    def json(self) -> bytes:
        return bytes(self._text)

    def whole(self) -> dict[str, Value]:
        if self._whole is None:
            self._whole = _JSON.decode(self._text)
        return self._whole

    def part(self, wanted: Excerpt) -> Part | None:
        if self._wanted is not wanted:
            self._wanted, self._part = wanted, self._read(wanted)
        return self._part

    def _read(self, wanted: Excerpt) -> Part | None:
        reader = _readers.get(wanted)
        if reader is None:
            reader = _readers.setdefault(wanted, ExcerptReader(wanted))
        try:
            taken = reader.read(self._text)
        except Odd:
            return None
        return Part(
            taken.values,
            tuple([Rows(*rows) for rows in taken.lists]),
            {path: _Object(text) for path, text in taken.nested.items()},
            _Object(taken.folded),
        )


_readers: dict[Excerpt, ExcerptReader] = {}


class _Objects(Sheet):
    """The objects of one page."""

    __slots__ = ("_read", "_unread")

    def __init__(self, texts: Sequence[msgspec.Raw]) -> None:
        self._unread = tuple(map(_Object, texts))
        self._read: list[Mapping[str, Value]] | None = None

    @property
    def unread(self) -> Sequence[Unread]:
        return self._unread

    def _whole(self) -> list[Mapping[str, Value]]:
        if self._read is None:
            self._read = [one.whole() for one in self._unread]
        return self._read

    @overload
    def __getitem__(self, place: int) -> Mapping[str, Value]: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Mapping[str, Value]]: ...
    def __getitem__(self, place: int | slice) -> Mapping[str, Value] | Sequence[Mapping[str, Value]]:
        return self._whole()[place]

    def __iter__(self) -> Iterator[Mapping[str, Value]]:
        return iter(self._whole())

    def __len__(self) -> int:
        return len(self._unread)

    def __eq__(self, other: object) -> bool:
        return self._whole() == (other._whole() if isinstance(other, _Objects) else other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(self._whole())
