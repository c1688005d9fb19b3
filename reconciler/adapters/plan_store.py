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
        Path(name).unlink(missing_ok=True)
        raise _cannot("write", path, error) from None


def load_plan(path: Path) -> Plan:
    """Read a plan file, gzipped or not; raise BillplanError where it is missing, truncated or corrupt."""
    try:
        data = path.read_bytes()
        plain = gzip.decompress(data) if data.startswith(_GZIP) else data
    except (OSError, EOFError, zlib.error) as error:
        raise _cannot("read", path, error) from None
    # Bytes that are no text go on as they are: the reader calls the file corrupt.
    text = plain.decode("utf-8", errors="surrogateescape")
    with collector_paused():
        return read_lines(io.StringIO(text, newline=""))


def _cannot(verb: str, path: Path, error: Exception) -> BillplanError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else "it is truncated or damaged"
    hints = {
        "read": "make the plan again: billplan plan --out FILE",
        "write": "name a file in a folder that exists and that this user can write",
    }
    return BillplanError(f"cannot {verb} the plan file {path}: {reason}", hint=hints[verb])
