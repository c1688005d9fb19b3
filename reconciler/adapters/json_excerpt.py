"""Excerpts of JSON: some values of a hash, taken from its text without making hashes of what else is in it."""

from __future__ import annotations

import keyword
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from operator import attrgetter
from typing import Any, NamedTuple, TypeAlias

import msgspec

from reconciler.core.unread import Excerpt, Path
from reconciler.core.values import Value

_NULL = msgspec.Raw(b"null")
_JSON: msgspec.json.Decoder[Any] = msgspec.json.Decoder(float_hook=Decimal)
# Of what was read by a shape: a value, a hash, an object's text.
_Found: TypeAlias = Any


class Taken(NamedTuple):
    """The values of an excerpt, those of each list's rows, the texts of nested objects, and the text with their ids."""

    values: tuple[Value, ...]
    lists: list[tuple[list[tuple[Value, ...]], bool]]
    nested: dict[Path, bytes]
    folded: Any


class Odd(Exception):
    """A text is not of the shape that was expected. Seen by its reader alone."""


class _Fold(NamedTuple):
    """A place where a whole object may stand: in which hash, under which key, and how its own values are read."""

    path: Path
    key: str
    holder: Callable[[_Found], _Found] | None
    inside: _Shape | None


class _Shape:
    """How some values of a hash are read: as attributes of structs, nested as they are."""

    def __init__(self, paths: Sequence[Path], inline: Sequence[Path], more: Sequence[tuple[str, Any]] = ()) -> None:
        """`more`: keys besides those of the paths, with their types."""
        self.folds: list[_Fold] = []
        self._branches: list[tuple[Path, _Found]] = []
        self.struct, self.nothing = self._build((), paths, inline, more)
        self.decode: Callable[[Any], _Found] = msgspec.json.Decoder(self.struct, float_hook=Decimal).decode
        ends = [_dotted((*path, "id") if path in inline else path) for path in paths]
        take = attrgetter(*ends)
        self._take: Callable[[_Found], tuple[Value, ...]] = take if len(ends) > 1 else lambda found: (take(found),)

    def _build(
        self, at: Path, paths: Sequence[Path], inline: Sequence[Path], more: Sequence[tuple[str, Any]] = ()
    ) -> tuple[Any, _Found]:
        """Make the struct of a hash at a path, and the one that stands for none."""
        fields: list[tuple[str, Any, Any]] = [(_field(key), type, None) for key, type in more]
        nothing: dict[str, _Found] = {}
        for key in dict.fromkeys(path[0].removesuffix("[]") for path in (*paths, *inline)):
            below = [path[1:] for path in paths if path[0] == key and len(path) > 1]
            inside = [path[1:] for path in inline if path[0] == key and len(path) > 1]
            type: Any = Any
            default: Any = None
            if (key,) in inline or (f"{key}[]",) in inline:
                type, default = msgspec.Raw, _NULL
                nothing[_field(key)] = self._add_fold(at, key, below if (key,) in inline else None)
            elif below or inside:
                if (key,) in paths:
                    raise ValueError(f"{key!r} is wanted as a value, and so is something in it")
                struct, none = self._build((*at, key), below, inside)
                type, nothing[_field(key)] = struct | None, none
                self._branches.append(((*at, key), none))
            fields.append((_field(key), type, default))
        names = {_field(name): name for name in (*(key for key, _ in more), *_tops(paths, inline))}
        made: Any = msgspec.defstruct("Hash", fields, rename=names)
        return made, made(**nothing)

    def _add_fold(self, at: Path, key: str, below: Sequence[Path] | None) -> _Found:
        inside = None if below is None else _Shape([("id",), *below], ())
        self.folds.append(_Fold((*at, key), key, attrgetter(_dotted(at)) if at else None, inside))
        return None if inside is None else inside.nothing

    def take(self, found: _Found) -> tuple[Value, ...]:
        """The values at the paths, once all folds are read."""
        try:
            return self._take(found)
        except AttributeError:
            # Where a hash might have been there is null.
            for path, none in reversed(self._branches):
                holder = attrgetter(_dotted(path[:-1]))(found) if path[1:] else found
                if getattr(holder, _field(path[-1])) is None:
                    setattr(holder, _field(path[-1]), none)
            return self._take(found)


