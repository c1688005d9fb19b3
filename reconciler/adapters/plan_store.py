"""Plan files on disk: written whole or not at all, gzipped where the name ends in .gz, readable by their owner only."""

from __future__ import annotations

import gzip
import io
import os
import tempfile
import zlib
from pathlib import Path

from reconciler.core.collector import collector_paused
from reconciler.core.plan import Plan
from reconciler.core.planfile import read_lines, write_lines
from reconciler.errors import BillplanError

_GZIP = b"\x1f\x8b"


def save_plan(plan: Plan, path: Path) -> None:
    """Write a plan file, in the place of one that was there; raise BillplanError where that is not possible."""
    try:
        handle, name = tempfile.mkstemp(dir=path.absolute().parent, prefix=".billplan-")
    except OSError as error:
        raise _cannot("write", path, error) from None
    try:
        with os.fdopen(handle, "wb") as raw:
            # No time and no name in the header: the same plan gives the same bytes.
            packed = gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) if path.suffix == ".gz" else None
            with io.TextIOWrapper(packed or raw, encoding="utf-8", newline="") as text:
                text.writelines(write_lines(plan))
        os.replace(name, path)
    except OSError as error:
        raise _cannot("write", path, error) from None
    finally:
        # There is none any more where all went well; else also after an interrupt nothing is left behind.
        Path(name).unlink(missing_ok=True)


def load_plan(path: Path) -> Plan:
    """Read a plan file, gzipped or not; raise BillplanError where it is missing, truncated or corrupt."""
    try:
        with path.open("rb") as raw:
            plain = gzip.GzipFile(fileobj=raw) if raw.peek(len(_GZIP)).startswith(_GZIP) else raw
            # Bytes that are no text go on as they are: the reader calls the file corrupt. Line by line, since a long
            # plan as text takes as much memory as the plan itself.
            text = io.TextIOWrapper(plain, encoding="utf-8", errors="surrogateescape", newline="")
            with text, collector_paused():
                return read_lines(text)
    except (OSError, EOFError, zlib.error) as error:
        raise _cannot("read", path, error) from None


def _cannot(verb: str, path: Path, error: Exception) -> BillplanError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is truncated or damaged"
    hints = {
        "read": "make the plan again: billplan plan --out FILE",
        "write": "name a file in a folder that exists and that this user can write",
    }
    return BillplanError(f"cannot {verb} the plan file {path}: {reason}", hint=hints[verb])
