"""Columns by short names: most are called as the field that they hold."""

from __future__ import annotations

from reconciler.core.mirrored import Column, ColumnType


def text(path: str, name: str = "", *, indexed: bool = False) -> Column:
    """A string, or the id of what is nested there."""
    return _column(path, name, ColumnType.TEXT, indexed)


def whole(path: str, name: str = "", *, indexed: bool = False) -> Column:
    """A whole number: minor units, a count, epoch seconds."""
    return _column(path, name, ColumnType.WHOLE, indexed)


def flag(path: str, name: str = "") -> Column:
    """True or false."""
    return _column(path, name, ColumnType.FLAG, False)


def decimal(path: str, name: str = "") -> Column:
    """A decimal number as a text."""
    return _column(path, name, ColumnType.DECIMAL, False)


def email(path: str, name: str) -> Column:
    """An e-mail address in the form in which two spellings of it are equal."""
    return _column(path, name, ColumnType.EMAIL, True)


def parent(name: str) -> Column:
    """The id of the parent through which an object is listed, which its raw self does not tell."""
    return Column(name, (), ColumnType.TEXT, True)


def _column(path: str, name: str, type: ColumnType, indexed: bool) -> Column:
    keys = tuple(path.split("."))
    return Column(name or keys[-1], keys, type, indexed)


# No index: it costs a fifth of the time of a first sync, and of all types only events are looked for by their time.
CREATED = whole("created")
