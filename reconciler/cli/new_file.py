"""Files that commands write: never over one that is there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from reconciler.errors import BillplanError


def refuse_existing(paths: Sequence[Path]) -> None:
    """Raise BillplanError where any of the files is there already: nothing is to be written then."""
    there = sorted(str(path) for path in paths if path.exists())
    if there:
        verb = "exist" if len(there) > 1 else "exists"
        message = f"nothing was written: {', '.join(there)} {verb} already"
        raise BillplanError(message, hint="move them away, or choose another --out")


def write_new(path: Path, pieces: Iterable[str]) -> None:
    """Write a file that is not there yet, and the folders above it; raise BillplanError where it cannot be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8", newline="\n") as stream:
            stream.writelines(pieces)
    except FileExistsError:
        raise BillplanError(f"nothing was written: {path} exists already", hint="choose another --out") from None
    except OSError as error:
        raise BillplanError(f"cannot write {path}: {error.strerror}", hint="choose another --out") from None