def _read_folds(shape: _Shape, found: _Found) -> Iterator[tuple[Path, str, bytes, str]]:
    """Put in the place of nested objects what is wanted of them; yield their paths, keys, texts and ids."""
    for path, key, holder_of, inside in shape.folds:
        holder = found if holder_of is None else holder_of(found)
        if holder is None:
            continue
        text = bytes(getattr(holder, _field(key)))
        if inside is None:
            if b"{" in text:
                raise Odd
            continue
        if text[:1] == b"{":
            nested = inside.decode(text)
            if not isinstance(nested.id, str):
                raise Odd
            yield path, key, text, nested.id
        else:
            nested = inside.nothing if text == b"null" else inside.struct(id=_JSON.decode(text))
        setattr(holder, _field(key), nested)


class ExcerptReader:
    """Reads one excerpt out of many texts."""

    def __init__(self, wanted: Excerpt) -> None:
        """Raise ValueError for what no type has: a list inside of a list, a value that is a hash to look into, too."""
        outside = [path for path in wanted.inline if path[1:2] != ("data[]",)]
        if any(key.endswith("[]") for path in outside for key in path[:-1]):
            raise ValueError(f"a list inside of a list: {wanted.inline}")
        self._rows: list[tuple[str, _Shape]] = []
        more: list[tuple[str, Any]] = []
        for name, paths in wanted.lists:
            inline = [path[2:] for path in wanted.inline if path[:2] == (name, "data[]")]
            row = _Shape(paths, inline)
            rows: Any = msgspec.defstruct(
                "Rows",
                [("data", list[row.struct] | None, None), ("has_more", bool, False)],  # type: ignore[name-defined]
            )
            self._rows.append((_field(name), row))
            more.append((name, rows | None))
        self._shape = _Shape(wanted.paths, outside, more)

    def read(self, text: Any) -> Taken:
        """Take the excerpt out of a text; raise Odd for one of another shape."""
        try:
            found = self._shape.decode(text)
            folded = list(_read_folds(self._shape, found)) if self._shape.folds else []
            nested = {path: inner for path, _, inner, _ in folded}
            lists: list[tuple[list[tuple[Value, ...]], bool]] = []
            for name, row in self._rows:
                rows = getattr(found, name)
                data = (rows.data or ()) if rows is not None else ()
                if row.folds:
                    for one in data:
                        folded += _read_folds(row, one)
                lists.append(([row.take(one) for one in data], rows is not None and rows.has_more))
            values = self._shape.take(found)
        except (msgspec.ValidationError, AttributeError):
            # Of another type, or null where something is wanted of what is inside.
            raise Odd from None
        return Taken(values, lists, nested, _spliced(bytes(text), folded) if folded else text)


def _spliced(text: bytes, folded: Sequence[tuple[Path, str, bytes, str]]) -> bytes:
    """Put ids in the places of nested objects; raise Odd where the same text stands elsewhere, too."""
    places = Counter((key, inner, id) for _, key, inner, id in folded)
    for (key, inner, id), count in places.items():
        start = b'"%b":' % key.encode()
        if text.count(start + inner) != count:
            raise Odd
        text = text.replace(start + inner, start + msgspec.json.encode(id))
    return text


def _tops(paths: Sequence[Path], inline: Sequence[Path]) -> list[str]:
    return [path[0].removesuffix("[]") for path in (*paths, *inline)]


def _dotted(path: Path) -> str:
    return ".".join(map(_field, path))


def _field(key: str) -> str:
    """An attribute's name for a key, which may be a word of Python's."""
    return f"{key}_" if keyword.iskeyword(key) else key
