"""Where the values of a YAML file stand: a tree beside the values, read only when a message needs a place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol, TypeAlias

from reconciler.core.diagnostics import SourceRange
from reconciler.core.fields import Path


class Mark(Protocol):
    """A position as the YAML parser counts it, from 0."""

    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...


# Tuples of the parser's own marks, because hundreds of thousands of them are made and hardly any is ever looked at.
# In order: where the key (or the entry of a list) starts, where the value starts, and the places inside the value.
Place: TypeAlias = "tuple[Mark, Mark, dict[str | int, Place] | None]"
Inner: TypeAlias = "dict[str | int, Place]"


class Places(Mapping[Path, SourceRange]):
    """Maps the paths below one value to their keys' places; `value_at` finds the place of a value itself."""

    __slots__ = ("_root", "file")

    def __init__(self, file: str, root: Place) -> None:
        self.file = file
        self._root = root

    def __getitem__(self, path: Path) -> SourceRange:
        return self.at(self._find(path)[0])

    def __iter__(self) -> Iterator[Path]:
        waiting: list[tuple[Path, Place]] = [((), self._root)]
        while waiting:
            path, place = waiting.pop()
            yield path
            waiting.extend(((*path, name), below) for name, below in reversed((place[2] or {}).items()))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def value_at(self, path: Path) -> SourceRange:
        """Find where the value of a path starts."""
        return self.at(self._find(path)[1])

    def nearest(self, path: Path) -> SourceRange:
        """Find the place of a path, or of the nearest thing that holds it."""
        while path not in self:
            path = path[:-1]
        return self[path]

    def below(self, path: Path) -> Places:
        """Take a path's value as the root."""
        return Places(self.file, self._find(path))

    def _find(self, path: Path) -> Place:
        place = self._root
        for name in path:
            if place[2] is None:
                raise KeyError(path)
            place = place[2][name]
        return place

    def at(self, mark: Mark) -> SourceRange:
        """Turn a mark of this file into a place."""
        return SourceRange(self.file, mark.line + 1, mark.column + 1)
