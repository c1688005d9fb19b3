"""Objects as they came over the wire, of which no more is read than what somebody asks for."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from reconciler.core.values import Value

# The keys from an object down to a value.
Path: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Excerpt:
    """What is wanted of an object: the values at some paths and, for each row of a list inside it, at others.

    `inline`: paths of whole objects that are to stand there as their id; a key `x[]` is a list. A path that is wanted
    may lead to one of them, for its id, or into it. Excerpts are told apart by identity.
    """

    paths: tuple[Path, ...]
    lists: tuple[tuple[str, tuple[Path, ...]], ...] = ()
    inline: tuple[Path, ...] = ()


class Rows(NamedTuple):
    """A list inside an object: the wanted values of each row, and whether rows were left out."""

    rows: list[tuple[Value, ...]]
    has_more: bool


class Part(NamedTuple):
    """What was wanted of an object, in that order; None is in the place of what it does not have.

    `nested` holds the whole objects that stood at inline paths outside of lists; `folded` is the object with ids there.
    """

    values: tuple[Value, ...]
    lists: tuple[Rows, ...]
    nested: Mapping[Path, Unread]
    folded: Unread


class Unread(Mapping[str, Value]):
    """One object of a page: whole as a mapping, which reads all of it, and in part by an excerpt."""

    __slots__ = ()

    @property
    @abstractmethod
    def json(self) -> bytes:
        """Its text, without white space between the values."""

    @abstractmethod
    def whole(self) -> dict[str, Value]:
        """Read all of it."""

    @abstractmethod
    def part(self, wanted: Excerpt) -> Part | None:
        """Read what is wanted; None for an object of an odd shape, which has to be read whole."""

    def __getitem__(self, key: str) -> Value:
        return self.whole()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.whole())

    def __len__(self) -> int:
        return len(self.whole())


class Sheet(Sequence[Mapping[str, Value]]):
    """The objects of a page: read whole for whoever takes them out, and as they came in `unread`."""

    __slots__ = ()

    @property
    @abstractmethod
    def unread(self) -> Sequence[Unread]:
        """The objects as they came."""
